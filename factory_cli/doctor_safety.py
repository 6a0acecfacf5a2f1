"""`factory doctor --safety`: the promises of docs/safety.md, tried on this machine, in words and as a document."""

from __future__ import annotations

import asyncio
import logging
import signal

from factory_cli.safety.promises import Outcome, Trial
from factory_cli.safety.trials import trials

from .output import Output
from .place import Place

_MARKS: dict[Outcome, str] = {"held": "ok", "fell": "fail", "not applicable": "skip"}


def try_safety(place: Place, out: Output) -> int:
    """The exit code: 1 when a promise fell, 0 when each held or does not apply here."""
    logging.getLogger().addHandler(logging.NullHandler())  # what the attacks make the server log is nobody's news
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that nothing is left behind then, either
    found = asyncio.run(trials(place, out.say))
    return out.answer(_document(found), _words(found, out), 1 if any(one.outcome == "fell" for one in found) else 0)


def _words(found: list[Trial], out: Output) -> str:
    lines, section = list[str](), ""
    for before, one in zip([None, *found], found, strict=False):
        lines += [one.promise.section] if one.promise.section != section else []
        section = one.promise.section
        lines.append(f"  {out.mark(_MARKS[one.outcome])} {one.promise.text}")
        lines.append(f"      {one.outcome}; tried: {one.promise.tried}")
        if before and one.found and (one.found, one.fix) == (before.found, before.fix):
            lines.append("      as above")
            continue
        lines += [f"      {one.found}"] if one.found else []
        lines += [f"      fix: {out.paint('bold', one.fix)}"] if one.fix else []
    count = {outcome: sum(one.outcome == outcome for one in found) for outcome in _MARKS}
    return "\n".join([*lines, "", ", ".join(f"{number} {outcome}" for outcome, number in count.items()) + "."])


def _document(found: list[Trial]) -> dict[str, object]:
    return {
        "schema": "factory.safety/1",
        "ok": all(one.outcome != "fell" for one in found),
        "trials": [
            {
                "section": one.promise.section, "promise": one.promise.text, "tried": one.promise.tried,
                "outcome": one.outcome, "found": one.found, "fix": one.fix,
            }
            for one in found
        ],
    }  # fmt: skip

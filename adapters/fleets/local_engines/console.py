"""The scripted engine: it needs nothing, and really edits and commits in the work tree. See console_script.py."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from factory_core.payload import text
from factory_core.runs.run import RunOrder, RunStatus, Usage

from .engine import Ending, Seen, count, fields, last_words, no_result, session_in, short
from .run_files import directory_name

_SCRIPT = Path(__file__).with_name("console_script.py")


@dataclass(frozen=True)
class Console:
    name: str = "console"

    def at(self, program: str) -> Console:
        return self

    def command(self, order: RunOrder, memory: Path) -> list[str]:
        session = order.resume or f"console-{directory_name(order.run_id)}"
        title = order.title.replace("\0", " ")[:1000]  # an argument holds no NUL and has its limit
        about = (f"--key={order.name}", f"--title={title}", f"--session={session}")
        return [sys.executable, "-I", str(_SCRIPT), f"--memory={memory}", *about]

    def environment(self) -> Mapping[str, str]:
        return {}

    def read(self, line: str, seen: Seen) -> Seen:
        event = fields(line)
        match event.get("type"):
            case "started":
                return seen.model_copy(update={"session": session_in(event, "session"), "progress": "started"})
            case "turn":
                return seen.event(usage=seen.usage.plus(_usage(event)), progress=short(text(event, "doing")))
            case "done" | "failed":
                return seen.model_copy(update={"words": text(event, "words"), "result": event})
        return seen

    def verdict(self, seen: Seen, exit_code: int, stderr_tail: str, now: datetime) -> Ending:
        if seen.result is None:
            return no_result(seen, exit_code, stderr_tail, ())
        if seen.result.get("type") == "done":
            return last_words(seen.words)
        return Ending(RunStatus.FAILED, short(seen.words, 300))


def _usage(event: object) -> Usage:
    spent = text(event, "usd")
    return Usage(
        turns=1,
        input_tokens=count(event, "input_tokens"),
        output_tokens=count(event, "output_tokens"),
        usd=Decimal(spent) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", spent) else Decimal(0),
    )

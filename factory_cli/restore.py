"""Put a backup in the state store's place, and keep what was there. The factory must be stopped.

FILE may be the store's own file: then what lies there is taken as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from adapters.assembly import utc_now
from adapters.local.store_copies import Restored, restore

from .output import Output
from .place import config_argument, place_of, relative
from .salvage import listed, tickets


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what `factory backup` or `factory salvage` wrote")
    config_argument(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    place, source = place_of(args.config, out), Path(args.file)
    done = restore(place.store, place.home, source, utc_now())
    document = {
        "schema": "factory.restore/1", "file": str(source), "copied_at": done.copied_at or None,
        "records": done.records, "kept": str(done.kept) if done.kept else None,
        "left_out": str(done.foreign) if done.foreign else None,
        "repeated": {"unknown": done.unknown, "older": done.older},
        "unknown_by_runs": done.unknown_by_runs,
    }  # fmt: skip
    made = f", made {done.copied_at}" if done.copied_at else ""
    lines = [f"{out.mark('ok')} {relative(place.store)} is now {source}{made}: {tickets(done.records)}."]
    lines += [f"  Kept       what was there, as {relative(done.kept)}"] if done.kept else []
    if done.foreign:
        lines += [f"  Left out   {done.foreign.name}, which lay beside it and belongs to another file"]
    return out.answer(document, "\n".join([*lines, *_repeated(done), "  Next       factory serve"]))


def _repeated(done: Restored) -> list[str]:
    if done.unknown is None or done.older is None:
        lines = ["  Repeated   nobody knows: what was there could not be read. What has happened since is looked up."]
        if unknown := list(done.unknown_by_runs):
            lines += [
                f"  Unknown    {tickets(len(unknown))} whose runs lie here, and not in it: {listed(unknown)}",
                "             Each that is still ready in the tracker begins again. A newer backup may know them:",
                "             factory restore BACKUP",
            ]
        return lines
    lines = []
    if done.unknown:
        lines += [
            f"  Repeated   {tickets(len(done.unknown))} not in it: {listed(done.unknown)}",
            "             Each that is still ready in the tracker begins again; the others need you to look.",
        ]
    if done.older:
        lines += [
            f"  Looked up  {tickets(len(done.older))} moved on since: {listed(done.older)}",
            "             What was merged or closed meanwhile is found after the start, and is not done again.",
        ]
    return lines or ["  Repeated   nothing: no ticket has moved on since."]

"""Write what can be read of a damaged state store into a new FILE, and name what is lost. Nothing else is changed."""

from __future__ import annotations

import argparse
import asyncio
import shlex
from pathlib import Path

from adapters.assembly import utc_now
from adapters.local.salvage import salvage
from factory_core.errors import StoreUnavailable

from .output import Output
from .place import config_argument, place_of

MOST_NAMED = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the new file, which must not exist yet")
    parser.add_argument("--from", metavar="DAMAGED", dest="source", default="", help="instead of the state store")
    config_argument(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    place, to = place_of(args.config, out), Path(args.file)
    source = Path(args.source) if args.source else place.store
    if not source.is_file():
        raise StoreUnavailable(f"{source} cannot be read.", why="there is no such file", fix="factory salvage --help")
    made = asyncio.run(salvage(source, place.home, to, utc_now()))
    document = {
        "schema": "factory.salvage/1", "file": str(to), "bytes": made.copy.size, "records": made.copy.records,
        "lost": made.lost,
    }  # fmt: skip
    lines = [f"{out.mark('ok')} {to}: what could be read, {tickets(made.copy.records)}."]
    lines += [f"{out.mark('fail')} lost of {table}: {listed(names)}" for table, names in made.lost.items()]
    lines += [
        "" if made.lost else "Nothing is lost.",
        f"Stop the factory, then: factory restore {shlex.quote(str(to))}",
    ]
    return out.answer(document, "\n".join(line for line in lines if line))


def tickets(count: int) -> str:
    return "1 ticket" if count == 1 else f"{count} tickets"


def listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"

"""Copy the state store whole into a new FILE, while the factory runs. `factory restore FILE` puts it back."""

from __future__ import annotations

import argparse
from pathlib import Path

from adapters.assembly import utc_now
from adapters.local.store_copies import backup
from adapters.stores.sqlite.store_identity import Marks
from factory_core.errors import StoreUnavailable

from .output import Output
from .place import config_argument, place_of, relative


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the copy, which must not exist yet")
    config_argument(parser)


def run(args: argparse.Namespace, out: Output) -> int:
    place, to = place_of(args.config, out), Path(args.file)
    Marks(place.store, place.home).refuse_gone()
    if not place.store.exists():
        why = f"there is no state store {relative(place.store)}"
        raise StoreUnavailable("No factory has run here yet.", why=why, fix="factory serve")
    made = backup(place.store, place.home, to, utc_now())
    document = {"schema": "factory.backup/1", "file": str(to), "bytes": made.size, "records": made.records}
    kept = "1 ticket" if made.records == 1 else f"{made.records} tickets"
    text = f"{out.mark('ok')} {to}: {kept}, {made.size:,} bytes, checked. Put it back with: factory restore {to}"
    return out.answer(document, text)

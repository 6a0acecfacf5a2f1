"""The store's event: what the floor does in SQL, through the store's port."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter

from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_core.dispatch.effects import AskQuestion
from factory_core.dispatch.events import CheckedIn
from factory_core.dispatch.records import InFlightRecord, State, Summary

from ..floors.rates import PER_ITEM
from ..measure import Sizes
from ..workload import DESCRIPTION, TICKET
from .world import TENANT, now


def store(path: Path, sizes: Sizes) -> Mapping[str, float]:
    """Load, remember the event, plan an order, compare-and-swap: through the store's port, record for record."""
    order = AskQuestion(text="What is the total to be? " * 6)

    async def main() -> float:
        create_file(path / "factory.db")
        file = SqliteFile(path / "factory.db")
        kept = SqliteStateStore(file, TENANT, now)
        begun = perf_counter()
        for number in range(sizes.events):
            key = f"A-{number // PER_ITEM}"
            record = await kept.get_in_flight(key) or _fresh(key)
            heard = record.remember(CheckedIn(id=f"e-{number}", work_item_id=key, at=record.since or now()))
            await kept.put_in_flight(heard.but(outbox=()).plan([order]))
        took = perf_counter() - begun
        assert file.commits == sizes.events
        file.close()
        return sizes.events / took

    return {"factory.event": asyncio.run(main())}


def _fresh(key: str) -> InFlightRecord:
    """A record of about 1,000 bytes, as the floor's."""
    at = now()
    item = Summary(key=key, title=TICKET["title"], reporter="Ada", digest="0" * 12)
    return InFlightRecord(work_item_id=key, state=State.WAITING, since=at, born="1", item=item).note(
        at, "factory", "Asks.", DESCRIPTION[:550]
    )

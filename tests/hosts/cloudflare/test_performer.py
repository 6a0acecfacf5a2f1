"""Who performs what was claimed, when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from adapters.cloudflare.performer import ObjectPerformer
from factory_core.dispatch.records import InFlightRecord

UNTIL = datetime(2026, 1, 5, 9, tzinfo=UTC)


def test_what_is_claimed_in_a_turn_is_performed_in_it_and_what_was_claimed_before_as_well() -> None:
    performed = list[str]()

    async def perform(record: InFlightRecord, until: datetime) -> None:
        performed.append(record.work_item_id)

    async def turns(performer: ObjectPerformer) -> list[bool]:
        begun = []
        for claimed in (["found by this turn"], []):
            async with performer.performing(perform, UNTIL) as turn:
                for item in claimed:
                    performer.wake(InFlightRecord(work_item_id=item))
            begun.append(turn.has_begun_any)
            performed.append("the turn is over")
        performer.wake(InFlightRecord(work_item_id="found between two"))
        async with performer.performing(perform, UNTIL):
            pass
        return begun

    assert asyncio.run(turns(ObjectPerformer())) == [True, False]
    assert performed == ["found by this turn", "the turn is over", "the turn is over", "found between two"]

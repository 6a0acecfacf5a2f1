"""What this machine's clocks say of a time in which nobody could hear a webhook."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from adapters.local.clocks import Clocks, why_missed
from adapters.local.performer import watch_clocks

pytestmark = pytest.mark.pure
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def later(wall: float, boot: float, awake: float) -> Clocks:
    return Clocks(NOON + timedelta(seconds=wall), 1_000.0 + boot, 500.0 + awake)


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (later(0.5, 0.5, 0.5), ""),
        (later(3.0, 3.0, 3.0), ""),  # a busy machine
        (later(3600, 3600, 0.5), "the machine slept for 3600 s"),
        (later(0.5, 3600, 0.5), "the machine slept for 3600 s"),  # its time of day is set a moment later
        (later(3600, 0.5, 0.5), "the clock was put forward by 3600 s"),
        (later(-3600, 0.5, 0.5), "the clock was put back by 3600 s"),
        (later(60, 60, 60), "the process stood still for 60 s"),
    ],
)
def test_a_difference_between_the_clocks_has_one_cause(after: Clocks, why: str) -> None:
    assert why_missed(later(0, 0, 0), after, timedelta(seconds=0.5)) == why


def test_a_gap_is_noted_once_with_its_beginning() -> None:
    noted = list[tuple[str, datetime]]()

    class Noting:
        def note(self, cause: str, since: datetime) -> None:
            noted.append((cause, since))

    async def story() -> None:
        readings = iter([later(0, 0, 0), later(0.5, 0.5, 0.5), later(90.5, 90.5, 0.6), later(91, 91, 1.1)])
        look = watch_clocks(Noting(), lambda: next(readings), 0.5)  # type: ignore[arg-type]
        for _ in range(3):
            await look()
        assert noted == [("the machine slept for 90 s", NOON + timedelta(seconds=0.5))]

    asyncio.run(story())

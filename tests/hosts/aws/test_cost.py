"""What the memory costs, counted at the client on dynalite, and what follows from it at list prices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from adapters.stores.record_sql import encode
from bench.aws_costs import COUNTED, REDELIVERY, Counted, table, ways

from .emulators import client_of, dynalite, new_table
from .lifecycle import Lifecycle
from .meter import Bill

BEGINNING = (1, 1)  # write and read units
PAGE = Path(__file__).resolve().parents[3] / "docs" / "aws-costs.md"


class Played(NamedTuple):
    """From ready to done; each webhook once more; the forgetting, in two steps; and all of it for the price list."""

    life: Bill
    again: list[Bill]
    forgotten: Bill
    counted: Counted


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with dynalite() as endpoint:
        yield client_of(endpoint)


@pytest.fixture(scope="module")
def played(client: Any) -> Played:
    async def main() -> Played:
        lifecycle = Lifecycle(client, new_table(client))
        await lifecycle.play()
        life, counted = lifecycle.bill, _counted(lifecycle)
        await lifecycle.forget()
        return Played(life, lifecycle.again, lifecycle.bill.since(life), counted)

    return asyncio.run(main())


def _counted(lifecycle: Lifecycle) -> Counted:
    bill, stored = lifecycle.bill, lifecycle.store.stored
    moments = [None, *(record.wake_at for record in stored)]
    return Counted(
        trips=tuple(ack.trips for ack in lifecycle.acks),
        writes=int(bill.write),
        moves=int(bill.moves),
        reads=int(bill.read),
        effects=stored[-1].planned,
        naive_records=sum(ceil(len(encode(record).encode()) / 1024) for record in stored),
        naive_moves=sum((a is not None) + (b is not None) for a, b in pairwise(moments) if a != b),
        events=len(stored[-1].applied),
    )


def test_the_units_of_the_table_are_those_that_the_emulator_bills(played: Played) -> None:
    """dynalite knows the rules for items, though not those for indexes: our sums are its sums."""
    assert played.life.read + played.life.write == played.life.told > 0


def test_a_webhook_costs_two_round_trips_before_it_is_acknowledged(played: Played) -> None:
    """Load, and save if it changes anything; a reply is first asked whose it is. A ticket that is new is looked for
    by each of its names, once in its life."""
    assert sum(played.counted.trips) / 5 <= 2.0 and max(played.counted.trips) <= 4


def test_a_lifecycle_writes_no_more_than_this(played: Played) -> None:
    """All items but the fullest two writes are within a kilobyte. Of the index, only long waits are billed. Four of the
    writes are aliases: the ticket's key, and the names of its pull request. Forgetting is 8 for what was said, which
    leaves what was spent for the budget, and 8 for that and the aliases. The first 8 are two writes of a record that
    its state, beside the body for the looks after a gap, takes nine bytes past a kilobyte."""
    assert played.counted.writes + played.counted.moves <= 31
    assert played.forgotten.written <= 8 + 8


def test_a_worker_that_takes_the_run_costs_little_more(client: Any, played: Played) -> None:
    """Its first heartbeat is an event of the item: the page says what that costs."""
    lifecycle = Lifecycle(client, new_table(client))
    asyncio.run(lifecycle.play(line=True))
    more = lifecycle.bill.since(played.life)
    assert (more.written, more.read) == BEGINNING


def test_a_redelivery_writes_nothing(played: Played) -> None:
    assert [bill.written for bill in played.again] == [REDELIVERY] * 5
    assert REDELIVERY == 0


def test_the_price_list_is_of_what_is_counted(played: Played) -> None:
    """The page's figures are those of this run, and the goal against Step Functions holds."""
    assert played.counted == COUNTED
    assert table() in PAGE.read_text()
    ours, naive, step_functions = ways()
    assert ours.dollars <= 0.15 * step_functions.dollars and ours.dollars < 0.25 * naive.dollars

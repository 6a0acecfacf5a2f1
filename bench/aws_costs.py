"""What a lifecycle's memory costs on AWS at list prices, beside two other ways to keep it: `python -m bench.aws_costs`.

COUNTED is what tests/hosts/aws/test_cost.py counts at the client; the test fails when it counts anything else.
"""

from __future__ import annotations

from typing import NamedTuple

WRITE, READ = 0.625, 0.125
"""Dollars for a million request units, on demand, us-east-1: https://aws.amazon.com/dynamodb/pricing/on-demand/"""
TRANSITION = 25.0
"""Dollars for a million state transitions, Standard, us-east-1: https://aws.amazon.com/step-functions/pricing/"""


class Counted(NamedTuple):
    """Of one vague ticket with five webhooks and one agent's report, from ready to done."""

    trips: tuple[int, ...]  # requests before each webhook's acknowledgement
    writes: int  # units of the table: records, batch, thread
    moves: int  # units of the index
    reads: int
    effects: int  # orders in the outbox: each would be a Task
    naive_records: int  # units of the same records as plain JSON
    naive_moves: int  # units of an index that keeps every moment exactly
    events: int  # that changed something


COUNTED = Counted((4, 3, 0, 2, 1), 24, 7, 13, 19, 48, 27, 14)
REDELIVERY = 0  # units written for a webhook that comes again


class Way(NamedTuple):
    name: str
    writes: int = 0
    reads: int = 0
    transitions: int = 0

    @property
    def dollars(self) -> float:
        """For a million lifecycles."""
        return self.writes * WRITE + self.reads * READ + self.transitions * TRANSITION


def ways(counted: Counted = COUNTED) -> tuple[Way, Way, Way]:
    """Ours; items in transactions; Step Functions.

    The second writes the record as JSON and, with it, an item for each event seen, and one for each effect that is made
    and deleted; a transaction bills each of them twice. The third has one Task for each effect and nothing else: no
    Choice, no Wait, no retry, no history of its own, so it is a floor.
    """
    items = counted.naive_records + counted.events + 2 * counted.effects
    return (
        Way("this factory's table", counted.writes + counted.moves, counted.reads),
        Way("an item for each thing, in transactions", 2 * items + counted.naive_moves, counted.reads),
        Way("Step Functions Standard, one Task an effect", transitions=counted.effects),
    )


def table(counted: Counted = COUNTED) -> str:
    """As Markdown."""
    ours, *_ = rows = ways(counted)
    lines = [
        f"| {way.name} | {way.writes or '–'} | {way.reads or '–'} | {way.transitions or '–'} | {way.dollars:.2f} "
        f"| {way.dollars / ours.dollars:.1f} |"
        for way in rows
    ]
    head = "| memory | write units | read units | transitions | $ per million lifecycles | × |"
    return "\n".join([head, "|---|--:|--:|--:|--:|--:|", *lines])


if __name__ == "__main__":
    print(table())

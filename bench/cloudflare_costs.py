"""What a lifecycle and an idle month cost on Cloudflare at list prices: `python -m bench.cloudflare_costs`.

COUNTED is what tests/hosts/cloudflare counts in the real runtime. The prices are those of the Workers Paid plan beyond
what it includes; what it includes is in INCLUDED.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

WORKERS = "https://developers.cloudflare.com/workers/platform/pricing/"
OBJECTS = "https://developers.cloudflare.com/durable-objects/platform/pricing/"
REQUEST, CPU_MS = 0.30, 0.02
"""Dollars for a million requests to Workers, and of milliseconds of CPU: WORKERS"""
OBJECT_REQUEST, GB_SECOND, ROW_READ, ROW_WRITTEN = 0.15, 12.50, 0.001, 1.00
"""Dollars for a million: requests to objects and alarms, gigabytes times seconds, rows: OBJECTS"""
MEMORY = 0.128  # gigabytes that an object is billed for, whatever it uses
ROWS_WRITTEN, ROWS_READ, REQUESTS, OBJECT_REQUESTS, GB_SECONDS = (
    "rows written", "rows read", "requests to the Worker", "requests to the object, and alarms that ring", "GB-s",
)  # fmt: skip
INCLUDED = {ROWS_WRITTEN: 50, ROWS_READ: 25_000, REQUESTS: 10, OBJECT_REQUESTS: 1, GB_SECONDS: 0.4}
"""Millions in each month of the plan, for 5 dollars: WORKERS"""
MONTH = 30 * 24 * 3600
TICK, CLAIM = 60, 50  # seconds between two check-ins, and between two claims of a worker that waits


class Counted(NamedTuple):
    """Of one vague ticket with five webhooks and one agent's report, from ready to done."""

    written: int  # rows
    read: int
    heard: int  # webhooks, and the report: each a request to the Worker and one to the object


COUNTED = Counted(22, 26, 6)
ASKED = 1  # requests to the object for each that is heard
ALARMS = 2  # set for each that is heard, at most: one that rings at once to perform, one for what is waited for


class Item(NamedTuple):
    """A line of the bill; `price` is for a million."""

    name: str
    count: float
    price: float

    @property
    def dollars(self) -> float:
        """For `count` millions."""
        return self.count * self.price


def lifecycle(counted: Counted = COUNTED) -> tuple[Item, ...]:
    """An alarm that is set is billed as a row, one that rings as a request: here one for each that is heard."""
    alarms = ALARMS * counted.heard
    return (
        Item(ROWS_WRITTEN, counted.written + alarms, ROW_WRITTEN),
        Item(ROWS_READ, counted.read, ROW_READ),
        Item(REQUESTS, counted.heard, REQUEST),
        Item(OBJECT_REQUESTS, (ASKED + 1) * counted.heard, OBJECT_REQUEST),
    )


def idle_month() -> tuple[Item, ...]:
    """One tenant, with one worker that waits day and night: its claim keeps the object in memory."""
    calls = MONTH / TICK + MONTH / CLAIM
    return (
        Item(REQUESTS, calls / 1e6, REQUEST),
        Item(OBJECT_REQUESTS, calls / 1e6, OBJECT_REQUEST),
        Item(GB_SECONDS, MONTH * MEMORY / 1e6, GB_SECOND),
    )


def lifecycle_table(counted: Counted = COUNTED) -> str:
    lines = [f"| {item.name} | {item.count:g} | {item.price:g} | {item.dollars:.2f} |" for item in lifecycle(counted)]
    head = ["| of one lifecycle | counted | $ per million | $ per million lifecycles |", "|---|--:|--:|--:|"]
    return "\n".join([*head, *lines, f"| **together** | | | **{total(lifecycle(counted)):.2f}** |"])


def idle_table() -> str:
    lines = [
        f"| {item.name} | {item.count * 1e6:,.0f} | {item.price:g} | {item.dollars:.2f} |" for item in idle_month()
    ]
    head = ["| of one month | count | $ per million | $ at list price |", "|---|--:|--:|--:|"]
    return "\n".join([*head, *lines, f"| **together** | | | **{total(idle_month()):.2f}** |"])


def total(items: Iterable[Item]) -> float:
    return sum(item.dollars for item in items)


def included(counted: Counted = COUNTED) -> tuple[int, str]:
    """How many lifecycles a month the plan pays for, and what runs out first."""
    return min((int(INCLUDED[item.name] * 1e6 // item.count), item.name) for item in lifecycle(counted))


if __name__ == "__main__":
    print(f"{lifecycle_table()}\n\n{idle_table()}\n\n{included()[0]:,} lifecycles a month are in the plan")

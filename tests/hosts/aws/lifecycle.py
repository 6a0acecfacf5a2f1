"""The lifecycle whose cost is counted: a vague ticket, five webhooks, one agent, to done; over DynamoDB's store."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import Any

from adapters.aws.dynamo_state_store import DynamoStateStore
from factory_core.dispatch.events import Event
from factory_core.dispatch.pull_request import Check
from factory_core.dispatch.records import InFlightRecord, State
from factory_core.work_item import Source
from tests.core.world import World, ticket

from .meter import Bill, Meter

HEAD = "5f0c1a9e7b3d2486c0e1f5a79b8d6c4e2f1a0b37"
CHECKS = tuple(
    Check(name=name, status="completed", conclusion="success", url=f"https://github.com/acme/shop/actions/runs/{n}")
    for n, name in enumerate(("build", "test (3.11)", "test (3.14)", "lint"), 11_938_220_417)
)

REQUEST = "4e3c1d5a-0b7f-4c62-9a8e-5d2f7b61c3a9"  # as long as AWS makes them
REQUIRED = {"requiredChecks": [check.name for check in CHECKS]}


class Noting(DynamoStateStore):
    """Remembers the records that it stored."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.stored: list[InFlightRecord] = []

    async def put_in_flight(self, record: InFlightRecord, **companions: Any) -> InFlightRecord:
        self.stored.append(await super().put_in_flight(record, **companions))
        return self.stored[-1]


class Lifecycle(World):
    """Time passes with every call.

    `acks` holds the bill of each webhook up to its acknowledgement, `again` that of its redelivery; `bill` has no
    redelivery in it.
    """

    def __init__(self, client: Any, table: str) -> None:
        super().__init__(merge=REQUIRED)
        self.meter = Meter(client)
        self.store: Any = Noting(lambda: client, table, "acme", self.clock, correlation_id=lambda: REQUEST)
        self.factory = self.new_factory("arn:aws:lambda:us-east-1:123456789012:function:factory-performer/2026")
        self.acks: list[Bill] = []
        self.again: list[Bill] = []

    def clock(self) -> Any:
        self.now += timedelta(milliseconds=40)
        return self.now

    async def webhook(self, event: Event | None) -> None:
        """It comes in and is acknowledged; what follows is done after that."""
        self.acks.append(await self._heard(event))
        await self.settle()
        self.again.append(await self._heard(event))

    async def _heard(self, event: Event | None) -> Bill:
        before = self.meter.bill
        if event:
            await self.factory.recorder.accept(event)
        return self.meter.bill.since(before)

    @property
    def bill(self) -> Bill:
        return reduce(Bill.since, self.again, self.meter.bill)

    async def play(self, *, line: bool = False) -> None:
        """`line`: its run waits for a worker, whose first heartbeat is an event of its own."""
        self.fleet.line = line
        url = "https://linear.app/acme/issue/ACME-1/the-cart-is-off-when-two-coupons-are-used"
        item = ticket(
            title="The cart is off when two coupons are used", description="Please look.", labels=("factory", "bug"),
            source=Source(provider="linear", external_id="8f14e45f-ceea-467f-a6b1-0e1f2a3b4c5d", url=url),
        )  # fmt: skip
        self.tracker.items[item.id] = item
        await self.webhook(self.changed(item))
        self.now += timedelta(hours=2)
        await self.webhook(self.reply("Only in the cart's page: show what the API calls `amount`, in cents."))
        if line:
            await self.factory.recorder.began(self.fleet.take(*self.fleet.live))
            await self.settle()
        self.now += timedelta(minutes=20)
        await self.agent_ends(words="Renamed the field in the page and its test, and rounded the sum down to cents.")
        self.now += timedelta(seconds=2)
        self.target.change(1, head_sha=HEAD, base="main")
        await self.webhook(None)  # that it was opened: adapters/providers/github/webhook.py finds no event in it
        self.now += timedelta(minutes=5)
        self.target.change(1, checks=CHECKS, mergeable=True)
        await self.webhook(self.pull(what="check_suite.completed"))
        self.now += timedelta(seconds=2)
        await self.webhook(self.pull(what="pull_request.closed"))
        assert await self.state() is State.DONE

    async def forget(self) -> None:
        """A week later only what it has spent is known; that is deleted 30 days after its last run."""
        await self.later(timedelta(days=7, hours=1))
        assert await self.is_forgotten("ACME-1")
        await self.later(timedelta(days=23))
        assert await self.store.get_in_flight("ACME-1") is None

"""What one lifecycle is billed for in its object: counted in the real runtime, not estimated."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from bench.cloudflare_costs import ASKED, COUNTED
from tests.core.world import World
from tests.hosts.aws.lifecycle import REQUIRED, Lifecycle
from tests.scenarios.counting import VAGUE

from .deployed import Deployed
from .remote import Probe, Remote

MOST_ROWS = 22


class Played(Lifecycle):
    """The lifecycle of tests/hosts/aws, of five webhooks; what is saved is claimed in that write, as in the object."""

    def __init__(self, probe: Probe) -> None:
        World.__init__(self, merge=REQUIRED)
        self.store: Any = Remote(probe, "store", lambda: ("acme", self.now))
        self.factory = self.new_factory("object-1a2b3c4d5e6f")

    async def webhook(self, event: Any) -> None:
        if event:
            await self.factory.recorder.accept(event)
        await self.settle()


def test_a_lifecycle_writes_few_rows(deployed: Deployed) -> None:
    """Of the records, the batch and the threads; a row of an index counts as one. The page of costs says so."""
    probe = Probe(deployed.runtime, "STORE", secrets.token_hex(6))
    probe("bill")
    asyncio.run(Played(probe).play())
    bill = probe("bill")
    assert (bill["rows_written"], bill["rows_read"]) == (COUNTED.written, COUNTED.read)
    assert COUNTED.written <= MOST_ROWS


def test_a_webhook_is_one_request_to_the_object(deployed: Deployed) -> None:
    """Workers' requests come on top; and what it sets off is one ring of the alarm, whatever effects that has."""
    w, acme = deployed.world, deployed.tenants["acme"]
    w.run(w.sandbox.webhooks.idle())
    acme.probe("bill")
    before = len(w.sandbox.webhooks.deliveries)
    key = w.ticket("The cart is confusing", VAGUE)
    acme.asked(key)
    w.run(w.sandbox.webhooks.idle())
    delivered = len(w.sandbox.webhooks.deliveries) - before
    bill = acme.probe("bill")
    assert bill["requests"] == ASKED * delivered
    assert ASKED == 1
    assert bill["rings"] == 1

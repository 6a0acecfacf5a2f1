"""What one lifecycle is billed for in its object: counted in the real runtime, not estimated."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

from factory_core.dispatch.records import State
from tests.aws.lifecycle import Lifecycle
from tests.core.world import World

from .deployed import Deployed
from .remote import Probe, Remote


class Played(Lifecycle):
    """The lifecycle of tests/aws, over a Durable Object's store, claimed by its own object as soon as it is saved."""

    def __init__(self, probe: Probe) -> None:
        World.__init__(self)
        self.probe = probe
        self.store: Any = Remote(probe, "store", lambda: ("acme", self.now))
        self.factory = self.new_factory("object-1a2b3c4d5e6f")

    async def webhook(self, event: Any) -> None:
        await self.factory.accept(event)
        await self.settle()


def test_a_lifecycle(deployed: Deployed) -> None:
    probe = Probe(deployed.runtime, "STORE", secrets.token_hex(6))
    played = Played(probe)
    probe("bill")

    async def play() -> Any:
        await played.play()
        lifecycle = probe("bill")
        await played.forget()
        return lifecycle, probe("bill")

    print(asyncio.run(play()))
    assert State

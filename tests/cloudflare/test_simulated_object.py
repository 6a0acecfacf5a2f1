"""The simulator over the real Durable Object: what is tried with every store, with this one behind the faults."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from random import SystemRandom
from typing import Any

import pytest

from adapters.simulator import stores
from adapters.simulator.many import play_many
from factory_core.ports import Clock

from .deployed import Deployed
from .remote import Probe

SCHEDULES = 12  # each call is a request; `stores.EVERY` has those of which more are played


class Blocking:
    """The loop of a simulation has a time of its own: nobody else has a turn while it asks over there."""

    def __init__(self, probe: Probe, clock: Clock) -> None:
        self._probe, self._clock = probe, clock

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **more: Any) -> Any:
            return self._probe("store", "acme", self._clock(), name, *arguments, **more)

        return call

    async def list_in_flight(self) -> AsyncIterator[Any]:
        for record in self._probe("store", "acme", self._clock(), "list_in_flight"):
            yield record


def test_no_law_is_broken_over_a_durable_object(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Schedules that nobody has ever played; the seed repeats them over any store."""

    def durable_object(clock: Clock) -> stores.Opens:
        name = secrets.token_hex(6)
        return lambda tenant, process: Blocking(Probe(deployed.runtime, "STORE", f"{name}-{tenant}"), clock)  # type: ignore[return-value]

    monkeypatch.setitem(stores.EVERY, "durable-object", durable_object)
    first = SystemRandom().randrange(10**9)
    played = play_many(range(first, first + SCHEDULES), ("durable-object",), jobs=1)
    assert not played.failures, [(f.seed, f.law, f.why, *f.story) for f in played.failures]
    assert (played.schedules, played.writes > SCHEDULES) == (SCHEDULES, True)

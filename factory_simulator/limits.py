"""Rate limits of the simulated vendors: each is the account's, and refuses whoever calls before its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from factory_core.performing.rate_limits import RateLimit

if TYPE_CHECKING:
    from .process import Process
    from .simulation import Simulation

BY_METHOD = frozenset({"slack"})
"""Vendors that count each method by itself."""


class Place(NamedTuple):
    """What one limit covers: all calls of a tenant to a vendor, or those of one method."""

    tenant: int
    provider: str
    scope: str

    @classmethod
    def of(cls, tenant: int, provider: str, call: str) -> Place:
        return cls(tenant, provider, call if provider in BY_METHOD else "")


class Limits:
    """Of all vendors. Who was refused by one knows of it, and does not call again before its end."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._until: dict[Place, float] = {}
        self._known: dict[Place, set[str]] = {}  # the processes that were refused

    def begin(self, place: Place, seconds: float) -> None:
        self._until[place] = self._simulation.loop.time() + seconds
        self._known[place] = set()

    def left(self, place: Place) -> float:
        """Seconds to its end; 0 where nothing is limited."""
        return max(0.0, self._until.get(place, 0.0) - self._simulation.loop.time())

    def refuse(self, process: Process, place: Place, call: str) -> None:
        """A call of this process reaches the vendor, and is refused."""
        known, left = self._known[place], self.left(place)
        if process.name in known and not process.simulation.wrong_clocks.has_been_wrong():
            what = f"{process.name} makes {call}, though {place.provider} asked it for a pause of {left:.0f} s more"
            self._simulation.broken("limits-are-the-accounts", what)
        known.add(process.name)
        process.limits.note(place.provider, str(place.tenant), RateLimit(left, place.scope))

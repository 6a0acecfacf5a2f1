"""A ticket is forgotten by an operator's order, or deleted at its tracker; later, word of it still arrives.

Nothing of its words may be left in the store once each thing that may hold them has come to its own deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from factory_core.dispatch.events import AbortRequested, ForgetRequested
from factory_core.dispatch.forgotten import forgotten_at
from factory_core.dispatch.records import ENDED, State

from .schedule import DAY, HOUR, Ticket

if TYPE_CHECKING:
    from .simulation import Simulation
    from .world import Truth

TRIES_AFTER, MOST_TRIES = 6 * HOUR, 60
LATE_BY = (60.0, HOUR, 2 * DAY)
"""When each of its latest deliveries comes once more, after it was forgotten."""
LATEST = 6
SEEN_AFTER = 4 * DAY
BEGUN = frozenset(State) - ENDED - {State.NEW, State.TRIAGING}
KEPT = 70 * DAY
"""What is kept longest: a ticket that was given up for 30 days, and then what it has spent for 30 days and a week."""


def word_of(tenant: int, plan: Ticket) -> str:
    """The word by which all that was said of the ticket is known again; none where nobody forgets it."""
    return f" hush{tenant}x{plan.key.rpartition('-')[2]}" if plan.forgotten else ""


class Forgettings:
    """Every operator, and every tracker in which a ticket is deleted."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        for ticket in simulation.schedule.tickets:
            happens = {"order": self._order, "deleted": self._delete}.get(ticket.forgotten)
            if happens:
                simulation.later(ticket.begins + ticket.forgotten_after, partial(happens, ticket, 0))

    def _truth(self, ticket: Ticket) -> Truth:
        return self._simulation.outside[ticket.tenant].world.truths[ticket.key]

    def _delete(self, ticket: Ticket, tries: int) -> None:
        self._forgotten(ticket)
        self._simulation.outside[ticket.tenant].world.delete(ticket.key)

    def _order(self, ticket: Ticket, tries: int) -> None:
        """What is not over is stopped first; where that was not done for whatever reason, it is ordered again."""
        simulation, ledger = self._simulation, self._simulation.ledgers[ticket.tenant]
        record, process = ledger.records.get(ticket.key), simulation.alive()
        if record is None or (record.state is State.NEW and forgotten_at(record)):
            if tries and self._simulation.restores.at < 0:
                self._forgotten(ticket)
            return
        if tries < MOST_TRIES:
            simulation.later(TRIES_AFTER if tries else HOUR, partial(self._order, ticket, tries + 1))
        if process is not None:
            order = ForgetRequested if record.state in ENDED | {State.NEW} else AbortRequested
            event = order(id=f"operator:{ticket.key}:{tries}", work_item_id=ticket.key, at=process.clock(), by="Olga")
            simulation.tell(ticket.tenant, ticket.key, f"an operator orders: {order.__name__}")
            process.start(process.tenants[ticket.tenant].recorder.accept(event))

    def _forgotten(self, ticket: Ticket) -> None:
        """From now on people say no more of it; what they had said comes late."""
        simulation, truth = self._simulation, self._truth(ticket)
        truth.forgotten_at = simulation.loop.time()
        if ticket.forgotten == "order":
            self._see(ticket)
            simulation.later(SEEN_AFTER, partial(self._see, ticket))
        for after in LATE_BY:
            for number in simulation.post.sent.get((ticket.tenant, ticket.key), [])[-LATEST:]:
                simulation.post.send(ticket.tenant, number, after)
        for day in (1.0, 8.0, 31.0, 40.0, KEPT / DAY - 1):
            simulation.later(day * DAY, simulation.check_in)
        simulation.later(KEPT, simulation.check_in)

    def _see(self, ticket: Ticket) -> None:
        """Is it nowhere already? But for words in a thread where nobody asks, which are kept for an item to come."""
        simulation, word = self._simulation, word_of(ticket.tenant, ticket).strip()
        early = simulation.wrong_clocks.has_been_wrong() or not self.is_forgotten(self._truth(ticket))
        threads = simulation.ledgers[ticket.tenant].threads.values()
        for why in forgotten_stays_over(simulation, ticket.tenant):
            simulation.broken("forgotten-stays-over", why)
        if early or any(word in reply.text for thread in threads for reply in thread.replies):
            return
        if word in simulation.storage.text(ticket.tenant).lower():
            simulation.broken("forgotten-is-nowhere", f"{ticket.key} was forgotten, and the store holds {word}")

    def is_forgotten(self, truth: Truth) -> bool:
        """Not where a restore brought it back, or an old read showed it."""
        return truth.forgotten_at > max(self._simulation.restores.at, -0.5)


def forgotten_is_nowhere(simulation: Simulation, tenant: int) -> Iterator[str]:
    """No word of what was forgotten, or deleted, is stored any more, however late it came once more."""
    text = ""
    for key, truth in simulation.outside[tenant].world.truths.items():
        if simulation.forgettings.is_forgotten(truth):
            text = text or simulation.storage.text(tenant).lower()
            word = word_of(tenant, truth.plan).strip()
            if word in text:
                at = text.index(word)
                yield f"{key} was forgotten, and the store holds: {text[max(0, at - 60) : at + 40]}"


def forgotten_stays_over(simulation: Simulation, tenant: int) -> Iterator[str]:
    """Nothing begins for a ticket that was forgotten, while nobody makes it ready anew."""
    ledger = simulation.ledgers[tenant]
    if simulation.wrong_clocks.has_been_wrong() or any(fault.kind == "stale" for fault in simulation.schedule.faults):
        return  # a clock that is ahead ends each time early, and an old read shows what a person had made ready
    for key, truth in simulation.outside[tenant].world.truths.items():
        if not simulation.forgettings.is_forgotten(truth) or truth.plan.forgotten == "deleted":
            continue
        began = [record.state for record, at in ledger.seen(key) if at > truth.forgotten_at and record.state in BEGUN]
        if began:
            yield f"{key} was forgotten, and is {began[0]}"

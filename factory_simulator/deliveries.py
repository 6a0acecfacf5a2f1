"""What the outside tells the factory: deliveries that come at once, late, twice, again, or never.

Nobody repeats what was dropped. The product's own search has to find it; only what no search can find is said again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from factory_core.dispatch.events import (
    AbortRequested,
    Event,
    ItemChanged,
    PullRequestChanged,
    ReplyReceived,
    RetryRequested,
    StopRequested,
)
from factory_core.dispatch.pull_request import aliases_of
from factory_core.errors import Refused
from factory_core.http import HttpRequest
from factory_core.ports import Inbound

from .acknowledged import lost
from .missed import Missed
from .schedule import HOUR

if TYPE_CHECKING:
    from .process import Process
    from .simulation import Simulation

RETRIES: Mapping[type[Event], tuple[float, ...]] = {ReplyReceived: (0.2, 60.0, 300.0), PullRequestChanged: ()}
"""A webhook that was not answered with 2xx: Slack tries three times more, and GitHub never."""
LINEAR_RETRIES = (60.0, HOUR, 6 * HOUR)
SAID_AGAIN = 30 * HOUR  # when what no search can find is said once more
NOBODY_THERE = 20.0
ORDERS = (StopRequested, AbortRequested, RetryRequested)


class Post:
    """Every sender of every tenant. A delivery's number is its id and its body."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.events: dict[int, Event] = {}
        self.sent: dict[tuple[int, str], list[int]] = {}  # tenant and item → the deliveries that were sent about it
        self.elsewhere: list[Event] = []  # said in another organisation

    def deliver(self, tenant: int, event: Event) -> None:
        """The sender's side: at once, or as the schedule's faults have it."""
        simulation, number = self._simulation, len(self.events) + 1
        self.events[number] = event
        self.sent.setdefault((tenant, event.work_item_id), []).append(number)
        if self._is_shown(tenant, event):
            simulation.outside[tenant].relay.told(number, event)
        fault = simulation.next_fault("delivery")
        kind = fault.kind if fault else ""
        if fault:
            simulation.tell(tenant, event.work_item_id, f"delivery {number} meets: {kind} {fault.seconds} s")
        if fault and kind == "drop":
            self._drop(tenant, number, letter=fault.done)
            return
        self.send(tenant, number, fault.seconds if fault and kind == "delay" else 0.2)
        if fault and kind == "duplicate":
            self.send(tenant, number, fault.seconds)
        if fault and kind == "again":
            self.events[number + 1] = event
            self.send(tenant, number + 1, fault.seconds)

    def deliver_elsewhere(self, tenant: int, event: Event) -> None:
        """What another organisation's webhook says, under the secret of the app that both have installed."""
        number = len(self.events) + 1
        self.events[number] = event
        self.elsewhere.append(event)
        self._simulation.later(0.2, lambda: self._arrive_from_elsewhere(tenant, number))

    def _arrive_from_elsewhere(self, tenant: int, number: int) -> None:
        process = self._simulation.alive()
        if process is not None:
            request = HttpRequest(body=str(number).encode(), received_at=process.clock())
            process.start(process.tenants[tenant].intake.handle_webhook("outside", request))

    def as_sent(self, tenant: int, event: Event) -> Event:
        """As its sender words it: a tracker by its own id and today's key, a code host by the pull request."""
        world, target = self._simulation.outside[tenant].world, self._simulation.outside[tenant].target
        truth = world.truths.get(event.work_item_id)
        if truth is None or truth.item is None or event.identity:
            return event
        if isinstance(event, PullRequestChanged):
            pulls = (pull for pull in target.pulls.values() if target.item_of(pull.branch) == event.work_item_id)
            names = [name for pull in pulls for name in aliases_of(pull)]
            return event.model_copy(update={"work_item_id": "", "aliases": tuple(names)})
        return event.model_copy(update={"work_item_id": truth.item.key, "identity": event.work_item_id})

    def send(self, tenant: int, number: int, after: float = 0.2) -> None:
        self._simulation.later(after, lambda: self._arrive(tenant, number, 0))

    def _drop(self, tenant: int, number: int, *, letter: bool) -> None:
        """It never arrives by itself: who could know of it?"""
        event, outside = self.events[number], self._simulation.outside[tenant]
        rules, shown = self._simulation.schedule.rules, self._is_shown(tenant, event)
        if isinstance(event, ORDERS) or not rules.sweeps or not (rules.relay or shown):
            self.send(tenant, number, SAID_AGAIN)
            return
        if rules.relay:
            outside.relay.drop(number, letter=letter or not shown)
        elif isinstance(event, PullRequestChanged):
            outside.target.failed.append((self._simulation.clock(), number))
        Missed(self._simulation, tenant, event).look()

    def _is_shown(self, tenant: int, event: Event) -> bool:
        """Can one who looks see it: in the vendor's lists, or in a relay's feed?"""
        session = event.id in self._simulation.outside[tenant].world.sessions
        return isinstance(event, ItemChanged | ReplyReceived | PullRequestChanged) and not session

    def _arrive(self, tenant: int, number: int, tries: int) -> None:
        simulation = self._simulation
        process = simulation.alive()
        if process is None and isinstance(self.events[number], PullRequestChanged):
            self._drop(tenant, number, letter=True)  # its sender does not come again
            return
        if process is None and simulation.wrong_clocks.asleep_until > simulation.loop.time():
            self._retry(tenant, number, tries)
            return
        if process is None:
            simulation.later(NOBODY_THERE, lambda: self._arrive(tenant, number, tries))
            return
        simulation.pending += 1
        simulation.count("delivery")

        def answered(task: asyncio.Task[Any]) -> None:
            simulation.pending -= 1
            if task.cancelled() or task.exception() or not task.result():
                self._retry(tenant, number, tries)

        process.start(self._deliver(process, tenant, number)).add_done_callback(answered)

    def _retry(self, tenant: int, number: int, tries: int) -> None:
        """As its vendor does; the one that has tried often enough gives up."""
        waits = RETRIES.get(type(self.events[number]), LINEAR_RETRIES)
        if tries < len(waits):
            self._simulation.later(waits[tries], lambda: self._arrive(tenant, number, tries + 1))
        else:
            self._drop(tenant, number, letter=True)

    async def _deliver(self, process: Process, tenant: int, number: int) -> bool:
        event, ledger = self.events[number], self._simulation.ledgers[tenant]
        since = len(ledger.versions.get(event.work_item_id, ()))
        request = HttpRequest(body=str(number).encode(), received_at=process.clock())
        response = await process.tenants[tenant].intake.handle_webhook("outside", request)
        if response.status not in (200, 503):
            why = f"{event.work_item_id}: {event.id} was answered {response.status}"
            self._simulation.broken("answers-so-that-senders-repeat", why)
        if response.status != 200:
            return False
        if lost(ledger, event, since):
            why = f"{event.work_item_id}: {event.id} was answered 200 and is not known"
            self._simulation.broken("acknowledged-is-kept", why)
        return True


class Webhooks:
    """ports.Webhook of all simulated vendors: the body is the event's number."""

    def __init__(self, post: Post, tenant: int) -> None:
        self._post, self._tenant = post, tenant

    def events_in(self, request: HttpRequest) -> Inbound:
        number = request.body.decode()
        event = self._post.events.get(int(number))
        if event is None:
            raise Refused(f"no delivery {number}", why="the simulation never sent it", fix="factory simulate --help")
        return Inbound(delivery_id=number, events=(self._post.as_sent(self._tenant, event),))

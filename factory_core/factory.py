"""The factory of one tenant: webhooks in, effects out, time, and what is to be seen. Every host builds one of these."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from .config import FactoryConfig
from .connections import ProviderConnection
from .dispatch.batch import Batch, SweepReport
from .dispatch.catch_up import next_sort
from .dispatch.events import Event, ReplyReceived, ThreadMoved
from .dispatch.records import ClarificationRecord, InFlightRecord
from .dispatch.replies import early, may_ever_answer
from .errors import BadSignature, ConnectionLost, NotFound, Problem, UnreadableRecord, VersionConflict
from .http import HttpRequest, HttpResponse, problem_response, refuse_large, unknown_sender
from .performing.bounded_store import BoundedStore
from .performing.catch_up import CatchUpStep
from .performing.check_in import MEND_EVERY, claim_sweep, reconcile_slots, remember_sweep, wake_due
from .performing.drive import Perform, Runner
from .performing.gaps import LATE, is_silent_since
from .performing.outcomes import begun, ended
from .performing.reconcile import Sources, Sweep
from .ports import Clock, Inbound, PointerReader, StateStore, Webhook
from .runs.run import RunReport
from .settings import VendorSettings
from .signatures import REMEMBERED
from .text.redaction import Redact, redacted

logger = logging.getLogger("factory.intake")
SWEEP_ASK_EVERY = timedelta(seconds=30)  # how often a process asks the store whether it is time to sweep
# spans are measured without their sign: after a clock was put back, nobody waits until it has caught up


class CheckIn(NamedTuple):
    """How many items were due, and how many slots were given back or handed on."""

    due: int
    mended: int


class Heard(NamedTuple):
    """What this process knows of one vendor: its last signed event, our last good call, its last refused event."""

    at: datetime | None = None
    answered_at: datetime | None = None
    refused_at: datetime | None = None
    why: str = ""


class Factory:
    """See build_factory()."""

    def __init__(
        self,
        config: FactoryConfig,
        store: StateStore,
        runner: Runner,
        clock: Clock,
        webhooks: Mapping[str, Webhook],
        reader: PointerReader | None,
        wake: Callable[[InFlightRecord], None],
        redact: Redact,
        sources: Sources | None = None,
        ticks: bool = False,
    ) -> None:
        self.redact = redact
        self.config, self.runner, self.clock = config, runner, clock
        self.store = BoundedStore(store, config, clock)
        self._webhooks, self._reader, self._wake, self._sources = webhooks, reader, wake, sources
        self._ticks = ticks
        self.heard: dict[str, Heard] = {}
        self.refusals = Counter[tuple[str, str]]()  # webhooks by provider and by why: an error's code, or a word
        self.organisations = configured_organisations(config)
        self.checked_in_at: datetime | None = None
        self._mended_at: datetime | None = None
        self._sweep_asked_at: datetime | None = None

    async def handle_webhook(self, provider: str, request: HttpRequest) -> HttpResponse:
        """Verify, decide, save; the effects come later. 2xx only after everything in it is durably recorded.

        One that could not be recorded is not repeated by every sender.
        """
        try:
            response = await self._handled(provider, request)
        except Exception:
            self.note_gap(f"a webhook of {provider} met a fault of the factory's own", request.received_at)
            raise
        if response.status >= 500:
            self.note_gap(f"a webhook of {provider} could not be stored", request.received_at)
        else:
            await self.runner.gaps.save()
        return response

    async def _handled(self, provider: str, request: HttpRequest) -> HttpResponse:
        try:
            inbound = self._read(provider, request)
            said = {"action": "webhook", "provider": provider, "delivery": inbound.delivery_id, "what": inbound.what}
            if self._is_foreign(provider, inbound.organisation):
                self.refusals[provider, "another-organisation"] += 1
                why = f"it is of organisation {inbound.organisation}, and this factory works for"
                logger.warning(
                    "%s %s refused: %s %s", provider, inbound.what, why, self.organisations[provider], extra=said
                )
                return HttpResponse(body=b'{"ok": true, "ignored": "another organisation"}')
            if inbound.ignored:
                self.refusals[provider, "ignored"] += 1
                said = {**said, "action": "refused"}
                logger.warning("%s %s refused: %s", provider, inbound.what, inbound.ignored, extra=said)
                return HttpResponse(body=json.dumps({"ok": True, "ignored": inbound.ignored}).encode())
            if inbound.notice:
                logger.warning("%s: %s", provider, inbound.notice, extra=said)
            logger.info("%s %s", provider, inbound.what, extra=said)
            if inbound.lost:
                await self.runner.connections.lost(provider, inbound.lost)
            for event in [*inbound.events, *await self._behind_pointers(inbound)]:
                await self.accept(event.model_copy(update={"at": request.received_at}))  # deadlines count from here
        except ConnectionLost as problem:  # what it points at cannot be read now; its sender comes again
            await self.runner.connections.lost(problem.provider, problem.why)
            return problem_response(problem)
        except (BadSignature, NotFound) as problem:
            self._note_refusal(provider, problem)
            return unknown_sender()
        except Problem as problem:
            self._note_refusal(provider, problem)
            return problem_response(problem)
        self.heard[provider] = self.heard.get(provider, Heard())._replace(at=request.received_at)
        return inbound.response or HttpResponse(body=b'{"ok": true}')

    async def accept(self, event: Event) -> None:
        """Save what happened. A reply is given to the item whose thread it is in, or kept until the thread is known."""
        if isinstance(event, ThreadMoved) and not event.work_item_id:
            await self._move_threads(event)
            return
        if isinstance(event, ReplyReceived) and event.session_id and not (event.work_item_id or event.identity):
            shows = await self.store.get_in_flight(f"session:{event.session_id}")
            event = event.model_copy(update={"work_item_id": shows.work_item_id}) if shows else event
        while isinstance(event, ReplyReceived) and not (event.work_item_id or event.identity):
            known = await self.store.get_waiting_clarification(event.thread_id)
            if known and known.work_item_id:
                event = event.model_copy(update={"work_item_id": known.work_item_id})
            elif await self._kept(event, known):
                return
        await self.runner.accept_and_wake(event)

    async def knows_run(self, work_item_id: str, run_id: str) -> bool:
        """Not where the store was put back to a backup from before it. What cannot be read may know it."""
        try:
            record = await self.store.get_in_flight(work_item_id)
        except UnreadableRecord:
            return True
        return record is not None and record.knows_run(run_id)

    async def began(self, report: RunReport) -> None:
        """A fleet's first word of a run that it had only accepted; if it is lost, the next look at the run finds it."""
        await self.accept(begun(report, self.clock()))

    async def finished(self, report: RunReport) -> None:
        """A fleet's word that a run ended."""
        await self.accept(ended(report, self.clock()))

    async def perform(self, record: InFlightRecord, until: datetime | None = None) -> None:
        """Perform what is due of a record that accept() or claim() gave us; `until`: when this process is ended."""
        await self.runner.drive(record, until)

    async def check_in(self, limit: int = 500, ahead: timedelta = timedelta(0), *, sweep: bool = True) -> CheckIn:
        """One tick of the clock; a host that starts looks one lease ahead, for what its predecessor held.

        The search for missed events is part of it, unless the host calls sweep() beside it: it waits for vendors.
        """
        due = await wake_due(self.runner, self.store, self.clock, self._wake, limit, ahead)
        self.checked_in_at = now = self.clock()
        mended = 0
        if self._mended_at is None or abs(now - self._mended_at) >= MEND_EVERY:
            mended = await reconcile_slots(self.runner, self.store, self.config, self.clock)
            self._mended_at = now
        if sweep:
            await self.sweep()
        return CheckIn(due, mended)

    async def sweep(self) -> SweepReport | None:
        """Look for what nobody told us; None when it is not the time for it, or another process does it.

        After a gap the looks at what waits come first. When they last for longer than `every`, because there are so
        many or because one gap follows the other, the search has its turn all the same.
        """
        every, now = self.config.sweep.every, self.clock()
        asked, gaps = self._sweep_asked_at, self.runner.gaps
        await gaps.save()
        soon = asked and abs(now - asked) < (min(every, SWEEP_ASK_EVERY) if every else SWEEP_ASK_EVERY)
        if self._sources is None or (soon and not gaps.begun):
            return None
        batch = await self.store.get_batch()
        if self._ticks and every and not soon and (last := is_silent_since(batch, every, now)):
            self.note_gap("nobody checked in", last)
            await gaps.save()
            batch = await self.store.get_batch()
        if not soon:
            self._sweep_asked_at = now
        looks, begun = batch.catch_up, None
        gaps.begun = looks is not None and bool(looks.laps)
        if every and not soon and not (looks and next_sort(looks, now) and now - looks.began < every):
            begun = await claim_sweep(self.store, batch, every, now)
        if begun is None:
            if looks and looks.laps:
                await self._catch_up(batch, self._sources)
            return None
        state, look = begun.sweep, self._sweep_of(begun, self._sources)
        async for state in look.run():
            if not await remember_sweep(self.store, state):
                break
        return state.report

    async def _catch_up(self, batch: Batch, sources: Sources) -> None:
        """Make the looks that are due after a gap."""
        sweep, vendors = self._sweep_of(batch, sources), self.runner.connections
        await CatchUpStep(sweep, self.store, self.config, self.clock, self.accept, vendors, batch).run()

    def _sweep_of(self, batch: Batch, sources: Sources) -> Sweep:
        return Sweep(sources, self.store, self.config, self.clock, self.accept, self.runner.connections, batch)

    def note_gap(self, cause: str, since: datetime | None = None) -> None:
        """The host says that events may have been lost until now; what waits is looked at with the next check-ins."""
        self.runner.gaps.note(cause, since)

    def note_tick(self, planned: datetime) -> None:
        """The platform's clock calls, and was to call at `planned`: a gap, if that is minutes ago."""
        if self.clock() - planned > LATE:
            self.note_gap("the platform's clock stood still", planned)

    async def note_unanswered(self, until: datetime) -> None:
        """The platform saw webhooks that got no answer, the last of them before `until`: a gap, unless one is newer."""
        known = (await self.store.get_batch()).catch_up
        if known is None or known.gap.until < until:
            self.note_gap("webhooks got no answer")

    def connected_as(self, connections: Iterable[ProviderConnection]) -> None:
        """Learn from checked connections for which organisation each vendor's credential is."""
        for one in connections:
            if one.organisation:
                self.organisations[one.provider] = self.organisations.get(one.provider) or one.organisation

    def answered(self, provider: str) -> None:
        """The host says that a call to this vendor went well."""
        self.heard[provider] = self.heard.get(provider, Heard())._replace(answered_at=self.clock())

    def _read(self, provider: str, request: HttpRequest) -> Inbound:
        webhook = self._webhooks.get(provider)
        if webhook is None:
            known = ", ".join(sorted(self._webhooks))
            raise NotFound(f"no webhooks of {provider!r} here", why=f"this factory hears {known}", fix="factory check")
        refuse_large(len(request.body))
        return webhook.events_in(request)

    async def _behind_pointers(self, inbound: Inbound) -> list[Event]:
        if self._reader is None:
            return []
        return [event for pointer in inbound.pointers for event in await self._reader.read(pointer)]

    async def _kept(self, event: ReplyReceived, known: ClarificationRecord | None) -> bool:
        """Keep an early reply, once; False when the thread became known just now.

        One that can never count is not kept: who may not answer here could push out the words of those who may, and
        what people write to each other is not ours to keep.
        """
        if event.elsewhere or not may_ever_answer(event.reply, self.config):
            why = "no question is asked there" if event.elsewhere else "its author may not answer"
            logger.info("a reply in %s is not kept: %s", event.thread_id, why, extra={"action": "ignored"})
            return True
        reply = early(redacted(event.reply, self.redact))
        waiting = known or ClarificationRecord(thread_id=event.thread_id, deadline=event.at + REMEMBERED)
        if any(reply.id == event.reply.id for reply in waiting.replies):
            return True
        try:
            kept = (*waiting.replies, reply)[-20:]
            await self.store.put_waiting_clarification(waiting.model_copy(update={"replies": kept}))
        except VersionConflict:
            return False
        return True

    async def _move_threads(self, event: ThreadMoved) -> None:
        """Rare enough to look at every record."""
        async for record in self.store.list_in_flight():
            if record.clarification and record.clarification.thread_id.startswith(f"{event.old}:"):
                one = {"id": f"{event.id}:{record.work_item_id}", "work_item_id": record.work_item_id}
                await self.runner.accept_and_wake(event.model_copy(update=one))

    def _is_foreign(self, provider: str, organisation: str) -> bool:
        """One app's secret signs for every organisation that installed it; only one of them is ours."""
        ours = self.organisations.get(provider)
        return bool(ours and organisation and organisation != ours)

    def _note_refusal(self, provider: str, problem: Problem) -> None:
        logger.warning("%s refused: %s: %s", provider, problem.what, problem.why, extra={"action": "refused"})
        self.refusals[provider if provider in self._webhooks else "unknown", problem.code] += 1
        if provider in self._webhooks:
            before = self.heard.get(provider, Heard())
            self.heard[provider] = before._replace(refused_at=self.clock(), why=f"{problem.what}: {problem.why}")


def configured_organisations(config: FactoryConfig) -> dict[str, str]:
    """Provider → the organisation that its section names; empty where it names none."""
    return {name: config.section(name, VendorSettings).organisation_id() for name in config.providers()}


def build_factory(
    config: FactoryConfig,
    store: StateStore,
    perform: Perform,
    clock: Clock,
    *,
    webhooks: Mapping[str, Webhook],
    reader: PointerReader | None = None,
    sources: Sources | None = None,
    holder: str,
    wake: Callable[[InFlightRecord], None],
    redact: Redact,
    is_gone: Callable[[str], bool] = lambda holder: False,
    ticks: bool = False,
) -> Factory:
    """Put the parts together.

    `holder` names this process in leases; `wake` must see to it that perform() runs for the record it is given, soon
    and without making the caller wait.
    `redact` takes the secrets that the host knows out of all that is stored and shown. `sources` are asked for missed
    events; without them nobody looks for any. `ticks`: the platform's clock checks in every minute, so that a longer
    silence is a gap in which events may have been lost; any other host notes its gaps itself.
    """
    runner = Runner(store, perform, config, clock, holder=holder, wake=wake, redact=redact, is_gone=is_gone)
    return Factory(config, store, runner, clock, webhooks, reader, wake, redact, sources, ticks)

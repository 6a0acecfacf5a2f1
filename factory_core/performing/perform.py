"""What each effect does to the world. Before anything is spent or written to the tracker, the item is read afresh."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

from ..config import FactoryConfig, Repository
from ..dispatch import comments, effects, events, model_verdict, opinions, session
from ..dispatch.asking import STRANDED
from ..dispatch.effects import Planned
from ..dispatch.ending import KEEP_THREAD
from ..dispatch.forgotten import stays_forgotten
from ..dispatch.protected import unallowed
from ..dispatch.pull_request import FileChange, PullRequest, branch_of, paths_of
from ..dispatch.records import ENDED as OVER
from ..dispatch.records import OURS, ClarificationRecord, InFlightRecord, State, Summary
from ..dispatch.routing import Route, Undecided, find_route
from ..dispatch.triage import Verdict, not_eligible, triage
from ..dispatch.weakened_tests import weakened_tests
from ..errors import EngineUnavailable, Problem, Retryable, Terminal
from ..ports import (
    ClarificationChannel,
    Clock,
    Fleet,
    OutputTarget,
    StateStore,
    TaskTemplate,
    Thread,
    Triager,
    WorkItemProvider,
)
from ..runs.run import ENDED, HeldChanges, PublishRules, Run, RunOrder, RunReport, RunStatus, unstarted
from ..runs.run_checks import checks_of
from ..work_item import ItemState, WorkItem
from .bounded_store import BoundedStore
from .outcomes import Finish, Outcome, about, ended, routed
from .slots import OVERDUE, Slots
from .vendor_port import VendorPort

SILENT_LOOKS = 3  # a minute apart, before a run that shows no life is stopped: a clock may have been wrong
MOST_TURNS = 12  # of a model that is asked about a ticket
FINDS_ITSELF = OVER | {State.NEW, State.IN_REVIEW, State.MERGING}
"""States in which nothing is to be found: it has ended or not begun, or reads its pull request anyway."""


class RuleTriager:
    """Triage by the rules of dispatch/triage. Where they are unsure, a model may be asked; see dispatch/opinions."""

    def __init__(self, config: FactoryConfig) -> None:
        self._config = config

    async def triage(self, item: WorkItem, answers: Sequence[str]) -> Verdict:
        return triage(item, answers, self._config)


class EffectHandlers:
    """Performs the effects of one tenant through its ports."""

    def __init__(
        self,
        config: FactoryConfig,
        store: StateStore,
        clock: Clock,
        *,
        tracker: WorkItemProvider,
        channel: ClarificationChannel,
        target: OutputTarget,
        fleet: Fleet,
        triager: Triager,
        template: TaskTemplate,
    ) -> None:
        self._config, self._clock = config, clock
        self._store = BoundedStore(store, config, clock)
        self._tracker: WorkItemProvider = VendorPort(tracker, config.intent_provider)
        self._channel: ClarificationChannel = VendorPort(channel, config.clarification_channel)
        self._target: OutputTarget = VendorPort(target, config.output_target)
        self._fleet = fleet
        self._triager, self._template = triager, template
        self._slots = Slots(config, self._store, clock, fleet)
        self._how: dict[type[Any], Any] = {
            effects.AcknowledgeSession: self._post_activity,
            effects.PostActivity: self._post_activity,
            effects.ConcludeSession: self._conclude_session,
            effects.UpdateSession: self._update_session,
            effects.ClaimItem: self._claim_item,
            effects.TriageItem: self._triage_item,
            effects.ReserveOpinion: self._slots.reserve_opinion,
            effects.AskModel: self._ask_model,
            effects.ReadItem: self._read_item,
            effects.AskQuestion: self._ask_question,
            effects.PostReply: self._post_reply,
            effects.CloseThread: self._close_thread,
            effects.MoveThread: self._move_thread,
            effects.TakeSlot: self._slots.take,
            effects.MoveSlotToReview: self._slots.move_to_review,
            effects.ReleaseSlot: self._slots.release,
            effects.SettleSpending: self._slots.settle,
            effects.PauseEngine: self._slots.pause_engine,
            effects.ResumeEngine: self._slots.resume_engine,
            effects.RememberRoute: self._slots.remember_route,
            effects.StartAgent: self._start_agent,
            effects.StopAgent: self._stop_agent,
            effects.LookAtRun: self._look_at_run,
            effects.OpenPullRequest: self._open_pull_request,
            effects.LinkPullRequest: self._link_pull_request,
            effects.ReadPullRequest: self._read_pull_request,
            effects.RequestReview: self._request_review,
            effects.EnableAutoMerge: self._enable_auto_merge,
            effects.DisableAutoMerge: self._disable_auto_merge,
            effects.MergePullRequest: self._merge_pull_request,
            effects.UpdateBranch: self._update_branch,
            effects.EnqueuePullRequest: self._enqueue_pull_request,
            effects.SetItemState: self._set_item_state,
            effects.PostComment: self._post_comment,
            effects.ForgetItem: self._forget_item,
        }

    async def __call__(self, record: InFlightRecord, planned: Planned) -> Outcome | Finish:
        result: Outcome | Finish = await self._how[type(planned.effect)](record, planned, planned.effect)
        return result

    def _about(self, record: InFlightRecord, planned: Planned) -> dict[str, Any]:
        return about(record, planned, self._clock())

    # the tracker

    async def _post_activity(
        self, record: InFlightRecord, planned: Planned, effect: effects.AcknowledgeSession | effects.PostActivity
    ) -> Outcome:
        await self._tracker.post_activity(effect.session_id, effect.activity, planned.key)
        return Outcome()

    async def _conclude_session(
        self, record: InFlightRecord, planned: Planned, effect: effects.ConcludeSession
    ) -> Outcome:
        """Nothing is refused silently: where the session takes no more entries, the ticket gets a comment."""
        try:
            await self._tracker.post_activity(effect.session_id, effect.activity, planned.key)
        except Terminal:
            body = f"{effect.activity.text}\n\n{comments.MARK}"
            await self._tracker.post_comment(record.work_item_id, body, planned.key)
        return Outcome()

    async def _update_session(self, record: InFlightRecord, planned: Planned, effect: effects.UpdateSession) -> Outcome:
        plan, links = session.plan(record), session.links(record, self._config)
        await self._tracker.update_session(effect.session_id, plan, links)
        return Outcome()

    async def _claim_item(self, record: InFlightRecord, planned: Planned, effect: effects.ClaimItem) -> Outcome:
        item = await self._tracker.read_item(record.work_item_id)
        if item is not None and item.state in OURS:
            await self._tracker.claim(item)
        return Outcome()

    async def _triage_item(self, record: InFlightRecord, planned: Planned, effect: effects.TriageItem) -> Outcome:
        item = await self._tracker.read_item(record.work_item_id)
        stranded = record.run is None and STRANDED in record.handled
        begun = record.run is not None or stranded
        ours = item is not None and (self._tracker.is_ready_for_dispatch(item) or (begun and item.state in OURS))
        if item is None or not ours or (not record.session_id and stays_forgotten(record, item)):
            return await self._item_read(record, planned, item)
        if record.block and record.block.provider == self._config.output_target and record.route:
            await self._find(record, record.route, item)  # what goes on when that vendor answers asks it
        if await self._begins_twice(record, item):
            return Outcome(events.ItemRead(**self._about(record, planned), item=None))
        if stranded:
            await self._fleet.forget(record.work_item_id)  # raises while a run of its former record may be taken
        verdict = await self._triager.triage(item, _given(record))
        route = await self._route(record, item)
        asks = self._asks(record, item, verdict, route)
        found = events.Triaged(**self._about(record, planned), item=item, verdict=verdict, route=route, asks=asks)
        return Outcome(found)

    def _asks(self, record: InFlightRecord, item: WorkItem, verdict: Verdict, route: Route | Undecided) -> str:
        """The digest of what a model is to be asked; empty where none is."""
        engine, given = self._config.triage.model, _given(record)
        if engine == "off" or not isinstance(route, Route) or not model_verdict.is_asked(verdict, given):
            return ""
        return model_verdict.digest_of(item, given, verdict, (engine, route.repository, route.base))

    async def _ask_model(self, record: InFlightRecord, planned: Planned, effect: effects.AskModel) -> Outcome:
        """Start the run, if the ticket is as it was when the question was granted. The fleet tells of its end."""
        item, about = await self._tracker.read_item(record.work_item_id), self._about(record, planned)
        if item is not None and item.state in OURS:
            verdict, route = await self._triager.triage(item, _given(record)), await self._route(record, item)
            if isinstance(route, Route) and self._asks(record, item, verdict, route) == effect.digest:
                order = self._question(record, item, route, effect)
                try:
                    report = await self._fleet.start(order)
                except EngineUnavailable as problem:
                    return Outcome(events.StartFailed(**about, report=unstarted(order, problem)))
                return Outcome(ended(report, about["at"]) if report.status in ENDED else None)
        await self._fleet.stop(effect.run_id)  # an earlier try, whose worker died, may have started it
        known = await self._fleet.look(effect.run_id)
        return Outcome(events.StartRefused(**about, item=item, run_id=effect.run_id, report=known))

    def _question(self, record: InFlightRecord, item: WorkItem, route: Route, effect: effects.AskModel) -> RunOrder:
        """A run that only reads, in a tree of its own, and whose last words are the answer."""
        rules = self._config.agents
        return RunOrder(
            run_id=effect.run_id, work_item_id=record.work_item_id, key=item.key, title=item.title,
            repository=route.repository, clone_url=self._target.clone_address(route.repository), base=route.base,
            branch=branch_of(item.key, "triage", record.generation), engine=self._config.triage.model,
            task=model_verdict.task_of(item, _given(record)), max_turns=MOST_TURNS,
            max_duration=min(opinions.ANSWER_WITHIN, rules.max_duration), max_usd=effect.max_usd,
            idle_after=rules.idle_after, answer_schema=model_verdict.ANSWER_SCHEMA,
        )  # fmt: skip

    async def _route(self, record: InFlightRecord, item: WorkItem) -> Route | Undecided:
        """What people chose for the item's project is read only where the rules leave it open."""
        chosen = record.route.repository if record.route and record.route.chosen else ""
        found = find_route(item, self._config, chosen)
        if isinstance(found, Route) or not item.project:
            return found
        return find_route(item, self._config, chosen, (await self._store.get_batch()).routes)

    async def _twin(self, record: InFlightRecord, item: WorkItem) -> InFlightRecord | None:
        """Another record of the very same item: two events that knew only its keys may have begun one each."""
        for name in sorted({item.id, item.identity, item.key, *item.former_keys} - {"", record.work_item_id}):
            other = await self._store.get_in_flight(name)
            theirs = other.item.identity if other and other.item else ""
            same = other and (other.work_item_id == item.id or (theirs and theirs == item.identity))
            if other and same and other.work_item_id != record.work_item_id:
                return other
        return None

    async def _begins_twice(self, record: InFlightRecord, item: WorkItem) -> bool:
        """Has the item a record already, while this one does not know yet whose it is?"""
        unknown = record.work_item_id != item.id and not (record.item and record.item.identity)
        return unknown and await self._twin(record, item) is not None

    async def _runs_twice(self, record: InFlightRecord, item: WorkItem) -> bool:
        """Does another record of the item have an agent, or come before this one? Who has the item's own id never asks:
        it comes before all others."""
        twin = await self._twin(record, item) if record.work_item_id != item.id else None
        if twin is None or twin.state in OVER:
            return False
        first = twin.work_item_id == item.id or (twin.born, twin.work_item_id) < (record.born, record.work_item_id)
        return twin.run is not None or first

    async def _read_item(self, record: InFlightRecord, planned: Planned, effect: effects.ReadItem) -> Outcome:
        return await self._item_read(record, planned, await self._tracker.read_item(record.work_item_id))

    async def _item_read(self, record: InFlightRecord, planned: Planned, item: WorkItem | None) -> Outcome:
        merged = await self._find_merged(record, item)
        return Outcome(events.ItemRead(**self._about(record, planned), item=item, merged=merged))

    async def _find_merged(self, record: InFlightRecord, item: WorkItem | None) -> PullRequest | None:
        """The merged pull request of a ticket that is done, where the record, restored from a backup, may know none."""
        if item is None or item.state is not ItemState.DONE or record.route is None or record.state in FINDS_ITSELF:
            return None
        found = await self._find(record, record.route, item)
        return found if found and found.merged else None

    async def _find(self, record: InFlightRecord, route: Route, item: WorkItem) -> PullRequest | None:
        branch = record.branch or branch_of(item.key, item.title, record.generation)
        return await self._target.find_pull_request(route.repository, branch)

    async def _set_item_state(self, record: InFlightRecord, planned: Planned, effect: effects.SetItemState) -> Outcome:
        item = await self._tracker.read_item(record.work_item_id)
        if item is None or item.state not in {*effect.expect, effect.to}:
            return await self._item_read(record, planned, item)
        if item.state is not effect.to:
            await self._tracker.set_state(item, effect.to)
        return Outcome()

    async def _post_comment(self, record: InFlightRecord, planned: Planned, effect: effects.PostComment) -> Outcome:
        await self._tracker.post_comment(record.work_item_id, f"{effect.body}\n\n{comments.MARK}", planned.key)
        return Outcome()

    async def _link_pull_request(
        self, record: InFlightRecord, planned: Planned, effect: effects.LinkPullRequest
    ) -> Outcome:
        await self._tracker.link_pull_request(record.work_item_id, effect.url, planned.key)
        return Outcome()

    # the channel

    async def _ask_question(self, record: InFlightRecord, planned: Planned, effect: effects.AskQuestion) -> Finish:
        reporter = record.item.reporter if record.item else ""
        thread = await self._ask(record, reporter, effect.text, planned.key, effect.thread_id)
        return lambda: self._wait_in(thread, record, planned)

    async def _ask(self, record: InFlightRecord, person: str, text: str, key: str, thread_id: str) -> Thread:
        """In the thread that a question which was planned before this one may have opened; or, where questions stand in
        the tracker's agent sessions, in the newest one."""
        known, item = record.clarification, record.item or Summary(key=record.key, title="")
        where = thread_id or (known.thread_id if known else "")
        in_newest = known is not None and known.in_session and record.session_id
        asked = await self._channel.ask(item, person, text, key, "" if in_newest else where, record.session_id)
        return asked._replace(url=asked.url or (known.url if known else ""))

    async def _wait_in(self, thread: Thread, record: InFlightRecord, planned: Planned) -> Outcome:
        """Store that the item waits in this thread, and take what was said there before."""
        known = record.clarification
        stored = await self._store.get_waiting_clarification(thread.thread_id)
        early = stored.replies if stored else ()  # also after a save that was lost when its thread was stored
        waiting = ClarificationRecord(
            thread_id=thread.thread_id,
            version=stored.version if stored else 0,
            work_item_id=record.work_item_id,
            question=known.round if known else 1,
            deadline=self._clock() + self._config.clarification.give_up_after + KEEP_THREAD,
            replies=early,
        )
        asked = events.QuestionAsked(**self._about(record, planned), **thread._asdict(), early=early)
        return Outcome(asked, clarification=waiting)

    async def _move_thread(self, record: InFlightRecord, planned: Planned, effect: effects.MoveThread) -> Finish:
        url = record.clarification.url if record.clarification else ""
        return lambda: self._wait_in(Thread(effect.thread_id, url), record, planned)

    async def _post_reply(self, record: InFlightRecord, planned: Planned, effect: effects.PostReply) -> Outcome:
        if effect.asks:
            await self._ask(record, effect.person, effect.text, planned.key, effect.thread_id)
        else:
            await self._channel.reply(effect.thread_id, effect.text, planned.key)
        return Outcome()

    async def _close_thread(self, record: InFlightRecord, planned: Planned, effect: effects.CloseThread) -> Finish:
        async def expire() -> Outcome:
            known = await self._store.get_waiting_clarification(effect.thread_id)
            return Outcome(clarification=known.model_copy(update={"deadline": self._clock()}) if known else None)

        return expire

    # the fleet

    async def _start_agent(self, record: InFlightRecord, planned: Planned, effect: effects.StartAgent) -> Outcome:
        item = await self._tracker.read_item(record.work_item_id)
        about = self._about(record, planned)
        item = None if item and await self._runs_twice(record, item) else item
        if item is None or item.state not in OURS or not_eligible(item, self._config):
            await self._fleet.stop(planned.run_id)  # an earlier try, whose worker died, may have started it
            known, merged = await self._fleet.look(planned.run_id), await self._find_merged(record, item)
            return Outcome(events.StartRefused(**about, item=item, merged=merged, run_id=planned.run_id, report=known))
        order = self._order(record.told(effect.told), planned, item, effect.max_usd)
        try:
            report = await self._fleet.start(order)
        except EngineUnavailable as problem:
            return Outcome(events.StartFailed(**about, report=unstarted(order, problem)))
        started = report.started_at or about["at"]
        run = Run(
            run_id=order.run_id, engine=order.engine, started_at=started, session=report.session, told=effect.told
        )
        return Outcome(events.AgentStarted(**about, run=run, begun=report.has_begun))

    def _order(self, record: InFlightRecord, planned: Planned, item: WorkItem, granted: Decimal | None) -> RunOrder:
        route, rules, before = routed(record), self._config.agents, record.run
        described = self._config.repositories.get(route.repository, Repository())
        rounds = record.round + record.conflict_rounds
        goes_on = record.attempt <= 1 and (rounds > 0 or bool(record.answers))  # a failed try begins afresh
        publishes = isinstance(planned.effect, effects.StartAgent) and planned.effect.publishes
        rules_of_tree: dict[str, Any] = {
            **self._config.publish.model_dump(),
            "protected": self._config.protected_paths.push, "allowed": record.allowed,
        }  # fmt: skip
        return RunOrder(
            run_id=planned.run_id,
            work_item_id=record.work_item_id,
            key=item.key,
            title=item.title,
            repository=route.repository,
            clone_url=self._target.clone_address(route.repository),
            base=route.base,
            branch=record.branch,
            engine=route.engine,
            model=rules.model,
            task="" if publishes else self._template.render(item, record),
            resume=before.session if before and (goes_on or publishes) else "",
            previous_run=before.run_id if before else "",
            max_turns=rules.max_turns,
            max_duration=rules.max_duration,
            max_usd=min(filter(None, (granted, Decimal(str(rules.max_usd))))),
            idle_after=rules.idle_after,
            setup=described.setup,
            setup_within=rules.setup_within,
            checks=checks_of(described, rules),
            fix_rounds=rules.fix_rounds,
            exhausted=rules.exhausted,
            domains=rules.allowed_domains,
            publish=PublishRules(**rules_of_tree),
        )

    async def _stop_agent(self, record: InFlightRecord, planned: Planned, effect: effects.StopAgent) -> Outcome:
        """What it has cost counts as soon as the fleet knows it; a run that lives on says so at its end."""
        await self._fleet.stop(effect.run_id)
        if all(run.run_id != effect.run_id for run in record.spending.open):
            return Outcome()
        try:
            report, now = await self._fleet.look(effect.run_id), self._clock()
        except Problem:
            return Outcome()  # it is stopped, and that is what others wait for
        if report is not None and report.status not in ENDED:
            return Outcome()
        return Outcome(ended(report or _lost(record, effect.run_id, "it was never started", now), now))

    async def _look_at_run(self, record: InFlightRecord, planned: Planned, effect: effects.LookAtRun) -> Outcome:
        report, now = await self._fleet.look(effect.run_id), self._clock()
        if report is None:
            report = _lost(record, effect.run_id, "the fleet has never heard of it", now)
        elif report.status is RunStatus.WAITING or (report.lost and report.status not in ENDED):
            return self._seen(record, planned, report)  # it waits: that has no limit and costs no attempt
        elif report.status is RunStatus.STARTING and _since(record, report, now) > self._config.agents.start_within:
            if planned.attempts < SILENT_LOOKS:
                raise _looked_for_again(effect.run_id, "it was accepted and has not begun")
            await self._fleet.stop(effect.run_id)
            report = _lost(record, effect.run_id, "it was accepted and never started", now)
        elif report.status not in ENDED:
            had = _since(record, report, now)
            if had <= self._config.agents.max_duration + OVERDUE:
                return self._seen(record, planned, report)
            if planned.attempts < SILENT_LOOKS and report.alive_at and now - report.alive_at > OVERDUE:
                old = comments.duration(now - report.alive_at)
                raise _looked_for_again(effect.run_id, f"its last heartbeat is {old} old by this clock")
            long = f"by this machine's clock it has run for {comments.duration(had)}, longer than a run may"
            return Outcome(events.RunSeen(**self._about(record, planned), report=report, overdue=long))
        return Outcome(ended(report, now))

    def _seen(self, record: InFlightRecord, planned: Planned, report: RunReport) -> Outcome:
        return Outcome(events.RunSeen(**self._about(record, planned), report=report))

    # the code host

    async def _open_pull_request(
        self, record: InFlightRecord, planned: Planned, effect: effects.OpenPullRequest
    ) -> Outcome:
        route = routed(record)
        about = self._about(record, planned)
        if merged := await self._merged_before(record, route):
            return Outcome(events.PullRequestOpened(**about, pull_request=merged, summary=effect.summary))
        sha = await self._fleet.publish(effect.run_id)
        changes = await self._target.compare(route.repository, route.base, sha)
        if held := await self._unallowed(record, changes):
            return Outcome(events.PublishHeld(**about, held=held))
        title = comments.pull_request_title(record)
        weakened = weakened_tests(changes)
        body = comments.pull_request_body(record, effect.summary, self._config, effect.checks, sha, weakened)
        opened = await self._target.open_pull_request(route.repository, record.branch, route.base, title, body)
        files = None if changes is None else paths_of(changes)
        pull_request = opened.model_copy(update={"head_sha": sha, "files": files})
        done = events.PullRequestOpened(
            **about, pull_request=pull_request, summary=effect.summary, checks=effect.checks, weakened=weakened
        )
        return Outcome(done)

    async def _merged_before(self, record: InFlightRecord, route: Route) -> PullRequest | None:
        """The pull request of its branch that was merged, where the record may be an older one than the work."""
        if STRANDED not in record.handled:
            return None
        found = await self._target.find_pull_request(route.repository, record.branch)
        return found if found and found.merged else None

    async def _unallowed(self, record: InFlightRecord, changes: Sequence[FileChange] | None) -> HeldChanges | None:
        """Whoever pushed is not trusted to have looked. What the branch had before, by whomever, is not asked for."""
        known, route = record.pull_request, routed(record)
        held = unallowed(changes or (), (), record, self._config)
        if held is None or known is None or not known.head_sha:
            return held
        before = await self._target.compare(route.repository, route.base, known.head_sha)
        return unallowed(changes or (), before or (), record, self._config)

    async def _read_pull_request(
        self, record: InFlightRecord, planned: Planned, effect: effects.ReadPullRequest
    ) -> Outcome:
        known = record.pull_request
        if known is None:
            return Outcome()
        read = await self._target.read_pull_request(known.repository, known.number)
        if read and known.repository_id and read.repository_id not in ("", known.repository_id):
            read = None  # another repository has the name now: its pull request of that number is none of ours
        return Outcome(events.PullRequestRead(**self._about(record, planned), pull_request=read))

    async def _request_review(self, record: InFlightRecord, planned: Planned, effect: effects.RequestReview) -> Outcome:
        if record.pull_request:
            await self._target.request_review(record.pull_request, effect.app)
        return Outcome()

    async def _enable_auto_merge(
        self, record: InFlightRecord, planned: Planned, effect: effects.EnableAutoMerge
    ) -> Outcome:
        if record.pull_request:
            await self._target.enable_auto_merge(record.pull_request, effect.sha, self._config.merge.method)
        return Outcome()

    async def _disable_auto_merge(
        self, record: InFlightRecord, planned: Planned, effect: effects.DisableAutoMerge
    ) -> Outcome:
        named = PullRequest(repository=effect.repository, number=effect.number) if effect.number else None
        armed = named or record.pull_request
        if armed:
            await self._target.disable_auto_merge(armed)
        return Outcome()

    async def _merge_pull_request(
        self, record: InFlightRecord, planned: Planned, effect: effects.MergePullRequest
    ) -> Outcome:
        known = record.pull_request
        if known is None:
            return self._refused(record, planned, "its pull request is not known")
        words = await self._target.merge(known, effect.sha, self._config.merge.method)
        if words:
            return self._refused(record, planned, words)
        merged = known.model_copy(update={"merged": True, "state": "closed"})
        return Outcome(events.PullRequestRead(**self._about(record, planned), pull_request=merged))

    async def _update_branch(self, record: InFlightRecord, planned: Planned, effect: effects.UpdateBranch) -> Outcome:
        words = await self._target.update_branch(record.pull_request, effect.sha) if record.pull_request else ""
        return self._refused(record, planned, words) if words else Outcome()

    async def _enqueue_pull_request(
        self, record: InFlightRecord, planned: Planned, effect: effects.EnqueuePullRequest
    ) -> Outcome:
        words = await self._target.enqueue(record.pull_request, effect.sha) if record.pull_request else ""
        return self._refused(record, planned, words) if words else Outcome()

    def _refused(self, record: InFlightRecord, planned: Planned, words: str) -> Outcome:
        refusal = self._target.refusal(words)
        return Outcome(events.MergeRefused(**self._about(record, planned), refusal=refusal))

    async def _forget_item(self, record: InFlightRecord, planned: Planned, effect: effects.ForgetItem) -> Outcome:
        await self._fleet.forget(record.work_item_id)
        return Outcome(forget=True)


def _given(record: InFlightRecord) -> list[str]:
    """What people answered to triage, in the order in which they wrote it."""
    return [answer.text for answer in sorted(record.answers, key=attrgetter("at")) if not answer.to_agent]


def _lost(record: InFlightRecord, run_id: str, why: str, now: datetime) -> RunReport:
    return RunReport(run_id=run_id, work_item_id=record.work_item_id, status=RunStatus.LOST, why=why, ended_at=now)


def _looked_for_again(run_id: str, why: str) -> Retryable:
    return Retryable(f"The run {run_id}", why=why, fix="factory status", after=60)


def _since(record: InFlightRecord, report: RunReport, now: datetime) -> timedelta:
    """How long it has had; a fleet that knows when it began, after a time in line, says so, and for how long its
    machine slept."""
    if report.awake_for is not None and report.alive_at:
        return report.awake_for + (now - report.alive_at)
    return now - (report.started_at or (record.run.started_at if record.run else now))

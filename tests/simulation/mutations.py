"""Small mistakes in the production code, each of which the simulator must find."""

# ruff: noqa: E501 (a table)
from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType
from typing import NamedTuple

from adapters.simulator.draw import draw
from adapters.simulator.schedule import Schedule

from . import made

STEPS = "factory_core.dispatch."
RUNNER = "factory_core.runner."


class Mutation(NamedTuple):
    """In the function `where` (module:name), `old` becomes `new`. `like` makes the schedules in which `law` breaks."""

    name: str
    law: str
    where: str
    old: str
    new: str
    like: Callable[[int], Schedule] = draw


MUTATIONS = (
    Mutation("the store skips the version check", "version-grows-by-one",
             "adapters.memory.state_store:_wins",
             "version == (entry.version if entry else 0)", "True"),
    Mutation("SQLite skips the version check", "version-grows-by-one",
             "adapters.record_sql:_update", "AND version = ?", "AND ? >= 0", made.over_sqlite),
    Mutation("SQLite passes over the tenant", "acknowledged-is-kept",
             "adapters.record_sql:select_in_flight",
             '"SELECT body FROM in_flight WHERE tenant = ? AND work_item_id = ?", (tenant, work_item_id)',
             '"SELECT body FROM in_flight WHERE work_item_id = ? ORDER BY tenant", (work_item_id,)', made.namesakes),
    Mutation("applied events are forgotten", "applied-is-remembered",
             STEPS + "records:InFlightRecord.remember",
             "self.but(applied=(*self.applied, short(event.id))[-MOST_APPLIED:])", "self"),
    Mutation("a known event is applied again", "applied-is-remembered",
             STEPS + "transitions:transition", "or record.knows(event)", ""),
    Mutation("effects are performed before the save", "saved-before-done",
             RUNNER + "drive:Runner._write",
             "saved = await self._store.put_in_flight(",
             "[await self._perform(after, planned) for planned in after.outbox[:1]]; saved = await self._store.put_in_flight("),
    Mutation("the lease's epoch is dropped", "lease-is-its-holders",
             RUNNER + "lease:holds",
             "return same == (claimed.born, claimed.lease.holder, claimed.lease.epoch)", "return True", made.paused),
    Mutation("a living holder's lease is taken", "lease-is-its-holders",
             RUNNER + "lease:claim", "lease.until > now", "lease.until < now"),
    Mutation("no lease is adopted after a crash", "comes-to-rest",
             RUNNER + "lease:claim",
             "(lease.holder and lease.until and lease.until > now and not is_gone(lease.holder))",
             "(lease.holder and lease.holder != holder)", made.crashing),
    Mutation("mending takes unread records for missing ones", "at-work-has-a-slot",
             RUNNER + "check_in:mend_slots",
             "record = await store.get_in_flight(item)", "record = None"),
    Mutation("an unreachable store is answered with 200", "acknowledged-is-kept",
             "factory_core.factory:Factory.handle_webhook",
             "return problem_response(problem)", "return HttpResponse()"),
    Mutation("200 is answered before the save", "acknowledged-is-kept",
             "factory_core.factory:Factory.accept",
             "await self.runner.accept_and_wake(event)",
             "__import__('asyncio').ensure_future(self.runner.accept_and_wake(event))"),
    Mutation("a missing store is taken for an empty one", "acknowledged-is-kept",
             RUNNER + "drive:Runner._load",
             "return await self._store.get_in_flight(work_item_id) or",
             "import contextlib\n    with contextlib.suppress(Problem):\n        return await self._store.get_in_flight(work_item_id) or InFlightRecord(work_item_id=work_item_id)\n    return",
             made.unreachable),
    Mutation("a retry has a new key", "said-once",
             RUNNER + "retries:_tried", '"attempts": attempts,',
             '"attempts": attempts, "key": f"{planned.key}.{attempts}",', made.unconfirmed),
    Mutation("each try starts another run", "saved-before-done",
             RUNNER + "perform_dispatch:Performer._order", "run_id=planned.run_id,",
             "run_id=f'{planned.run_id}.{self._clock():%H%M%S%f}',"),
    Mutation("Retry-After is ignored", "retries-keep-the-vendors-delay",
             RUNNER + "retries:_delay",
             'after: float | None = getattr(problem, "after", None)', "after = None"),
    Mutation("early replies are ignored", "acknowledged-is-kept",
             "factory_core.factory:Factory._kept",
             "waiting = known or", "return True\n    waiting = known or", made.early),
    Mutation("the thread is forgotten", "every-item-rests-rightly",
             RUNNER + "perform_dispatch:Performer._ask_question",
             "clarification=waiting)", "clarification=None)"),
    Mutation("only the first early reply counts", "undisturbed-items-follow-their-plan",
             STEPS + "asking:_with_early",
             "for reply in event.early:", "for reply in event.early[:1]:", made.early),
    Mutation("a second answer is lost", "undisturbed-items-follow-their-plan",
             STEPS + "asking:another_answer",
             "noted.answered(event.reply).stay(TriageItem())", "noted.stay()", made.answered_twice),
    Mutation("an older triage decides", "undisturbed-items-follow-their-plan",
             STEPS + "asking:ask_queue_or_refuse",
             "if _triage_is_planned(record)", "if False", made.answered_twice),
    Mutation("questions have no last round", "undisturbed-items-follow-their-plan",
             STEPS + "asking:ask", "rounds >= config.clarification.max_rounds", "False", made.clueless),
    Mutation("each hint asks again", "one-live-run",
             STEPS + "following:read_if_news", "return _read(record, event)",
             "return record.to(State.TRIAGING, event.at, TriageItem())"),
    Mutation("stale hints are followed without a fresh read", "done-is-final",
             STEPS + "following:read_if_reopened",
             "return _read(record, event)", "return reopen(record, event.at)", made.stale),
    Mutation("whatever the fresh read says reopens", "done-is-final",
             STEPS + "following:reopen_if_ready",
             "if item is None or item.state is not ItemState.READY", "if item is None", made.stale),
    Mutation("a person's state is overwritten", "people-win",
             RUNNER + "perform_dispatch:Performer._set_item_state",
             "if item is None or item.state not in {*effect.expect, effect.to}", "if item is None", made.taken_back),
    Mutation("the agent is not stopped at a cancel", "capacity",
             STEPS + "ending:cancel", "for run in _runs(record)", "for run in ()"),
    Mutation("a refused start forgets the agent of the try before", "capacity",
             RUNNER + "perform_dispatch:Performer._start_agent",
             "await self._fleet.stop(planned.run_id)", "pass", made.interrupted),
    Mutation("a zombie's report counts", "one-live-run",
             STEPS + "running:publish_retry_or_stop",
             "if report.run_id not in _live_runs(record)", "if False", made.zombies),
    Mutation("slots are never released", "slots-follow-the-state",
             RUNNER + "slots:Slots.release",
             "capacity.release(batch, record.work_item_id, self._config.capacity, self._clock())", "capacity.Served(batch, ())"),
    Mutation("slots do not move to review", "slots-follow-the-state",
             RUNNER + "slots:Slots.move_to_review",
             "capacity.to_review(batch, record.work_item_id, self._config.capacity, self._clock())", "capacity.Served(batch, ())"),
    Mutation("a slot is released while the agent runs", "at-work-has-a-slot",
             STEPS + "running:run",
             "return record.to(State.RUNNING, event.at, moved,", "return record.to(State.RUNNING, event.at, moved, ReleaseSlot(),"),
    Mutation("one slot too many is granted", "capacity",
             STEPS + "capacity:why_waiting",
             "if len(running) >= most_running", "if len(running) > most_running", made.crowded),
    Mutation("a repository's limit is passed over", "capacity",
             STEPS + "capacity:why_waiting",
             "if here >= limits.per_repository", "if here > limits.per_repository"),
    Mutation("waiting for capacity costs a try", "only-starts-cost-a-try",
             STEPS + "running:wait_in_line",
             "record.stay(", "record.stay(attempt=record.attempt + 1, ", made.crowded),
    Mutation("a usage limit costs a try", "undisturbed-items-follow-their-plan",
             STEPS + "running:_limited", "max(0, record.attempt - 1)", "record.attempt", made.limited),
    Mutation("one try too many", "undisturbed-items-follow-their-plan",
             STEPS + "running:_failed", "record.attempt < config", "record.attempt <= config", made.failing),
    Mutation("deadlines are ignored", "comes-to-rest",
             RUNNER + "check_in:_wake_one", "record.deadline <= clock()", "False"),
    Mutation("a wait has no deadline", "waits-with-a-deadline",
             STEPS + "asking:ask", "within=config.clarification.remind_after, ", ""),
    Mutation("the merge is not pinned to the head", "merges-green-heads",
             RUNNER + "perform_dispatch:Performer._merge_pull_request",
             "self._target.merge(known, effect.sha,",
             "self._target.merge(known, (await self._target.read_pull_request(known.repository, known.number)).head_sha,", made.pushed),
    Mutation("unknown checks are green", "merges-green-heads",
             STEPS + "merge_gate:_missing_check", 'return "no check has reported yet"', 'return ""', made.unsure),
    Mutation("running checks are green", "merges-green-heads",
             STEPS + "merge_gate:_missing",
             "waiting = _missing_check(pull_request.checks, rules.required_checks)", 'waiting = ""'),
    Mutation("the merge policy is passed over", "merges-by-policy",
             STEPS + "merge_gate:_missing", 'rules.policy == "never"', "False"),
    Mutation("a block is not said", "told-where-people-look",
             STEPS + "ending:block", "if told in record.handled", "if True"),
    Mutation("the search starts what a person stopped", "search-starts-only-news",
             RUNNER + "sweep:Sweep._start_ready", "is_news(record, item)", "True", made.stopped),
    Mutation("the search passes over its budget", "search-keeps-its-budget",
             RUNNER + "sweep:Sweep._spend", "if self._left < calls", "if False", made.searched),
    Mutation("every process searches at every tick", "search-keeps-its-interval",
             RUNNER + "check_in:claim_sweep",
             "batch.sweep.at and abs(now - batch.sweep.at) < every", "False", made.searched),
    Mutation("the search counts twice", "search-counts-what-it-found",
             RUNNER + "sweep:Sweep._give", "+= record is not None", "+= 2", made.dropped),
    Mutation("a cursor is saved before what it covers was accepted", "found-in-time",
             RUNNER + "sweep:Sweep._read_feed",
             "for change in changes:", "for change in changes:\n            self._cursors['feed'] = changes[-1].cursor", made.relayed),
    Mutation("dead letters are left where they are", "found-in-time",
             RUNNER + "sweep:Sweep._redeliver",
             "await sender.redeliver_failed(since, place, self._left)", "__import__('factory_core.ports').ports.Redelivered(0)", made.relayed),
    Mutation("what could not be asked for again is passed over", "found-in-time",
             RUNNER + "sweep:Sweep._redeliver",
             "reach(self._cursors, name, done.cursor)", "reach(self._cursors, name, '')", made.unheard),
    Mutation("lost answers are not searched for", "found-in-time",
             RUNNER + "sweep:Sweep._read_thread",
             "if event.reply.id not in known", "if False", made.dropped),
    Mutation("what was taken back is not searched for", "found-in-time",
             RUNNER + "visits:_id", "if record.state in FOLLOWED", "if False", made.dropped),
    Mutation("what was reopened is not searched for", "found-in-time",
             STEPS + "following:is_news", "return record.state in ENDED", "return False", made.dropped),
    Mutation("auto-merge is armed without its pin", "arms-its-own-heads",
             RUNNER + "perform_dispatch:Performer._enable_auto_merge",
             "effect.sha, self", "'', self", made.armed),
    Mutation("what was stopped stays armed", "nothing-stays-armed",
             STEPS + "ending:disarm", "if record.armed", "if False", made.armed),
    Mutation("a session is not acknowledged", "sessions-are-answered",
             STEPS + "asking:look_at_it",
             "if event.session_id else []", "if False else []", made.in_session),
    Mutation("the outbox is not cleared", "comes-to-rest",
             STEPS + "records:InFlightRecord.settle", "if planned.key not in keys", "if True"),
    Mutation("an order to forget outlives the retry", "only-what-rests-is-forgotten",
             STEPS + "records:InFlightRecord.to",
             "self if state is self.state else self.without(ForgetItem)", "self", made.forgotten),
    Mutation("who was taken up again is forgotten", "forgets-only-what-ended",
             RUNNER + "drive:_is_forgettable",
             "record.state in ENDED | {State.NEW} and [known.key for known in record.outbox] == [planned.key]", "True", made.forgotten),
    Mutation("a slot is given back before its agent is stopped", "capacity",
             STEPS + "records:InFlightRecord.heads",
             "if lane not in lanes and (lane or not lanes)", "if True", made.unstoppable),
    Mutation("more start than there are places in review", "capacity",
             STEPS + "capacity:why_waiting",
             "len(batch.slots) >= places", "len(batch.slots) > places", made.reviewed),
    Mutation("who is edited in line keeps its place", "slots-follow-the-state",
             STEPS + "following:_retriage_if_edited",
             "if record.state in SLOTTED", "if False", made.blurred),
    Mutation("nobody hears of its slot", "slots-are-used",
             RUNNER + "drive:Runner.offer", "if slot", "if False", made.crowded),
    Mutation("a lost save offers nobody what it granted", "slots-are-used",
             RUNNER + "drive:Runner._write",
             "if kept.granted else None", "if False else None", made.taking_turns),
    Mutation("a leaked slot is never given back", "nothing-is-held",
             RUNNER + "check_in:mend_slots",
             "for item in _looked_at(batch, clock())", "for item in ()", made.leaking),
    Mutation("the agent is told no answers", "words-reach-the-agent",
             STEPS + "task_template:_answers", "if not record.answers", "if True"),
    Mutation("the agent is not told what to mend", "words-reach-the-agent",
             STEPS + "task_template:_feedback", "if not words", "if True"),
    Mutation("what a run was told is forgotten at its start", "words-reach-the-agent",
             STEPS + "running:run",
             "return record.to(State.RUNNING", "return record.untold(event.run.told).to(State.RUNNING"),
    Mutation("a comment in review is passed over", "words-are-heard",
             STEPS + "reviewing:follow_comment", "if not gives_orders(record, event, config)", "if True"),
    Mutation("words for the next agent are passed over", "words-are-heard",
             STEPS + "asking:keep_for_the_agent", "return _listen(", "return None and _listen("),
    Mutation("words for the next agent are noted and not kept", "words-reach-the-agent",
             STEPS + "asking:keep_for_the_agent", "noted.tell(event.reply.text).stay()", "noted.stay()"),
    Mutation("a look passes over the pause that its vendor wants", "retries-keep-the-vendors-delay",
             RUNNER + "sweep:Sweep.run",
             "if self._not_before.get(name, self._clock()) <= self._clock()", "if True", made.hasty),
    Mutation("what waits is due at once", "retries-keep-the-vendors-delay",
             STEPS + "records:InFlightRecord.due", "if not planned.waits(now)", "if True"),
    Mutation("an effect is begun that outlasts the lease", "performed-under-a-lease",
             RUNNER + "drive:Runner.drive", "if self._has_time(current.lease.until)", "if True", made.overtaken),
    Mutation("an event settles what was planned", "lease-before-effect",
             RUNNER + "drive:Runner.accept",
             "(claimed or decided).scheduled(", "(claimed or decided).settle(*(known.key for known in before.outbox)).scheduled("),
    Mutation("an answer is noted twice", "words-count-once",
             STEPS + "asking:_answered", "answered.\", reply.text)",
             "answered.\", reply.text).note(at, \"person\", \"answered\", reply.text)"),
    Mutation("a merged ticket is not closed", "done-is-done-in-the-tracker",
             STEPS + "ending:finish", "effects.append(SetItemState(to=ItemState.DONE, expect=ours))", "effects += []"),
    Mutation("each round has a branch of its own", "one-pull-request",
             STEPS + "running:_start", "record.branch or branch_of(record.work_item_id, title, record.generation)",
             "branch_of(record.work_item_id, title, record.generation + record.round)"),
    Mutation("a pull request is not linked", "told-where-people-look",
             STEPS + "reviewing:_link", "if _is_news(record, pull_request) and pull_request.url", "if False"),
    Mutation("who is taken back leaves its agent at work", "no-agent-is-left",
             STEPS + "ending:_runs", "return list(dict.fromkeys(runs))", "return []", made.abandoned),
    Mutation("SQLite writes over another tenant's record", "tenants-are-apart",
             "adapters.record_sql:put_in_flight", "body = ? WHERE tenant = ?", "body = ? WHERE (tenant = ? OR TRUE)", made.namesakes),
    Mutation("SQLite writes over another tenant's thread", "tenants",
             "adapters.record_sql:put_clarification", "body = ? WHERE tenant = ?", "body = ? WHERE (tenant = ? OR TRUE)", made.neighbours),
    Mutation("a deadline that is none is compared", "no-task-ends-by-a-fault",
             RUNNER + "check_in:_wake_one", "record.deadline and record.deadline", "record.deadline"),
    Mutation("a stop is passed over", "orders-are-followed",
             STEPS + "ending:stop", "return cancel(", "return None\n    return cancel("),
    Mutation("an abort is passed over", "orders-are-followed",
             STEPS + "ending:abort", "return cancel(", "return None\n    return cancel("),
    Mutation("a retry is passed over", "orders-are-followed",
             STEPS + "ending:retry", "return fresh.to(", "return None\n    return fresh.to("),
    Mutation("a question is planned twice", "asked-once",
             STEPS + "asking:ask", "noted.to(State.WAITING, at, effect,", "noted.to(State.WAITING, at, effect, effect,"),
    Mutation("people are reminded of a block for ever", "said-once",
             STEPS + "ending:remind_of_block",
             "PostComment(body=comments.still_blocked(record.block, waited)))",
             "PostComment(body=comments.still_blocked(record.block, waited)), within=timedelta(days=1))"),
    Mutation("our own fault is taken for the vendor's weather", "no-fault-of-its-own",
             RUNNER + "perform_dispatch:Performer._read_item",
             "record.work_item_id)", "record.work_item)", made.interrupted),
    Mutation("a session is acknowledged under no key", "saved-before-done",
             RUNNER + "perform_dispatch:Performer._acknowledge_session",
             "planned.key)", "effect.session_id)", made.in_session),
)  # fmt: skip


@contextmanager
def mutated(mutation: Mutation) -> Iterator[None]:
    """The mistake is in the code while the block runs, wherever the function is known."""
    function = _function(mutation.where)
    source = textwrap.dedent(inspect.getsource(function))
    assert mutation.old in source, f"{mutation.where} does not hold {mutation.old!r} any more"
    space = dict(function.__globals__)
    exec(
        compile(
            "from __future__ import annotations\n" + source.replace(mutation.old, mutation.new), mutation.name, "exec"
        ),
        space,
    )
    sound = function.__code__
    function.__code__ = space[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = sound


def _function(where: str) -> FunctionType:
    module, _, path = where.partition(":")
    found = import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert isinstance(found, FunctionType)
    return found

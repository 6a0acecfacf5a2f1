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
from adapters.simulator.schedule import DAY, Act, Answer, Fault, Rules, Schedule, Ticket

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


def over_sqlite(n: int) -> Schedule:
    return draw(n, "sqlite")


def namesakes(n: int) -> Schedule:
    """A ticket of one name in each of two tenants, in one file."""
    tickets = tuple(Ticket(key="ACME-1", tenant=tenant, begins=(n + 1.0) * tenant) for tenant in range(2))
    return Schedule(seed=n, order=n, store="sqlite", tickets=tickets)


def crashing(n: int) -> Schedule:
    """One ticket that needs an answer, and a crash after its nth call."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=60.0),))
    return Schedule(
        seed=n, order=n, tickets=(ticket,), skew=(0.0,), faults=(Fault(kind="crash", nth=n + 1, done=True),)
    )


def interrupted(n: int) -> Schedule:
    """A person takes the ticket back while the agent is being started, and its worker may die."""
    tickets = (
        Ticket(key="ACME-1", acts=(Act(kind="cancel", after=0.5 + n * 0.05),)),
        Ticket(key="ACME-2", begins=200.0),
    )
    return Schedule(
        seed=n, order=n, tickets=tickets, skew=(0.0,), faults=(Fault(kind="crash", nth=5 + n % 6, done=True),)
    )


def early(n: int) -> Schedule:
    """The thread stands, nobody was told so, the reporter is quick, and nobody searches."""
    answers = (Answer(after=0.1 + n / 50, useful=False, twice=True),)
    ticket = Ticket(key="ACME-1", kind="vague", answers=answers)
    faults = (Fault(kind="error", nth=2, done=True),)
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), rules=Rules(sweeps=0.0), faults=faults)


def clueless(n: int) -> Schedule:
    """Nobody ever says anything useful."""
    answers = (Answer(after=60.0, useful=False),) * 5
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="vague", answers=answers),))


def taken_back(n: int) -> Schedule:
    """A person cancels the ticket while the agent starts."""
    ticket = Ticket(key="ACME-1", acts=(Act(kind="cancel", after=0.2 + n * 0.01),))
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,))


def limited(n: int) -> Schedule:
    """An agent meets its vendor's limit, and the next one fails."""
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", runs=("limited", "fails")),))


def failing(n: int) -> Schedule:
    """Two agents fail, one after the other."""
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", runs=("fails", "fails")),))


def unsure(n: int) -> Schedule:
    """The code host does not say everything at its nth answer."""
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1"),), faults=(Fault(kind="stale", nth=n + 1),))


def answered_twice(n: int) -> Schedule:
    """A useless word, and a useful one while it is being triaged."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=60.0 + n, useful=False, twice=True),))
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,))


def zombies(n: int) -> Schedule:
    """The run of a ticket that was stopped and taken up again tells of its end once more, late."""
    acts = (Act(kind="cancel", after=20.0 + n), Act(kind="ready", after=60.0 + n))
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", runs=("twice",), acts=acts),), skew=(0.0,))


def pushed(n: int) -> Schedule:
    """The code host is busy when the merge is wanted, and a person pushes meanwhile."""
    faults = (Fault(kind="busy", nth=n + 5, seconds=600.0),)
    ticket = Ticket(key="ACME-1", acts=(Act(kind="push", after=4300.0),))
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), faults=faults)


def crowded(n: int) -> Schedule:
    """Many tickets, one agent."""
    tickets = tuple(
        Ticket(key=f"ACME-{k}", runs=("fails",), begins=float(k % 2), project=("Shop", "API")[k % 2])
        for k in range(1, 5)
    )
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(agents=1))


def stale(n: int) -> Schedule:
    """A hint of an earlier sight of the ticket comes days late."""
    acts = (Act(kind="note", after=100.0 + n), Act(kind="note", after=200.0 + n))
    ticket = Ticket(key="ACME-1", acts=acts, runs=("asks",) if n % 2 else (), answers=(Answer(after=7200.0),))
    fault = Fault(kind="delay", nth=1 + n % 6, seconds=20_000.0 if n % 2 == 0 else 5_000.0)
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), faults=(fault,))


def paused(n: int) -> Schedule:
    """A worker stands still over a save for longer than its lease, and another goes on, slowly."""
    faults = (
        Fault(kind="pause", nth=2 + n // 2 % 4, process=n % 2, call="put_in_flight", seconds=75.0),
        Fault(kind="hang", nth=2, call="read_item", seconds=25.0, done=True),
    )
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=65.0),))
    return Schedule(seed=n, order=n, tickets=(ticket,), faults=faults)


def stopped(n: int) -> Schedule:
    """A person stops a ticket that stays in ready while another one goes on."""
    tickets = (
        Ticket(key="ACME-1", kind="vague", acts=(Act(kind="abort", after=60.0 + n),)),
        Ticket(key="ACME-2", runs=("slow",)),
    )
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(sweeps=600.0))


def searched(n: int) -> Schedule:
    """Five tickets wait for words, and a look may ask twice."""
    tickets = tuple(Ticket(key=f"ACME-{k}", kind="vague", begins=float(n)) for k in range(1, 6))
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(sweeps=600.0, calls=2))


def relayed(n: int) -> Schedule:
    """Three answers at once, of which two are only in the relay's feed; or a ticket of which there is only a letter."""
    answers = (Answer(after=700.0 + n),)
    tickets = tuple(Ticket(key=f"ACME-{k}", kind="vague", answers=answers) for k in range(1, 4))
    faults = (Fault(kind="drop", nth=1, done=True),) if n % 2 else tuple(Fault(kind="drop", nth=k) for k in (5, 6))
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(sweeps=600.0, calls=2, relay=True), faults=faults)


def dropped(n: int) -> Schedule:
    """The nth delivery never comes: of a ticket that is asked about, merged and reopened, or taken back."""
    tickets = (
        Ticket(key="ACME-1", kind="vague", answers=(Answer(after=900.0),), again=2_000.0),
        Ticket(key="ACME-2", kind="ineligible", acts=(Act(kind="cancel", after=600.0),)),
    )
    faults = (Fault(kind="drop", nth=1 + n),)
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), rules=Rules(sweeps=600.0), faults=faults)


def unheard(n: int) -> Schedule:
    """A row of the code host's deliveries never comes, and a look may ask twice."""
    tickets = tuple(Ticket(key=f"ACME-{k}", project=("Shop", "API")[k % 2], ignored=True) for k in range(1, 5))
    rules = Rules(policy="on-green-with-review", sweeps=600.0, calls=2)
    faults = tuple(Fault(kind="drop", nth=10 + n + k) for k in range(12))
    return Schedule(seed=n, order=n, tickets=tickets, skew=(0.0,), rules=rules, faults=faults)


def armed(n: int) -> Schedule:
    """The code host merges by itself, unless a person takes the ticket back before its checks have passed."""
    acts = (Act(kind="cancel", after=1_000.0 + 40 * n),) if n % 2 else ()
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", acts=acts),), rules=Rules(auto=True))


def in_session(n: int) -> Schedule:
    """A session at the beginning, and another one while the next try is waited for."""
    ticket = Ticket(key="ACME-1", runs=("fails",), session=True, acts=(Act(kind="delegate", after=290.0 + n),))
    return Schedule(seed=n, order=n, tickets=(ticket,))


def unreachable(n: int) -> Schedule:
    """The store is away when the answer comes."""
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=60.0),))
    fault = Fault(kind="down", nth=8 + n, seconds=0.5)
    return Schedule(seed=n, order=n, tickets=(ticket,), skew=(0.0,), rules=Rules(sweeps=0.0), faults=(fault,))


def forgotten(n: int) -> Schedule:
    """A person takes a cancelled ticket up again while its work tree is being thrown away, or cannot be."""
    acts = (Act(kind="cancel", after=60.0), Act(kind=("ready", "retry")[n % 2], after=7 * DAY + 64.0 + n))
    away = (Fault(kind="away", nth=1, call="forget", seconds=120.0),)
    slow = tuple(Fault(kind="pause", nth=1, process=k, call="forget", seconds=20.0) for k in range(2))
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", acts=acts),), faults=away if n % 3 else slow)


def unstoppable(n: int) -> Schedule:
    """A ticket is taken back while its agent works, and the fleet does not answer when it is to be stopped."""
    tickets = (
        Ticket(key="ACME-1", runs=("slow",), acts=(Act(kind="cancel", after=60.0 + n),)),
        Ticket(key="ACME-2", begins=1.0),
    )
    fault = Fault(kind="away", nth=1, call="stop", seconds=600.0)
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(agents=1), faults=(fault,))


def reviewed(n: int) -> Schedule:
    """Two agents may work, and one pull request may wait."""
    tickets = tuple(Ticket(key=f"ACME-{k}", project=("Shop", "API")[k % 2], begins=float(n)) for k in range(1, 4))
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(reviews=1, policy="never"))


def blurred(n: int) -> Schedule:
    """A ticket becomes unclear while it stands in line."""
    tickets = (
        Ticket(key="ACME-1", runs=("slow",)),
        Ticket(key="ACME-2", begins=1.0, acts=(Act(kind="blur", after=60.0 + n),)),
    )
    return Schedule(seed=n, order=n, tickets=tickets, rules=Rules(agents=1))


def taking_turns(n: int) -> Schedule:
    """A merge frees the only place, and another webhook comes just then; the store has no transactions."""
    tickets = (Ticket(key="ACME-1"), Ticket(key="ACME-2", project="API"))
    return Schedule(seed=n, order=n, store="apart", tickets=tickets, rules=Rules(reviews=1, policy="never"))


def leaking(n: int) -> Schedule:
    """Who asks for a slot stands still while another process, whose clock is ahead, deals with a cancel."""
    fault = Fault(kind="pause", nth=1 + n % 3, call="get_batch", seconds=25.0)
    ticket = Ticket(key="ACME-1", acts=(Act(kind="cancel", after=2.0 + n / 5),))
    return Schedule(seed=n, order=n, store="apart", tickets=(ticket,), faults=(fault,), skew=(0.0, 90.0))


def unconfirmed(n: int) -> Schedule:
    """A comment stands on the ticket, and nobody was told so."""
    fault = Fault(kind=("error", "hang")[n % 2], nth=1, call="post_comment", seconds=20.0, done=True)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="unroutable"),), faults=(fault,))


def abandoned(n: int) -> Schedule:
    """A person takes a ticket back whose agent was accepted, and never begins."""
    ticket = Ticket(key="ACME-1", runs=("never-starts",), acts=(Act(kind="cancel", after=60.0 + n),))
    return Schedule(seed=n, order=n, tickets=(ticket,))


def hasty(n: int) -> Schedule:
    """The tracker's list wants a long pause, and looks are ten minutes apart."""
    fault = Fault(kind="busy", nth=1, call="ready_items", seconds=3_000.0)
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1"),), rules=Rules(sweeps=600.0), faults=(fault,))


def neighbours(n: int) -> Schedule:
    """In two tenants a question stands in a thread of one name, nobody was told so, and answers are quick."""
    answers = (Answer(after=0.2), Answer(after=0.8, twice=True))
    tickets = tuple(Ticket(key="ACME-1", kind="vague", tenant=k, answers=answers[k : k + 1]) for k in range(2))
    faults = tuple(Fault(kind="error", nth=nth, call="open_thread", done=True) for nth in (1, 2))
    return Schedule(
        seed=n, order=n, store="sqlite", tickets=tickets, skew=(0.0,), rules=Rules(sweeps=0.0), faults=faults
    )


def overtaken(n: int) -> Schedule:
    """A worker stands still when it has saved, until its lease is over, and another goes on, slowly."""
    faults = (
        Fault(kind="stall", nth=1 + n % 4, process=n // 4 % 2, call="put_in_flight", seconds=64.0),
        Fault(kind="hang", nth=1 + n // 8 % 2, call="read_item", seconds=25.0, done=True),
    )
    ticket = Ticket(key="ACME-1", kind="vague", answers=(Answer(after=90.0),))
    return Schedule(seed=n, order=n, tickets=(ticket,), faults=faults)


MUTATIONS = (
    Mutation("the store skips the version check", "version-grows-by-one",
             "adapters.memory.state_store:_wins",
             "version == (entry.version if entry else 0)", "True"),
    Mutation("SQLite skips the version check", "version-grows-by-one",
             "adapters.record_sql:_update", "AND version = ?", "AND ? >= 0", over_sqlite),
    Mutation("SQLite passes over the tenant", "acknowledged-is-kept",
             "adapters.record_sql:select_in_flight",
             '"SELECT body FROM in_flight WHERE tenant = ? AND work_item_id = ?", (tenant, work_item_id)',
             '"SELECT body FROM in_flight WHERE work_item_id = ? ORDER BY tenant", (work_item_id,)', namesakes),
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
             "return same == (claimed.born, claimed.lease.holder, claimed.lease.epoch)", "return True", paused),
    Mutation("a living holder's lease is taken", "lease-is-its-holders",
             RUNNER + "lease:claim", "lease.until > now", "lease.until < now"),
    Mutation("no lease is adopted after a crash", "comes-to-rest",
             RUNNER + "lease:claim",
             "(lease.holder and lease.until and lease.until > now and not is_gone(lease.holder))",
             "(lease.holder and lease.holder != holder)", crashing),
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
             unreachable),
    Mutation("a retry has a new key", "said-once",
             RUNNER + "retries:_tried", '"attempts": attempts,',
             '"attempts": attempts, "key": f"{planned.key}.{attempts}",', unconfirmed),
    Mutation("each try starts another run", "saved-before-done",
             RUNNER + "perform_dispatch:Performer._order", "run_id=planned.run_id,",
             "run_id=f'{planned.run_id}.{self._clock():%H%M%S%f}',"),
    Mutation("Retry-After is ignored", "retries-keep-the-vendors-delay",
             RUNNER + "retries:_delay",
             'after: float | None = getattr(problem, "after", None)', "after = None"),
    Mutation("early replies are ignored", "acknowledged-is-kept",
             "factory_core.factory:Factory._kept",
             "waiting = known or", "return True\n    waiting = known or", early),
    Mutation("the thread is forgotten", "every-item-rests-rightly",
             RUNNER + "perform_dispatch:Performer._ask_question",
             "clarification=waiting)", "clarification=None)"),
    Mutation("only the first early reply counts", "undisturbed-items-follow-their-plan",
             STEPS + "asking:_with_early",
             "for reply in event.early:", "for reply in event.early[:1]:", early),
    Mutation("a second answer is lost", "undisturbed-items-follow-their-plan",
             STEPS + "asking:another_answer",
             "noted.stay(TriageItem(), answers=both)", "noted.stay()", answered_twice),
    Mutation("an older triage decides", "undisturbed-items-follow-their-plan",
             STEPS + "asking:ask_queue_or_refuse",
             "if _triage_is_planned(record)", "if False", answered_twice),
    Mutation("questions have no last round", "undisturbed-items-follow-their-plan",
             STEPS + "asking:ask", "rounds >= config.clarification.max_rounds", "False", clueless),
    Mutation("each hint asks again", "one-live-run",
             STEPS + "following:read_if_news", "return _read(record, event)",
             "return record.to(State.TRIAGING, event.at, TriageItem())"),
    Mutation("stale hints are followed without a fresh read", "done-is-final",
             STEPS + "following:read_if_reopened",
             "return _read(record, event)", "return reopen(record, event.at)", stale),
    Mutation("whatever the fresh read says reopens", "done-is-final",
             STEPS + "following:reopen_if_ready",
             "if item is None or item.state is not ItemState.READY", "if item is None", stale),
    Mutation("a person's state is overwritten", "people-win",
             RUNNER + "perform_dispatch:Performer._set_item_state",
             "if item is None or item.state not in {*effect.expect, effect.to}", "if item is None", taken_back),
    Mutation("the agent is not stopped at a cancel", "capacity",
             STEPS + "ending:cancel", "for run in _runs(record)", "for run in ()"),
    Mutation("a refused start forgets the agent of the try before", "capacity",
             RUNNER + "perform_dispatch:Performer._start_agent",
             "await self._fleet.stop(planned.run_id)", "pass", interrupted),
    Mutation("a zombie's report counts", "one-live-run",
             STEPS + "running:publish_retry_or_stop",
             "if report.run_id not in _live_runs(record)", "if False", zombies),
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
             "if len(running) >= most_running", "if len(running) > most_running", crowded),
    Mutation("a repository's limit is passed over", "capacity",
             STEPS + "capacity:why_waiting",
             "if here >= limits.per_repository", "if here > limits.per_repository"),
    Mutation("waiting for capacity costs a try", "only-starts-cost-a-try",
             STEPS + "running:wait_in_line",
             "record.stay(", "record.stay(attempt=record.attempt + 1, ", crowded),
    Mutation("a usage limit costs a try", "undisturbed-items-follow-their-plan",
             STEPS + "running:_limited", "max(0, record.attempt - 1)", "record.attempt", limited),
    Mutation("one try too many", "undisturbed-items-follow-their-plan",
             STEPS + "running:_failed", "record.attempt < config", "record.attempt <= config", failing),
    Mutation("deadlines are ignored", "comes-to-rest",
             RUNNER + "check_in:_wake_one", "record.deadline <= clock()", "False"),
    Mutation("a wait has no deadline", "waits-with-a-deadline",
             STEPS + "asking:ask", "within=config.clarification.remind_after, ", ""),
    Mutation("the merge is not pinned to the head", "merges-green-heads",
             RUNNER + "perform_dispatch:Performer._merge_pull_request",
             "self._target.merge(known, effect.sha,",
             "self._target.merge(known, (await self._target.read_pull_request(known.repository, known.number)).head_sha,", pushed),
    Mutation("unknown checks are green", "merges-green-heads",
             STEPS + "merge_gate:_missing_check", 'return "no check has reported yet"', 'return ""', unsure),
    Mutation("running checks are green", "merges-green-heads",
             STEPS + "merge_gate:_missing",
             "waiting = _missing_check(pull_request.checks, rules.required_checks)", 'waiting = ""'),
    Mutation("the merge policy is passed over", "merges-by-policy",
             STEPS + "merge_gate:_missing", 'rules.policy == "never"', "False"),
    Mutation("a block is not said", "told-where-people-look",
             STEPS + "ending:block", "if told in record.handled", "if True"),
    Mutation("the search starts what a person stopped", "search-starts-only-news",
             RUNNER + "sweep:Sweep._start_ready", "is_news(record, item)", "True", stopped),
    Mutation("the search passes over its budget", "search-keeps-its-budget",
             RUNNER + "sweep:Sweep._spend", "if self._left < calls", "if False", searched),
    Mutation("every process searches at every tick", "search-keeps-its-interval",
             RUNNER + "check_in:claim_sweep",
             "batch.sweep.at and abs(now - batch.sweep.at) < every", "False", searched),
    Mutation("the search counts twice", "search-counts-what-it-found",
             RUNNER + "sweep:Sweep._give", "+= record is not None", "+= 2", dropped),
    Mutation("a cursor is saved before what it covers was accepted", "found-in-time",
             RUNNER + "sweep:Sweep._read_feed",
             "for change in changes:", "for change in changes:\n            self._cursors['feed'] = changes[-1].cursor", relayed),
    Mutation("dead letters are left where they are", "found-in-time",
             RUNNER + "sweep:Sweep._redeliver",
             "await sender.redeliver_failed(since, place, self._left)", "__import__('factory_core.ports').ports.Redelivered(0)", relayed),
    Mutation("what could not be asked for again is passed over", "found-in-time",
             RUNNER + "sweep:Sweep._redeliver",
             "reach(self._cursors, name, done.cursor)", "reach(self._cursors, name, '')", unheard),
    Mutation("lost answers are not searched for", "found-in-time",
             RUNNER + "sweep:Sweep._read_thread",
             "if event.reply.id not in known", "if False", dropped),
    Mutation("what was taken back is not searched for", "found-in-time",
             RUNNER + "visits:_id", "if record.state in FOLLOWED", "if False", dropped),
    Mutation("what was reopened is not searched for", "found-in-time",
             STEPS + "following:is_news", "return record.state in ENDED", "return False", dropped),
    Mutation("auto-merge is armed without its pin", "arms-its-own-heads",
             RUNNER + "perform_dispatch:Performer._enable_auto_merge",
             "effect.sha, self", "'', self", armed),
    Mutation("what was stopped stays armed", "nothing-stays-armed",
             STEPS + "ending:disarm", "if record.armed", "if False", armed),
    Mutation("a session is not acknowledged", "sessions-are-answered",
             STEPS + "asking:look_at_it",
             "if event.session_id else []", "if False else []", in_session),
    Mutation("the outbox is not cleared", "comes-to-rest",
             STEPS + "records:InFlightRecord.settle", "if planned.key not in keys", "if True"),
    Mutation("an order to forget outlives the retry", "only-what-rests-is-forgotten",
             STEPS + "records:InFlightRecord.to",
             "self if state is self.state else self.without(ForgetItem)", "self", forgotten),
    Mutation("who was taken up again is forgotten", "forgets-only-what-ended",
             RUNNER + "drive:_is_forgettable",
             "record.state in ENDED | {State.NEW} and [known.key for known in record.outbox] == [planned.key]", "True", forgotten),
    Mutation("a slot is given back before its agent is stopped", "capacity",
             STEPS + "records:InFlightRecord.heads",
             "if lane not in lanes and (lane or not lanes)", "if True", unstoppable),
    Mutation("more start than there are places in review", "capacity",
             STEPS + "capacity:why_waiting",
             "len(batch.slots) >= places", "len(batch.slots) > places", reviewed),
    Mutation("who is edited in line keeps its place", "slots-follow-the-state",
             STEPS + "following:_retriage_if_edited",
             "if record.state in SLOTTED", "if False", blurred),
    Mutation("nobody hears of its slot", "slots-are-used",
             RUNNER + "drive:Runner.offer", "if slot", "if False", crowded),
    Mutation("a lost save offers nobody what it granted", "slots-are-used",
             RUNNER + "drive:Runner._write",
             "if kept.granted else None", "if False else None", taking_turns),
    Mutation("a leaked slot is never given back", "nothing-is-held",
             RUNNER + "check_in:mend_slots",
             "for item in _looked_at(batch, clock())", "for item in ()", leaking),
    Mutation("the agent is told no answers", "words-reach-the-agent",
             STEPS + "task_template:_answers", "if not record.answers", "if True"),
    Mutation("the agent is not told what to mend", "words-reach-the-agent",
             STEPS + "task_template:_feedback", "if not record.feedback", "if True"),
    Mutation("a comment in review is passed over", "words-are-heard",
             STEPS + "reviewing:follow_comment", "if not gives_orders(record, event, config)", "if True"),
    Mutation("words for the next agent are passed over", "words-are-heard",
             STEPS + "asking:keep_for_the_agent", "told = (", "return None\n    told = ("),
    Mutation("words for the next agent are noted and not kept", "words-reach-the-agent",
             STEPS + "asking:keep_for_the_agent", "noted.stay(feedback=told)", "noted.stay()"),
    Mutation("a look passes over the pause that its vendor wants", "retries-keep-the-vendors-delay",
             RUNNER + "sweep:Sweep.run",
             "if self._not_before.get(name, self._clock()) <= self._clock()", "if True", hasty),
    Mutation("what waits is due at once", "retries-keep-the-vendors-delay",
             STEPS + "records:InFlightRecord.due", "if not planned.waits(now)", "if True"),
    Mutation("an effect is begun that outlasts the lease", "performed-under-a-lease",
             RUNNER + "drive:Runner.drive", "if self._has_time(current.lease.until)", "if True", overtaken),
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
             STEPS + "ending:_runs", "return list(dict.fromkeys(runs))", "return []", abandoned),
    Mutation("SQLite writes over another tenant's record", "tenants-are-apart",
             "adapters.record_sql:put_in_flight", "body = ? WHERE tenant = ?", "body = ? WHERE (tenant = ? OR TRUE)", namesakes),
    Mutation("SQLite writes over another tenant's thread", "tenants",
             "adapters.record_sql:put_clarification", "body = ? WHERE tenant = ?", "body = ? WHERE (tenant = ? OR TRUE)", neighbours),
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
             "record.work_item_id)", "record.work_item)", interrupted),
    Mutation("a session is acknowledged under no key", "saved-before-done",
             RUNNER + "perform_dispatch:Performer._acknowledge_session",
             "planned.key)", "effect.session_id)", in_session),
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

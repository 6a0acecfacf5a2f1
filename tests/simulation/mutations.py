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
from adapters.simulator.schedule import Act, Answer, Fault, Rules, Schedule, Ticket

STEPS = "factory_core.dispatch."
RUNNER = "factory_core.runner."


class Mutation(NamedTuple):
    """In the function `where` (module:name), `old` becomes `new`. `like` makes the schedules that are tried."""

    name: str
    where: str
    old: str
    new: str
    like: Callable[[int], Schedule] = draw


def over_sqlite(n: int) -> Schedule:
    return draw(n, "sqlite")


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
    return Schedule(seed=n, order=n, tickets=(Ticket(key="ACME-1", runs=("limited", "fails")),))


def failing(n: int) -> Schedule:
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
    """A worker stands still for longer than its lease, and another goes on."""
    faults = (Fault(kind="pause", nth=2 + n % 20, process=n // 20 % 2, seconds=70.0 + n, done=True),)
    return Schedule(
        seed=n, order=n, tickets=(Ticket(key="ACME-1", kind="vague", answers=(Answer(after=65.0),)),), faults=faults
    )


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


MUTATIONS = (
    Mutation("the store skips the version check", "adapters.memory.state_store:_wins",
             "version == (entry.version if entry else 0)", "True"),
    Mutation("SQLite skips the version check", "adapters.record_sql:_update", "AND version = ?", "AND ? >= 0", over_sqlite),
    Mutation("SQLite passes over the tenant", "adapters.record_sql:select_in_flight",
             '"SELECT body FROM in_flight WHERE tenant = ? AND work_item_id = ?", (tenant, work_item_id)',
             '"SELECT body FROM in_flight WHERE work_item_id = ? ORDER BY tenant", (work_item_id,)', over_sqlite),
    Mutation("applied events are forgotten", STEPS + "records:InFlightRecord.remember",
             "self.but(applied=(*self.applied, short(event.id))[-MOST_APPLIED:])", "self"),
    Mutation("a known event is applied again", STEPS + "transitions:transition", "or record.knows(event)", ""),
    Mutation("effects are performed before the save", RUNNER + "drive:Runner._write",
             "saved = await self._store.put_in_flight(",
             "[await self._perform(after, planned) for planned in after.outbox[:1]]; saved = await self._store.put_in_flight("),
    Mutation("the lease's epoch is dropped", RUNNER + "drive:Runner._save",
             "while current is not None and current.lease.epoch == epoch", "while current is not None", paused),
    Mutation("a living holder's lease is taken", RUNNER + "lease:claim", "lease.until > now", "lease.until < now"),
    Mutation("no lease is adopted after a crash", RUNNER + "lease:claim",
             "if lease.holder and lease.until and lease.until > now and not is_gone(lease.holder)",
             "if lease.holder and lease.holder != holder", crashing),
    Mutation("mending takes unread records for missing ones", RUNNER + "check_in:mend_slots",
             "record = await store.get_in_flight(item)", "record = None"),
    Mutation("an unreachable store is answered with 200", "factory_core.factory:Factory.handle_webhook",
             "return problem_response(problem)", "return HttpResponse()"),
    Mutation("200 is answered before the save", "factory_core.factory:Factory.accept",
             "await self.runner.accept_and_wake(event)",
             "__import__('asyncio').ensure_future(self.runner.accept_and_wake(event))"),
    Mutation("a retry has a new key", RUNNER + "drive:Runner._after_problem", '"attempts": attempts,',
             '"attempts": attempts, "key": f"{planned.key}.{attempts}",'),
    Mutation("each try starts another run", RUNNER + "perform_dispatch:Performer._order", "run_id=planned.run_id,",
             "run_id=f'{planned.run_id}.{self._clock():%H%M%S%f}',"),
    Mutation("Retry-After is ignored", RUNNER + "drive:Runner._delay",
             'after: float | None = getattr(problem, "after", None)', "after = None"),
    Mutation("early replies are ignored", "factory_core.factory:Factory._kept",
             "waiting = known or", "return True\n    waiting = known or", early),
    Mutation("the thread is forgotten", RUNNER + "perform_dispatch:Performer._ask_question",
             "clarification=waiting)", "clarification=None)"),
    Mutation("only the first early reply counts", STEPS + "asking:_with_early",
             "for reply in event.early:", "for reply in event.early[:1]:", early),
    Mutation("a second answer is lost", STEPS + "asking:another_answer",
             "noted.stay(TriageItem(), answers=both)", "noted.stay()", answered_twice),
    Mutation("an older triage decides", STEPS + "asking:ask_queue_or_refuse",
             "if _triage_is_planned(record)", "if False", answered_twice),
    Mutation("questions have no last round", STEPS + "asking:ask", "rounds >= config.clarification.max_rounds", "False", clueless),
    Mutation("each hint asks again", STEPS + "following:read_if_news", "return _read(record, event)",
             "return record.to(State.TRIAGING, event.at, TriageItem())"),
    Mutation("stale hints are followed without a fresh read", STEPS + "following:read_if_reopened",
             "return _read(record, event)", "return reopen(record, event.at)", stale),
    Mutation("whatever the fresh read says reopens", STEPS + "following:reopen_if_ready",
             "if item is None or item.state is not ItemState.READY", "if item is None", stale),
    Mutation("a person's state is overwritten", RUNNER + "perform_dispatch:Performer._set_item_state",
             "if item is None or item.state not in {*effect.expect, effect.to}", "if item is None", taken_back),
    Mutation("the agent is not stopped at a cancel", STEPS + "ending:cancel", "for run in _runs(record)", "for run in ()"),
    Mutation("a refused start forgets the agent of the try before", RUNNER + "perform_dispatch:Performer._start_agent",
             "await self._fleet.stop(planned.run_id)", "pass", interrupted),
    Mutation("a zombie's report counts", STEPS + "running:publish_retry_or_stop",
             "if report.run_id not in _live_runs(record)", "if False", zombies),
    Mutation("slots are never released", RUNNER + "slots:Slots.release",
             "capacity.release(batch, record.work_item_id, self._config.capacity, self._clock())", "capacity.Served(batch, ())"),
    Mutation("slots do not move to review", RUNNER + "slots:Slots.move_to_review",
             "capacity.to_review(batch, record.work_item_id, self._config.capacity, self._clock())", "capacity.Served(batch, ())"),
    Mutation("a slot is released while the agent runs", STEPS + "running:run",
             "return record.to(State.RUNNING, event.at, moved,", "return record.to(State.RUNNING, event.at, moved, ReleaseSlot(),"),
    Mutation("one slot too many is granted", STEPS + "capacity:why_waiting",
             "if len(running) >= most_running", "if len(running) > most_running", crowded),
    Mutation("a repository's limit is passed over", STEPS + "capacity:why_waiting",
             "if here >= limits.per_repository", "if here > limits.per_repository"),
    Mutation("waiting for capacity costs a try", STEPS + "running:wait_in_line",
             "record.stay(", "record.stay(attempt=record.attempt + 1, ", crowded),
    Mutation("a usage limit costs a try", STEPS + "running:_limited", "max(0, record.attempt - 1)", "record.attempt", limited),
    Mutation("one try too many", STEPS + "running:_failed", "record.attempt < config", "record.attempt <= config", failing),
    Mutation("deadlines are ignored", RUNNER + "check_in:_wake_one", "record.deadline <= clock()", "False"),
    Mutation("a wait has no deadline", STEPS + "asking:ask", "within=config.clarification.remind_after, ", ""),
    Mutation("the merge is not pinned to the head", RUNNER + "perform_dispatch:Performer._merge_pull_request",
             "self._target.merge(known, effect.sha,",
             "self._target.merge(known, (await self._target.read_pull_request(known.repository, known.number)).head_sha,", pushed),
    Mutation("unknown checks are green", STEPS + "merge_gate:_missing_check", 'return "no check has reported yet"', 'return ""', unsure),
    Mutation("running checks are green", STEPS + "merge_gate:_missing",
             "waiting = _missing_check(pull_request.checks, rules.required_checks)", 'waiting = ""'),
    Mutation("the merge policy is passed over", STEPS + "merge_gate:_missing", 'rules.policy == "never"', "False"),
    Mutation("a block is not said", STEPS + "ending:block", "if told in record.handled", "if True"),
    Mutation("the search starts what a person stopped", RUNNER + "sweep:Sweep._start_ready", "is_news(record, item)", "True", stopped),
    Mutation("the search passes over its budget", RUNNER + "sweep:Sweep._spend", "if self._left < calls", "if False", searched),
    Mutation("every process searches at every tick", RUNNER + "check_in:claim_sweep",
             "batch.sweep.at and abs(now - batch.sweep.at) < every", "False", searched),
    Mutation("the search counts twice", RUNNER + "sweep:Sweep._give", "+= record is not None", "+= 2", dropped),
    Mutation("a cursor is saved before what it covers was accepted", RUNNER + "sweep:Sweep._read_feed",
             "for change in changes:", "for change in changes:\n            self._cursors['feed'] = changes[-1].cursor", relayed),
    Mutation("dead letters are left where they are", RUNNER + "sweep:Sweep._redeliver",
             "await sender.redeliver_failed(since, place, self._left)", "__import__('factory_core.ports').ports.Redelivered(0)", relayed),
    Mutation("what could not be asked for again is passed over", RUNNER + "sweep:Sweep._redeliver",
             "if done.complete", "if True", unheard),
    Mutation("lost answers are not searched for", RUNNER + "sweep:Sweep._read_thread",
             "if event.reply.id not in known", "if False", dropped),
    Mutation("what was taken back is not searched for", RUNNER + "visits:_id", "if record.state in FOLLOWED", "if False", dropped),
    Mutation("what was reopened is not searched for", STEPS + "following:is_news", "return record.state in ENDED", "return False", dropped),
    Mutation("auto-merge is armed without its pin", RUNNER + "perform_dispatch:Performer._enable_auto_merge",
             "effect.sha, self", "'', self", armed),
    Mutation("what was stopped stays armed", STEPS + "ending:disarm", "if record.armed", "if False", armed),
    Mutation("a session is not acknowledged", STEPS + "asking:look_at_it",
             "if event.session_id else []", "if False else []", in_session),
    Mutation("a session waits in line", STEPS + "records:InFlightRecord.plan", "urgent + self.outbox", "self.outbox + urgent", in_session),
    Mutation("the outbox is not cleared", STEPS + "records:InFlightRecord.settle", "if planned.key != key", "if True"),
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

"""A queued run as a table of laws: state × step, the time-line of offers and leases, and the fence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from factory_core.config import Workers
from factory_core.errors import Problem, Refused
from factory_core.runs import queued_run as steps
from factory_core.runs.queued_run import GRACE, MOST_OFFERS, QueuedRun, RunLost, RunState, Worker
from factory_core.runs.run import ENDED, RunOrder, RunReport, RunStatus
from factory_core.runs.run_checks import CheckResult, RunCheck

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
RULES = Workers()
SECOND = timedelta(seconds=1)
ANNA, BERT = (Worker(id=name, engines=("console",)) for name in ("anna-0001", "bert-0001"))
ORDER = RunOrder(
    run_id="R-1", work_item_id="ACME-1", title="Rename", repository="acme/api", clone_url="/x", base="main",
    branch="factory/ACME-1", engine="console", task="Rename.", resume="s-1", previous_run="R-0",
    max_turns=9, max_duration=timedelta(hours=1), max_usd=Decimal(5),
)  # fmt: skip


def said(status: RunStatus = RunStatus.RUNNING, **changes: object) -> RunReport:
    return RunReport(run_id="R-1", work_item_id="ACME-1", status=status).model_copy(update=changes)


def waiting() -> QueuedRun:
    return steps.queued(ORDER, NOW)


def offered() -> QueuedRun:
    return steps.offer(waiting(), ANNA, NOW, RULES)


def running() -> QueuedRun:
    return beat(offered())


def ended() -> QueuedRun:
    return steps.report(running(), ANNA.id, 1, said(RunStatus.SUCCEEDED), "a" * 40, NOW)


def lost() -> QueuedRun:
    return steps.expire(running(), NOW + RULES.lease)


def beat(run: QueuedRun, now: datetime = NOW, holder: str = ANNA.id, epoch: int = 1) -> QueuedRun:
    return steps.heartbeat(run, holder, epoch, said(), ("reads",), now, RULES)


STATES = {made.__name__: made for made in (waiting, offered, running, ended, lost)}
LATER = NOW + 2 * RULES.lease
STEPS: dict[str, Callable[[QueuedRun], QueuedRun]] = {
    "offer": lambda run: steps.offer(run, BERT, NOW, RULES),
    "heartbeat": beat,
    "report": lambda run: steps.report(run, ANNA.id, 1, said(RunStatus.FAILED), "", NOW),
    "stop": lambda run: steps.want_stop(run, NOW),
    "soon": lambda run: steps.expire(run, NOW + SECOND),
    "late": lambda run: steps.expire(run, LATER),
}
REFUSED = "refused"
SAME = "same"
TABLE = {
    "waiting": {"offer": "offered", "heartbeat": REFUSED, "report": REFUSED, "stop": "ended", "soon": SAME,
                "late": SAME},
    "offered": {"offer": REFUSED, "heartbeat": "running", "report": "ended", "stop": "ended", "soon": SAME,
                "late": "waiting"},
    "running": {"offer": REFUSED, "heartbeat": "running", "report": "ended", "stop": "running", "soon": SAME,
                "late": "ended"},
    "ended": {"offer": REFUSED, "heartbeat": REFUSED, "report": SAME, "stop": SAME, "soon": SAME, "late": SAME},
    "lost": {"offer": REFUSED, "heartbeat": REFUSED, "report": REFUSED, "stop": SAME, "soon": SAME, "late": SAME},
}  # fmt: skip


@pytest.mark.parametrize(("state", "step"), [(state, step) for state, row in TABLE.items() for step in row])
def test_each_step_in_each_state(state: str, step: str) -> None:
    """The whole grid: where it leads, what is refused, what changes nothing."""
    run, leads = STATES[state](), TABLE[state][step]
    if leads == REFUSED:
        with pytest.raises(RunLost):
            STEPS[step](run)
        return
    after = STEPS[step](run)
    assert after == run if leads == SAME else after.state == leads


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", STATES)
def test_an_epoch_never_goes_back_and_the_end_is_final(state: str, step: str) -> None:
    before = STATES[state]()
    try:
        after = STEPS[step](before)
    except Problem:
        return
    assert after.epoch >= before.epoch
    if before.state is RunState.ENDED:
        assert after == before


@pytest.mark.parametrize("state", ["offered", "running", "ended"])
@pytest.mark.parametrize(("holder", "epoch"), [(ANNA.id, 0), (ANNA.id, 2), (BERT.id, 1), ("", 1)])
def test_nobody_but_the_holder_under_its_epoch_is_heard(state: str, holder: str, epoch: int) -> None:
    run = STATES[state]()
    with pytest.raises(RunLost):
        beat(run, holder=holder, epoch=epoch)
    with pytest.raises(RunLost):
        steps.report(run, holder, epoch, said(RunStatus.SUCCEEDED), "", NOW)


def test_an_offer_that_got_lost_can_be_taken_by_another_and_its_first_holder_is_refused() -> None:
    """No two workers can both have begun: the first may not confirm what it was not heard to have."""
    back = steps.expire(offered(), NOW + RULES.confirm_within)
    assert (back.state, back.epoch, back.holder, back.due_at) == (RunState.WAITING, 2, "", NOW)
    again = steps.offer(back, BERT, LATER, RULES)
    with pytest.raises(RunLost):
        beat(again)
    assert beat(again, LATER, BERT.id, 2).state is RunState.RUNNING


def test_an_offer_is_confirmed_once_and_a_repeat_only_renews() -> None:
    """The answer to a confirmation may get lost, and then it is said again."""
    first = running()
    again = beat(first, NOW + SECOND)
    assert (again.epoch, again.deadline, again.until) == (1, first.deadline, NOW + SECOND + RULES.lease)
    assert again.report and again.report.started_at == NOW


def test_a_run_that_nobody_begins_ends() -> None:
    """A run that breaks whoever takes it goes round so many times, and then it is the run that failed."""
    run = waiting()
    for n in range(MOST_OFFERS):
        at = NOW + n * RULES.confirm_within
        run = steps.expire(steps.offer(run, ANNA, at, RULES), at + RULES.confirm_within)
        assert run.offers == n + 1
    assert run.report and (run.state, run.report.status) == (RunState.ENDED, RunStatus.FAILED)


def test_no_heartbeat_keeps_a_run_beyond_its_deadline() -> None:
    """A worker that says for ever that it is alive loses the run all the same."""
    run, now = running(), NOW
    end = NOW + ORDER.max_duration + GRACE
    for _ in range(200):
        now += timedelta(minutes=1)
        run = beat(run, now)
    assert run.until == end
    last = steps.expire(run, end)
    assert last.report and (last.report.status, last.epoch) == (RunStatus.LOST, 2)


def test_a_late_report_counts_until_the_run_is_stored_as_lost() -> None:
    """Of the two ends the first that is saved counts; the other is refused or changes nothing."""
    late = steps.report(running(), ANNA.id, 1, said(RunStatus.SUCCEEDED), "b" * 40, LATER)
    assert late.report and (late.report.status, late.head) == (RunStatus.SUCCEEDED, "b" * 40)
    assert steps.expire(late, LATER) == late
    with pytest.raises(RunLost):
        steps.report(lost(), ANNA.id, 1, said(RunStatus.SUCCEEDED), "b" * 40, LATER)


def test_a_stop_reaches_the_holder_and_its_report_ends_the_run() -> None:
    run = beat(steps.want_stop(running(), NOW), NOW + SECOND)
    assert (run.state, run.stop_wanted) == (RunState.RUNNING, True)
    last = steps.report(run, ANNA.id, 1, said(RunStatus.STOPPED), "", NOW)
    assert last.report and (last.state, last.report.status) == (RunState.ENDED, RunStatus.STOPPED)


@pytest.mark.parametrize("state", ["waiting", "offered"])
def test_a_stop_before_an_agent_can_be_alive_ends_the_run_at_once(state: str) -> None:
    """Whoever was offered it hears that it is not its own any more, before it starts anything."""
    run = steps.want_stop(STATES[state](), NOW)
    assert run.report and (run.report.status, run.report.started_at, run.due_at) == (RunStatus.STOPPED, None, NOW)
    with pytest.raises(RunLost):
        beat(run)


def test_a_stop_that_overtakes_its_start_is_found_by_it() -> None:
    before = steps.stopped_before("R-1", NOW)
    assert (before.due_at, steps.report_of(before)) == (None, None)
    run = steps.started_late(before, ORDER, NOW)
    assert run.report and (run.state, run.report.status) == (RunState.ENDED, RunStatus.STOPPED)
    assert run.report.work_item_id == "ACME-1" and run.due_at == NOW


def test_the_workers_clock_counts_for_nothing() -> None:
    """Names and times are the order's and ours; what it did is the worker's word."""
    liar = said(
        run_id="R-9", work_item_id="ACME-9", started_at=NOW - timedelta(days=9), alive_at=NOW + timedelta(days=9),
        progress_at=NOW + timedelta(days=9), progress="reads", status=RunStatus.SUCCEEDED, ended_at=NOW,
    )  # fmt: skip
    run = steps.heartbeat(offered(), ANNA.id, 1, liar, (), NOW + SECOND, RULES)
    now = NOW + SECOND
    assert run.report == said(started_at=now, alive_at=now, progress_at=now, progress="reads")
    last = steps.report(run, ANNA.id, 1, liar, "", LATER)
    assert last.report and (last.report.ended_at, last.report.run_id) == (LATER, "R-1")


@pytest.mark.parametrize("status", sorted(set(RunStatus) - ENDED))
def test_a_run_that_goes_on_is_no_report(status: RunStatus) -> None:
    with pytest.raises(Refused):
        steps.report(running(), ANNA.id, 1, said(status), "", NOW)


def test_a_follow_up_waits_a_moment_for_the_worker_that_keeps_its_session() -> None:
    """Then any other takes it, and begins a session of its own."""
    run = steps.queued(ORDER, NOW, home=ANNA.id)
    assert steps.can_take(run, ANNA, NOW, RULES) and not steps.can_take(run, BERT, NOW, RULES)
    later = NOW + RULES.confirm_within
    assert steps.can_take(run, BERT, later, RULES)
    assert steps.order_for(steps.offer(run, ANNA, NOW, RULES), ORDER) == ORDER
    elsewhere = steps.order_for(steps.offer(run, BERT, later, RULES), ORDER)
    assert elsewhere == ORDER.model_copy(update={"resume": ""})


def test_a_worker_gets_only_what_its_engines_can_run() -> None:
    assert not steps.can_take(waiting(), ANNA.model_copy(update={"engines": ("claude",)}), NOW, RULES)


def test_a_run_in_line_says_so() -> None:
    """It is not starting: waiting for a worker has no limit, and costs no attempt."""
    for run in (waiting(), offered()):
        report = steps.report_of(run)
        assert report and (report.status, report.started_at) == (RunStatus.WAITING, None)


def test_a_machine_that_is_gone_loses_what_it_had_and_nothing_else() -> None:
    """Before it began that was one offer, at work it is the end; of another epoch or after the end it is nothing."""
    before = steps.gone(waiting(), 1, RunStatus.LOST, "gone", LATER)
    assert (before.state, before.epoch, before.offers) == (RunState.WAITING, 2, 1)
    taken = steps.gone(offered(), 1, RunStatus.LOST, "gone", LATER)
    assert (taken.state, taken.epoch, taken.offers, taken.holder) == (RunState.WAITING, 2, 1, "")
    working = steps.gone(running(), 1, RunStatus.LOST, "gone", LATER)
    assert working.report and (working.state, working.report.status, working.report.why) == (
        RunState.ENDED, RunStatus.LOST, "gone",
    )  # fmt: skip
    wanted = steps.gone(steps.want_stop(running(), NOW), 1, RunStatus.LOST, "gone", LATER)
    assert wanted.report and wanted.report.status is RunStatus.STOPPED
    for run in (waiting(), offered(), running()):
        assert steps.gone(run, 2, RunStatus.LOST, "gone", LATER) == run
    assert steps.gone(ended(), 1, RunStatus.LOST, "gone", LATER) == ended()


def test_machines_that_never_begin_end_the_run() -> None:
    run = waiting()
    for epoch in range(1, MOST_OFFERS + 1):
        run = steps.gone(run, epoch, RunStatus.LOST, "no image", LATER)
    assert run.report and (run.report.status, "no image" in run.report.why) == (RunStatus.FAILED, True)


def test_the_time_of_a_run_that_waits_for_a_credential_does_not_run() -> None:
    """For 3 days its worker says that the code host refuses it; from the last such word on it has all its time."""
    run, now = running(), NOW
    while now < NOW + timedelta(days=3):
        now += RULES.heartbeat * 10
        run = steps.expire(run, now)
        assert run.state is RunState.RUNNING
        run = steps.heartbeat(run, ANNA.id, 1, said(RunStatus.SUCCEEDED, lost="github"), (), now, RULES)
        assert run.report and run.report.lost == "github"
    assert run.deadline == now + ORDER.max_duration + GRACE
    assert beat(run, now + SECOND).deadline == run.deadline


@pytest.mark.parametrize("needs", [{"checks": (RunCheck(name="t", command="t", within=SECOND),)}, {"setup": ("t",)}])
def test_a_worker_that_runs_no_checks_is_not_given_an_order_with_one(needs: dict[str, object]) -> None:
    """One of an older release would pass them over, and push what nobody checked."""
    run = steps.queued(ORDER.model_copy(update=needs), NOW)
    assert not steps.can_take(run, ANNA, NOW, RULES) and not steps.can_take(run, ANNA, NOW, RULES, sent=True)
    assert steps.can_take(run, ANNA.model_copy(update={"can": ("checks",)}), NOW, RULES)


def test_a_workers_success_without_the_checks_of_its_order_is_none() -> None:
    """Whatever it pushed: no pull request is made of it."""
    order = ORDER.model_copy(update={"checks": (RunCheck(name="t", command="make t", within=SECOND),)})
    held = beat(steps.offer(steps.queued(order, NOW), ANNA, NOW, RULES))
    passed = said(RunStatus.SUCCEEDED, checks=(CheckResult(name="t", passed=True),))
    for end, status in ((said(RunStatus.SUCCEEDED), RunStatus.FAILED), (passed, RunStatus.SUCCEEDED)):
        run = steps.report(held, ANNA.id, 1, end, "a" * 40, NOW)
        assert run.report and run.report.status is status

"""A failure of the machine, the account or the vendor pauses the engine, and costs no ticket anything but time."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from factory_core.config import Capacity
from factory_core.dispatch import capacity, circuit
from factory_core.dispatch.batch import Batch, Circuit, QueueEntry
from factory_core.dispatch.capacity import Limits
from factory_core.dispatch.events import StopRequested
from factory_core.dispatch.records import State
from factory_core.errors import EngineUnavailable
from factory_core.overview import health, overview
from factory_core.payload import to_json
from factory_core.runs.run import RunStatus, Usage

from .world import START, World, run, ticket

pytestmark = pytest.mark.pure

MINUTE = timedelta(minutes=1)
WHY = "Not logged in · Please run /login"


async def fail_all(world: World, **report: object) -> None:
    """Every run that is under way ends by a fault."""
    for run_id in list(world.fleet.live):
        ended = world.fleet.end(run_id, RunStatus.LIMITED, **{"why": WHY, "fault": "vendor", **report})
        await world.factory.recorder.finished(ended)
        await world.settle()


async def crowd(tickets: int = 6, **config: object) -> World:
    world = World(capacity={"agents": 3, "perRepository": 3}, **config)
    for n in range(tickets):
        await world.add(ticket(f"ACME-{n}"))
    return world


def test_an_outage_of_a_night_blocks_no_ticket_and_starts_few_runs() -> None:
    """Six tickets, four hours: three were at work, and then there is one probe at a time, ever more seldom."""

    async def story() -> None:
        world = await crowd()
        started = [world.now] * len(world.fleet.orders)
        for _ in range(4 * 240):
            await fail_all(world)
            before = len(world.fleet.orders)
            await world.later(MINUTE / 4)
            assert len(world.fleet.live) <= 1
            started += [world.now] * (len(world.fleet.orders) - before)
        gaps = [later - earlier for earlier, later in pairwise(started[2:])]
        assert gaps[:8] == [n * MINUTE for n in (0.25, 0.5, 1, 2, 4, 8, 16, 30)] and set(gaps[8:]) == {30 * MINUTE}
        for n in range(6):
            record = await world.record(f"ACME-{n}")
            assert record.state in (State.QUEUED, State.RUNNING) and record.attempt <= 1
        assert not world.tracker.comments

    run(story())


def test_a_ticket_in_line_names_the_reason() -> None:
    """The reason is the same for the whole outage, so that what shows it says it once."""

    async def story() -> None:
        world = await crowd(tickets=1)
        for _ in range(60):
            await fail_all(world)
            await world.later(MINUTE)
        await fail_all(world)
        record = await world.record("ACME-0")
        assert record.waits_for == f"console cannot work: {WHY}"
        await world.add(ticket("ACME-9"))
        assert (await world.record("ACME-9")).waits_for == f"console cannot work: {WHY}"

    run(story())


def test_a_probe_that_begins_to_work_lets_all_others_go_on() -> None:
    """Nobody waits for the end of its run; an hour's work shows within a minute that the engine works."""

    async def story() -> None:
        world = await crowd()
        await fail_all(world)
        await world.later(2 * MINUTE)
        (probe,) = world.fleet.live
        await world.later(2 * MINUTE)
        assert world.fleet.live == [probe], "nothing shows yet that it works"
        world.fleet.reports[probe] = world.fleet.reports[probe].model_copy(update={"usage": Usage(turns=1)})
        await world.later(MINUTE)
        assert len(world.fleet.live) == 3 and probe in world.fleet.live
        assert not (await world.store.get_batch()).circuits

    run(story())


@pytest.mark.parametrize("status", [RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.ASKED, RunStatus.NO_CHANGE])
def test_a_probe_that_ends_by_itself_shows_that_the_engine_works(status: RunStatus) -> None:
    """Well or badly: the failure of a ticket is not the engine's."""

    async def story() -> None:
        world = await crowd()
        await fail_all(world)
        await world.later(2 * MINUTE)
        (probe,) = world.fleet.live
        await world.factory.recorder.finished(world.fleet.end(probe, status, words="Which one?"))
        await world.settle()
        assert not (await world.store.get_batch()).circuits and len(world.fleet.live) >= 2

    run(story())


def test_whoever_met_the_failure_lets_another_ticket_be_the_next_probe() -> None:
    """A ticket that breaks its machine each time does not hold up those that would not."""

    async def story() -> None:
        world = await crowd(tickets=2)
        await fail_all(world, fault="machine")
        probes = []
        for minutes in (2, 3, 5):
            await world.later(minutes * MINUTE)
            probes += world.fleet.live
            await fail_all(world, fault="machine")
        items = [world.fleet.orders[probe].work_item_id for probe in probes]
        assert all(first != second for first, second in pairwise(items))

    run(story())


def test_a_probe_that_is_taken_back_makes_room_for_another_one() -> None:
    """A person stops it: whether the engine works is asked with the next ticket."""

    async def story() -> None:
        world = await crowd(tickets=3)
        await fail_all(world)
        await world.later(2 * MINUTE)
        (probe,) = world.fleet.live
        item = world.fleet.orders[probe].work_item_id
        await world.hear(StopRequested(id="stop", work_item_id=item, at=world.now, by="maya"))
        await world.later(MINUTE)
        assert len(world.fleet.live) == 1 and world.fleet.live != [probe]

    run(story())


def test_a_ticket_that_is_interrupted_each_time_while_others_go_on_needs_a_person() -> None:
    """It is no outage when only this ticket meets it: it is parked with its reason, after ten times."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        faults = 0
        for _ in range(40):
            if await world.state() is State.BLOCKED:
                break
            (run_id,) = world.fleet.live
            world.fleet.reports[run_id] = world.fleet.reports[run_id].model_copy(update={"usage": Usage(turns=3)})
            await world.later(2 * MINUTE)
            await fail_all(world, fault="machine", why="out of memory")
            faults += 1
            await world.later(30 * MINUTE)
        record = await world.record()
        assert record.block and record.block.reason == "interrupted" and "out of memory" in record.block.why
        assert faults == 11

    run(story())


def test_a_run_that_the_machine_lost_costs_no_try() -> None:
    """Its supervisor was killed, the power went: it is started again after the cool-down."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        for _ in range(5):
            await world.agent_ends(RunStatus.LOST, fault="machine", why="its supervisor is gone")
            await world.later(2 * MINUTE)
        assert await world.state() is State.RUNNING and (await world.record()).attempt == 1

    run(story())


def test_an_engine_that_cannot_be_started_pauses_itself_and_blocks_no_ticket() -> None:
    """It is missing, nothing walls it in, the disk is full: three tickets, four hours, one reason."""
    missing = EngineUnavailable("The engine console is not installed", why="no such program", fix="factory doctor")

    async def story() -> None:
        world = World(capacity={"agents": 3, "perRepository": 3})
        world.fleet.faults["start"] = [missing] * 1_000
        for n in range(3):
            await world.add(ticket(f"ACME-{n}"))
        for _ in range(240):
            await world.later(MINUTE)
        assert world.fleet.calls["start"] <= 16
        for n in range(3):
            record = await world.record(f"ACME-{n}")
            assert (record.state, record.attempt) == (State.QUEUED, 0) and "is not installed" in record.waits_for
        assert not world.tracker.comments
        world.fleet.faults["start"] = []
        await world.later(31 * MINUTE)
        await world.agent_ends()
        assert len(world.fleet.live) == 2

    run(story())


def test_the_operator_is_told_once_that_it_began_and_once_that_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    """In the log, on the page and in the health; the fix is the one that the failure names."""
    fix = "In the shell: claude auth login"

    async def story() -> None:
        world = await crowd(tickets=3)
        for _ in range(60):
            await fail_all(world, fix=fix)
            await world.later(MINUTE)
        await fail_all(world, fix=fix)
        shown = await overview(world.factory.observed, world.fleet, "0.1")
        (line,) = [line for line in shown.lines if line.status == "paused"]
        assert (line.name, line.since, line.fix_in_words) == ("console", START, fix) and WHY in line.note
        assert (shown.verdict.level, shown.verdict.sentence) == ("engine-paused", "Console cannot work.")
        assert all(queued.why == f"console cannot work: {WHY}" for queued in shown.queue) and len(shown.queue) == 3
        (degraded,) = (await health(world.factory.observed)).degraded
        assert WHY in degraded and fix in degraded
        await world.later(31 * MINUTE)
        await world.agent_ends()
        shown = await overview(world.factory.observed, world.fleet, "0.1")
        assert not [line for line in shown.lines if line.status == "paused"]
        assert not (await health(world.factory.observed)).degraded

    run(story())
    said = [getattr(record, "action", "") for record in caplog.records]
    assert said.count("engine_paused") == 1 and said.count("engine_back") == 1
    (paused,) = [record.getMessage() for record in caplog.records if getattr(record, "action", "") == "engine_paused"]
    assert WHY in paused and paused.endswith(f"Fix: {fix}")


# the circuit itself

LIMITS = Limits(Capacity(agents=4, per_repository=4))
NEW = Circuit(engine="claude", why=WHY, fix="", since=START, retry_at=START)


def line(*engines: str, since: int = 0) -> tuple[QueueEntry, ...]:
    return tuple(
        QueueEntry(work_item_id=f"ACME-{n}", repository="acme/shop", engine=engine, since=START + timedelta(seconds=n))
        for n, engine in enumerate(engines, since)
    )


def test_one_engine_that_cannot_work_holds_up_only_its_own_tickets() -> None:
    batch = circuit.opened(Batch(queue=line("claude", "codex", "claude")), "ACME-9", NEW, START)
    assert capacity.serve(batch, LIMITS, START).granted == ("ACME-1",)


def test_exactly_one_is_let_through_when_the_clock_has_passed() -> None:
    """However many stand in line, and however often somebody looks."""
    batch = circuit.opened(Batch(queue=line("claude", "claude", "claude")), "ACME-9", NEW, START)
    for _ in range(3):
        batch, granted = capacity.serve(batch, LIMITS, START + MINUTE)
    assert list(batch.slots) == ["ACME-0"] and granted == ()
    assert capacity.resume(batch, "ACME-0", "claude", "", LIMITS, START).granted == ("ACME-1", "ACME-2")


def test_a_reset_that_the_vendor_names_is_waited_for() -> None:
    """As far as it can be believed."""
    for hours, waits in ((5, timedelta(hours=5)), (-1, circuit.FIRST_DELAY), (24 * 365, circuit.LONGEST_RESET)):
        opened = circuit.opened(
            Batch(), "ACME-1", NEW.model_copy(update={"retry_at": START + timedelta(hours=hours)}), START
        )
        assert opened.circuits["claude"].retry_at == START + waits


def test_a_failure_of_what_began_before_the_outage_makes_no_pause_longer() -> None:
    """Three were at work when it began: that is one outage."""
    batch = Batch()
    for item in ("ACME-1", "ACME-2", "ACME-3"):
        batch = circuit.opened(batch, item, NEW, START)
    assert batch.circuits["claude"].failures == 1 and batch.circuits["claude"].retry_at == START + circuit.FIRST_DELAY


def test_a_worker_that_invents_hosts_does_not_make_the_batch_grow() -> None:
    """What keeps the engine from all work is given up last."""
    batch, now = Batch(), START
    for number in range(300):
        fault = Circuit(
            engine="claude", host=f"worker-{number}", why="w" * 2_000, fix="factory doctor", since=now, retry_at=now,
            alone=number == 7,
        )  # fmt: skip
        batch = circuit.opened(batch, f"ACME-{number}", fault, now + timedelta(seconds=number))
    assert len(batch.circuits) == circuit.MOST_CIRCUITS and len(to_json(batch)) < 50_000
    assert {"claude on worker-7", "claude on worker-299"} <= batch.circuits.keys()

"""A machine for each run: one task for a run in an epoch, pointers in it, and what its end means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from moto import mock_aws

from adapters.aws.handlers.task_ended import verdict_on
from adapters.aws.run_tasks import Place, RunTasks
from adapters.aws.stopped_task import task_of
from adapters.fleets.worker_queue.fleet import WorkerQueueFleet
from factory_core.errors import Refused, Retryable
from factory_core.runs.queued_run import MOST_OFFERS, QueuedRun, RunState
from factory_core.runs.run import RunStatus

from .cloud import KEYS
from .fake_ecs import FakeEcs
from .line import ANNA, BERT, Account, Line, order

URL = "https://api.example"


class Stand(Line):
    """A tenant whose runs get a task each."""

    def __init__(self, line: Line) -> None:
        self.__dict__.update(line.__dict__)
        self.ecs = FakeEcs()
        self.leases.finished = self._finished
        self.place = Place(
            cluster="factory-test", definition="factory-test-acme", subnets=("s-1",), security_groups=("g-1",), url=URL
        )
        self.tasks = self.new_tasks()
        self.fleet = WorkerQueueFleet(self.leases, self.tasks.tell)

    def new_tasks(self, **changes: Any) -> RunTasks:
        clients: Any = SimpleNamespace(ecs=self.ecs)
        return RunTasks(clients, self.place.model_copy(update=changes), self.leases, "acme")

    async def hears(self, event: dict[str, Any]) -> None:
        tenants = {"acme": SimpleNamespace(leases=self.leases)}

        async def tenant(name: str) -> Any:
            return tenants[name]

        await verdict_on(task_of(event["detail"]), tenant)

    async def check_in(self) -> None:
        await self.tasks.remind(await self.leases.settle_due())

    async def run(self, run_id: str = "R-1") -> QueuedRun:
        found = await self.leases.queue.get_run(run_id)
        assert found
        return found

    async def working(self) -> QueuedRun:
        """The task has claimed its run and begun."""
        look = await self.leases.offer("R-1", ANNA, sent=True)
        assert look.offered
        return await self.beats(look.offered, ANNA)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield Stand(Account(monkeypatch).line())


def test_a_run_is_one_task_however_often_it_is_told_of(stand: Stand) -> None:
    """By starts that are repeated, by the check-in, and after Terraform has changed where tasks run."""

    async def story() -> None:
        for _ in range(2):
            await stand.fleet.start(order())
            await stand.check_in()
        await stand.new_tasks(definition="factory-test-acme-2").tell("R-1")
        assert len(stand.ecs.tasks) == 1
        await stand.fleet.start(order("R-2", work_item_id="ACME-2"))
        assert [task["startedBy"] for task in stand.ecs.tasks] == ["R-1", "R-2"]

    asyncio.run(story())


def test_a_task_is_given_pointers_and_no_prompt(stand: Stand) -> None:
    asyncio.run(stand.fleet.start(order("ACME-1.1a1f.3")))
    [task] = stand.ecs.tasks
    given = {"FACTORY_TENANT": "acme", "FACTORY_RUN": "ACME-1.1a1f.3", "FACTORY_EPOCH": "1", "FACTORY_URL": URL}
    [override] = task["overrides"]["containerOverrides"]
    assert override == {"name": "agent", "environment": [{"name": n, "value": v} for n, v in given.items()]}
    assert (task["startedBy"], "Rename" in json.dumps(task)) == ("ACME-1-1a1f-3", False)


def test_where_there_is_no_room_the_run_waits(stand: Stand) -> None:
    """An answer of 200 without a task is a refusal; the start is tried again, and so does the check-in."""

    async def story() -> None:
        stand.ecs.room = "RESOURCE:FARGATE"
        with pytest.raises(Retryable) as refused:
            await stand.fleet.start(order())
        assert "RESOURCE:FARGATE" in refused.value.why
        await stand.check_in()
        assert (await stand.run()).state is RunState.WAITING
        stand.ecs.room = ""
        await stand.check_in()
        assert len(stand.ecs.tasks) == 1

    asyncio.run(story())


ENDS = [
    ("EssentialContainerExited", 0, "", RunStatus.FAILED),
    ("EssentialContainerExited", 137, "OutOfMemoryError: container killed", RunStatus.FAILED),
    ("UserInitiated", None, "", RunStatus.STOPPED),
    ("SpotInterruption", 143, "", RunStatus.LOST),
    ("TerminationNotice", None, "", RunStatus.LOST),
    ("InfrastructureHealth", None, "", RunStatus.LOST),
    ("SomethingNew", None, "", RunStatus.LOST),
]


@pytest.mark.parametrize(("code", "exit_code", "reason", "status"), ENDS)
def test_a_task_that_dies_at_work_ends_its_run_at_once(
    stand: Stand, code: str, exit_code: int | None, reason: str, status: RunStatus
) -> None:
    """Not five minutes later; and why stands in the report."""

    async def story() -> None:
        await stand.fleet.start(order())
        await stand.working()
        await stand.hears(stand.ecs.stops(stand.ecs.tasks[0], code, "the reason", exit_code, reason))
        [end] = stand.ends
        assert (end.status, end.run_id) == (status, "R-1")
        for word in (code, "the reason", reason, f"exit code {exit_code}" if exit_code is not None else ""):
            assert word in end.why

    asyncio.run(story())


def test_a_stop_that_was_asked_for_is_a_stop_whatever_ended_the_task(stand: Stand) -> None:
    async def story() -> None:
        await stand.fleet.start(order())
        await stand.working()
        with pytest.raises(Retryable):
            await stand.fleet.stop("R-1")
        await stand.hears(stand.ecs.stops(stand.ecs.tasks[0], "EssentialContainerExited", exit_code=143))
        assert [end.status for end in stand.ends] == [RunStatus.STOPPED]

    asyncio.run(story())


def test_what_was_reported_counts_and_not_the_exit_code(stand: Stand) -> None:
    async def story() -> None:
        await stand.fleet.start(order())
        run = await stand.working()
        assert run.report
        said = run.report.model_copy(update={"status": RunStatus.SUCCEEDED})
        await stand.leases.report("R-1", ANNA, run.epoch, said, "a" * 40)
        await stand.hears(stand.ecs.stops(stand.ecs.tasks[0], "EssentialContainerExited", exit_code=1))
        assert [end.status for end in stand.ends] == [RunStatus.SUCCEEDED]

    asyncio.run(story())


def test_a_task_that_could_not_start_is_followed_by_another_and_the_fifth_is_the_last(stand: Stand) -> None:
    """Images that cannot be pulled have no exit code; a new epoch has a token of its own."""

    async def story() -> None:
        await stand.fleet.start(order())
        for number in range(1, MOST_OFFERS + 1):
            assert len(stand.ecs.tasks) == number
            await stand.hears(stand.ecs.stops(stand.ecs.tasks[-1], "TaskFailedToStart", "CannotPullContainerError"))
            await stand.check_in()
        [end] = stand.ends
        assert (end.status, "5 machines" in end.why, "CannotPullContainerError" in end.why) == (
            RunStatus.FAILED,
            True,
            True,
        )
        assert len(stand.ecs.tasks) == MOST_OFFERS

    asyncio.run(story())


def test_events_that_are_repeated_late_or_out_of_order_change_nothing_more(stand: Stand) -> None:
    """The first word of a stop moves the epoch on; by it, and so by `version`, the others are of the past."""

    async def story() -> None:
        await stand.fleet.start(order())
        begun = stand.ecs.begins(stand.ecs.tasks[0])
        stopped = stand.ecs.stops(stand.ecs.tasks[0], "SpotInterruption")
        assert stopped["detail"]["version"] > begun["detail"]["version"]
        await stand.hears(stopped)
        before = await stand.run()
        assert (before.epoch, before.offers, before.state) == (2, 1, RunState.WAITING)
        await stand.check_in()
        await stand.working()
        for event in (stopped, begun, stopped):
            await stand.hears(event)
        assert ((await stand.run()).state, stand.ends) == (RunState.RUNNING, [])

    asyncio.run(story())


def test_a_stop_whose_event_was_lost_is_found_by_the_check_in_or_by_the_lease(stand: Stand) -> None:
    async def story() -> None:
        await stand.fleet.start(order())
        stand.ecs.stops(stand.ecs.tasks[0], "TaskFailedToStart")
        await stand.check_in()
        assert (await stand.run()).epoch == 2
        await stand.check_in()
        assert len(stand.ecs.tasks) == 2
        await stand.working()
        stand.ecs.stops(stand.ecs.tasks[1], "SpotInterruption")
        stand.passes(300)
        await stand.check_in()
        assert [end.status for end in stand.ends] == [RunStatus.LOST]

    asyncio.run(story())


def test_the_task_takes_its_run_though_another_worker_kept_the_session(stand: Stand) -> None:
    """Nobody else will come for it; it begins a session of its own."""

    async def story() -> None:
        await stand.fleet.start(order("R-0"))
        look = await stand.leases.offer("R-0", BERT)
        assert look.offered
        await stand.fleet.start(order(previous_run="R-0", resume="session-1"))
        assert (await stand.leases.offer("R-1", ANNA)).waits
        look = await stand.leases.offer("R-1", ANNA, sent=True)
        assert look.offered and look.offered.home == BERT.id

    asyncio.run(story())


@pytest.mark.parametrize("epoch", ["", "x", "-1", "0", "7"])
def test_a_task_of_somebody_elses_is_passed_over(stand: Stand, epoch: str) -> None:
    pointers = {"FACTORY_TENANT": "acme", "FACTORY_RUN": "R-1", "FACTORY_EPOCH": epoch} if epoch else {"PATH": "/bin"}
    variables = [{"name": name, "value": value} for name, value in pointers.items()]
    overrides = {"containerOverrides": [{"name": "agent", "environment": variables}]}
    task = {"taskArn": "arn:1", "lastStatus": "STOPPED", "stopCode": "UserInitiated", "overrides": overrides}

    async def story() -> None:
        await stand.fleet.start(order())
        await stand.hears({"detail": task})
        assert (await stand.run()).state is RunState.WAITING

    asyncio.run(story())


def test_what_is_no_event_of_a_task_is_refused() -> None:
    from adapters.aws.handlers.task_ended import handler

    for wrong in ({}, {"detail": None}, {"detail": {"lastStatus": "STOPPED"}}):
        with pytest.raises(Refused):
            handler(wrong, Mock(aws_request_id="1"))


def test_a_tasks_words_are_short() -> None:
    told = {"taskArn": "arn:1", "lastStatus": "STOPPED", "stoppedReason": "x" * 9_999}
    assert len(task_of(told).why) == 500

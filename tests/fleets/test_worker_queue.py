"""A worker with real agents against the factory's side of the protocol, and a network between that can be cut."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fleet_stand import code_host, fleet, git, order, until

from adapters import clockwork
from adapters.fleets.local_engines.boot_clock import boot_clock
from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.run_files import RunFiles
from adapters.fleets.worker_queue.claim_store import ClaimStore
from adapters.fleets.worker_queue.client import FactoryClient
from adapters.fleets.worker_queue.endpoint import WorkerEndpoint
from adapters.fleets.worker_queue.fleet import WorkerQueueFleet
from adapters.fleets.worker_queue.leases import Leases
from adapters.fleets.worker_queue.protocol import Speaker
from adapters.fleets.worker_queue.worker import QueueWorker
from adapters.stores.memory.run_queue import InMemoryRunQueue
from factory_core.config import Workers
from factory_core.http import HttpRequest
from factory_core.runs.queued_run import QueuedRun, RunState
from factory_core.runs.run import RunReport, RunStatus

RULES = Workers.model_construct(
    lease=timedelta(seconds=4), heartbeat=timedelta(seconds=0.2), confirm_within=timedelta(seconds=3)
)
HANG = "console: hang"


def now() -> datetime:
    return datetime.now(UTC)


class Factory:
    """The side that hands out runs; `cut` is a network that carries nothing."""

    def __init__(self) -> None:
        self.queue, self.ends, self.cut, self.refused = InMemoryRunQueue(), list[RunReport](), False, 0
        self.leases = Leases(self.queue, now, RULES)
        self.leases.finished = self._finished
        self.fleet = WorkerQueueFleet(self.leases, self._tell)
        self.door = WorkerEndpoint(self.leases, ["secret"], again=timedelta(seconds=0.1))

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        if self.cut:
            raise httpx2.ConnectError("no route")
        read = HttpRequest(
            path=request.url.path, headers=dict(request.headers), body=request.content, received_at=now()
        )
        said = await self.door.handle(read)
        self.refused += said.status == 409
        return httpx2.Response(said.status, content=said.body, headers=dict(said.headers))

    async def run(self, run_id: str) -> QueuedRun:
        found = await self.queue.get_run(run_id)
        assert found is not None
        return found

    async def _finished(self, report: RunReport) -> None:
        """At least once for each end; the same report again is the same event to the factory."""
        if report not in self.ends:
            self.ends.append(report)

    async def _tell(self, run_id: str) -> None:
        """Workers ask by themselves."""


class Machine:
    """A worker's machine: its process can be ended and started again over the same directory."""

    def __init__(self, factory: Factory, home: Path, name: str = "anna", **how: Any) -> None:
        self._engines = how.pop("engines", ("console",))
        self._factory, self.home, self._name, self._how = factory, home, name, how
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Machine:
        self._kept = ClaimStore(self.home)
        self._http = httpx2.AsyncClient(transport=httpx2.MockTransport(self._factory.answer))
        speaker = Speaker(id=f"{self._name}-0001", engines=self._engines)
        client = FactoryClient(self._http, "https://factory.example", "acme", "secret", speaker)
        self.fleet, _ = fleet(self.home)
        self.worker = QueueWorker(client, self.fleet, self._kept, 2)
        self._task = asyncio.create_task(self.worker.run(**self._how))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._http.aclose()
        self._kept.close()

    async def over(self) -> None:
        """It left by itself."""
        assert self._task is not None
        await asyncio.wait_for(self._task, 60)

    def result(self, run_id: str) -> RunReport | None:
        return RunFiles(self.home / "runs" / run_id).result()


def an_order(bare: Path, run_id: str, **changes: Any) -> Any:
    return order(bare, run_id=run_id, **changes)


def test_a_worker_pushes_and_the_report_carries_the_head(tmp_path: Path) -> None:
    """The branch is there before the run is told to have ended, and publish() gives what stands on it."""
    bare = code_host(tmp_path)

    async def play() -> None:
        factory = Factory()
        async with Machine(factory, tmp_path / "anna"):
            await factory.fleet.start(an_order(bare, "R-1"))
            await until(lambda: factory.ends)
        (report,) = factory.ends
        assert (report.status, report.work_item_id, report.usage.turns) == (RunStatus.SUCCEEDED, "ACME-142", 3)
        assert await factory.fleet.publish("R-1") == git(bare, "rev-parse", "factory/ACME-142-rename")

    asyncio.run(play())


def test_a_push_that_fails_for_a_moment_is_tried_again_and_the_agent_is_not(tmp_path: Path) -> None:
    """The code host is at work on the branch: the run has not ended before its commits are there."""
    bare = code_host(tmp_path)
    held = bare / "refs/heads/factory/ACME-142-rename.lock"
    held.parent.mkdir()
    held.touch()

    async def play() -> None:
        factory = Factory()
        async with Machine(factory, tmp_path / "anna") as machine:
            await factory.fleet.start(an_order(bare, "R-1"))
            await until(lambda: machine.result("R-1"))
            await asyncio.sleep(0.5)
            assert not factory.ends
            held.unlink()
            await until(lambda: factory.ends)
        assert [(end.status, end.usage.turns) for end in factory.ends] == [(RunStatus.SUCCEEDED, 3)]

    asyncio.run(play())


def test_a_machine_that_was_started_for_one_run_does_it_and_leaves(tmp_path: Path) -> None:
    """Others stay in line; a second such machine finds nothing to do."""
    bare = code_host(tmp_path)

    async def play() -> None:
        factory = Factory()
        await factory.fleet.start(an_order(bare, "R-1", work_item_id="ACME-1", branch="factory/ACME-1"))
        await factory.fleet.start(an_order(bare, "R-2"))
        for name in ("anna", "bert"):
            async with Machine(factory, tmp_path / name, name, once=True, only="R-2") as machine:
                await machine.over()
        assert [(end.run_id, end.status) for end in factory.ends] == [("R-2", RunStatus.SUCCEEDED)]
        assert (await factory.run("R-1")).state is RunState.WAITING

    asyncio.run(play())


def test_a_network_that_is_away_for_longer_than_the_lease(tmp_path: Path) -> None:
    """The agent ends before its lease does, what it says later is refused, and the next try goes well elsewhere."""
    bare = code_host(tmp_path)

    async def play() -> None:
        factory = Factory()
        async with Machine(factory, tmp_path / "anna") as anna:
            await factory.fleet.start(an_order(bare, "R-1", task=HANG))
            await until(lambda: (anna.home / "runs/R-1/output.jsonl").exists())
            factory.cut = True
            lease = await factory.run("R-1")
            await until(lambda: anna.result("R-1"))
            ended = anna.result("R-1")
            assert ended and ended.ended_at and lease.until and ended.ended_at < lease.until
            assert ended.status is RunStatus.LOST
            while not factory.ends:
                await factory.leases.settle_due()
                await asyncio.sleep(0.05)
            assert (factory.ends[0].status, now() >= lease.until) == (RunStatus.LOST, True)
            await factory.fleet.start(an_order(bare, "R-2", previous_run="R-1"))
            factory.cut = False
            await until(lambda: factory.refused and not list((anna.home / "claims").glob("*.json")))
            await until(lambda: len(factory.ends) == 2)
        assert [end.status for end in factory.ends] == [RunStatus.LOST, RunStatus.SUCCEEDED]
        assert (await factory.run("R-1")).report == factory.ends[0]

    asyncio.run(play())


def test_a_worker_that_does_not_come_back_leaves_no_agent_alive(tmp_path: Path) -> None:
    """Nobody renews the lease, and the supervisor alone ends the run in time."""
    bare = code_host(tmp_path)

    async def play() -> None:
        factory = Factory()
        async with Machine(factory, tmp_path / "anna") as anna:
            await factory.fleet.start(an_order(bare, "R-1", task=HANG))
            await until(lambda: (anna.home / "runs/R-1/output.jsonl").exists())
        lease = await factory.run("R-1")
        await until(lambda: anna.result("R-1"))
        ended = anna.result("R-1")
        assert ended and ended.ended_at and lease.until and ended.ended_at < lease.until

    asyncio.run(play())


def test_a_worker_that_comes_back_in_time_goes_on_with_its_run(tmp_path: Path) -> None:
    """Its claim is kept on disk with the epoch: adopted, renewed, reported once."""
    bare = code_host(tmp_path)

    async def play() -> None:
        factory = Factory()
        async with Machine(factory, tmp_path / "anna") as anna:
            await factory.fleet.start(an_order(bare, "R-1", task="console: sleep 2"))
            await until(lambda: (anna.home / "runs/R-1/output.jsonl").exists())
        async with Machine(factory, tmp_path / "anna"):
            await until(lambda: factory.ends)
        assert [end.status for end in factory.ends] == [RunStatus.SUCCEEDED]
        assert ((await factory.run("R-1")).epoch, factory.refused) == (1, 0)

    asyncio.run(play())


def test_an_offer_whose_answer_got_lost_starts_nothing_twice(tmp_path: Path) -> None:
    """Somebody claimed and was never heard of again: after a while another worker has it, under a higher epoch."""
    bare = code_host(tmp_path)

    async def play() -> None:
        factory = Factory()
        await factory.fleet.start(an_order(bare, "R-1"))
        ghost = Speaker(id="ghost-0001", engines=("console",))
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(factory.answer))
        claimed = await FactoryClient(http, "https://factory.example", "acme", "secret", ghost).claim()
        assert claimed.run and claimed.run.epoch == 1
        async with Machine(factory, tmp_path / "anna"):
            await until(lambda: factory.ends)
        run = await factory.run("R-1")
        assert (run.epoch, run.holder, run.state) == (2, "anna-0001", RunState.ENDED)
        assert factory.ends[0].status is RunStatus.SUCCEEDED
        await http.aclose()

    asyncio.run(play())


def test_an_item_that_another_worker_went_on_with_is_begun_from_what_that_one_pushed(tmp_path: Path) -> None:
    """Anna did the first run, Bert the second while Anna was away: Anna's old work tree does not come back."""
    bare = code_host(tmp_path)

    async def play() -> None:
        factory = Factory()
        for run_id, before, name in (("R-1", "", "anna"), ("R-2", "R-1", "bert"), ("R-3", "R-2", "anna")):
            await factory.fleet.start(an_order(bare, run_id, previous_run=before, task=f"Now {run_id}."))
            done = len(factory.ends) + 1
            async with Machine(factory, tmp_path / name, name):
                await until(lambda done=done: len(factory.ends) == done)  # type: ignore[misc]
            if run_id == "R-1":  # what never left Anna's machine
                git(tmp_path / "anna/trees/ACME-142", "commit", "-q", "--allow-empty", "-m", "unpublished")
        assert [end.status for end in factory.ends] == [RunStatus.SUCCEEDED] * 3
        written = git(bare, "show", "factory/ACME-142-rename:changes/ACME-142.md")
        assert [f"Now R-{n}." in written for n in (1, 2, 3)] == [True, True, True]

    asyncio.run(play())


def test_an_engine_never_sees_the_workers_token(tmp_path: Path) -> None:
    """It is in the worker's environment, and no agent's."""
    home = tmp_path / "home"
    made, _ = fleet(home, environment={"FACTORY_WORKER_TOKEN": "hush", "PATH": "/usr/bin:/bin", "HOME": str(home)})
    assert "hush" not in str(made._engine_environment) and "hush" not in str(made._git_environment)


def test_a_fence_ends_a_run_and_moving_it_renews_it(tmp_path: Path) -> None:
    """By a clock that no process sets, so that it holds while the worker is dead."""
    bare = code_host(tmp_path)

    async def play() -> None:
        made, reports = fleet(tmp_path / "home")
        made.fence("ACME-142:1", boot_clock() + 60)
        await made.start(order(bare, task=HANG))
        await until(lambda: list((tmp_path / "home/runs").glob("*/output.jsonl")))
        await asyncio.sleep(0.2)
        assert reports == []
        made.fence("ACME-142:1", boot_clock() - 1)
        await until(lambda: reports)
        assert reports[0].status is RunStatus.LOST
        await made.close()

    asyncio.run(play())


def test_what_nobody_came_back_to_is_forgotten(tmp_path: Path) -> None:
    """A worker hears of no end of an item: its tree goes by age, and not while a run of it is young or untold."""
    bare, moment = code_host(tmp_path), now()

    async def play() -> None:
        nonlocal moment
        made, reports = fleet(tmp_path / "home", clock=lambda: moment)
        for n in (1, 2):
            await made.start(order(bare, run_id=f"R-{n}", work_item_id=f"ACME-{n}", branch=f"factory/ACME-{n}"))
        await until(lambda: len(reports) == 2 and len(list((tmp_path / "home/runs").glob("*/reported"))) == 2)
        await made.forget_old(timedelta(days=1))
        assert len(list((tmp_path / "home/trees").glob("ACME-?"))) == 2
        moment += timedelta(days=2)
        (tmp_path / "home/runs/R-2/reported").unlink()
        await made.forget_old(timedelta(days=1))
        assert [tree.name for tree in (tmp_path / "home/trees").glob("ACME-?")] == ["ACME-2"]
        await made.close()

    asyncio.run(play())


def test_a_worker_leaves_runs_of_an_engine_that_cannot_work_there_to_others(tmp_path: Path) -> None:
    """The first one ends as the machine's failure; the next stays in line, while another engine's is taken."""
    bare = code_host(tmp_path)

    async def play() -> None:
        factory = Factory()
        async with Machine(factory, tmp_path / "worker", engines=("claude", "console")) as machine:
            machine.fleet._engines = {**machine.fleet._engines, "claude": Claude(binary="no-such-program")}
            await factory.fleet.start(an_order(bare, "A.1", work_item_id="A", engine="claude"))
            await until(lambda: bool(factory.ends))
            (end,) = factory.ends
            assert (end.status, end.fault, end.host) == (RunStatus.LIMITED, "machine", "anna-0001")
            assert "is not installed" in end.why and "npm install" in end.fix
            await factory.fleet.start(an_order(bare, "B.1", work_item_id="B", branch="factory/B", engine="claude"))
            await factory.fleet.start(an_order(bare, "C.1", work_item_id="C", branch="factory/C"))
            await until(lambda: len(factory.ends) == 2)
            assert factory.ends[1].run_id == "C.1"
            assert (await factory.run("B.1")).state is RunState.WAITING

    asyncio.run(play())


@pytest.mark.parametrize("where", ["claim", "heartbeat"])
def test_a_fault_of_a_loop_is_logged_and_costs_neither_the_worker_nor_the_run(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also one that is no Exception. The loop begins again, and the run is pushed and reported."""
    bare, real = code_host(tmp_path), getattr(FactoryClient, where)
    faults = iter([RecursionError("deep"), asyncio.CancelledError()])

    async def sometimes(client: FactoryClient, *args: Any) -> Any:
        if fault := next(faults, None):
            raise fault
        return await real(client, *args)

    monkeypatch.setattr(clockwork, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(FactoryClient, where, sometimes)

    async def play() -> None:
        factory = Factory()
        async with Machine(factory, tmp_path / "anna") as machine:
            await factory.fleet.start(an_order(bare, "R-1"))
            await until(lambda: factory.ends)
            assert machine.worker.clockwork.goes_round
            assert {"claims", "runs", "tidy"} == set(machine.worker.clockwork.states())
        assert [report.status for report in factory.ends] == ["succeeded"]

    asyncio.run(play())
    loop = {"claim": "claims", "heartbeat": "heartbeat of R-1"}[where]
    ended = [line.getMessage() for line in caplog.records if getattr(line, "action", "") == loop]
    assert ended[:2] == [
        f"{loop} ended (RecursionError: deep), and begins again",
        f"{loop} ended (something cancelled it), and begins again",
    ]


def test_a_fault_ends_a_worker_that_was_started_for_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks after its machine, which costs money while it is there."""
    bare = code_host(tmp_path)

    async def never(client: FactoryClient, *args: Any) -> Any:
        raise RecursionError("deep")

    monkeypatch.setattr(FactoryClient, "heartbeat", never)

    async def play() -> None:
        factory = Factory()
        await factory.fleet.start(an_order(bare, "R-1"))
        with pytest.raises(RecursionError):
            async with Machine(factory, tmp_path / "anna", once=True) as machine:
                await machine.over()

    asyncio.run(play())


def test_a_worker_that_hears_nothing_for_long_is_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that never returns: systemd hears no more of it, and starts it anew."""

    async def hangs(client: FactoryClient, *args: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(FactoryClient, "claim", hangs)

    async def play() -> None:
        async with Machine(Factory(), tmp_path / "anna") as machine:
            await until(lambda: "claims" in machine.worker.clockwork.states())
            assert machine.worker.clockwork.goes_round
            real = time.monotonic
            monkeypatch.setattr(machine.worker.clockwork, "_monotonic", lambda: real() + 121)
            assert not machine.worker.clockwork.goes_round

    asyncio.run(play())

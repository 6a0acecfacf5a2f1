"""The line of runs as the core's fleet, and the workers' door: who is let in, what is stored, what is told."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.fleets.worker_queue.endpoint import WorkerEndpoint, nobody_here
from adapters.fleets.worker_queue.fleet import WorkerQueueFleet
from adapters.fleets.worker_queue.leases import Leases
from adapters.fleets.worker_queue.protocol import LARGEST, Claim, ClaimAnswer, Heartbeat, HeartbeatAnswer, Report
from adapters.stores.memory.run_queue import InMemoryRunQueue
from factory_core.dispatch.records import State
from factory_core.errors import Problem, Retryable, StoreUnavailable, Terminal, UnreadableRecord
from factory_core.http import HttpRequest, HttpResponse
from factory_core.overview import overview
from factory_core.runs.queued_run import Worker
from factory_core.runs.run import RunReport, RunStatus, Usage
from factory_core.work_item import ItemState

from .world import World, run, ticket

pytestmark = pytest.mark.pure

ANNA = {"id": "anna-0001", "engines": ["console", "claude", "codex"], "slots": 2}
HEAD = "a" * 40


class Elsewhere(World):
    """The core's world, with agents that run elsewhere; a test plays the workers."""

    def __init__(self, **changes: Any) -> None:
        super().__init__(**changes)
        self.queue, self.told = InMemoryRunQueue(), list[str]()
        self.leases = Leases(self.queue, self.clock, self.config.workers)
        self.line = WorkerQueueFleet(self.leases, self._tell)
        self.fleet: Any = self.line
        self.factory = self.new_factory("worker-1")
        self.leases.began, self.leases.finished = self.factory.recorder.began, self.factory.recorder.finished
        self.door = WorkerEndpoint(self.leases, ["old-token", "new-token"])

    async def _tell(self, run_id: str) -> None:
        self.told.append(run_id)

    async def asks(
        self, path: str, token: str = "new-token", worker: Any = ANNA, raw: bytes = b"", **said: Any
    ) -> HttpResponse:
        body = raw or json.dumps({"schema": "factory.worker/1", "worker": worker, **said}).encode()
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = await self.door.handle(
            HttpRequest(path=f"/fleet/acme/{path}", headers=headers, body=body, received_at=self.now)
        )
        await self.settle()
        return answer

    async def says(self, path: str, **said: Any) -> Any:
        answer = await self.asks(path, **said)
        assert answer.status == 200, answer.body
        return json.loads(answer.body)

    async def claimed(self) -> Any:
        return (await self.says("claim"))["run"]

    async def beats(self, claim: Any, **said: Any) -> Any:
        return await self.says(f"runs/{claim['order']['run_id']}/heartbeat", **about(claim, "running", **said))

    async def ends(self, claim: Any, status: str = "succeeded", head: str = HEAD) -> HttpResponse:
        return await self.asks(f"runs/{claim['order']['run_id']}/report", **about(claim, status), head=head)


def about(claim: Any, status: str, **more: Any) -> dict[str, Any]:
    order = claim["order"]
    report = {"run_id": order["run_id"], "work_item_id": order["work_item_id"], "status": status}
    return {"epoch": claim["epoch"], "report": report, **more}


def test_a_ticket_is_merged_by_a_worker() -> None:
    """Claim, confirm, report: the pull request is opened on the head that the worker pushed."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        claim = await world.claimed()
        assert claim["epoch"] == 1 and "ACME-1" in claim["order"]["task"]
        assert world.told == [claim["order"]["run_id"]]
        assert "run" not in await world.says("claim")
        beat = await world.beats(claim, tail=["reads", "writes"])
        assert (beat.get("stop", False), beat["lease_s"], beat["heartbeat_s"]) == (False, 300.0, 15.0)
        assert await world.line.tail(claim["order"]["run_id"], 1) == ("writes",)
        assert (await world.ends(claim)).status == 200
        assert (await world.state(), len(world.target.pull_requests)) == (State.IN_REVIEW, 1)
        assert await world.line.publish(claim["order"]["run_id"]) == HEAD

    run(story())


def test_waiting_for_a_worker_costs_no_try_and_has_no_limit() -> None:
    """Two days without any worker: the same run is in line, and the page says what is missing."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        for _ in range(48):
            await world.later(timedelta(hours=1))
        record = await world.record()
        assert (record.state, record.attempt, len(world.queue._runs)) == (State.DISPATCHING, 1, 1)
        (line,) = [
            line for line in (await overview(world.factory.observed, world.line, "1")).lines if line.name == "workers"
        ]
        assert (line.status, line.note) == ("down", "none was heard")
        claim = await world.claimed()
        await world.beats(claim)
        await world.later(timedelta(minutes=1))
        assert (await world.record()).state is State.RUNNING
        (line,) = [
            line for line in (await overview(world.factory.observed, world.line, "1")).lines if line.name == "workers"
        ]
        assert (line.status, line.note) == ("ok", "1 heard lately, 2 slots: claude, codex, console")

    run(story())


def test_a_worker_that_was_started_for_a_run_gets_that_one_and_no_other() -> None:
    """Another one's is not given to it, nor is its own a second time."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        [first] = world.told
        order = (await world.leases.queue.get_run(first)).order  # type: ignore[union-attr]
        await world.line.start(order.model_copy(update={"run_id": "R-2", "work_item_id": "ACME-2"}))  # type: ignore[union-attr]
        claim = (await world.says("claim", run="R-2"))["run"]
        assert claim["order"]["run_id"] == "R-2"
        for run_id in ("R-2", "no-such-run"):
            assert await world.says("claim", run=run_id) == {"schema": "factory.worker/1"}
        assert (await world.claimed())["order"]["run_id"] == first

    run(story())


def test_a_worker_that_falls_silent_loses_the_run_to_the_next_try() -> None:
    """The lease runs out, the loss is told, a new run is in line; the zombie's report changes nothing."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        zombie = await world.claimed()
        await world.beats(zombie)
        world.now += timedelta(minutes=5)
        await world.leases.settle_due()
        await world.later(timedelta(minutes=2))
        fresh = await world.claimed()
        assert fresh["order"]["run_id"] != zombie["order"]["run_id"]
        said = await world.ends(zombie)
        assert (said.status, json.loads(said.body)["code"]) == (409, "E-LEASE")
        assert (await world.record()).state is State.DISPATCHING
        await world.beats(fresh)
        assert (await world.ends(fresh, head="b" * 40)).status == 200
        assert (await world.state(), (await world.record()).attempt) == (State.IN_REVIEW, 1)
        assert await world.line.publish(fresh["order"]["run_id"]) == "b" * 40

    run(story())


def test_an_end_that_could_not_be_told_is_told_later_and_once() -> None:
    """The store of the records is away when the report comes: 503, and the worker or the clock says it again."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        claim = await world.claimed()
        await world.beats(claim)
        world.store.reachable = False
        said = await world.ends(claim)
        assert (said.status, json.loads(said.body)["code"]) == (503, StoreUnavailable.code)
        world.store.reachable = True
        assert await world.leases.settle_due() == []
        await world.settle()
        assert (await world.record()).state is State.IN_REVIEW
        assert (await world.ends(claim, status="failed", head="")).status == 200  # answered as the first was
        assert await world.queue.due_runs(world.now, 10) == []
        assert len(world.target.pull_requests) == 1

    run(story())


@pytest.mark.parametrize("trouble", [UnreadableRecord, Terminal])
def test_an_end_that_cannot_be_told_keeps_no_other_run_from_workers_and_the_clock(trouble: type[Problem]) -> None:
    """Its item's record is damaged: the next run is claimed, and lost with its lease; the end is told once it can be.

    A store that is away is no trouble of one run: the worker hears that, and asks again.
    """

    async def story() -> None:
        world = Elsewhere()
        told, broken = world.leases.finished, True

        async def finished(report: RunReport) -> None:
            if broken and report.work_item_id == "ACME-1":
                raise trouble("a stored record cannot be read", why="it is newer", fix="factory check")
            await told(report)

        world.leases.finished = finished
        await world.add(ticket())
        first = await world.claimed()
        await world.beats(first)
        await world.ends(first)
        await world.add(ticket("ACME-2", project="API"))
        world.store.reachable, world.now = False, world.now + timedelta(seconds=2)
        broken = False
        assert (await world.asks("claim")).status == 503
        world.store.reachable, broken = True, True
        second = await world.claimed()
        assert second["order"]["work_item_id"] == "ACME-2"
        await world.beats(second)
        world.now += world.config.workers.lease
        assert await world.leases.settle_due() == []
        assert (await world.line.look(second["order"]["run_id"])).status is RunStatus.LOST
        assert (await world.record()).state is State.RUNNING
        broken = False
        world.now += timedelta(minutes=1)
        await world.leases.settle_due()
        await world.settle()
        assert (await world.record()).state is State.IN_REVIEW

    run(story())


@pytest.mark.parametrize("token", ["", "wrong", "old-toke", "old-token,new-token", "new-tokenX"])
def test_a_stranger_learns_nothing_and_changes_nothing(token: str) -> None:
    """No token, a wrong one, half of one: the answer is the same as for a tenant that is not there."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        (run_id,) = world.queue._runs
        before = dict(world.queue._runs)
        for path in ("claim", f"runs/{run_id}/heartbeat", f"runs/{run_id}/report", "runs/none/report", "nowhere"):
            for raw in (b"", b"{", b"x" * (LARGEST + 1)):
                assert await world.asks(path, token=token, raw=raw) == nobody_here()
        assert (world.queue._runs, world.queue._workers) == (before, {})

    run(story())


def test_two_tokens_are_good_while_one_is_replaced() -> None:
    async def story() -> None:
        world = Elsewhere()
        for token in ("old-token", "new-token"):
            assert (await world.asks("claim", token=token)).status == 200
        none = WorkerEndpoint(world.leases, [])
        request = HttpRequest(path="/fleet/acme/claim", headers={"authorization": "Bearer "}, received_at=world.now)
        assert await none.handle(request) == nobody_here()

    run(story())


@pytest.mark.parametrize(
    ("path", "raw", "status"),
    [
        ("claim", b"{", 400),
        ("claim", b'{"schema": "factory.worker/2", "worker": {"id": "anna-0001"}}', 400),
        ("claim", b'{"worker": {"id": "../../etc"}}', 400),
        ("claim", b'{"worker": {"id": "anna-0001"}, "more": "of a newer worker"}', 200),
        ("claim", b"x" * (LARGEST + 1), 413),
        ("runs/R-1/heartbeat", b'{"worker": {"id": "anna-0001"}, "epoch": "x"}', 400),
        ("elsewhere", b"{}", 404),
    ],
)
def test_what_cannot_be_read_is_refused(path: str, raw: bytes, status: int) -> None:
    async def story() -> None:
        assert (await Elsewhere().asks(path, raw=raw)).status == status

    run(story())


def test_a_cost_far_beyond_its_grant_is_no_measurement() -> None:
    """One worker's absurd price counts as the run's cap, in its heartbeats and at its end: the tenant's day goes on."""

    async def story() -> None:
        world = Elsewhere(agents={"maxAttempts": 1})
        await world.add(ticket())
        claim = await world.claimed()
        absurd = {"turns": 3, "usd": "1E+9"}
        beat = about(claim, "running")
        beat["report"]["usage"] = absurd
        await world.says(f"runs/{claim['order']['run_id']}/heartbeat", **beat)
        live = await world.line.look(claim["order"]["run_id"])
        assert live and (live.usage.usd, live.usage.cost_known) == (10, False)
        end = about(claim, "failed")
        end["report"]["usage"] = absurd
        await world.says(f"runs/{claim['order']['run_id']}/report", **end)
        assert (await world.record()).spent.cost == "at least $10.00"
        assert (await world.store.get_batch()).spending.usd == 10
        await world.add(ticket("ACME-2"))
        assert (await world.claimed())["order"]["work_item_id"] == "ACME-2"

    run(story())


@pytest.mark.parametrize(("said", "kept", "known"), [("12", "12", True), ("50", "50", True), ("50.01", "5", False)])
def test_an_overshoot_that_an_engine_makes_is_believed(said: str, kept: str, known: bool) -> None:
    usage = Usage(turns=2, usd=Decimal(said)).within(Decimal(5))
    assert (usage.usd, usage.cost_known, usage.turns) == (Decimal(kept), known, 2)


def test_a_run_that_nobody_knows_is_not_the_workers() -> None:
    """Forgotten meanwhile, or never here: the worker ends its agent."""

    async def story() -> None:
        claim = {"epoch": 1, "order": {"run_id": "R-9", "work_item_id": "ACME-9"}}
        for path, status in (("heartbeat", "running"), ("report", "failed")):
            assert (await Elsewhere().asks(f"runs/R-9/{path}", **about(claim, status))).status == 409

    run(story())


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_ticket_that_is_taken_back_stops_its_run(confirmed: bool) -> None:
    """In line or offered: at once, and a late confirmation is refused. Running: with the next heartbeat."""

    async def story() -> None:
        world = Elsewhere()
        item = ticket()
        await world.add(item)
        claim = await world.claimed()
        if confirmed:
            await world.beats(claim)
        world.tracker.items[item.id] = gone = item.model_copy(update={"state": ItemState.CANCELLED})
        await world.hear(world.changed(gone))
        run_id = claim["order"]["run_id"]
        if confirmed:
            with pytest.raises(Retryable):
                await world.line.stop(run_id)
            assert (await world.beats(claim))["stop"] is True
            assert (await world.ends(claim, "stopped", head="")).status == 200
        else:
            assert (await world.asks(f"runs/{run_id}/heartbeat", **about(claim, "starting"))).status == 409
        await world.later(timedelta(minutes=1))
        stopped = await world.line.look(run_id)
        assert stopped and stopped.status is RunStatus.STOPPED
        assert (await world.state(), (await world.store.get_batch()).slots) == (State.CANCELLED, {})

    run(story())


def test_the_port_keeps_its_promises() -> None:
    """A stop overtakes a start, the same start twice is one run, nothing is published that was not pushed."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        claim = await world.claimed()
        stored = (await world.leases.queue.get_run(claim["order"]["run_id"])).order  # type: ignore[union-attr]
        assert stored is not None
        await world.line.start(stored)
        assert len(world.queue._runs) == 1
        later = stored.model_copy(update={"run_id": "R-2"})
        await world.line.stop("R-2")
        assert (await world.line.start(later)).status is RunStatus.STOPPED
        for run_id in ("R-2", "R-none", stored.run_id):
            with pytest.raises(Problem):
                await world.line.publish(run_id)
        with pytest.raises(Retryable):
            await world.line.forget("ACME-1")
        await world.ends(claim)
        await world.line.forget("ACME-1")
        assert world.queue._runs == {}

    run(story())


def test_of_many_workers_that_ask_at_once_one_gets_the_run() -> None:
    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        crowd = [Worker(id=f"worker-{n}", engines=("claude", "console")) for n in range(20)]
        got = await asyncio.gather(*(world.leases.claim(worker) for worker in crowd))
        assert sum(one is not None for one in got) == 1

    run(story())


def test_a_report_is_whole() -> None:
    """What the worker says of usage and words arrives as it was said."""

    async def story() -> None:
        world = Elsewhere()
        ended: list[RunReport] = []

        async def hear(report: RunReport) -> None:
            ended.append(report)

        world.leases.finished = hear
        await world.add(ticket())
        claim = await world.claimed()
        said = about(claim, "asked")
        said["report"] |= {"words": "Which page?", "usage": {"turns": 3, "usd": "0.07"}, "session": "s-1"}
        assert (await world.asks(f"runs/{claim['order']['run_id']}/report", **said)).status == 200
        (report,) = ended
        assert (report.words, report.usage.turns, str(report.usage.usd), report.session) == (
            "Which page?",
            3,
            "0.07",
            "s-1",
        )

    run(story())


def test_the_page_shows_the_protocol_as_it_is() -> None:
    """Every example of docs/workers.md is a message of its kind, with no field that the protocol does not have."""
    page = (Path(__file__).parents[2] / "docs/workers.md").read_text()
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    kinds = (Claim, ClaimAnswer, Heartbeat, HeartbeatAnswer, Report)
    for kind, example in zip(kinds, shown, strict=True):
        assert holds(kind.model_validate(example).model_dump(mode="json", by_alias=True), example)


def holds(whole: Any, part: Any) -> bool:
    """Every key of the part is one of the whole, however deep."""
    if isinstance(part, dict):
        return all(key in whole and holds(whole[key], value) for key, value in part.items())
    return True


BERT = {"id": "bert-0001", "engines": ["console"], "slots": 2}


async def faults(world: Elsewhere, claim: Any, worker: Any = ANNA) -> None:
    """The claim's run ends because its engine cannot work on the worker's machine."""
    path, said = f"runs/{claim['order']['run_id']}", about(claim, "running")
    await world.says(f"{path}/heartbeat", worker=worker, **said)
    said["report"] |= {"status": "limited", "fault": "machine", "why": "the disk is full", "host": worker["id"]}
    await world.says(f"{path}/report", worker=worker, **said)


def test_an_engine_that_cannot_work_on_the_only_worker_is_paused_there() -> None:
    """Its tickets wait in line with that reason, and lose no try."""

    async def story() -> None:
        world = Elsewhere()
        await world.add(ticket())
        await faults(world, await world.claimed())
        record = await world.record()
        assert (record.state, record.attempt) == (State.QUEUED, 0)
        assert record.waits_for == "console on anna-0001 cannot work: the disk is full"
        await world.later(timedelta(minutes=2))
        claim = await world.claimed()
        await world.beats(claim)
        said = about(claim, "succeeded")
        said["report"]["host"] = "anna-0001"
        assert (await world.asks(f"runs/{claim['order']['run_id']}/report", **said, head=HEAD)).status == 200
        assert await world.state() is State.IN_REVIEW and not (await world.store.get_batch()).circuits

    run(story())


def test_other_workers_go_on_with_an_engine_that_cannot_work_on_one() -> None:
    """The ticket starts again at once, and the page names the machine until its engine works again."""

    async def story() -> None:
        world = Elsewhere()
        await world.says("claim", worker=BERT)
        await world.add(ticket())
        await faults(world, await world.claimed())
        assert await world.state() is State.DISPATCHING
        (circuit,) = (await world.store.get_batch()).circuits.values()
        assert (circuit.host, circuit.alone) == ("anna-0001", False)
        shown = await overview(world.factory.observed, world.fleet, "0.1")
        (line,) = [line for line in shown.lines if line.status == "paused"]
        assert line.name == "console on anna-0001" and "other workers go on" in line.note
        world.now += timedelta(minutes=1)  # the one that kept the work tree is preferred for a while
        claim = (await world.says("claim", worker=BERT))["run"]
        path = f"runs/{claim['order']['run_id']}"
        await world.says(f"{path}/heartbeat", worker=BERT, **about(claim, "running"))
        assert (await world.asks(f"{path}/report", worker=BERT, **about(claim, "succeeded"), head=HEAD)).status == 200
        assert await world.state() is State.IN_REVIEW and (await world.store.get_batch()).circuits
        await world.add(ticket("ACME-2"))
        claim = await world.claimed()
        await world.beats(claim)
        said = about(claim, "succeeded")
        said["report"]["host"] = "anna-0001"
        assert (await world.asks(f"runs/{claim['order']['run_id']}/report", **said, head=HEAD)).status == 200
        assert not (await world.store.get_batch()).circuits

    run(story())

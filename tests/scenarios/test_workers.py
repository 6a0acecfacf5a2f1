"""Agents on other machines: whatever dies meanwhile, each run lives once, and every ticket ends done."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from factory_core.dispatch.records import State
from factory_core.runs.queued_run import RunState

from .counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, counted, runs_begin
from .sandbox_thread import PATIENCE, World, at_push, world
from .server_process import Home, Server, until
from .worker_process import TOKEN, WorkerProcess, at_work, factory_with_workers, queued

SLOW = f"{CLEAR}\nconsole: sleep 3\n"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Home, Server]]:
    with world() as w, factory_with_workers(w, tmp_path_factory.mktemp("workers")) as (home, server):
        yield w, home, server


def starts(home: Home, worker: WorkerProcess, key: str) -> list[int]:
    """How often an agent was started in each of the item's runs."""
    outputs = [run / "output.jsonl" for run in worker.runs() if run.name.startswith(runs_begin(home, key))]
    return [path.read_text().count('"started"') for path in outputs if path.exists()]


def test_tickets_are_merged_by_an_agent_elsewhere(served: tuple[World, Home, Server]) -> None:
    """A clear ticket, and a vague one after its answer; nothing runs in the server, and the pages know the worker."""
    w, home, server = served
    with at_work(WorkerProcess(home, server)) as (worker,):
        clear, vague = w.ticket("Rename total to amount", CLEAR), w.ticket("The cart is confusing", VAGUE)
        w.reply(home.asked(vague), ANSWER)
        rested = home.rests(clear, vague)
        assert [rested[key].state for key in (clear, vague)] == [State.DONE, State.DONE]
        assert (counted(w, home, clear), counted(w, home, vague)) == (DONE_CLEAR, DONE_VAGUE)
        (line,) = [line for line in server.get("/status.json").json()["lines"] if line["name"] == "workers"]
        assert (line["status"], line["note"]) == ("ok", "1 heard lately, 2 slots: console")
        said = worker.said()
        assert re.search(rf"{clear} 'Rename total to amount' in acme/shop, console", said), said
        assert f"{clear} ended: succeeded" in said


def test_a_worker_that_is_killed_finds_its_agent_again(served: tuple[World, Home, Server]) -> None:
    """kill -9 mid-run: the agent goes on, the next worker adopts it under the same epoch, and it ran once."""
    w, home, server = served
    with at_work(WorkerProcess(home, server)) as (worker,):
        key = w.ticket("Rename total to amount", SLOW)
        until(lambda: starts(home, worker, key) == [1])
        worker.kill()
        worker.start()
        assert home.rests(key)[key].state is State.DONE
        assert (counted(w, home, key), starts(home, worker, key)) == (DONE_CLEAR, [1])


def test_a_deploy_of_the_worker_costs_no_run(served: tuple[World, Home, Server]) -> None:
    """SIGTERM: it leaves with 0 and at once, its agent works on, and the next start takes it over."""
    w, home, server = served
    with at_work(WorkerProcess(home, server)) as (worker,):
        key = w.ticket("Rename total to amount", SLOW)
        until(lambda: starts(home, worker, key) == [1])
        assert worker.stop() == 0
        worker.start()
        assert home.rests(key)[key].state is State.DONE
        assert (counted(w, home, key), starts(home, worker, key)) == (DONE_CLEAR, [1])


def test_a_worker_whose_push_hangs_leaves_too(served: tuple[World, Home, Server]) -> None:
    """SIGTERM: with 0 as ever, though a push is given minutes; the next start pushes."""
    w, home, server = served
    with at_work(WorkerProcess(home, server)) as (worker,):
        with w.gate(at_push, acted=False) as gate:
            key = w.ticket("Rename total to amount", CLEAR)
            until(gate.reached.is_set)
            assert worker.stop() == 0
        worker.start()
        assert home.rests(key)[key].state is State.DONE
        assert counted(w, home, key) == DONE_CLEAR


def test_a_server_that_is_killed_hears_the_end_from_its_worker(served: tuple[World, Home, Server]) -> None:
    """kill -9 of the server mid-run: the worker goes on, and reports to the next server."""
    w, home, server = served
    with at_work(WorkerProcess(home, server)) as (worker,):
        key = w.ticket("Rename total to amount", SLOW)
        until(lambda: starts(home, worker, key) == [1])
        server.kill()
        (run,) = [run for run in worker.runs() if run.name.startswith(runs_begin(home, key))]
        until((run / "result.json").exists)
        server.start()
        assert home.rests(key)[key].state is State.DONE
        assert (counted(w, home, key), starts(home, worker, key)) == (DONE_CLEAR, [1])


def test_two_workers_and_one_run(served: tuple[World, Home, Server]) -> None:
    """Both ask, one gets it."""
    w, home, server = served
    with at_work(WorkerProcess(home, server), WorkerProcess(home, server, name="-b")) as workers:
        key = w.ticket("Rename total to amount", CLEAR)
        assert home.rests(key)[key].state is State.DONE
        assert sorted(starts(home, worker, key) for worker in workers) == [[], [1]]


def test_a_person_who_takes_the_ticket_back_stops_the_agent_elsewhere(tmp_path: Path) -> None:
    """In progress until then. The stop reaches the worker with its next heartbeat; the slot is free."""
    quick = {"heartbeat": "0.3s"}
    with (
        world() as w,
        factory_with_workers(w, tmp_path, workers=quick) as (home, server),
        contextlib.ExitStack() as stack,
    ):
        (worker,) = stack.enter_context(at_work(WorkerProcess(home, server)))
        key = w.ticket("Rename total to amount", f"{CLEAR}\nconsole: hang\n")
        until(lambda: starts(home, worker, key) == [1])
        until(lambda: w.state()["linear"]["issues"][key]["states"] == ["Ready for Agent", "In Progress"])
        w.call(w.sandbox.linear.change_issue, key, state="Canceled")
        assert home.rests(key)[key].state is State.CANCELLED
        (run,) = asyncio.run(queued(home, key))
        assert (run.state, run.report and run.report.status) == (RunState.ENDED, "stopped")
        assert home.batch().slots == {}


def test_without_a_worker_a_ticket_waits_and_once_takes_one(served: tuple[World, Home, Server]) -> None:
    """`--once`: one run, and it leaves with 0; with nothing in line it leaves at once."""
    w, home, server = served
    key = w.ticket("Rename total to amount", CLEAR)
    until(lambda: asyncio.run(queued(home, key)))
    worker = WorkerProcess(home, server).start("--once")
    assert worker.process is not None and worker.process.wait(PATIENCE) == 0, worker.said()
    assert home.rests(key)[key].state is State.DONE
    assert counted(w, home, key) == DONE_CLEAR


def test_a_worker_with_a_wrong_token_is_told_so_and_leaves(served: tuple[World, Home, Server]) -> None:
    """Exit 4, and what to do; the same for a tenant that does not exist."""
    _, home, server = served
    worker = WorkerProcess(home, server, name="-stranger")
    worker.environment["FACTORY_WORKER_TOKEN"] = "0" * 32
    worker.start()
    assert worker.process is not None and worker.process.wait(PATIENCE) == 4
    assert "does not let this worker in" in worker.said() and "factory connect workers" in worker.said()


def test_a_tenant_that_is_not_there_and_a_wrong_token_are_one_answer(served: tuple[World, Home, Server]) -> None:
    """Nobody learns which tenants exist, or what waits in their lines."""
    _, home, server = served
    answers = {
        (said.status_code, said.content)
        for tenant in (home.tenant, "globex", "ACME")
        for given in ("", "Bearer wrong", f"Basic {home.secrets[TOKEN]}")
        for said in [httpx2.post(f"{server.url}/fleet/{tenant}/claim", headers={"authorization": given})]
    }
    ((status, _),) = answers
    assert status == 401

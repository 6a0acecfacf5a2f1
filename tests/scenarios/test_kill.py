"""kill -9 of the server at every state and at every call: after the restart each item ends done, nothing done twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from factory_core.dispatch.records import State

from .counting import ANSWER, CLEAR, DONE_CLEAR, DONE_VAGUE, VAGUE, branches, counted, runs_begin
from .sandbox_thread import PATIENCE, World, at_push, world
from .server_process import Home, Server, factory, until

CALLS = {
    *(
        ("linear", name)
        for name in ("issue", "issueUpdate", "workflowStates", "attachmentLinkGitHubPR", "commentCreate")
    ),
    *(("slack", name) for name in ("conversations.history", "conversations.replies", "chat.postMessage")),
    *(("github", f"pulls.{name}") for name in ("create", "get", "reviews", "merge")),
    *(("github", name) for name in ("checks", "status")),
    ("git", "push"),
}
"""Every call that the server makes of a vendor in the vague scenario; the supervisor's `fetch` survives the server."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Home, Server]]:
    with world() as w, factory(w, tmp_path_factory.mktemp("kill")) as (home, server):
        yield w, home, server


@pytest.fixture
def stage(served: tuple[World, Home, Server]) -> tuple[World, Home, Server]:
    """A server that lives, whatever the test before did to it."""
    server = served[2]
    if server.process is None or server.process.poll() is not None:
        server.start()
    return served


def nth(vendor: str, operation: str, n: int = 1) -> Callable[[str, str], bool]:
    """Fits the n-th such request from now on."""
    seen = 0

    def fits(asked: str, what: str) -> bool:
        nonlocal seen
        seen += (asked, what) == (vendor, operation)
        return seen == n and (asked, what) == (vendor, operation)

    return fits


def ask(w: World, home: Home, description: str = VAGUE) -> tuple[str, str]:
    """A vague ticket whose question stands; its key and its thread."""
    key = w.ticket("The cart is confusing", description)
    return key, home.asked(key)


@contextmanager
def parked(w: World, home: Home, state: State, fits: Callable[[str, str], bool]) -> Iterator[str]:
    """The vague item, held in this state at a call; the block is to kill the server."""
    if state in {State.TRIAGING, State.WAITING}:
        with w.gate(fits, acted=True) as gate:
            key = w.ticket("The cart is confusing", VAGUE)
            assert gate.reached.wait(PATIENCE)
            yield key
        return
    key, thread = ask(w, home)
    with w.gate(fits, acted=True) as gate:
        w.reply(thread, ANSWER)
        assert gate.reached.wait(PATIENCE)
        yield key


def ends_done(w: World, home: Home, key: str) -> None:
    """Answered where it still waits for that; then done, and everything exactly once."""
    record = home.record(key)
    if record is not None and not record.answers and record.state in {State.TRIAGING, State.WAITING}:
        w.reply(home.asked(key), ANSWER)
    assert home.rests(key)[key].state is State.DONE
    assert counted(w, home, key) == DONE_VAGUE
    assert home.batch().slots == {} and home.batch().queue == ()


@pytest.mark.parametrize(
    ("state", "vendor", "call", "n"),
    [
        (State.TRIAGING, "linear", "issue", 1),
        (State.WAITING, "slack", "chat.postMessage", 1),
        (State.DISPATCHING, "linear", "issue", 2),
        (State.RUNNING, "linear", "issueUpdate", 1),
        (State.IN_REVIEW, "github", "pulls.create", 1),
        (State.MERGING, "github", "pulls.merge", 1),
        (State.DONE, "linear", "commentCreate", 2),
    ],
)
def test_killed_in_a_state(stage: tuple[World, Home, Server], state: State, vendor: str, call: str, n: int) -> None:
    """The server dies after the vendor acted and before anybody heard of it."""
    w, home, server = stage
    with parked(w, home, state, nth(vendor, call, n)) as key:
        server.kill()
        record = home.record(key)
        assert record is not None and record.state is state
    server.start()
    ends_done(w, home, key)


def test_killed_while_a_question_stands(stage: tuple[World, Home, Server]) -> None:
    """The answer comes while nobody is there, and the vendor's retry brings it to the next server."""
    w, home, server = stage
    key, thread = ask(w, home)
    server.kill()
    record = home.record(key)
    assert record is not None and record.state is State.WAITING
    w.reply(thread, ANSWER)
    until(
        lambda: [d for d in w.state()["deliveries"] if d["vendor"] == "slack" and d["attempts"] and not d["accepted"]]
    )
    server.start()
    assert home.rests(key)[key].state is State.DONE
    assert counted(w, home, key) == DONE_VAGUE


def test_killed_in_line_and_beside_a_running_agent(tmp_path: Path) -> None:
    """One item has the only slot and its agent works on; the other waits. Neither is lost, and no run is repeated."""
    with world() as w, factory(w, tmp_path, capacity={"agents": 1}) as (home, server):
        with w.gate(at_push, acted=False):
            first = w.ticket("Rename total to amount", CLEAR)
            home.in_state(first, State.RUNNING)
            second, thread = ask(w, home)
            w.reply(thread, ANSWER)
            until(lambda: home.in_state(second, State.QUEUED).waits_for == "1 of 1 agents are busy")
            server.kill()
            states = {key: record.state for key, record in home.records().items()}
            assert states == {first: State.RUNNING, second: State.QUEUED}
        server.start()
        rested = home.rests(first, second)
        assert [rested[key].state for key in (first, second)] == [State.DONE, State.DONE]
        assert (counted(w, home, first), counted(w, home, second)) == (DONE_CLEAR, DONE_VAGUE)
        outputs = [path / "output.jsonl" for path in home.run_directories()]
        assert [path.read_text().count('"started"') for path in outputs] == [1, 1]


def test_a_run_that_ends_while_nobody_is_there_is_adopted(stage: tuple[World, Home, Server]) -> None:
    """The agent goes on without the server, and the next server takes its work over as it is."""
    w, home, server = stage
    with w.gate(at_push, acted=False):
        key = w.ticket("Rename total to amount", CLEAR)
        home.in_state(key, State.RUNNING)
        server.kill()
    (run,) = [path for path in home.run_directories() if path.name.startswith(runs_begin(home, key))]
    until(lambda: (run / "result.json").exists())
    server.start()
    assert home.rests(key)[key].state is State.DONE
    assert counted(w, home, key) == DONE_CLEAR


@pytest.mark.parametrize(
    "acted", [pytest.param(False, id="before", marks=pytest.mark.soak), pytest.param(True, id="after")]
)
def test_killed_at_every_call(stage: tuple[World, Home, Server], acted: bool) -> None:
    """A server dies at the first request of each operation, one death after the other: still everything once."""
    died: set[tuple[str, str]] = set()
    w, home, server = stage
    key = w.ticket("The cart is confusing", VAGUE, state="Backlog")
    w.call(w.sandbox.linear.change_issue, key, state="Ready for Agent")
    answered = False
    while died != CALLS:
        with w.gate(lambda vendor, operation: (vendor, operation) in CALLS - died, acted=acted) as gate:
            if died:
                server.start()
            while not gate.reached.wait(0.05):
                record = home.record(key)
                assert record is not None and record.state is not State.BLOCKED, record
                if home.thread(key) and not answered:
                    w.reply(home.thread(key), ANSWER)
                    answered = True
                assert not (record.state is State.DONE and not record.outbox), f"never called: {CALLS - died}"
            server.kill()
            died.add(gate.held)
    server.start()
    assert home.rests(key)[key].state is State.DONE
    assert counted(w, home, key) == DONE_VAGUE._replace(states=("Backlog", *DONE_VAGUE.states))
    assert [name for name in branches(w) if key in name] == [f"factory/{key}-the-cart-is-confusing"]

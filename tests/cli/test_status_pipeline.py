"""`factory status` reads the record, `factory pipeline` changes it; both without a server."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_cli.main import run
from factory_cli.pipeline import usd
from factory_core.dispatch import budget
from factory_core.dispatch.records import Block, InFlightRecord, State, Summary
from factory_core.errors import RecordTooLarge
from factory_core.runs.run import Run

from .calling import Command, environment

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BLOCK = Block(reason="attempts-exhausted", why="Stopped after 2 tries.", fix="factory status ACME-1")


def _record(key: str = "ACME-1", state: State = State.BLOCKED, **more: Any) -> InFlightRecord:
    item = Summary(key=key, title="Rename total to amount")
    fields = {"since": AT, "item": item, **({"block": BLOCK} if state is State.BLOCKED else {}), **more}
    return InFlightRecord(work_item_id=key, state=state, born="b", **fields)


async def _in_store(home: Path, record: InFlightRecord | None, key: str) -> InFlightRecord | None:
    create_file(home / "factory.db")
    with closing(SqliteFile(home / "factory.db")) as file:
        store = SqliteStateStore(file, "default", lambda: datetime.now(UTC))
        if record:
            await store.put_in_flight(record)
        return await store.get_in_flight(key)


def put(home: Path, record: InFlightRecord) -> None:
    asyncio.run(_in_store(home, record, record.work_item_id))


def got(home: Path, key: str = "ACME-1") -> InFlightRecord:
    found = asyncio.run(_in_store(home, None, key))
    assert found
    return found


async def _due(home: Path) -> list[str]:
    with closing(SqliteFile(home / "factory.db")) as file:
        store = SqliteStateStore(file, "default", lambda: datetime.now(UTC))
        return list(await store.due(datetime.now(UTC), 10))


def test_retry_is_recorded_and_left_to_a_running_factory(home: Path, command: Command) -> None:
    """Nobody's lease is on it, and it is due at once."""
    put(home, _record())
    done = command("pipeline", "retry", "ACME-1", "--reason", "the key is set now", cwd=home, USER="maya")
    assert done == (
        0,
        "Taken up again: ACME-1 is triaging. A running factory goes on with it: factory status ACME-1\n",
        "",
    )
    after = got(home)
    assert (after.state, after.block, after.attempt) == (State.TRIAGING, None, 0)
    assert after.feedback == ("the key is set now",) and after.log[-1].text.startswith("maya")
    assert [planned.effect.kind for planned in after.outbox] == ["triage_item"]
    assert after.lease.holder == "" and asyncio.run(_due(home)) == ["ACME-1"]


def test_abort_stops_what_runs(home: Path, command: Command) -> None:
    put(home, _record(state=State.RUNNING, run=Run(run_id="r1", engine="console", started_at=AT)))
    done = command("pipeline", "abort", "ACME-1", "--yes", "--reason", "not now", "--json", cwd=home)
    assert done.code == 0
    assert done.document == {
        "schema": "factory.pipeline/1", "action": "abort", "work_item": "ACME-1", "state": "cancelled", "changed": True,
    }  # fmt: skip
    assert got(home).state is State.CANCELLED
    assert got(home).outbox[0].effect.kind == "stop_agent"


def test_a_dry_run_says_it_and_changes_nothing(home: Path, command: Command) -> None:
    put(home, _record())
    before = got(home)
    for action in ("abort", "retry"):
        done = command("pipeline", action, "ACME-1", "--dry-run", cwd=home)
        assert done.code == 0 and "keeps" in done.out and done.out.endswith("Nothing was changed.\n")
    assert got(home) == before


def test_what_the_machine_ignores_is_said_with_its_reason(home: Path, command: Command) -> None:
    put(home, _record(state=State.RUNNING))
    before = got(home)
    done = command("pipeline", "retry", "ACME-1", cwd=home)
    assert done.code == 5 and got(home) == before
    assert done.err == (
        "✗ ACME-1 is running: nothing to retry.\n  it is moving, or done\n  Fix: factory status ACME-1    E-RULE\n"
    )


def test_abort_asks_for_the_key(home: Path, command: Command) -> None:
    put(home, _record())
    assert command("pipeline", "abort", "ACME-1", cwd=home).code == 2
    assert got(home).state is State.BLOCKED
    assert "Not aborted." in _typed(home, "yes\n", "pipeline", "abort", "ACME-1")
    assert got(home).state is State.BLOCKED
    said = _typed(home, "ACME-1\n", "pipeline", "abort", "ACME-1")
    assert "Type the key to go on:" in said and "Aborted." in said
    assert got(home).state is State.CANCELLED


def _typed(home: Path, keys: str, *argv: str) -> str:
    """What a terminal shows when these keys are typed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "factory_cli", *argv],
        cwd=home, env=environment(home, {"NO_COLOR": "1"}), stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    os.write(ours, keys.encode())
    said = b""
    try:
        while part := os.read(ours, 4096):
            said += part
    except OSError:  # Linux: the other side is closed
        pass
    finally:
        os.close(ours)
        process.wait(120)
    return said.decode()


def test_an_unknown_ticket_is_said(home: Path, command: Command) -> None:
    put(home, _record())
    for argv in (["status", "ACME-9"], ["pipeline", "retry", "ACME-9"]):
        done = command(*argv, cwd=home)
        assert done.code == 1 and done.err.startswith("✗ The factory knows no such ticket.")


def test_a_pipe_gets_a_line_a_ticket_and_a_terminal_gets_words(home: Path, command: Command) -> None:
    put(home, _record())
    put(home, _record("ACME-2", State.RUNNING))
    lines = command("status", cwd=home).out.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["ACME-1", "blocked"], ["ACME-2", "running"]]
    seen = _typed(home, "", "status")
    assert seen.splitlines()[0] == "1 item needs a person." and "unknown" not in seen
    document = command("status", "--json", cwd=home).document
    assert document["schema"] == "factory.status/1"
    assert [item["key"] for item in document["items"]] == ["ACME-1", "ACME-2"]


def test_nothing_to_do_is_no_line(home: Path, command: Command) -> None:
    create_file(home / "factory.db")
    assert command("status", "--exit-status", cwd=home) == (0, "", "")


@pytest.mark.parametrize(
    ("state", "code"),
    [(State.RUNNING, 8), (State.BLOCKED, 8), (State.DONE, 0), (State.FAILED, 1), (State.CANCELLED, 1)],
)
def test_the_exit_status_of_one_ticket(state: State, code: int, home: Path, command: Command) -> None:
    put(home, _record(state=state))
    done = command("status", "ACME-1", "--exit-status", "--json", cwd=home)
    assert (done.code, done.document["schema"]) == (code, "factory.item/1")


def test_watching_a_ticket_ends_when_it_has_ended(home: Path, command: Command) -> None:
    put(home, _record(state=State.DONE, deadline=AT + timedelta(days=7)))
    done = command("status", "ACME-1", "--watch", "--exit-status", cwd=home)
    assert done.code == 0 and done.out.startswith("ACME-1  Rename total to amount\n")


@pytest.mark.parametrize("most", ["0.001", "0.2", "1", "24", "6000000"])
def test_the_budget_that_is_proposed_can_be_typed_and_is_larger(most: str) -> None:
    proposed = budget.larger(Decimal(most))
    assert budget.wanted(f"raise budget to ${proposed}") == usd(proposed) > Decimal(most)


def test_a_budget_is_raised_on_the_machine(home: Path, command: Command) -> None:
    """What is too little, no sum, or of an order that spends nothing is refused with what helps."""
    put(home, _record())
    raised = command("pipeline", "retry", "ACME-1", "--budget", "60", "--format=json", cwd=home, USER="maya")
    assert raised.code == 0 and '"changed": true' in raised.out
    assert "left of $60" in command("status", "ACME-1", cwd=home).out
    less = command("pipeline", "retry", "ACME-1", "--budget", "20", cwd=home)
    assert less.code == 2 and "ACME-1 may cost $60 already." in less.err
    for argv in (["retry", "ACME-1", "--budget", "-5"], ["abort", "ACME-1", "--budget", "90"]):
        assert command("pipeline", *argv, cwd=home).code == 2


def _outage(key: str, provider: str, hours: int, **changes: Any) -> InFlightRecord:
    stopped = Block(reason="vendor-outage", why="it answered 500", fix="factory check", provider=provider)
    since = datetime.now(UTC) - timedelta(hours=hours)
    return _record(key, block=stopped, since=since, **changes)


def test_retry_all_takes_up_what_one_cause_has_stopped_each_at_its_own_moment(home: Path, command: Command) -> None:
    for record in (
        _outage("ACME-1", "github", 30),
        _outage("ACME-2", "github", 3),
        _outage("ACME-3", "linear", 30),
        _record("ACME-4"),
    ):
        put(home, record)
    select = ("pipeline", "retry", "--all", "--blocked-by", "vendor-outage")
    before = {key: got(home, key) for key in ("ACME-1", "ACME-2", "ACME-3", "ACME-4")}
    dry = command(*select, "--dry-run", "--json", cwd=home)
    assert dry.code == 0 and dry.document["schema"] == "factory.pipeline.all/1"
    assert [(one["work_item"], one["vendor"], one["begins_in_s"]) for one in dry.document["work_items"]] == [
        ("ACME-1", "github", 0), ("ACME-3", "linear", 2), ("ACME-2", "github", 4),
    ]  # fmt: skip
    assert not dry.document["changed"] and {key: got(home, key) for key in before} == before

    asked = command(*select, cwd=home)
    assert asked.code == 2 and "--yes" in asked.err and {key: got(home, key) for key in before} == before
    assert "Nothing was retried." in _typed(home, "no\n", *select)

    done = command(*select, "--vendor", "github", "--older-than", "2h", "--younger-than", "5h", "--yes", cwd=home)
    assert done.code == 0 and done.out.startswith("1 ticket taken up again"), done
    assert [got(home, key).state for key in before] == [State.BLOCKED, State.TRIAGING, State.BLOCKED, State.BLOCKED]
    done = command(*select, "--reason", "GitHub is back", "--yes", "--json", cwd=home, USER="maya")
    assert done.code == 0 and done.document["selected"] == 2
    moments = [got(home, key).outbox[0].not_before for key in ("ACME-1", "ACME-3")]
    assert moments[0] and moments[1] and moments[1] - moments[0] == timedelta(seconds=2)
    assert got(home, "ACME-4") == before["ACME-4"]


def test_one_that_cannot_be_stored_keeps_no_other_from_being_taken_up(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named at the end."""
    for key, hours in (("ACME-1", 3), ("ACME-2", 2)):
        put(home, _outage(key, "github", hours))
    put_in_flight = SqliteStateStore.put_in_flight

    async def full(store: SqliteStateStore, record: InFlightRecord, **more: Any) -> InFlightRecord:
        if record.work_item_id == "ACME-1":
            raise RecordTooLarge("a record is too large", why="it has 2 GB", fix="In the tracker: cancel the ticket")
        return await put_in_flight(store, record, **more)

    monkeypatch.setattr(SqliteStateStore, "put_in_flight", full)
    monkeypatch.chdir(home)
    code = run(["pipeline", "retry", "--all", "--yes"])
    said = capsys.readouterr()
    assert code and said.out.startswith("1 ticket taken up again") and "moved on" not in said.out
    assert "a record is too large" in said.err
    assert [got(home, key).state for key in ("ACME-1", "ACME-2")] == [State.BLOCKED, State.TRIAGING]


@pytest.mark.parametrize(
    "argv",
    [
        "abort --all", "retry --all ACME-1", "retry --all --budget 20", "retry ACME-1 --blocked-by limit",
        "retry --all --blocked-by weather", "retry --all --vendor nobody", "retry --all --older-than soon", "retry",
    ],
)  # fmt: skip
def test_what_retry_all_cannot_mean_is_said(home: Path, argv: str, command: Command) -> None:
    put(home, _record())
    said = command("pipeline", *argv.split(), cwd=home)
    assert said.code == 2 and "Fix: factory" in said.err and not said.out

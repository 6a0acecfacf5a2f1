"""A start that fails halfway, a branch that a person removed, and an engine that stands where its work is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fleet_stand import DONE, code_host, fleet, git, living, order, program, run_all, until

from adapters.fleets.local_engines import fleet as module
from adapters.fleets.local_engines.claude import Claude
from factory_core.errors import EngineUnavailable, Retryable
from factory_core.runs.run import RunStatus

BRANCH = "factory/ACME-142-rename"


def test_a_start_that_failed_after_its_agent_was_up_leaves_one_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor came up and its word was lost: it is stopped, and the next attempt has the only agent."""
    spawn = module.spawn
    body = "open('begun', 'a').write('once ')\ntime.sleep(600)"
    begun = tmp_path / "home/trees/ACME-142/begun"

    def lost(*given: object) -> None:
        spawn(*given)  # type: ignore[arg-type]
        raise Retryable("The supervisor of a run did not start", why="TimeoutExpired", fix="factory status")

    async def play() -> None:
        engines = {"claude": Claude(binary=str(program(tmp_path / "bin/claude", body)))}
        made, reports = fleet(tmp_path / "home", engines=engines)
        one = order(code_host(tmp_path), engine="claude")
        monkeypatch.setattr(module, "spawn", lost)
        with pytest.raises(EngineUnavailable):
            await made.start(one)
        monkeypatch.setattr(module, "spawn", spawn)
        while not ((report := await made.look(one.run_id)) and report.ended_at):  # noqa: ASYNC110 - files, not events
            await asyncio.sleep(0.02)
        assert report.status is RunStatus.STOPPED and living(f"{tmp_path}/bin") == []
        begun.unlink(missing_ok=True)
        again = one.model_copy(update={"run_id": "ACME-142:2"})
        await made.start(again)
        await until(begun.exists)
        await made.stop(again.run_id)
        await until(lambda: [report.run_id for report in reports if report.run_id == again.run_id])
        await made.close()

    asyncio.run(play())
    assert begun.read_text() == "once " and living(f"{tmp_path}/bin") == []


def test_an_engine_works_in_the_items_own_tree(tmp_path: Path) -> None:
    """Not where the server stands: what it writes beside itself is in the commit."""
    body = f"open('here.txt', 'w').write(os.getcwd())\n{DONE}"
    engines = {"claude": Claude(binary=str(program(tmp_path / "bin/claude", body)))}
    (report,) = run_all(tmp_path / "home", order(code_host(tmp_path), engine="claude"), engines=engines)
    tree = tmp_path / "home/trees/ACME-142"
    assert report.status is RunStatus.SUCCEEDED
    assert git(tree, "show", "HEAD:here.txt") == str(tree)


def test_a_branch_that_a_person_deleted_is_pushed_again(tmp_path: Path) -> None:
    """With the next run, and with the same one: what is published is at the code host when publish says so."""
    bare = code_host(tmp_path)

    async def play() -> None:
        made, reports = fleet(tmp_path / "home")
        await made.start(order(bare))
        await until(lambda: len(reports) == 1)
        first = await made.publish("ACME-142:1")
        git(bare, "update-ref", "-d", f"refs/heads/{BRANCH}")
        assert await made.publish("ACME-142:1") == first == git(bare, "rev-parse", BRANCH)
        git(bare, "update-ref", "-d", f"refs/heads/{BRANCH}")
        await made.start(order(bare, run_id="ACME-142:2", previous_run="ACME-142:1", task="Otherwise."))
        await until(lambda: len(reports) == 2)
        assert await made.publish("ACME-142:2") == git(bare, "rev-parse", BRANCH) != first
        await made.close()

    asyncio.run(play())

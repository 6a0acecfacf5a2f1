"""A start that fails halfway, a branch that a person removed, and an engine that stands where its work is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fleet_stand import DONE, code_host, fleet, git, order, program, run_all, until

from adapters.fleets.local_engines import fleet as module
from adapters.fleets.local_engines.claude import Claude
from factory_core.dispatch.run import RunStatus
from factory_core.errors import Retryable

BRANCH = "factory/ACME-142-rename"


def test_a_start_that_failed_after_its_agent_was_up_leaves_one_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The supervisor came up and its word was lost: the repeated start, and a stop, meet the one that is there."""
    spawn = module.spawn
    body = "open('pid.new', 'w').write(str(os.getpid()))\nos.rename('pid.new', 'pid')\ntime.sleep(600)"
    pid = tmp_path / "home/trees/ACME-142/pid"

    def lost(*given: object) -> None:
        spawn(*given)  # type: ignore[arg-type]
        raise Retryable("The supervisor of a run did not start", why="TimeoutExpired", fix="factory status")

    async def play() -> str:
        engines = {"claude": Claude(binary=str(program(tmp_path / "bin/claude", body)))}
        made, reports = fleet(tmp_path / "home", engines=engines)
        one = order(code_host(tmp_path), engine="claude")
        monkeypatch.setattr(module, "spawn", lost)
        with pytest.raises(Retryable):
            await made.start(one)
        monkeypatch.setattr(module, "spawn", spawn)
        await until(pid.exists)
        first = pid.read_text()
        await made.start(one)
        await made.stop(one.run_id)
        await until(lambda: reports)
        await made.close()
        assert reports[0].status is RunStatus.STOPPED
        return first

    alone = asyncio.run(play())
    assert pid.read_text() == alone and not Path(f"/proc/{alone}").exists()


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

"""Pushing a run's branch: once or often, never over a person's commits."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest
from fleet_stand import code_host, commit_to, fleet, git, order, until

from adapters.credentials import Secrets
from adapters.demo.stage import demo_config
from adapters.fleets.local_engines.fleet import LocalFleet
from adapters.local.wiring import LocalTenant, open_store
from factory_core.config import Runner
from factory_core.dispatch.run import RunOrder, RunReport
from factory_core.errors import Retryable, Terminal

BRANCH = "factory/ACME-142-rename"


async def ended(made: LocalFleet, reports: list[RunReport], one: RunOrder) -> None:
    before = len(reports)
    await made.start(one)
    await until(lambda: len(reports) > before)


def test_publishing_often_is_publishing_once(tmp_path: Path) -> None:
    """The branch is at the run's head, the sha is the same each time, and main is untouched."""
    bare = code_host(tmp_path)
    main = git(bare, "rev-parse", "main")

    async def play() -> list[str]:
        made, reports = fleet(tmp_path / "home")
        await ended(made, reports, order(bare))
        shas = [await made.publish("ACME-142:1") for _ in range(2)]
        shas += await asyncio.gather(*(made.publish("ACME-142:1") for _ in range(3)))
        await made.close()
        return shas

    assert set(asyncio.run(play())) == {git(bare, "rev-parse", BRANCH)}
    assert git(bare, "rev-parse", "main") == main


def test_a_fresh_attempt_replaces_what_we_pushed_and_an_old_one_does_not_come_back(tmp_path: Path) -> None:
    """A second attempt from the base takes the branch over; a late repeat of an earlier follow-up changes nothing."""
    bare = code_host(tmp_path)

    async def play() -> None:
        made, reports = fleet(tmp_path / "home")
        await ended(made, reports, order(bare))
        first = await made.publish("ACME-142:1")
        await ended(made, reports, order(bare, run_id="ACME-142:2", task="Otherwise."))
        second = await made.publish("ACME-142:2")
        assert second != first
        await ended(made, reports, order(bare, run_id="ACME-142:3", previous_run="ACME-142:2"))
        third = await made.publish("ACME-142:3")
        assert await made.publish("ACME-142:2") == third
        assert git(bare, "rev-parse", BRANCH) == third
        await made.close()

    asyncio.run(play())
    assert git(bare, "rev-list", "--count", f"main..{BRANCH}") == "2"


def test_a_persons_commit_on_the_branch_is_never_replaced(tmp_path: Path) -> None:
    """Terminal, with git's reason; the person's commit stays."""
    bare = code_host(tmp_path)

    async def play() -> str:
        made, reports = fleet(tmp_path / "home")
        await ended(made, reports, order(bare))
        await made.publish("ACME-142:1")
        theirs = commit_to(bare, tmp_path / "first", "theirs", "by hand")
        git(bare, "update-ref", f"refs/heads/{BRANCH}", theirs)
        await ended(made, reports, order(bare, run_id="ACME-142:2", task="Otherwise."))
        with pytest.raises(Terminal, match="cannot be pushed") as raised:
            await made.publish("ACME-142:2")
        assert "rejected" in raised.value.why
        await made.close()
        return theirs

    assert asyncio.run(play()) == git(bare, "rev-parse", BRANCH)


def test_a_host_that_is_down_may_be_back_and_one_that_refuses_is_believed(tmp_path: Path) -> None:
    """Gone: Retryable, and later it works. A hook that says no: Terminal, with its words."""
    bare = code_host(tmp_path)
    refuse = bare / "hooks/pre-receive"

    async def play() -> None:
        made, reports = fleet(tmp_path / "home")
        await ended(made, reports, order(bare))
        bare.rename(tmp_path / "away")
        with pytest.raises(Retryable):
            await made.publish("ACME-142:1")
        (tmp_path / "away").rename(bare)
        refuse.write_text("#!/bin/sh\necho the branch is protected >&2\nexit 1\n")
        refuse.chmod(0o755)
        with pytest.raises(Terminal) as raised:
            await made.publish("ACME-142:1")
        assert "the branch is protected" in raised.value.why
        refuse.unlink()
        assert await made.publish("ACME-142:1") == git(bare, "rev-parse", BRANCH)
        await made.close()

    asyncio.run(play())


def test_a_push_ends_within_the_time_of_its_effect(tmp_path: Path) -> None:
    """The host takes its time: the effect is over before it says yes, and nothing is pushed behind our back."""
    bare = code_host(tmp_path)
    slow, go = bare / "hooks/pre-receive", bare / "go"
    slow.write_text("#!/bin/sh\nwhile [ ! -e go ]; do sleep 0.1; done\n")
    slow.chmod(0o755)
    rules = Runner(effect_timeout=timedelta(seconds=3))
    config = demo_config("http://127.0.0.1:1").model_copy(update={"runner": rules})
    names = ("LINEAR_API_KEY", "LINEAR_WEBHOOK_SECRET", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "GITHUB_TOKEN",
             "GITHUB_WEBHOOK_SECRET")  # fmt: skip
    file, presence = open_store(config, tmp_path)

    async def play() -> None:
        tenant = LocalTenant(config, Secrets(dict.fromkeys(names, "x")), file, presence, tmp_path, os.environ)
        assert tenant.here
        ends = asyncio.Queue[RunReport]()
        tenant.here.finished = ends.put
        await tenant.here.start(order(bare))
        await ends.get()
        try:
            async with asyncio.timeout(rules.effect_timeout.total_seconds()):
                with pytest.raises(Retryable, match="cannot be pushed"):
                    await tenant.here.publish("ACME-142:1")
        finally:
            go.touch()
        assert BRANCH not in git(bare, "branch", "--list", BRANCH)
        assert await tenant.here.publish("ACME-142:1") == git(bare, "rev-parse", BRANCH)
        await tenant.here.close()
        await tenant.http.aclose()

    asyncio.run(play())
    presence.close()
    file.close()


@pytest.mark.parametrize("task", ["console: fail", "console: no change", "console: ask Which?"])
def test_only_a_run_that_ended_with_commits_is_published(tmp_path: Path, task: str) -> None:
    """Terminal for the others, and for a run that nobody knows."""
    bare = code_host(tmp_path)

    async def play() -> None:
        made, reports = fleet(tmp_path / "home")
        await ended(made, reports, order(bare, task=task))
        for run_id in ("ACME-142:1", "unknown"):
            with pytest.raises(Terminal, match="nothing to publish"):
                await made.publish(run_id)
        await made.close()

    asyncio.run(play())
    assert git(bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"

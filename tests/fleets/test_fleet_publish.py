"""Pushing a run's branch: once or often, never over a person's commits."""

from __future__ import annotations

import asyncio
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from fleet_stand import DONE, code_host, commit_to, fleet, git, living, order, program, until

from adapters.credentials.secrets import Secrets
from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.fleet import LocalFleet
from adapters.local.wiring import LocalTenant, open_store
from adapters.logs.redaction import Redactor
from factory_core.config import Runner
from factory_core.errors import Problem, Retryable, Terminal
from factory_core.runs.run import RunOrder, RunReport
from factory_sandbox.demo.stage import demo_config

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
    """Terminal, with what a person can do; the person's commit stays."""
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
        assert "the factory did not push" in raised.value.why and BRANCH in raised.value.fix
        await made.close()
        return theirs

    assert asyncio.run(play()) == git(bare, "rev-parse", BRANCH)


@pytest.mark.parametrize("other", ["factory", f"{BRANCH}/x"])
def test_a_branch_that_is_in_the_way_is_named(tmp_path: Path, other: str) -> None:
    """`a` and `a/b` cannot both be branches, however often it is tried."""
    bare = code_host(tmp_path)
    git(bare, "update-ref", f"refs/heads/{other}", "main")

    async def play() -> None:
        made, reports = fleet(tmp_path / "home")
        await ended(made, reports, order(bare))
        with pytest.raises(Terminal, match="cannot be pushed") as raised:
            await made.publish("ACME-142:1")
        assert f"rename or delete the branch {other};" in raised.value.fix
        await made.close()

    asyncio.run(play())


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


def test_a_fleet_that_is_closed_leaves_no_push_that_hangs(tmp_path: Path) -> None:
    """Its process would wait for it and not end; the next one pushes."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    hangs = bare / "hooks/pre-receive"
    hangs.write_text("#!/bin/sh\ntouch began\nwhile [ ! -e go ]; do sleep 0.1; done\n")
    hangs.chmod(0o755)

    async def play() -> str:
        made, reports = fleet(home, push_within=timedelta(hours=1))
        await ended(made, reports, order(bare))
        push = asyncio.create_task(made.publish("ACME-142:1"))
        try:
            await until((bare / "began").exists)
            push.cancel()
            await made.close()
            await until(lambda: not living(str(bare)))
        finally:
            (bare / "go").touch()
        assert BRANCH not in git(bare, "branch", "--list", BRANCH)
        return await fleet(home)[0].publish("ACME-142:1")

    assert asyncio.run(play()) == git(bare, "rev-parse", BRANCH)


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
        tenant = LocalTenant(config, Secrets(dict.fromkeys(names, "x" * 32)), file, presence, tmp_path, os.environ)
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


FAULTS = [
    ("! x:refs/heads/b\t[remote rejected] (Internal Server Error)", Retryable),
    ("! x:refs/heads/b\t[remote rejected] (failed to update ref)", Retryable),
    (
        "! x:refs/heads/b\t[remote rejected] (cannot lock ref 'refs/heads/b': Unable to create '…b.lock': File exists)",
        Retryable,
    ),
    ("! x:refs/heads/b\t[remote rejected] (failure)", Retryable),
    ("fatal: unable to access 'https://h/': The requested URL returned error: 503", Retryable),
    ("fatal: unable to access 'https://h/': Could not resolve host: h", Retryable),
    ("fatal: the remote end hung up unexpectedly", Retryable),
    ("! x:refs/heads/b\t[remote rejected] (pre-receive hook declined)", Terminal),
    ("remote: Internal Server Error is a file that is refused\n! x:y\t[remote rejected] (push declined)", Terminal),
    ("! x:refs/heads/b/c\t[remote rejected] (cannot lock ref 'b/c': 'b' exists; cannot create 'b/c')", Terminal),
    ("git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.", Terminal),
    ("! x:refs/heads/b\t[rejected] (stale info)", Terminal),
    ("fatal: unable to access 'https://h/': The requested URL returned error: 403", Terminal),
    ("remote: Repository not found.", Terminal),
]


@pytest.mark.parametrize(("said", "kind"), FAULTS)
def test_a_push_that_failed_for_a_moment_is_tried_again(tmp_path: Path, said: str, kind: type[Problem]) -> None:
    """What the code host's own reason says decides, and a rule of it is no fault of a moment."""
    bare, fake = code_host(tmp_path), tmp_path / "bin/git"
    (tmp_path / "said").write_text(said + "\n")
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\ncase " $* " in *" push "*) cat {tmp_path}/said; exit 1;; esac\nexec {shutil.which("git")} "$@"\n'
    )
    fake.chmod(0o755)
    path = {"PATH": f"{fake.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}

    async def play() -> None:
        made, reports = fleet(tmp_path / "home", environment=path)
        await ended(made, reports, order(bare))
        with pytest.raises(kind) as raised:
            await made.publish("ACME-142:1")
        assert type(raised.value) is kind
        await made.close()

    asyncio.run(play())


def test_the_words_of_a_refusal_name_the_file(tmp_path: Path) -> None:
    """Push protection's long answer, without its decoration."""
    bare = code_host(tmp_path)
    hook = bare / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\nfor n in $(seq 40); do echo '   —————— a rule' >&2; done\n"
                    "echo '  path: config/payments.py:3' >&2\necho '' >&2\nexit 1\n")  # fmt: skip
    hook.chmod(0o755)

    async def play() -> str:
        made, reports = fleet(tmp_path / "home")
        await ended(made, reports, order(bare))
        with pytest.raises(Terminal) as raised:
            await made.publish("ACME-142:1")
        await made.close()
        return raised.value.why

    why = asyncio.run(play())
    assert "\npath: config/payments.py:3\n" in why and "remote:" not in why


@pytest.mark.parametrize(
    "task", ["console: write notes.txt = the value canary-41-zk", "console: write canary-41-zk = x"]
)
def test_a_secret_that_this_process_knows_is_not_pushed(tmp_path: Path, task: str) -> None:
    """In a file or in its name: Terminal, with the file and without the value."""
    bare = code_host(tmp_path)

    async def play() -> None:
        made, reports = fleet(tmp_path / "home", secrets=Redactor(lambda: {"canary-41-zk"}))
        await ended(made, reports, order(bare, task=task))
        with pytest.raises(Terminal, match="a secret of the factory") as raised:
            await made.publish("ACME-142:1")
        assert "canary" not in str(raised.value.document())
        assert ("notes.txt:1;" in raised.value.why) == ("notes.txt" in task)
        await made.close()

    asyncio.run(play())
    assert git(bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


TORN = ("zk41Q9vXk7Lm2Pw8", "Rt5Yb3Nc6Hd1Jf0G")
IN_LINES = """
import base64
open("first.txt", "w").write("fine\\n" * 9)
open("notes.txt", "w").write("a\\nb\\n" + base64.encodebytes(b"secret=" * 9 + b"%s").decode() + "c\\n")
"""
IN_MESSAGE = """
open("a.txt", "w").write("x")
subprocess.run(["git", "add", "-A"], check=True)
subprocess.run(["git", "commit", "-q", "-m", "Rename", "-m", "%s\\n%s"], check=True)
"""


@pytest.mark.parametrize(
    ("body", "where"),
    [(IN_LINES % "".join(TORN), "notes.txt:4;"), (IN_MESSAGE % TORN, "a commit's message;")],
    ids=["base64 of several lines", "message"],
)
def test_a_secret_over_several_lines_is_not_pushed(tmp_path: Path, body: str, where: str) -> None:
    """The line that completes it is named."""
    bare = code_host(tmp_path)
    engines = {"claude": Claude(binary=str(program(tmp_path / "bin" / "claude", body + DONE)))}

    async def play() -> None:
        made, reports = fleet(tmp_path / "home", engines=engines, secrets=Redactor(lambda: {"".join(TORN)}))
        await ended(made, reports, order(bare, engine="claude"))
        with pytest.raises(Terminal, match="a secret of the factory") as raised:
            await made.publish("ACME-142:1")
        assert where in raised.value.why and TORN[0] not in str(raised.value.document())
        await made.close()

    asyncio.run(play())
    assert git(bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_a_mirror_that_is_gone_is_named(tmp_path: Path) -> None:
    """Between the end of a run and its push: the work cannot be had any more."""
    bare = code_host(tmp_path)

    async def play() -> None:
        made, reports = fleet(tmp_path / "home")
        await ended(made, reports, order(bare))
        (mirror,) = (tmp_path / "home/repos").glob("*.mirror")
        shutil.rmtree(mirror)
        with pytest.raises(Terminal, match="is gone"):
            await made.publish("ACME-142:1")
        await made.close()

    asyncio.run(play())

"""LocalFleet with real processes and real git: what a run comes to, and what two calls with one id are."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fleet_stand import DONE, code_host, fleet, git, living, order, program, run_all, until
from pydantic import ValidationError

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.run_files import directory_name
from factory_core.errors import EngineUnavailable, Problem, Retryable, Terminal
from factory_core.runs.run import RunReport, RunStatus, Usage

SESSION = "console-" + directory_name("ACME-142:1")


def fake(folder: Path, body: str) -> dict[str, Claude]:
    """Engines in which claude is a program of the test's own."""
    return {"claude": Claude(binary=str(program(folder / "bin" / "claude", body)))}


def test_a_run_edits_commits_and_is_told_once(tmp_path: Path) -> None:
    """The whole of a run's report, and its commit in the work tree on the item's branch."""
    (report,) = run_all(tmp_path / "home", order(code_host(tmp_path)))
    assert (report.run_id, report.work_item_id, report.status) == ("ACME-142:1", "ACME-142", RunStatus.SUCCEEDED)
    assert report.usage == Usage(turns=3, input_tokens=3600, output_tokens=240, usd=Decimal("0.03"))
    assert (report.words, report.why, report.session) == ("Changed changes/ACME-142.md.", "", SESSION)
    tree = tmp_path / "home" / "trees" / "ACME-142"
    assert git(tree, "log", "--format=%an %s", "-1") == "factory Work on ACME-142"
    assert git(tree, "rev-parse", "--abbrev-ref", "HEAD") == "factory/ACME-142-rename"
    assert (tree / "changes/ACME-142.md").read_text() == "# Rename the button\n\nRename the button.\n"


@pytest.mark.parametrize(
    ("task", "status", "words"),
    [
        ("console: fail", RunStatus.FAILED, "The task said that it fails."),
        ("> console: ask Which button?", RunStatus.ASKED, "Which button?"),
        ("console: no change", RunStatus.NO_CHANGE, "Nothing had to be changed."),
        ("console: write a/b.txt = some text", RunStatus.SUCCEEDED, "Changed a/b.txt."),
        ("console: write ../../out.txt = text", RunStatus.FAILED, ""),
        ("console: write .git/config = text", RunStatus.FAILED, ""),
    ],
)
def test_the_task_steers_the_console(tmp_path: Path, task: str, status: RunStatus, words: str) -> None:
    """Each line does what it says, and a path out of the work tree is written by nobody."""
    (report,) = run_all(tmp_path / "home", order(code_host(tmp_path), task=f"Please.\n{task}\n"))
    assert (report.status, report.words) == (status, words)
    assert not (tmp_path / "home" / "out.txt").exists()


def test_what_happens_once_happens_once_for_the_item(tmp_path: Path) -> None:
    """`fail once` and `ask` are over after the first run, also when the work tree is made anew."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    task = "console: fail once\nconsole: ask Which one?"
    ends = [run_all(home, order(bare, run_id=f"ACME-142:{n}", task=task))[0].status for n in (1, 2, 3)]
    assert ends == [RunStatus.FAILED, RunStatus.ASKED, RunStatus.SUCCEEDED]


def test_the_same_id_is_the_same_run(tmp_path: Path) -> None:
    """Started five times at once and again after its end: one run, one commit, one report."""
    one = order(code_host(tmp_path), task="console: sleep 0.3")

    async def play() -> list[RunReport]:
        made, reports = fleet(tmp_path / "home")
        await asyncio.gather(*(made.start(one) for _ in range(5)))
        await until(lambda: reports)
        late = await made.start(one)
        await asyncio.sleep(0.3)
        await made.close()
        assert late == reports[0]
        return reports

    assert len(asyncio.run(play())) == 1
    assert git(tmp_path / "home/trees/ACME-142", "rev-list", "--count", "origin/main..HEAD") == "1"


def test_a_report_that_is_not_taken_comes_again(tmp_path: Path) -> None:
    """A store that cannot be written when the run ends hears of it later."""
    heard: list[RunReport] = []

    async def play() -> None:
        made, _ = fleet(tmp_path / "home")

        async def finished(report: RunReport) -> None:
            heard.append(report)
            if len(heard) == 1:
                raise Retryable("store", why="busy", fix="factory status")

        made.finished = finished
        await made.start(order(code_host(tmp_path)))
        await until(lambda: len(heard) == 2)
        await made.close()

    asyncio.run(play())
    assert heard[0] == heard[1]


def test_why_nobody_waits_for_a_runs_end_any_more_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        made, _ = fleet(tmp_path / "home")

        async def finished(report: RunReport) -> None:
            raise GeneratorExit("the loop is broken")

        made.finished = finished
        await made.start(order(code_host(tmp_path)))
        await until(lambda: "is waited for no more" in caplog.text)
        await made.close()

    asyncio.run(play())
    line = next(record for record in caplog.records if "is waited for no more" in record.getMessage())
    assert "GeneratorExit: the loop is broken" in line.getMessage()
    assert line.__dict__["run"] == "ACME-142:1"


def test_runs_in_one_repository_do_not_meet(tmp_path: Path) -> None:
    """Five items of one repository at once: each has its own clone, branch and commit, and borrows from one mirror."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    orders = [order(bare, run_id=f"A-{n}:1", work_item_id=f"A-{n}", branch=f"factory/A-{n}") for n in range(5)]
    assert {(report.status, report.why) for report in run_all(home, *orders)} == {(RunStatus.SUCCEEDED, "")}
    for n in range(5):
        assert git(home / f"trees/A-{n}", "diff", "--name-only", "origin/main..HEAD") == f"changes/A-{n}.md"
    (mirror,) = (home / "repos").glob("*.mirror")
    borrowed = {path.read_text() for path in home.glob("trees/*/.git/objects/info/alternates")}
    assert borrowed == {f"{mirror}/objects\n"}


def test_a_follow_up_goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    """The same tree and branch, with what a person pushed to it meanwhile; both runs' commits are published."""
    bare, home = code_host(tmp_path), tmp_path / "home"

    async def play() -> None:
        made, reports = fleet(home)
        await made.start(order(bare))
        await until(lambda: len(reports) == 1)
        await made.publish("ACME-142:1")
        person = tmp_path / "person"
        git(tmp_path, "clone", "-q", "-b", "factory/ACME-142-rename", str(bare), str(person))
        (person / "theirs.txt").write_text("x")
        git(person, "add", "-A")
        git(person, "commit", "-qm", "theirs")
        git(person, "push", "-q")
        (home / "trees/ACME-142/README.md").write_text("left by the first run")
        follow_up = order(bare, run_id="ACME-142:2", previous_run="ACME-142:1", resume="s", task="Make it blue.")
        await made.start(follow_up)
        await until(lambda: len(reports) == 2)
        assert reports[1].session == "s"
        assert await made.publish("ACME-142:2") == git(bare, "rev-parse", "factory/ACME-142-rename")
        await made.close()

    asyncio.run(play())
    assert git(bare, "log", "--format=%s", "main..factory/ACME-142-rename").splitlines() == [
        "Work on ACME-142", "Work on ACME-142", "theirs", "Work on ACME-142",
    ]  # fmt: skip
    text = git(bare, "show", "factory/ACME-142-rename:changes/ACME-142.md")
    assert text.endswith("## Then\n\nMake it blue.")


def test_a_follow_up_without_its_tree_begins_at_the_published_branch(tmp_path: Path) -> None:
    """On a machine that never saw the item, the work goes on from what is published."""
    bare = code_host(tmp_path)

    async def publish_one() -> None:
        made, reports = fleet(tmp_path / "home")
        await made.start(order(bare))
        await until(lambda: reports)
        await made.publish("ACME-142:1")
        await made.close()

    asyncio.run(publish_one())
    (report,) = run_all(tmp_path / "other", order(bare, run_id="ACME-142:2", previous_run="ACME-142:1"))
    assert report.status is RunStatus.SUCCEEDED
    assert git(tmp_path / "other/trees/ACME-142", "rev-list", "--count", "origin/main..HEAD") == "2"


def test_changes_that_were_not_committed_are(tmp_path: Path) -> None:
    """An engine that only edits still gives a branch; the factory is the author."""
    engines = fake(tmp_path, f"open('made.txt', 'w').write('hi')\n{DONE}")
    (report,) = run_all(tmp_path / "home", order(code_host(tmp_path), engine="claude"), engines=engines)
    tree = tmp_path / "home/trees/ACME-142"
    assert (report.status, report.words) == (RunStatus.SUCCEEDED, "All done")
    assert git(tree, "log", "-1", "--format=%an <%ae> %s") == "factory <factory@localhost> Work on ACME-142"
    assert git(tree, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "title",
    [
        "$(touch pwned) `touch pwned`; touch pwned",
        "--upload-pack=touch pwned",
        "{{7*7}} <b>&amp;",
        "‮לום 🦊\nx",
        "",
        "nul\0 in it",
    ],
)
def test_a_hostile_ticket_is_only_text(tmp_path: Path, title: str) -> None:
    """Shell, options, templates, right-to-left text: it arrives as it is, and 200 kB of it arrive whole."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    task = f"{title}\n{'long ' * 40_000}end"
    one = order(bare, title=title, task=task, work_item_id="../../ACME 142; x", run_id="../x y:1")
    (report,) = run_all(home, one)
    assert report.status is RunStatus.SUCCEEDED
    (tree,) = [path for path in (home / "trees").iterdir() if path.is_dir()]
    (written,) = (tree / "changes").iterdir()
    assert written.read_text().startswith("# " + title.replace("\0", " ") + "\n")
    assert written.read_text().endswith("long end\n")
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize("field", ["branch", "base"])
@pytest.mark.parametrize("name", ["--force", "a..b", "factory/a b", "factory/*", "factory/x.lock", "@{-1}", "HEAD", ""])
def test_a_branch_that_is_no_branch_makes_no_order(tmp_path: Path, field: str, name: str) -> None:
    """So no fleet is ever given a name that git would take for an option, a pattern or a revision."""
    with pytest.raises(ValidationError, match="no name of a branch") as refused:
        order(tmp_path, **{field: name})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


def test_a_repository_or_base_that_is_not_there_fails_the_run(tmp_path: Path) -> None:
    """The report says what git said."""
    bare = code_host(tmp_path)
    missing = order(bare, run_id="A:1", work_item_id="A", clone_url=str(tmp_path / "nothing.git"))
    no_base = order(bare, run_id="B:1", work_item_id="B", base="trunk")
    first, second = run_all(tmp_path / "home", missing, no_base)
    assert (first.status, second.status) == (RunStatus.FAILED, RunStatus.FAILED)
    assert "does not appear to be a git repository" in first.why
    assert "refs/heads/trunk" in second.why


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine": "hal"}, "No engine 'hal'"),
        ({"engine": "claude"}, "is not installed"),
        ({"clone_url": "https://me:secret@example.org/x.git"}, "holds a password"),
    ],
)
def test_an_order_that_cannot_be_run_is_refused(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    """At once, with its fix, and nothing is left behind."""

    async def play() -> None:
        made, _ = fleet(tmp_path / "home", engines={"claude": Claude(binary="no-such-program")})
        if "clone_url" in changes:
            made, _ = fleet(tmp_path / "home")
        await made.start(order(tmp_path, **changes))

    with pytest.raises((Terminal, EngineUnavailable), match=words) as raised:
        asyncio.run(play())
    assert "secret" not in str(raised.value.document())
    assert not (tmp_path / "home" / "runs").exists()


def test_caps_end_a_run(tmp_path: Path) -> None:
    """Turns, money and time, each counted by the factory itself."""
    bare = code_host(tmp_path)
    long = "console: sleep 600"
    turns = order(bare, run_id="A:1", work_item_id="A", task=long, max_turns=1)
    money = order(bare, run_id="B:1", work_item_id="B", branch="factory/B", task=long, max_usd=Decimal("0.015"))
    time = order(
        bare,
        run_id="C:1",
        work_item_id="C",
        branch="factory/C",
        task="console: hang",
        max_duration=timedelta(seconds=1.5),
    )
    reports = run_all(tmp_path / "home", turns, money, time)
    assert [report.status for report in reports] == [RunStatus.CAPPED] * 3
    assert [report.why.split(",")[0] for report in reports] == [
        "it took 1 turns", "it spent 0.02 USD", "it ran for 1.5 seconds",
    ]  # fmt: skip


def test_silence_ends_a_run(tmp_path: Path) -> None:
    """A model that never answers leaves no line and no exit: the idle watchdog ends it."""
    one = order(code_host(tmp_path), task="console: hang")
    (report,) = run_all(tmp_path / "home", one, idle_after=timedelta(seconds=0.7))
    assert (report.status, report.why.split(",")[0]) == (RunStatus.FAILED, "it made no progress for 0.7 seconds")


def test_an_engine_that_stays_after_its_closing_line_is_ended(tmp_path: Path) -> None:
    """It ignores SIGTERM and goes on printing, and a child holds its output: the run succeeded."""
    body = (
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"open('made.txt', 'w').write('hi'); subprocess.run(['git', 'add', '.'])\n{DONE}\n"
        "open('pid', 'w').write(str(os.getpid()))\nwhile True: say(type='keep_alive'); time.sleep(0.1)"
    )
    (report,) = run_all(tmp_path / "home", order(code_host(tmp_path), engine="claude"), engines=fake(tmp_path, body))
    assert (report.status, report.words) == (RunStatus.SUCCEEDED, "All done")


def test_an_order_says_how_long_silence_may_last(tmp_path: Path) -> None:
    """It counts more than what the machine thinks best, as the factory's configuration has it."""
    one = order(code_host(tmp_path), task="console: hang", idle_after=timedelta(seconds=0.7))
    (report,) = run_all(tmp_path / "home", one, idle_after=timedelta(hours=1))
    assert (report.status, report.why.split(",")[0]) == (RunStatus.FAILED, "it made no progress for 0.7 seconds")


def test_stop_ends_the_run_and_all_that_it_started(tmp_path: Path) -> None:
    """Also a grandchild in a session of its own that ignores SIGTERM."""
    child = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('begun', 'w'); time.sleep(600)"
    )
    command = f"[sys.executable, '-c', {child!r}, '{tmp_path}/left']"
    body = f"subprocess.Popen({command}, start_new_session=True)\ntime.sleep(600)"
    begun = tmp_path / "home/trees/ACME-142/begun"

    async def play() -> RunReport:
        made, reports = fleet(tmp_path / "home", engines=fake(tmp_path, body))
        await made.start(order(code_host(tmp_path), engine="claude"))
        await until(begun.exists)
        await made.stop("ACME-142:1")
        await made.stop("ACME-142:1")
        await made.stop("never heard of")
        await until(lambda: reports)
        await made.close()
        return reports[0]

    assert asyncio.run(play()).status is RunStatus.STOPPED
    assert living(f"{tmp_path}/left") == []


def test_what_is_left_in_the_background_ends_with_the_run(tmp_path: Path) -> None:
    """A server that the agent started for its tests does not outlive the run."""
    body = (
        f"child = [sys.executable, '-c', 'import time; time.sleep(600)', '{tmp_path}/left']\n"
        f"subprocess.Popen(child, start_new_session=True)\nopen('made', 'w')\n{DONE}"
    )
    (report,) = run_all(tmp_path / "home", order(code_host(tmp_path), engine="claude"), engines=fake(tmp_path, body))
    assert report.status is RunStatus.SUCCEEDED
    assert living(f"{tmp_path}/left") == []


def test_a_run_can_be_watched(tmp_path: Path) -> None:
    """While it works: running, with two clocks, what it does and what it has used; its newest happenings in words."""

    async def play() -> tuple[RunReport | None, tuple[str, ...]]:
        made, _ = fleet(tmp_path / "home")
        assert await made.look("ACME-142:1") is None
        started = await made.start(order(code_host(tmp_path), task="console: sleep 600"))
        assert started.status in {RunStatus.STARTING, RunStatus.RUNNING}
        while len(await made.tail("ACME-142:1")) < 3:  # noqa: ASYNC110  (another process says it)
            await asyncio.sleep(0.03)
        while not ((seen := await made.look("ACME-142:1")) and seen.usage.turns >= 2):  # noqa: ASYNC110  (the same)
            await asyncio.sleep(0.03)
        tail = await made.tail("ACME-142:1", 2)
        await made.stop("ACME-142:1")
        await made.close()
        return seen, tail

    seen, tail = asyncio.run(play())
    assert seen and seen.status is RunStatus.RUNNING
    assert seen.alive_at and seen.progress_at and seen.alive_at >= seen.progress_at
    assert (seen.progress, seen.session) == ("thinking", SESSION)
    assert tail == ("reading the task", "thinking")


def test_forgetting_an_item_leaves_nothing(tmp_path: Path) -> None:
    """Tree, runs and memory are gone, others stay; and a run that still lives is not pulled away."""
    bare, home = code_host(tmp_path), tmp_path / "home"

    async def play() -> None:
        made, reports = fleet(home)
        await made.start(order(bare))
        await made.start(order(bare, run_id="B:1", work_item_id="B", branch="factory/B", task="console: sleep 600"))
        await until(lambda: reports)
        with pytest.raises(Problem, match="still has a run"):
            await made.forget("B")
        await made.forget("ACME-142")
        await made.forget("ACME-142")
        assert await made.look("ACME-142:1") is None
        await made.stop("B:1")
        await made.close()

    asyncio.run(play())
    assert [path.name for path in (home / "runs").iterdir()] == [path.name for path in (home / "runs").glob("B-1-*")]
    assert not (home / "trees/ACME-142").exists()
    assert (home / "trees/B").is_dir()

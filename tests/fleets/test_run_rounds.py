"""The rounds of one run over real git: setup, the agent, the factory's own checks, and what goes back to the agent."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fleet_stand import code_host, commit_to, fleet, git, living, order, program, run_all, until

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.run_files import directory_name
from factory_core.errors import Terminal
from factory_core.runs.run import RunReport, RunStatus
from factory_core.runs.run_checks import RunCheck

PRELUDE = """
task = sys.stdin.read()
calls = os.path.exists(".git/calls") and open(".git/calls").read().count(chr(10)) or 0
with open(".git/calls", "a") as file:
    file.write(json.dumps({"argv": sys.argv[1:], "task": task}) + chr(10))
def sh(line): subprocess.run(line, shell=True, check=True, stdout=sys.stderr)
def put(name, text):
    os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    open(name, "w").write(text)
def commit(name, text):
    put(name, text)
    sh(f"git add -f -- {name} && git commit -qm work")
def done(words, turns=1, usd=0.5):
    say(type="result", is_error=False, result=words, num_turns=turns, terminal_reason="completed",
        session_id="s-1", total_cost_usd=usd * (calls + 1), usage={"input_tokens": 10, "output_tokens": 1})
say(type="system", subtype="init", session_id="s-1")
"""
MADE = "commit('a.txt', 'a')\ndone('Made it.')"


def check(command: str, name: str = "test", **changes: Any) -> RunCheck:
    return RunCheck.model_validate({"name": name, "command": command, "within": timedelta(seconds=300)} | changes)


def play(tmp_path: Path, body: str, bare: Path | None = None, wall: str = "required", **changes: Any) -> RunReport:
    """One run of an engine that does `body` in each of its calls."""
    binary = program(tmp_path / "bin/claude", PRELUDE + body)
    ordered = order(bare or code_host(tmp_path), engine="claude", **changes)
    engines = {"claude": Claude(binary=str(binary))}
    (report,) = run_all(tmp_path / "home", ordered, engines=engines, wall=wall)
    return report


def tree(tmp_path: Path) -> Path:
    return tmp_path / "home/trees/ACME-142"


def calls(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tree(tmp_path) / ".git/calls").read_text().splitlines()]


def kept(tmp_path: Path) -> list[str]:
    """The files of the commit that is kept for publishing."""
    (mirror,) = (tmp_path / "home/repos").glob("*.mirror")
    finished = git(mirror, "for-each-ref", "--format=%(refname)", "refs/runs")
    return git(mirror, "ls-tree", "-r", "--name-only", finished).splitlines() if finished else []


def test_a_check_that_passes_is_reported_and_the_work_is_kept(tmp_path: Path) -> None:
    report = play(tmp_path, MADE, checks=(check("test -f a.txt"), check("true", "lint")))
    assert report.status is RunStatus.SUCCEEDED and kept(tmp_path) == ["README.md", "a.txt"]
    assert [(one.name, one.command, one.passed, one.runs) for one in report.checks] == [
        ("test", "test -f a.txt", True, 1), ("lint", "true", True, 1),
    ]  # fmt: skip
    assert (report.fix_rounds, report.first_failed, len(calls(tmp_path))) == (0, (), 1)


FIXED_LATER = """
if not calls:
    commit("a.txt", "wrong")
    done("Made it.")
else:
    commit("a.txt", "right")
    done("Corrected it.")
"""


def test_a_failing_check_goes_back_to_the_agent_in_its_session(tmp_path: Path) -> None:
    """With the output as its words; usage and summary are those of the whole run, and each cap is what is left."""
    line = "cat a.txt; grep -q right a.txt"
    report = play(tmp_path, FIXED_LATER, checks=(check(line),), max_turns=9, max_usd=Decimal(4))
    assert report.status is RunStatus.SUCCEEDED and report.words == "Made it.\n\nCorrected it."
    assert (report.fix_rounds, report.first_failed, report.checks[0].runs) == (1, ("test",), 2)
    assert (report.usage.turns, report.usage.usd, report.usage.input_tokens) == (2, Decimal("1.0"), 20)
    first, second = calls(tmp_path)
    assert "--resume" not in first["argv"] and second["argv"][second["argv"].index("--resume") + 1] == "s-1"
    assert second["argv"][second["argv"].index("--max-turns") + 1] == "8"
    assert second["argv"][second["argv"].index("--max-budget-usd") + 1] == "3.5"
    assert (
        re.search(r"<(output-of-test-[0-9a-f]{20})>\nwrong\n</\1>", second["task"]) and "exit code 1" in second["task"]
    )
    assert "Rename the button." not in second["task"]
    assert (tree(tmp_path) / "a.txt").read_text() == "right"


def test_work_that_still_fails_is_not_published(tmp_path: Path) -> None:
    """Its rounds are bounded, and the reason holds the last lines."""
    report = play(tmp_path, MADE.replace("'a')", "str(calls))"), checks=(check("echo 1 of 3 failed; exit 2"),))
    assert (report.status, report.fix_rounds, len(calls(tmp_path))) == (RunStatus.REJECTED, 2, 3)
    assert report.why == "`echo 1 of 3 failed; exit 2` still fails after 2 fix rounds: exit code 2\n1 of 3 failed"
    assert kept(tmp_path) == []

    async def publish() -> None:
        await fleet(tmp_path / "home")[0].publish(report.run_id)

    with pytest.raises(Terminal):
        asyncio.run(publish())


def test_it_is_published_flagged_where_the_configuration_says_so(tmp_path: Path) -> None:
    report = play(tmp_path, MADE, checks=(check("exit 2"),), fix_rounds=0, exhausted="publish-flagged")
    assert report.status is RunStatus.SUCCEEDED and "a.txt" in kept(tmp_path)
    assert [(one.passed, one.end) for one in report.checks] == [(False, "exit code 2")]


def test_a_program_that_is_missing_costs_the_agent_no_round(tmp_path: Path) -> None:
    report = play(tmp_path, MADE, checks=(check("no-such-program"),))
    assert (report.status, len(calls(tmp_path))) == (RunStatus.REJECTED, 1)
    assert "its program was not found (exit code 127)" in report.why and "no-such-program: " in report.why


def test_what_keeps_the_tree_from_being_published_goes_back_to_the_agent(tmp_path: Path) -> None:
    """Checks run on a tree that is fit alone."""
    body = "commit('.env', 'A=1') if not calls else sh('git reset -q --hard HEAD~2')\ncommit('a.txt', 'a')\ndone('Ok.')"
    report = play(tmp_path, body, checks=(check("test ! -f .env && touch ../ran 2>/dev/null; true"),))
    assert (report.status, report.fix_rounds, report.checks[0].runs) == (RunStatus.SUCCEEDED, 1, 2)
    assert "`.env`" in calls(tmp_path)[1]["task"] and kept(tmp_path) == ["README.md", "a.txt"]


def test_a_tree_that_stays_unfit_is_a_persons(tmp_path: Path) -> None:
    """It is not published flagged either."""
    body = "commit('.env', str(calls))\ndone('Ok.')"
    report = play(tmp_path, body, checks=(check("false"),), exhausted="publish-flagged")
    assert (report.status, report.checks, kept(tmp_path)) == (RunStatus.REJECTED, (), [])
    assert report.why.startswith("The work cannot be published after 2 fix rounds: ") and "`.env`" in report.why


def test_nothing_is_checked_where_nothing_was_changed(tmp_path: Path) -> None:
    report = play(tmp_path, "done('Nothing to do.')", checks=(check("false"),))
    assert (report.status, report.checks, len(calls(tmp_path))) == (RunStatus.NO_CHANGE, (), 1)


def test_a_question_in_a_later_round_is_asked(tmp_path: Path) -> None:
    body = "commit('a.txt', str(calls))\ndone('QUESTION: Which total?' if calls else 'Made it.')"
    report = play(tmp_path, body, checks=(check("false"),))
    assert (report.status, report.words) == (RunStatus.ASKED, "Which total?")


def test_what_a_check_changes_in_tracked_files_is_examined_and_published(tmp_path: Path) -> None:
    """A formatter does that; what it leaves untracked stays behind."""
    line = "echo formatted > a.txt; echo x > report.xml"
    report = play(tmp_path, MADE, checks=(check(line),))
    assert report.status is RunStatus.SUCCEEDED and kept(tmp_path) == ["README.md", "a.txt"]
    (mirror,) = (tmp_path / "home/repos").glob("*.mirror")
    refs = git(mirror, "for-each-ref", "--format=%(refname)", "refs/runs")
    assert git(mirror, "show", f"{refs}:a.txt") == "formatted"


def test_a_check_that_makes_the_tree_unfit_keeps_it_back(tmp_path: Path) -> None:
    line = "printf '<<<<<<< a\\n=======\\n>>>>>>> b\\n' > a.txt"
    report = play(tmp_path, MADE, checks=(check(line),), fix_rounds=0)
    assert report.status is RunStatus.REJECTED and "`a.txt`" in report.why


def test_a_check_sees_only_what_would_be_published(tmp_path: Path) -> None:
    """A file that the agent forgot to add is out of its way, named to the agent, and there again afterwards."""
    body = """
if not calls:
    commit("a.txt", "a")
    put("lib/helper.txt", "help")
else:
    sh("git add lib; git commit -qm helper")
done("Made it.")
"""
    left = tree(tmp_path).with_name("ACME-142.aside")  # of a run that was killed during its checks
    (left / "0").mkdir(parents=True)
    report = play(tmp_path, body, checks=(check("test -f lib/helper.txt"),))
    assert (report.status, report.fix_rounds) == (RunStatus.SUCCEEDED, 1) and not left.exists()
    assert "`lib/helper.txt`" in calls(tmp_path)[1]["task"] and "lib/helper.txt" in kept(tmp_path)


def test_what_is_put_back_never_leaves_the_tree(tmp_path: Path) -> None:
    """A check may have put a link in the place of its folder."""
    (tmp_path / "outside").mkdir()
    body = "commit('a.txt', 'a')\nput('lib/x.txt', 'x')\ndone('Made it.')"
    line = f"rm -rf lib; ln -s {tmp_path}/outside lib"
    report = play(tmp_path, body, wall="off", checks=(check(line),))
    assert report.status is RunStatus.SUCCEEDED and list((tmp_path / "outside").iterdir()) == []


def test_checks_and_setup_run_behind_the_wall(tmp_path: Path) -> None:
    """Other files than the tree's cannot be read or written, and a check has no network."""
    (tmp_path / "home").mkdir()
    secret = tmp_path / "home/secret.txt"
    secret.write_text("s3cret")
    reads = f"! cat {secret} 2>/dev/null && (touch {tmp_path}/made || true) 2>/dev/null"
    offline = "test \"$(ls /sys/class/net 2>/dev/null | grep -v lo)\" = '' && ! env | grep -i proxy"
    report = play(tmp_path, MADE, setup=(f"{reads} && env | grep -qi proxy",), checks=(check(f"{reads} && {offline}"),))
    assert report.status is RunStatus.SUCCEEDED, report.why
    assert not (tmp_path / "made").exists()


def test_a_check_reaches_what_it_was_given(tmp_path: Path) -> None:
    """And nothing else; the reason is shown."""
    line = "env | grep -q HTTPS_PROXY"
    report = play(tmp_path, MADE, checks=(check(line, domains=("example.org",)),))
    assert report.status is RunStatus.SUCCEEDED, report.why


def test_a_check_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    line = f"setsid sleep 6{tmp_path.name[-1]}1.5 & exec sleep 6{tmp_path.name[-1]}1.5"
    report = play(tmp_path, MADE, fix_rounds=0, checks=(check(line, within=timedelta(seconds=0.5)),))
    assert report.status is RunStatus.REJECTED and "it was not finished within" in report.why
    assert living(f"sleep 6{tmp_path.name[-1]}1.5") == []


def test_the_time_of_the_whole_run_is_bounded_in_a_check_as_well(tmp_path: Path) -> None:
    report = play(tmp_path, MADE, checks=(check("sleep 60"),), max_duration=timedelta(seconds=2))
    assert report.status is RunStatus.CAPPED and "which is the most it may" in report.why


def test_turns_that_are_used_up_leave_no_round(tmp_path: Path) -> None:
    """The reason names the cap and what is still wrong."""
    report = play(tmp_path, "commit('a.txt', 'a')\ndone('Made it.', turns=5)", checks=(check("false"),), max_turns=5)
    assert (report.status, len(calls(tmp_path))) == (RunStatus.CAPPED, 1)
    assert "5 turns of 5" in report.why and "`false` fails" in report.why


def test_silence_during_a_check_is_no_silence_of_the_agent(tmp_path: Path) -> None:
    report = play(tmp_path, MADE, checks=(check("sleep 5"),), idle_after=timedelta(seconds=4))
    assert report.status is RunStatus.SUCCEEDED


@pytest.mark.parametrize("where", ["setup", "check"])
def test_a_stop_ends_a_setup_and_a_check(tmp_path: Path, where: str) -> None:
    """It is shown what is running."""
    slow: dict[str, Any] = {"setup": ("sleep 300",)} if where == "setup" else {"checks": (check("sleep 300"),)}
    engines = {"claude": Claude(binary=str(program(tmp_path / "bin/claude", PRELUDE + MADE)))}
    one = order(code_host(tmp_path), engine="claude", **slow)
    saved = tmp_path / "home/runs" / directory_name(one.run_id) / "progress.json"

    async def stopped() -> tuple[RunReport, tuple[str, ...]]:
        made, reports = fleet(tmp_path / "home", engines=engines)
        await made.start(one)
        await until(lambda: f"running {where}" in saved.read_text() if saved.exists() else False)
        tail = await made.tail(one.run_id)
        await made.stop(one.run_id)
        await until(lambda: reports)
        await made.close()
        return reports[0], tail

    report, tail = asyncio.run(stopped())
    assert report.status is RunStatus.STOPPED
    assert tail[-1] == {"setup": "running setup: sleep 300", "check": "running check test (round 1 of 3)"}[where]


def test_a_session_that_is_gone_is_replaced_by_one_that_knows_the_whole_task(tmp_path: Path) -> None:
    body = """
if "--resume" in sys.argv:
    say(type="result", is_error=True, num_turns=0, errors=["No conversation found with session ID: s-1"])
    sys.exit(1)
commit("a.txt", "right" if calls else "wrong")
done("Made it.")
"""
    report = play(tmp_path, body, checks=(check("grep -q right a.txt"),))
    assert report.status is RunStatus.SUCCEEDED, report.why
    last = calls(tmp_path)[-1]
    assert "Rename the button." in last["task"] and "<output-of-test-" in last["task"]


def test_setup_comes_first_in_each_run(tmp_path: Path) -> None:
    """What it changes in tracked files is no work of the agent's; what it makes is there for agent and checks."""
    bare = code_host(tmp_path)
    setup = ("mkdir -p deps; date +%N >> deps/made; echo changed > README.md", "test -f deps/made")
    body = "assert os.path.exists('deps/made')\ncommit(f'{calls}.txt', 'a')\ndone('Made it.')"
    for number, previous in (("1", ""), ("2", "ACME-142:1")):
        report = play(
            tmp_path, body, bare, setup=setup, checks=(check("test -s deps/made"),),
            run_id=f"ACME-142:{number}", previous_run=previous,
        )  # fmt: skip
        assert report.status is RunStatus.SUCCEEDED, report.why
    assert (tree(tmp_path) / "deps/made").read_text().count("\n") == 2
    assert (tree(tmp_path) / "README.md").read_text() == "Acme\n"
    assert git(tree(tmp_path), "show", "HEAD:README.md") == "Acme"
    (tmp_path / "first/new.txt").write_text("new")
    commit_to(bare, tmp_path / "first", "main", "later")
    again = play(tmp_path, body, bare, setup=setup, run_id="ACME-142:3")
    assert again.status is RunStatus.SUCCEEDED and (tree(tmp_path) / "deps/made").read_text().count("\n") == 1


def test_setup_that_fails_starts_no_agent_and_says_why(tmp_path: Path) -> None:
    report = play(tmp_path, MADE, setup=("true", "echo no registry; exit 3"), checks=(check("true"),))
    assert report.status is RunStatus.UNPREPARED and not (tree(tmp_path) / ".git/calls").exists()
    failed = "`echo no registry; exit 3`, exit code 3\nno registry"
    assert report.why == f"The setup of acme/web failed: {failed}"


def test_setup_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    report = play(tmp_path, MADE, setup=("sleep 60",), setup_within=timedelta(seconds=0.5))
    assert report.status is RunStatus.UNPREPARED and "not finished within" in report.why


def test_a_conflict_round_sees_the_newest_base_and_its_merge_is_checked(tmp_path: Path) -> None:
    """`origin/main` is current, as the rules of the task say, and needs no network to be merged."""
    bare = code_host(tmp_path)
    play(tmp_path, "commit('README.md', 'ours')\ndone('Made it.')", bare)
    (tmp_path / "first/README.md").write_text("theirs\n")
    newest = commit_to(bare, tmp_path / "first", "main", "theirs")
    body = """
sh("git merge -q origin/main || (echo both > README.md; git add README.md; git commit -qm merged)")
done("Merged it.")
"""
    report = play(
        tmp_path, body, bare, run_id="ACME-142:2", previous_run="ACME-142:1", resume="s-1",
        checks=(check("grep -q both README.md"),),
    )  # fmt: skip
    assert report.status is RunStatus.SUCCEEDED, report.why
    assert newest in git(tree(tmp_path), "rev-list", "HEAD").splitlines()

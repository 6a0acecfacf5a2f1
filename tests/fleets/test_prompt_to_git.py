"""Each promise of the task's rules, kept: an engine that does what the prompt says, its reader, and git after it.

The engine knows nothing but the prompt: it finds the branch, the base and the mark of a question in it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fleet_stand import code_host, commit_to, fleet, git, order, program, until

from adapters.fleets.local_engines.claude import Claude
from adapters.registry import config_model
from factory_core.dispatch.events import Reply
from factory_core.dispatch.records import InFlightRecord
from factory_core.dispatch.routing import Route
from factory_core.dispatch.task_template import StandardTask
from factory_core.errors import Terminal
from factory_core.runs.run import RunReport, RunStatus
from factory_core.work_item import ItemState, Source, WorkItem

BRANCH = "factory/ACME-142-rename"
CONFIG = config_model().model_validate(
    {
        "intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github",
        "repositories": {"acme/web": {}}, "agents": {"engine": "claude"},
    }
)  # fmt: skip
ITEM = WorkItem(
    id="ACME-142", key="ACME-142", title="Rename the button", description="It says `Go`; it should say `Buy`.",
    state=ItemState.READY, source=Source(provider="linear", external_id="ACME-142"),
)  # fmt: skip
ENGINE = """
import re
task = sys.stdin.read()
resumed = sys.argv[sys.argv.index("--resume") + 1] if "--resume" in sys.argv else ""
def find(pattern): return re.search(pattern, task)[1]
branch, base, mark = find("on branch `(.+?)`"), find("`(origin/.+?)` is the current base"), find("line `(.+?) …`")
def git(*words): return subprocess.run(["git", *words], capture_output=True, text=True)
def write(name, text): open(name, "w").write(text)
def commit(name, text, message="Rename it"):
    write(name, text); git("add", name)
    assert not git("commit", "-q", "-m", message).returncode
def end(words, **more):
    say(type="result", is_error=False, result=words, num_turns=1, total_cost_usd=0.5, **more)
say(type="system", subtype="init", session_id=resumed or "0e4f-first")
"""
Play = tuple[list[RunReport], list[str]]


def task_for(**changes: object) -> str:
    """What the factory gives an agent for this ticket."""
    route = Route(repository="acme/web", base="main", engine="claude")
    record = InFlightRecord(work_item_id="ACME-142", route=route, branch=BRANCH).model_copy(update=changes)
    return StandardTask(CONFIG).render(ITEM, record)


def play(folder: Path, *bodies: str, follow: dict[str, object] | None = None, between: str = "") -> Play:
    """One run for each body, follow-ups after the first; their reports, and what the code host has of each.

    `between` is a file's content that somebody pushes to the base meanwhile.
    """
    bare = folder / "acme-web.git" if (folder / "acme-web.git").exists() else code_host(folder)
    heads = []

    async def runs() -> list[RunReport]:
        for number, body in enumerate(bodies, 1):
            engine = Claude(binary=str(program(folder / f"bin{number}/claude", ENGINE + body)))
            made, reports = fleet(folder / "home", engines={"claude": engine})
            again = {"resume": "0e4f-first", "previous_run": "ACME-142:1"} if number > 1 else {}
            given = task_for(**(follow or {}) if number > 1 else {})
            one = order(bare, run_id=f"ACME-142:{number}", engine="claude", branch=BRANCH, task=given, **again)
            await made.start(one)
            await until(lambda reports=reports: reports)  # type: ignore[misc]
            ended.append(reports[0])
            try:
                heads.append(await made.publish(one.run_id))
            except Terminal:
                heads.append("")
            await made.close()
            if between:
                (folder / "first/button.txt").write_text(between)
                commit_to(bare, folder / "first", "main", "somebody else's")
        return ended

    ended: list[RunReport] = []
    return asyncio.run(runs()), heads


def branches(folder: Path) -> list[str]:
    return git(folder / "acme-web.git", "for-each-ref", "--format=%(refname:short)", "refs/heads").split("\n")


def test_the_agent_is_on_the_branch_that_the_prompt_names_and_its_commits_are_published(tmp_path: Path) -> None:
    """`You are … on branch`, `commit your work in small commits`, `the factory pushes`: as they were made."""
    body = """
assert git("rev-parse", "--abbrev-ref", "HEAD").stdout.strip() == branch
commit("button.txt", "Buy", "Rename the button"); commit("test.txt", "ok", "Test the new name")
assert git("push", "origin", "HEAD").returncode != 0
end("The button says Buy now. A test covers it.")
"""
    (report,), (head,) = play(tmp_path, body)
    assert (report.status, report.words) == (RunStatus.SUCCEEDED, "The button says Buy now. A test covers it.")
    bare = tmp_path / "acme-web.git"
    assert git(bare, "log", "--format=%s", f"main..{head}") == "Test the new name\nRename the button"
    assert (git(bare, "rev-parse", BRANCH), branches(tmp_path)) == (head, [BRANCH, "main"])


def test_a_file_that_was_not_added_is_not_published(tmp_path: Path) -> None:
    """And what was added is, also when the agent forgot to commit it."""
    body = """
commit("button.txt", "Buy"); write("dump.sql", "x"); write("added.txt", "y"); git("add", "added.txt")
end("Done.")
"""
    (report,), (head,) = play(tmp_path, body)
    assert report.status is RunStatus.SUCCEEDED
    names = git(tmp_path / "acme-web.git", "ls-tree", "--name-only", head).split("\n")
    assert names == ["README.md", "added.txt", "button.txt"]


@pytest.mark.parametrize(
    "words",
    [
        'f"{mark} Per user or per team?"',
        'f"I looked at both modules; either could hold it.\\n\\n{mark} Per user or per team?"',
        'f"I began.\\n\\n**{mark}** Per user or per team?\\n\\n"',
        'f"- {mark} Per user or per team?"',
    ],
)
def test_a_question_is_asked_and_nothing_is_published(tmp_path: Path, words: str) -> None:
    """Also with changes and commits in the tree: they stay there for the answer's run, which goes on with them."""
    answer = Reply(id="r1", author="Maya", text="Per team.", at=datetime(2026, 12, 1, tzinfo=UTC))
    ask = f'commit("begun.txt", "x"); write("half.txt", "y")\nend({words})'
    go_on = """
assert (resumed, os.path.exists("begun.txt"), os.path.exists("half.txt")) == ("0e4f-first", True, True)
assert "Per team." in task
commit("button.txt", "Buy"); end("Done, per team.")
"""
    reports, heads = play(tmp_path, ask, go_on, follow={"answers": (answer,)})
    assert [report.status for report in reports] == [RunStatus.ASKED, RunStatus.SUCCEEDED]
    assert reports[0].words == "Per user or per team?"
    assert (heads[0], heads[1] == git(tmp_path / "acme-web.git", "rev-parse", BRANCH)) == ("", True)


def test_a_line_of_the_ticket_in_a_code_block_asks_nobody(tmp_path: Path) -> None:
    """The agent quotes what it was given, and says what it made of it."""
    body = """
commit("button.txt", "Buy")
end(f"The ticket says:\\n```\\nthe button\\n{mark} red or blue?\\nis old\\n```\\nIt is blue now.")
"""
    (report,), (head,) = play(tmp_path, body)
    assert (report.status, bool(head)) == (RunStatus.SUCCEEDED, True)


def test_the_base_that_the_prompt_names_is_the_newest(tmp_path: Path) -> None:
    """A conflict round: somebody changed the same file meanwhile, and the agent merges what it is told to merge."""
    body = 'commit("button.txt", "Buy\\n"); end("Done.")'
    merge = """
assert "conflicts" in task
assert git("merge", base).returncode != 0, "there is a conflict"
write("button.txt", "Buy now\\n"); git("add", "button.txt")
assert not git("commit", "-q", "--no-edit").returncode
end("Merged the base, and kept both.")
"""
    follow = {"to_mend": ("The branch conflicts with main.",)}
    reports, heads = play(tmp_path, body, merge, follow=follow, between="Sell\n")
    assert [report.status for report in reports] == [RunStatus.SUCCEEDED] * 2, reports[1].why
    bare = tmp_path / "acme-web.git"
    assert git(bare, "show", f"{heads[1]}:button.txt") == "Buy now"
    assert git(bare, "merge-base", "--is-ancestor", heads[0], heads[1]) == ""
    assert "somebody else's" in git(bare, "log", "--format=%s", heads[1]).split("\n")


@pytest.mark.parametrize(
    "body",
    ["", 'commit("a.txt", "x"); git("revert", "--no-edit", "HEAD")', 'git("commit", "--allow-empty", "-m", "x")'],
)
def test_no_difference_is_no_change_and_publishes_nothing(tmp_path: Path, body: str) -> None:
    """Nothing at all, a change that was taken back, an empty commit."""
    (report,), heads = play(tmp_path, f'{body}\nend("It says Buy already.")')
    assert (report.status, report.words, heads) == (RunStatus.NO_CHANGE, "It says Buy already.", [""])
    assert branches(tmp_path) == ["main"]


def test_a_tool_that_was_denied_is_named_though_the_run_ended_well(tmp_path: Path) -> None:
    """Whether something was changed or not; over all closing lines."""
    denied = 'end("", permission_denials=[dict(tool_name="WebFetch")]); end("I could not look it up.")'
    (report,), _ = play(tmp_path, denied)
    assert (report.status, report.why) == (RunStatus.NO_CHANGE, "it was denied WebFetch")
    (report,), _ = play(tmp_path / "changed", f'commit("a.txt", "x"); {denied}')
    assert (report.status, report.why) == (RunStatus.SUCCEEDED, "it was denied WebFetch")


def test_a_session_that_is_gone_is_replaced_within_the_run(tmp_path: Path) -> None:
    """The answer is in the task, so a fresh session can go on in the same tree; it costs no attempt."""
    answer = Reply(id="r1", author="Maya", text="Per team.", at=datetime(2026, 12, 1, tzinfo=UTC))
    ask = 'commit("begun.txt", "x"); end(f"{mark} Per user or per team?")'
    gone = """
if resumed:
    say(type="result", subtype="error_during_execution", is_error=True, num_turns=0, session_id=resumed,
        errors=[f"No conversation found with session ID: {resumed}"])
    sys.exit(1)
assert "Per team." in task and os.path.exists("begun.txt")
commit("button.txt", "Buy"); end("Done, per team.", session_id="0e4f-second")
"""
    reports, heads = play(tmp_path, ask, gone, follow={"answers": (answer,)})
    assert (reports[1].status, reports[1].session, bool(heads[1])) == (RunStatus.SUCCEEDED, "0e4f-second", True)


def test_an_engine_that_stays_after_its_closing_line_is_ended_and_judged_by_it(tmp_path: Path) -> None:
    """Its exit code is a crash's, a child of it holds its output open: the work is published all the same."""
    body = """
commit("button.txt", "Buy"); end("Done.")
subprocess.Popen(["sleep", "600"])
os.kill(os.getpid(), signal.SIGSEGV)
"""
    (report,), (head,) = play(tmp_path, body)
    assert (report.status, report.words, bool(head)) == (RunStatus.SUCCEEDED, "Done.", True)

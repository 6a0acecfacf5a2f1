"""What a run changes of protected files is found in its commits, whatever it is called, and is not pushed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fleet_stand import commit_to, fleet, git, order, until
from test_what_is_published import BRANCH, host_with, run

from adapters.fleets.local_engines.fleet import LocalFleet
from factory_core.errors import Terminal
from factory_core.protected_paths import change_mark
from factory_core.runs.run import PublishRules, RunReport, RunStatus

CI = ".github/workflows/ci.yml"
FILES = {
    CI: "on: pull_request\n", "app.py": "x = 1\n", ".github/README.md": "About\n", "ci/build.yml": "on: push\n",
    "docs/ci.md": "# CI\n",
}  # fmt: skip
RULES = PublishRules(protected=("@ci",))
HELD = {
    "a change": (f"commit('{CI}', 'on: push')", {CI}),
    "a new file": ("commit('.github/workflows/new.yml')", {".github/workflows/new.yml"}),
    "another case": ("commit('.GitHub/Workflows/new.yml')", {".GitHub/Workflows/new.yml"}),
    "a deletion": (f"sh('git rm -q {CI}; git commit -qm d')", {CI}),
    "a rename away": (f"sh('git mv {CI} old.yml; git commit -qm r')", {CI}),
    "a rename into it": (
        "sh('git mv app.py .github/workflows/app.yml; git commit -qm r')",
        {".github/workflows/app.yml"},
    ),
    "its mode": (f"sh('chmod +x {CI}; git commit -qam m')", {CI}),
    "a link in its place": (f"sh('ln -sf ../../app.py {CI}; git add -A; git commit -qm l')", {CI}),
    "a link to its folder's place": (
        "sh('git rm -rq .github; ln -s ci .github; git add -A; git commit -qm l')",
        {CI, ".github"},
    ),
    "what is not committed": (f"put('{CI}', 'on: push')", {CI}),
    "an action anywhere": ("commit('tools/lint/action.yml')", {"tools/lint/action.yml"}),
    "another system": ("commit('services/api/Jenkinsfile')", {"services/api/Jenkinsfile"}),
}  # fmt: skip
NOT_HELD = {
    "files beside it": "commit('.github/README.md', 'new')\ncommit('docs/ci.md', 'new')\ncommit('app.py', 'x = 2')",
    "a link into it": f"sh('ln -s ../{CI} docs/ci.yml; git add -A; git commit -qm l')",
    "what was changed back": f"commit('{CI}', 'on: push')\ncommit('{CI}', 'on: pull_request\\n')\ncommit('app.py')",
}


@pytest.mark.parametrize("name", HELD)
def test_protected_changes_are_held(tmp_path: Path, name: str) -> None:
    """Nothing is on the branch, and the report names the files and shows how their changes begin."""
    body, paths = HELD[name]
    report, there = run(tmp_path, host_with(tmp_path, FILES), body, publish=RULES)
    assert (report.status, there) == (RunStatus.HELD, [])
    assert report.held and {change.path for change in report.held.changes} == paths and report.held.patch


@pytest.mark.parametrize("name", NOT_HELD)
def test_everything_else_is_pushed(tmp_path: Path, name: str) -> None:
    report, there = run(tmp_path, host_with(tmp_path, FILES), NOT_HELD[name], publish=RULES)
    assert report.status is RunStatus.SUCCEEDED and CI in there


def test_what_a_protected_link_leads_to_is_protected(tmp_path: Path) -> None:
    """The file that the CI system reads is another one than the name says."""
    bare = host_with(tmp_path, FILES)
    (tmp_path / "first" / CI).unlink()
    (tmp_path / "first" / CI).symlink_to("../../ci/link.yml")
    (tmp_path / "first/ci/link.yml").symlink_to("build.yml")
    commit_to(bare, tmp_path / "first", "main", "links")
    report, _ = run(tmp_path, bare, "commit('ci/build.yml', 'on: [push, fork]')", publish=RULES)
    assert report.held and [change.path for change in report.held.changes] == ["ci/build.yml"]


def test_a_submodule_at_a_protected_place_is_protected(tmp_path: Path) -> None:
    """The commit that it stands at, and where it comes from."""
    bare = host_with(tmp_path, FILES)
    first = tmp_path / "first"
    git(first, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},.github/actions/shared")
    (first / ".gitmodules").write_text('[submodule "s"]\n\tpath = .github/actions/shared\n\turl = https://h/s\n')
    git(first, "add", ".gitmodules")
    git(first, "commit", "-q", "-m", "submodule")
    git(first, "push", "-q", str(bare), "HEAD:main")
    rules = RULES.model_copy(update={"submodules": True})
    body = (
        "sh('git update-index --cacheinfo 160000,' + '2' * 40 + ',.github/actions/shared; git commit -qm s')\n"
        "sh('sed -i s/h.s/evil/ .gitmodules; git commit -qam m')"
    )
    report, _ = run(tmp_path, bare, body, publish=rules)
    assert report.held and {change.path for change in report.held.changes} == {".github/actions/shared", ".gitmodules"}


def test_what_was_allowed_is_pushed_by_a_run_without_an_agent(tmp_path: Path) -> None:
    """Just as it was held: nothing is added, no engine is started, and the session stays what it was."""
    bare = host_with(tmp_path, FILES)
    body = f"commit('{CI}', 'on: push')\nput('notes.txt')"
    held, _ = run(tmp_path, bare, body, publish=RULES)
    assert held.held is not None
    with pytest.raises(Terminal):
        asyncio.run(_fleet(tmp_path)[0].publish(held.run_id))
    allowed = RULES.model_copy(update={"allowed": tuple(change.mark for change in held.held.changes)})
    report = _pushed(tmp_path, bare, run_id="ACME-142:2", previous_run=held.run_id, resume="s-1", publish=allowed)
    assert (report.status, report.session, report.usage.turns) == (RunStatus.SUCCEEDED, "s-1", 0)
    assert git(bare, "show", f"{BRANCH}:{CI}") == "on: push"
    assert "notes.txt" not in git(bare, "ls-tree", "-r", "--name-only", BRANCH)


def test_another_content_of_an_allowed_file_is_held(tmp_path: Path) -> None:
    """The word was for what was shown, by git's own name of it."""
    bare = host_with(tmp_path, FILES)
    (tmp_path / "other").write_text("on: push\n")
    mark = change_mark(CI, git(tmp_path, "hash-object", "other"))
    rules = RULES.model_copy(update={"allowed": (mark,)})
    report, _ = run(tmp_path, bare, f"commit('{CI}', 'on: push\\n')", publish=rules)
    assert report.status is RunStatus.SUCCEEDED
    again, _ = run(tmp_path, bare, f"commit('{CI}', 'on: pull\\n')", publish=rules, run_id="ACME-142:2")
    assert again.status is RunStatus.HELD


def test_what_a_person_pushed_to_the_branch_holds_up_nobody(tmp_path: Path) -> None:
    """It is at the code host already; a run that goes on from there is asked for its own changes alone."""
    bare = host_with(tmp_path, FILES)
    first, _ = run(tmp_path, bare, "commit('app.py', 'x = 2')", publish=RULES)
    git(tmp_path / "first", "fetch", "-q", str(bare), BRANCH)
    git(tmp_path / "first", "checkout", "-q", "-B", BRANCH, "FETCH_HEAD")
    (tmp_path / "first" / CI).write_text("on: [push]\n")
    commit_to(bare, tmp_path / "first", BRANCH, "a person's")
    goes_on = {"run_id": "ACME-142:2", "previous_run": first.run_id, "publish": RULES}
    report, there = run(tmp_path, bare, "commit('app.py', 'x = 3')", **goes_on)
    assert report.status is RunStatus.SUCCEEDED and "app.py" in there
    third = {**goes_on, "run_id": "ACME-142:3", "previous_run": report.run_id}
    assert run(tmp_path, bare, f"commit('{CI}', 'on: [fork]')", **third)[0].status is RunStatus.HELD


def _fleet(tmp_path: Path) -> tuple[LocalFleet, list[RunReport]]:
    return fleet(tmp_path / "home")


def _pushed(tmp_path: Path, bare: Path, **changes: Any) -> RunReport:
    """The report of a run without an agent, whose work is pushed."""

    async def play() -> RunReport:
        made, reports = _fleet(tmp_path)
        await made.start(order(bare, task="", **changes))
        await until(lambda: reports)
        if reports[0].status is RunStatus.SUCCEEDED:
            await made.publish(reports[0].run_id)
        await made.close()
        return reports[0]

    return asyncio.run(play())

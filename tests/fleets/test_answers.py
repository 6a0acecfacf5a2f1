"""A run that only answers: it reads the base in a tree of its own, and writes and publishes nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fleet_stand import code_host, commit_to, git, order, program, run_all

from adapters.fleets.local_engines.answers import paths_found
from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from factory_core.dispatch.model_verdict import ANSWER_SCHEMA
from factory_core.runs.run import RunReport, RunStatus

PRELUDE = """
task = sys.stdin.read()
def done(**event):
    say(type="result", is_error=False, num_turns=1, terminal_reason="completed", session_id="s-1",
        total_cost_usd=0.02, usage={"input_tokens": 10, "output_tokens": 1}, **event)
say(type="system", subtype="init", session_id="s-1")
"""
ANSWERS = """
paths = "README.md", "nowhere.py", "../first/README.md", "/etc/passwd"
evidence = [{"quote": task[:10], "path": path} for path in paths]
done(result="", structured_output={"verdict": "start", "question": "", "evidence": evidence})
"""
WRITES = """
wrote = []
for name in ("README.md", "new.txt", ".git/config", ".git/hooks/post-checkout"):
    try:
        open(name, "a").write("mine")
        wrote.append(name)
    except OSError:
        pass
done(result=json.dumps({"wrote": wrote, "argv": sys.argv[1:]}))
"""


def play(tmp_path: Path, body: str, bare: Path | None = None, **changes: Any) -> RunReport:
    binary = program(tmp_path / "bin/claude", PRELUDE + body)
    asked = {"engine": "claude", "answer_schema": ANSWER_SCHEMA, "run_id": "ACME-142.model", **changes}
    ordered = order(bare or code_host(tmp_path), **asked)
    (report,) = run_all(tmp_path / "home", ordered, engines={"claude": Claude(binary=str(binary))})
    return report


def test_its_last_words_are_the_answer_and_the_paths_that_are_there_are_named(tmp_path: Path) -> None:
    report = play(tmp_path, ANSWERS)
    assert (report.status, report.why, report.found) == (RunStatus.NO_CHANGE, "", ("README.md",))
    assert json.loads(report.words)["verdict"] == "start"
    assert (str(report.usage.usd), report.usage.turns) == ("0.02", 1)


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bwrap")
def test_it_can_write_nothing_in_the_tree(tmp_path: Path) -> None:
    said = json.loads(play(tmp_path, WRITES).words)
    assert said["wrote"] == []
    tools = said["argv"][said["argv"].index("--tools") + 1]
    assert not {"Bash", "Edit", "Write", "MultiEdit", "NotebookEdit", "Task"} & set(tools.split(","))


def test_the_items_own_work_stays_and_nothing_is_pushed(tmp_path: Path) -> None:
    bare, home = code_host(tmp_path), tmp_path / "home"
    work = program(
        tmp_path / "bin/claude", PRELUDE + "open('kept.txt', 'w').write('x')\ndone(result='QUESTION: which?')"
    )
    run_all(home, order(bare, engine="claude"), engines={"claude": Claude(binary=str(work))})
    assert (home / "trees/ACME-142/kept.txt").exists()
    play(tmp_path, ANSWERS, bare)
    assert (home / "trees/ACME-142/kept.txt").exists()
    assert [path.name for path in (home / "trees").iterdir() if path.is_dir()] == ["ACME-142"]
    assert git(bare, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_it_reads_the_base_as_it_is_at_the_code_host(tmp_path: Path) -> None:
    bare = code_host(tmp_path)
    (tmp_path / "first/new.py").write_text("new\n")
    commit_to(bare, tmp_path / "first", "main", "second")
    assert json.loads(play(tmp_path, "done(result=json.dumps(sorted(os.listdir('.'))))", bare).words) == [
        ".git", "README.md", "new.py",
    ]  # fmt: skip


def test_an_engine_that_fails_or_is_silent_fails_and_leaves_no_tree(tmp_path: Path) -> None:
    failed, silent = play(tmp_path, "sys.exit(3)"), play(tmp_path / "2", 'done(result="")')
    assert (failed.status, silent.status) == (RunStatus.FAILED, RunStatus.FAILED)
    for home in (tmp_path / "home", tmp_path / "2/home"):
        assert [path for path in (home / "trees").iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "a/../README.md", ".git/config", "", ".", "\0", "x" * 9_000, "out"]
)
def test_a_path_that_leads_out_of_the_tree_is_not_in_it(tmp_path: Path, path: str) -> None:
    (tmp_path / "tree/.git").mkdir(parents=True)
    (tmp_path / "tree/.git/config").write_text("")
    (tmp_path / "tree/README.md").write_text("")
    (tmp_path / "x").write_text("")
    (tmp_path / "tree/out").symlink_to(tmp_path / "x")
    words = json.dumps({"evidence": [{"path": path}, {"path": "README.md"}]})
    assert paths_found(words, tmp_path / "tree") == ("README.md",)


@pytest.mark.parametrize("words", ["", "{", "[]", "null", '{"path": 1}', '{"a":' * 5_000 + "1" + "}" * 5_000, "\ud800"])
def test_words_that_are_no_answer_name_nothing(tmp_path: Path, words: str) -> None:
    assert paths_found(words, tmp_path) == ()


def test_codex_is_given_a_tree_that_it_cannot_write(tmp_path: Path) -> None:
    binary = program(tmp_path / "codex", "")
    for answer_schema, mode in ((ANSWER_SCHEMA, "read-only"), ("", "danger-full-access")):
        one = order(tmp_path, engine="codex", answer_schema=answer_schema)
        assert f'sandbox_mode="{mode}"' in Codex(binary=str(binary)).command(one, tmp_path)

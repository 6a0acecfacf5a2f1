"""The threat model names what holds each promise, and `factory doctor --safety` plays those that it says it plays."""

from __future__ import annotations

import json
import re

import pytest

from factory_cli.safety.promises import PROMISES
from factory_simulator.hostile.laws import LAWS
from factory_simulator.laws import every_law

from .tree import ROOT, collected, holds, short, tracked

pytestmark = pytest.mark.pure
PAGE = (ROOT / "docs/safety.md").read_text()
HEAD = "| Promise | Doctor | Held by |"
ACTORS = PAGE.partition("\n## What there is to lose\n")[2].split("\n## ")[1:-1]
CELL = re.compile(r"(?<!\\)\|")


def rows(text: str) -> list[tuple[str, str, str]]:
    """The promises of a part of the page: the sentence, whether doctor plays it, what holds it."""
    found, is_table = [], False
    for line in text.splitlines():
        is_table = line == HEAD or (is_table and line.startswith("|"))
        if is_table and line != HEAD and not line.startswith("|---"):
            sentence, doctor, held = (cell.strip() for cell in CELL.split(line.strip()[1:-1]))
            found.append((sentence, doctor, held))
    return found


@pytest.mark.parametrize("row", rows(PAGE), ids=lambda row: row[0][:60])
def test_each_promise_is_held_by_tests_that_are_collected(row: tuple[str, str, str]) -> None:
    sentence, doctor, held = row
    assert sentence.endswith(".") and doctor in ("", "yes")
    assert not [holder for holder in held.split("<br>") if not holds(holder, {**every_law(), **LAWS})]


def test_a_test_that_is_not_there_holds_nothing() -> None:
    """So the test above can fail: a helper, a file that pytest passes over, a name that is gone."""
    path = short(ROOT / "tests/architecture/test_safety.py")
    assert holds(f"`{path}::test_a_test_that_is_not_there_holds_nothing`", {})
    for holder in (f"{path}::rows", f"{path}::test_gone", "tests/hosts/flood.py::test_x", "tests/gone.py::test_x"):
        assert not holds(f"`{holder}`", {}), holder
    assert not holds("`law: gone`", every_law()) and not holds("somebody", every_law())
    assert collected("factory_core/errors.py") == frozenset()


def test_doctor_plays_exactly_what_the_page_says_it_plays() -> None:
    assert sorted(sentence for sentence, doctor, _ in rows(PAGE) if doctor) == sorted(one.text for one in PROMISES)


@pytest.mark.parametrize("actor", ACTORS, ids=lambda actor: actor.partition("\n")[0])
def test_each_actor_has_promises_and_what_is_not_promised(actor: str) -> None:
    assert rows(actor) and "\nNot promised: " in actor.replace("\nNot promised:\n", "\nNot promised: ")


def test_no_promise_is_made_twice() -> None:
    sentences = [sentence for sentence, _, _ in rows(PAGE)]
    assert len(set(sentences)) == len(sentences)


def test_every_locked_package_has_its_hash() -> None:
    """pip refuses a list in which one of them has none; npm takes what has no integrity, and so must not see it."""
    locks = [path for path in tracked() if path.name.endswith(".lock") and "requirements" in path.name]
    trees = [path for path in tracked() if path.name == "package-lock.json"]
    assert len(locks) >= 4 and len(trees) >= 4
    for path in locks:
        pins = re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n", "", path.read_text()).strip())
        assert not [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin], short(path)
    for path in trees:
        packages = json.loads(path.read_text())["packages"]
        installed = {name: one for name, one in packages.items() if name and not one.get("link")}
        assert not [name for name, one in installed.items() if not one.get("integrity", "").startswith("sha")], short(
            path
        )


def test_packages_are_installed_by_their_locks_alone() -> None:
    """All but the benchmark's peers, which nobody runs but the benchmark."""
    lines = (ROOT / "Makefile").read_text().replace("$(NPM)", "--ignore-scripts").splitlines()
    pip = [line for line in lines if "-m pip install" in line and ".bench/" not in line]
    npm = [line for line in lines if re.search(r"\bnpm (ci|install)", line) and not line.startswith("#")]
    assert len(pip) >= 3 and len(npm) >= 2
    assert not [line for line in pip if "--require-hashes" not in line and "--no-deps" not in line]
    assert not [
        line for line in npm if line.count("npm ci") + line.count("npm install") > line.count("--ignore-scripts")
    ]

"""The documentation names what exists: commands, files, error codes, sentences, settings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from adapters.registry import config_model, declared
from factory_core.config import read_config
from factory_core.errors import Problem

from .test_problems import commands, kinds
from .tree import ROOT, modules, parsed, short

pytestmark = pytest.mark.pure

DECISIONS = tuple(sorted((ROOT / "docs" / "decisions").glob("*.md")))
PAGES = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")), *DECISIONS)
OPERATE = (ROOT / "docs" / "operate.md").read_text()


def anchors(page: Path) -> set[str]:
    """As the code host makes them of headings."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"""(?:\]\(|src=\"|srcset=\")([^)\s\"]+)""", text):
        if not target.startswith(("https://", "http://")):
            name, _, anchor = target.partition("#")
            found = (page.parent / name).resolve() if name else page
            assert found.exists(), f"{target} is not there"
            assert not anchor or anchor in anchors(found), f"{target} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_command_that_a_page_shows_exists(page: Path) -> None:
    shown = re.findall(r"(?:^|`|\$ )factory ([a-z][a-z-]+)", page.read_text(), re.MULTILINE)
    assert not {word for word in shown if word not in commands()}


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_every_make_target_that_a_page_shows_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`|&& )make ([a-z-]+)", page.read_text(), re.MULTILINE)) <= targets


@pytest.mark.parametrize("page", DECISIONS, ids=short)
def test_a_decision_is_one_page_with_its_reason(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {int(page.name[:4])}. ")
    assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequences"))


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = [page.name[:4] for page in DECISIONS]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind is not Problem], ids=lambda kind: kind.code)
def test_every_error_code_is_explained_for_the_one_on_call(kind: type[Problem]) -> None:
    assert kind.code.lower() in anchors(ROOT / "docs" / "operate.md")


def test_every_verdict_of_the_page_stands_in_the_handbook() -> None:
    said = [
        node.value
        for node in ast.walk(parsed(ROOT / "factory_core" / "status" / "verdict.py"))
        if isinstance(node, ast.keyword) and node.arg == "sentence"
    ]
    assert said
    for sentence in said:
        assert re.search(pattern(sentence), OPERATE), f"operate.md does not explain: {ast.unparse(sentence)}"


def pattern(text: ast.expr) -> str:
    """A text with holes, as an expression that fits what can fill them."""
    parts = text.values if isinstance(text, ast.JoinedStr) else [text]
    return "".join(re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[\w ]+" for part in parts)


def test_every_reason_for_which_a_ticket_stops_stands_in_the_handbook() -> None:
    reasons = {
        word.value.value
        for path in modules()
        if "factory_core/dispatch" in short(path) and "Block(" in path.read_text()
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Block"
        for word in node.keywords
        if word.arg == "reason" and isinstance(word.value, ast.Constant)
    }
    assert reasons
    assert not {reason for reason in reasons if f"| `{reason}` |" not in OPERATE}


def test_the_example_configuration_is_one() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "connect.md").read_text(), re.DOTALL)
    assert examples
    for example in examples:
        declared(read_config(yaml.safe_load(example), file="the example", text=example, model=config_model()))

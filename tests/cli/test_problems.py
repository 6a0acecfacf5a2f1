"""Every no names the command that makes it a yes."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.aws.secrets import NoSecrets
from adapters.credentials.secrets import Missing, MissingSecrets
from adapters.registry import VENDORS
from factory_cli.arguments import Parser, Usage, _parsed, _shared
from factory_cli.main import COMMANDS, run
from factory_cli.output import Output
from factory_cli.place import UnknownItem
from factory_cli.routes import UnknownProject
from factory_core.connections import ConnectionStatus, NotReady, ProviderConnection
from factory_core.errors import ConnectionLost, Problem, VendorPaused, VendorUnavailable

from ..architecture.tree import import_all

ROOT = Path(__file__).parents[2]
EXITS = {1, 2, 4, 5}


def _kinds(of: type[Problem] = Problem) -> Iterator[type[Problem]]:
    yield of
    for kind in of.__subclasses__():
        yield from _kinds(kind)


def _made(kind: type[Problem]) -> Problem:
    waiting = ProviderConnection(provider="slack", status=ConnectionStatus.NEEDS_AUTH, fix="factory connect slack")
    special = {
        NotReady: lambda: NotReady([waiting]),
        MissingSecrets: lambda: MissingSecrets([Missing("linear", VENDORS["linear"].token, "LINEAR_API_KEY")]),
        UnknownItem: UnknownItem,
        UnknownProject: UnknownProject,
        ConnectionLost: lambda: ConnectionLost("slack", "token_revoked"),
        VendorUnavailable: lambda: VendorUnavailable("slack", "what", why="why", fix="factory check"),
        VendorPaused: lambda: VendorPaused("slack", datetime(2026, 11, 21, tzinfo=UTC), after=5.0),
        NoSecrets: lambda: NoSecrets("factory/acme", "it is not there"),
    }
    return special[kind]() if kind in special else kind("what", why="why", fix="factory check")


def _is_a_command(fix: str) -> bool:
    """Does `factory …` parse as the command line would parse it?"""
    program, name, *rest = shlex.split(fix)
    if name in {"help", "--help"}:
        return True
    if name not in COMMANDS:
        return False
    parser = Parser(prog=f"{program} {name}", allow_abbrev=False, exit_on_error=False)
    importlib.import_module(f"factory_cli.{COMMANDS[name][0]}").arguments(parser)
    _shared(parser)
    try:
        if not {"-h", "--help"} & set(rest):
            _parsed(parser, rest)
    except Usage:
        return False
    return True


def test_every_kind_of_problem_has_a_fix_and_an_exit_code() -> None:
    assert tuple(import_all())
    kinds = {kind for kind in _kinds() if not kind.__module__.startswith("tests")}
    assert kinds
    for kind in kinds:
        problem = _made(kind)
        assert problem.what and problem.why and problem.exit_code in EXITS
        assert problem.fix.startswith("In ") or _is_a_command(problem.fix)


def _fixes() -> Iterator[tuple[str, str]]:
    """Every `fix=` and every constant that is a command, as written in the code; `1` stands for what is filled in."""
    files = [
        path for part in ("factory_core", "adapters", "factory_cli") for path in sorted((ROOT / part).rglob("*.py"))
    ]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            value = node.value if isinstance(node, ast.keyword) and node.arg == "fix" else None
            value = node.value if isinstance(node, ast.Assign) else value
            text = _text(value)
            if (isinstance(node, ast.keyword) and text) or re.match(r"factory [a-z]", text):
                yield f"{path.relative_to(ROOT)}:{value.lineno if value else 0}", text


def _text(node: ast.expr | None) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "1" for part in node.values)  # type: ignore[misc]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_fix_that_the_code_names_is_a_real_command() -> None:
    fixes = dict(_fixes())
    commands = {where: fix for where, fix in fixes.items() if fix.startswith("factory ")}
    assert commands
    assert [(where, fix) for where, fix in commands.items() if not _is_a_command(fix)] == []
    wrong = [(where, fix) for where, fix in fixes.items() if not fix.startswith(("factory ", "In ", "1"))]
    assert wrong == []


def test_a_problem_is_three_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(environment={})
    code = out.problem(Problem("Could not move ACME-1.", why="Linear answered 400.", fix="factory check"))
    said = capsys.readouterr()
    assert (code, said.out) == (1, "")
    assert said.err == "✗ Could not move ACME-1.\n  Linear answered 400.\n  Fix: factory check    E-FACTORY\n"


def test_a_problem_is_one_document_on_standard_output_when_json_is_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["stauts", "--json"]) == 2
    said = capsys.readouterr()
    assert said.err == ""
    assert json.loads(said.out) == {
        "schema": "factory.error/1", "code": "E-USAGE", "what": 'unknown command "stauts". Did you mean status?',
        "why": f"known: {', '.join(COMMANDS)}", "fix": ["factory", "status", "--help"],
        "fix_in_words": "factory status --help", "see": "", "retryable": False,
    }  # fmt: skip

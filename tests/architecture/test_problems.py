"""Every problem that a person can meet says what, why and the fix; the fix is a command that exists."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from adapters.aws.secrets import NoSecrets
from adapters.credentials.secrets import Missing, MissingSecrets
from adapters.registry import VENDORS
from factory_core.connections import ConnectionStatus, NotReady, ProviderConnection
from factory_core.errors import ConnectionLost, Problem, VendorPaused, VendorUnavailable

from .tree import import_all, modules, parsed, short

pytestmark = pytest.mark.pure
LOADED = tuple(import_all())

OWN_WORDS = {
    NotReady: lambda: NotReady([ProviderConnection(provider="slack", status=ConnectionStatus.NEEDS_AUTH)]),
    MissingSecrets: lambda: MissingSecrets([Missing("slack", VENDORS["slack"].token, "SLACK_BOT_TOKEN")]),
    ConnectionLost: lambda: ConnectionLost("slack", "token_revoked"),
    VendorUnavailable: lambda: VendorUnavailable("slack", "Slack cannot be reached", why="500", fix="factory check"),
    VendorPaused: lambda: VendorPaused("slack", datetime(2026, 3, 4, tzinfo=UTC), after=20),
    NoSecrets: lambda: NoSecrets("factory/main/acme", "nobody has put a value in"),
}
"""Problems that make their words of what they are given."""


def kinds(kind: type[Problem] = Problem) -> Iterator[type[Problem]]:
    yield kind
    for sub in kind.__subclasses__():
        if sub.__module__ in LOADED:
            yield from kinds(sub)


def example(kind: type[Problem]) -> Problem:
    if kind in OWN_WORDS:
        return OWN_WORDS[kind]()
    speaks = any(one.default is one.empty for one in inspect.signature(kind).parameters.values())
    return kind("it broke", why="a test said so", fix="factory check") if speaks else kind()  # type: ignore[call-arg]


def commands() -> set[str]:
    """The commands of the command line."""
    from factory_cli.main import COMMANDS

    return set(COMMANDS)


def suggested() -> Iterator[tuple[str, str]]:
    """Every text in the code that begins with `factory <word>`: (where, word). The simulator's are its own log."""
    for path in modules():
        if short(path).startswith("factory_simulator/") or not re.search(r"""["']factory [a-z]""", path.read_text()):
            continue
        for node in ast.walk(parsed(path)):
            text = node.values[0] if isinstance(node, ast.JoinedStr) and node.values else node
            value = text.value if isinstance(text, ast.Constant) else None
            match = re.match(r"factory ([a-z-]+)", value) if isinstance(value, str) else None
            if match:
                yield f"{short(path)}:{node.lineno}", match[1]


@pytest.mark.parametrize("kind", tuple(kinds()), ids=lambda kind: kind.__name__)
def test_a_problem_says_what_why_and_the_fix(kind: type[Problem]) -> None:
    problem = example(kind)
    document = problem.document()
    assert problem.what and problem.why and str(problem) == problem.what
    assert document["schema"] == "factory.error/1" and document["code"] == kind.code
    assert problem.fix.startswith("In ") or document["fix"][:1] == ["factory"]  # type: ignore[index]
    assert kind.__doc__ and kind.exit_code in {1, 2, 4, 5} and 400 <= kind.http_status < 600


def test_no_two_kinds_of_problem_share_a_code() -> None:
    codes = [kind.code for kind in kinds()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("fix", ["", "try again", "Factory check"])
def test_a_problem_without_a_fix_cannot_be_made(fix: str) -> None:
    with pytest.raises(ValueError, match="a fix is"):
        Problem("it broke", why="a test said so", fix=fix)


def test_every_command_that_the_code_suggests_exists() -> None:
    found = dict(suggested())
    assert found
    assert not {where: word for where, word in found.items() if word not in commands()}

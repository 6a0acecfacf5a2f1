"""on-green without a check that anybody requires is refused before the factory starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from .calling import Command

COMMANDS = (("check",), ("doctor",), ("serve", "--port=0"))


@pytest.fixture
def nothing_named(ready: Path) -> Path:
    """The configuration names no check."""
    path = ready / "factory.config.yaml"
    path.write_text(path.read_text().replace("  requiredChecks: [ci]\n", ""))
    return path


@pytest.fixture
def nothing_required(nothing_named: Path, sandbox: dict[str, Any]) -> Iterator[Path]:
    """Nor does the base require one."""
    url = f"{sandbox['address']}/_/github/rules"
    httpx2.post(url, json={"repository": "acme/shop", "rules": {}}, timeout=60).raise_for_status()
    yield nothing_named
    httpx2.post(
        url, json={"repository": "acme/shop", "rules": {"required_checks": ["ci"]}}, timeout=60
    ).raise_for_status()


@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: argv[0])
def test_it_is_refused_with_what_helps(nothing_required: Path, argv: tuple[str, ...], command: Command) -> None:
    done = command(*argv, cwd=nothing_required.parent)
    assert done.code in (1, 4)
    said = f"{done.out}{done.err}"
    assert "main of acme/shop requires none" in said and "In factory.config.yaml: name merge.requiredChecks" in said


@pytest.mark.parametrize(
    "lines", ["requiredChecks: [ci]", "trustAnyCheck: true", "policy: never", "policy: on-green-with-review"]
)
def test_what_names_a_check_or_a_person_is_not_asked_about(
    nothing_required: Path, lines: str, command: Command
) -> None:
    plain = nothing_required.read_text()
    if "policy" in lines:
        plain = plain.replace("  policy: on-green\n", "")
    nothing_required.write_text(plain.replace("merge:\n", f"merge:\n  {lines}\n"))
    assert command("check", cwd=nothing_required.parent).code == 0


def test_a_base_that_requires_a_check_is_enough(nothing_named: Path, command: Command) -> None:
    """As the code host says it, which is shown."""
    done = command("check", cwd=nothing_named.parent)
    assert (done.code, "acme/shop requires ci" in done.out) == (0, True)

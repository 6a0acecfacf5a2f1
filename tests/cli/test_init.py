"""`factory init` looks first, writes little, overwrites nothing, and is done when it is done twice."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from adapters.local.wiring import load_config
from adapters.providers.slack.settings import SlackSettings
from factory_cli.repository import look, verify_command

from .calling import Command


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for command in (["init", "-q", "-b", "trunk"], ["remote", "add", "origin", "git@github.com:acme/api.git"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / ".gitignore").write_text("*.pyc")
    return tmp_path


def test_it_finds_writes_and_says_what_is_next(repository: Path, command: Command) -> None:
    done = command("init", "--channel", "C0123456", cwd=repository)
    assert done.err == "Found: git repository acme/api, default branch trunk, tests by pytest.\n"
    assert done.code == 0
    assert done.out == (
        "Wrote: factory.config.yaml (20 lines)   .gitignore (+3 lines)\n\n"
        "Next:  factory demo               see it work, no accounts needed\n"
        "       factory connect linear     then slack, then github\n"
        "       factory serve\n\n"
        "Same again without questions: factory init --tracker linear --chat slack --code github"
        " --repo acme/api --channel C0123456 --yes\n"
    )
    assert (repository / ".gitignore").read_text() == "*.pyc\n.env\nfactory.db*\n.factory/\n"
    config = load_config(repository / "factory.config.yaml")
    assert config.providers() == ("linear", "slack", "github")
    assert (config.repositories["acme/api"].base, config.repositories["acme/api"].verify) == ("trunk", "pytest")
    assert (config.routing.default, config.section("slack", SlackSettings).channel) == ("acme/api", "C0123456")


def test_twice_is_once(repository: Path, command: Command) -> None:
    command("init", cwd=repository)
    before = {path.name: path.read_bytes() for path in repository.iterdir() if path.is_file()}
    done = command("init", cwd=repository)
    assert done.code == 0 and done.out.startswith("Nothing to write")
    assert {path.name: path.read_bytes() for path in repository.iterdir() if path.is_file()} == before


def test_what_a_person_wrote_is_kept_until_forced(repository: Path, command: Command) -> None:
    command("init", cwd=repository)
    path = repository / "factory.config.yaml"
    mine = path.read_text().replace("policy: never", "policy: on-green")
    path.write_text(mine)
    done = command("init", cwd=repository)
    assert done.code == 5 and path.read_text() == mine
    assert "-  policy: on-green" in done.err and "exists and differs in 1 line (shown above)" in done.err
    assert command("init", "--force", cwd=repository).code == 0
    assert "policy: never" in path.read_text()


@pytest.mark.parametrize(
    ("file", "text", "command"),
    [
        ("Makefile", "test:\n\ttrue\n", "make test"),
        ("Makefile", "test := 1\n", ""),
        ("tox.ini", "", "pytest"),
        ("package.json", json.dumps({"scripts": {"test": "vitest"}}), "npm test"),
        ("package.json", json.dumps({"scripts": {"test": 'echo "Error: no test specified" && exit 1'}}), ""),
        ("package.json", "[", ""),
        ("go.mod", "", "go test ./..."),
        ("Cargo.toml", "", "cargo test"),
        ("README", "", ""),
    ],
)
def test_the_usual_test_command_is_recognised(file: str, text: str, command: str, tmp_path: Path) -> None:
    (tmp_path / file).write_text(text)
    assert verify_command(tmp_path) == command


@pytest.mark.parametrize(
    "url", ["https://github.com/acme/api", "https://github.com/acme/api.git", "ssh://git@h/acme/api/"]
)
def test_the_remote_names_the_repository(url: str, repository: Path) -> None:
    subprocess.run(["git", "remote", "set-url", "origin", url], cwd=repository, check=True)
    assert look(repository).repo == "acme/api"


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("package-lock.json", "npm ci"),
        ("uv.lock", "uv sync --frozen"),
        ("Cargo.lock", "cargo fetch --locked"),
        ("x", ""),
    ],
)
def test_what_makes_a_tree_ready_is_recognised(file: str, command: str, tmp_path: Path) -> None:
    """And written, for the factory runs it before the agent."""
    (tmp_path / file).write_text("")
    assert look(tmp_path).setup == command

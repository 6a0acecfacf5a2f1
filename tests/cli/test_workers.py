"""`factory connect workers`, and what the other commands say when agents run on other machines."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from .calling import Command

NAME = "FACTORY_WORKER_TOKEN"


@pytest.fixture
def elsewhere(ready: Path) -> Path:
    """A configuration whose agents run elsewhere; no token is made yet."""
    path = ready / "factory.config.yaml"
    path.write_text(
        yaml.safe_dump(yaml.safe_load(path.read_text()) | {"agents": {"engine": "console", "fleet": "workers"}})
    )
    return ready


def token(place: Path) -> str:
    (line,) = [line for line in (place / ".env").read_text().splitlines() if line.startswith(NAME)]
    return line.partition("=")[2]


def test_without_a_token_nothing_starts(elsewhere: Path, command: Command) -> None:
    """The check and the doctor say so, the server refuses, and each names the command that mends it."""
    for argv in (("check",), ("serve", "--port", "0"), ("doctor",)):
        done = command(*argv, cwd=elsewhere)
        assert done.code == (1 if argv == ("doctor",) else 4)
        assert NAME in done.out + done.err or argv == ("check",)
        assert "factory connect workers" in done.out + done.err


def test_connecting_makes_a_token_and_keeps_the_one_before(elsewhere: Path, command: Command) -> None:
    """Random, long, never shown; a second time the old one stays good, a third time the oldest is gone."""
    done = command("connect", "workers", cwd=elsewhere)
    first = token(elsewhere)
    assert done.code == 0 and len(first) >= 40 and first not in done.out + done.err
    assert "may connect: none was heard" in done.out
    command("connect", "workers", cwd=elsewhere)
    second, kept = token(elsewhere).split(",")
    assert kept == first and second != first
    command("connect", "workers", cwd=elsewhere)
    assert token(elsewhere).split(",")[1:] == [second]
    assert (elsewhere / ".env").stat().st_mode & 0o777 == 0o600
    assert command("check", cwd=elsewhere).code == 0


def test_a_token_can_be_brought_along_and_is_never_an_argument(elsewhere: Path, command: Command) -> None:
    assert command("connect", "workers", "--token", "-", cwd=elsewhere, given="brought-along-1234\n").code == 0
    assert token(elsewhere) == "brought-along-1234"
    done = command("connect", "workers", "--token", "hush-hush", cwd=elsewhere)
    assert done.code == 2 and "hush-hush" not in done.out + done.err


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (("--url", "http://factory.example"), 2, "https://"),
        (("--url", "factory.example"), 2, "--url is no address"),
        (("--url", "https://factory.example", "--tenant", "../x"), 2, "--tenant"),
        (("--url", "https://factory.example", "--slots", "0"), 2, "--slots"),
        (("--url", "https://factory.example", "--run", "R-1"), 2, "--once"),
        ((), 2, "factory worker --help"),
        (("--url", "https://factory.example"), 4, NAME),
        (("--url", "http://127.0.0.1:9", "--once"), 4, NAME),
    ],
)
def test_a_worker_that_cannot_work_says_why(
    tmp_path: Path, flags: tuple[str, ...], code: int, says: str, command: Command
) -> None:
    """Before it asks anybody: no token goes anywhere in the open."""
    done = command("worker", *flags, cwd=tmp_path)
    assert (done.code, done.out) == (code, "")
    assert says in done.err and "Fix:" in done.err


def test_a_factory_that_is_not_there_is_told_once(tmp_path: Path, command: Command) -> None:
    """`--once` does not wait for it."""
    done = command("worker", "--url", "http://127.0.0.1:9", "--once", cwd=tmp_path, **{NAME: "t" * 32})
    assert done.code == 1 and "The factory does not answer" in done.err and "t" * 32 not in done.err

"""Exit codes: few, documented, the same in text, in JSON and of the real process; and no secret in any output."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from .calling import CONFIG, SECRETS, Command, factory, within

CANARY = "canary-5b1e-never-shown"
TYPED = "typed-9c4d-never-shown"  # only ever an argument: nobody knows that it is a secret
KNOWN = {0, 1, 2, 4, 5, 8, 130}

# Arguments in a directory with a configuration, without secrets and without a store; the exit code, the document.
CASES = [
    ("", 0, "help"),
    ("help states", 0, "help"),
    ("help stats", 2, "error"),
    ("stauts", 2, "error"),
    ("--version", 0, "version"),
    ("check --help", 0, "help"),
    ("check --nonsense", 2, "error"),
    ("check", 4, "check"),
    ("--no-input check", 4, "check"),
    ("--format=text --debug check", 4, "check"),
    ("--nonsense", 2, "error"),
    ("check --config nowhere.yaml", 2, "error"),
    ("connect linaer", 2, "error"),
    ("connect linear", 2, "error"),
    ("connect linear --token -", 2, "error"),
    ("connect linear --token as-an-argument", 2, "error"),
    ("doctor", 1, "doctor"),
    ("doctor linaer", 2, "error"),
    ("doctor linear --last-rejected", 0, "doctor"),
    ("doctor linear --safety", 2, "error"),
    ("init --dry-run --repo acme/api", 0, "init"),
    ("init --repo acme/api", 5, "error"),
    ("init --dry-run", 2, "error"),
    ("init --dry-run --repo acme/api --tracker jira", 2, "error"),
    ("serve", 4, "error"),
    ("serve --host 0.0.0.0", 4, "error"),
    ("serve --port many", 2, "error"),
    ("sandbox --time-scale 0", 2, "error"),
    ("status", 1, "error"),
    ("status ACME-1", 1, "error"),
    ("pipeline", 2, "error"),
    ("pipeline retry ACME-1", 1, "error"),
    ("pipeline abort acme", 2, "error"),
    ("trigger --list", 0, "trigger"),
    ("trigger linear.issue.ready", 4, "error"),
    ("trigger linear.issue.redy --secret-from-env HOME", 2, "error"),
    ("trigger linear.issue.ready --secret-from-env HOME --to http://127.0.0.1:9", 1, "error"),
    ("trigger linear.issue.ready --secret-from-env HOME --to https://factory.acme.dev", 2, "error"),
    ("trigger linear.issue.ready --secret-from-env HOME --override nonsense", 2, "error"),
]


@pytest.mark.parametrize(("line", "code"), {code: (line, code) for line, code, _ in CASES}.values())
def test_the_process_ends_so(line: str, code: int, home: Path) -> None:
    """One row for each code."""
    assert factory(*line.split(), cwd=home).code == code


@pytest.mark.parametrize(("line", "code", "schema"), CASES, ids=[line or "nothing" for line, _, _ in CASES])
def test_text_and_json_end_alike(
    line: str, code: int, schema: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = within(*line.split(), cwd=home, capsys=capsys)
    found = within(*line.split(), "--json", cwd=home, capsys=capsys)
    assert (text.code, found.code) == (code, code) and code in KNOWN
    assert found.document["schema"] == f"factory.{schema}/1"
    assert "Traceback" not in text.err + found.err
    if schema == "error":
        assert text.out == "" and text.err.splitlines()[-1].startswith("  Fix: ")
        assert found.document["fix_in_words"] in text.err and text.err.rstrip().endswith(found.document["code"])
    else:
        assert text.out.strip()


def _everywhere(home: Path) -> dict[str, Any]:
    """The canary as every secret of the environment, in .env, and on standard input."""
    (home / ".env").write_text("".join(f"{name}={CANARY}-in-file\n" for name in SECRETS))
    return {"given": f"{CANARY}\n{CANARY}\n", **dict.fromkeys([*SECRETS, "FACTORY_STATUS_TOKEN"], CANARY)}


@pytest.mark.parametrize(
    "line",
    [
        "check -v",
        "doctor",
        "doctor linear --last-rejected",
        "connect linear --token - --signing-secret -",
        f"connect linear --token {TYPED}",
        f"connect {TYPED}",
        f"connect linear --token={TYPED}",
        f"check --token={TYPED}",
        f"check --{TYPED}",
        f"check {TYPED}",
        f"{TYPED}",
        f"help {TYPED}",
        f"serve --port {TYPED}",
        f"status {TYPED}",
        f"pipeline {TYPED} ACME-1",
        f"pipeline retry {TYPED}",
        f"doctor {TYPED}",
        f"init --tracker {TYPED} --repo a/b",
        f"init --repo {TYPED}",
        "trigger linear.issue.ready --to http://127.0.0.1:9",
        f"trigger {TYPED}",
        f"trigger linear.issue.ready --to http://me:{TYPED}@127.0.0.1:9",
        f"trigger linear.issue.ready --secret-from-env {TYPED}",
    ],
)
def test_no_secret_is_ever_shown(line: str, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = _everywhere(home)
    for more in ([], ["--json"], ["--debug"]):
        done = within(*line.split(), *more, cwd=home, capsys=capsys, **given)
        assert CANARY not in done.out + done.err and TYPED not in done.out + done.err
    assert [path.read_text() for path in (home / "state").rglob("*.txt")] == []


def test_no_secret_is_shown_by_a_server_that_cannot_start(home: Path, command: Command) -> None:
    given = _everywhere(home)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for more in ([], ["--host", "203.0.113.1"], ["--log-format", "json", "-v", "--debug"]):
            done = command("serve", "--port", port, *more, cwd=home, **given)
            assert done.code == 2 and CANARY not in done.out + done.err


@pytest.mark.parametrize("no", [{}, {"CI": "true"}])
def test_nobody_is_asked_who_cannot_answer(no: dict[str, str], home: Path, command: Command) -> None:
    done = command("connect", "slack", cwd=home, **no)
    why = "CI=true" if no else "standard input is not a terminal"
    assert done.err.splitlines()[0] == f"✗ Needs an answer, but cannot ask: {why}."
    assert "--token -" in done.err and done.code == 2


def test_the_locale_decides_the_marks(home: Path) -> None:
    done = factory("check", cwd=home, LC_ALL="C")
    assert done.out.splitlines()[0] == "linear  FAIL needs-auth -> run: factory connect linear"
    assert done.out.isascii()


def test_a_wrong_configuration_names_its_line(home: Path, command: Command) -> None:
    (home / "factory.config.yaml").write_text(
        CONFIG.replace("clarificationChannel: slack", "clarificationChanel: slack")
    )
    done = command("check", cwd=home)
    assert done.code == 2 and "factory.config.yaml" in done.err.splitlines()[0]

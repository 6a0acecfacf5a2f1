"""`factory check` and `factory connect`, against the sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from .calling import within

NEEDS = """\
linear  ✗ needs-auth → run: factory connect linear
slack   ✗ needs-auth → run: factory connect slack
github  ✗ needs-auth → run: factory connect github

3 of 3 are not ready. The factory will not start until they are.
"""
READY = """\
linear  ✓ connected
slack   ✓ connected
github  ✓ connected

3 of 3 are connected.
"""
ONE = """\
linear  ✓ connected
slack   ✓ connected
github  ✗ needs-auth → run: factory connect github

1 of 3 is not ready. The factory will not start until it is.
"""


def test_the_table_and_one_sentence(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert within("check", cwd=ready, capsys=capsys) == (0, READY, "")
    lines = (ready / ".env").read_text().splitlines()
    (ready / ".env").write_text("\n".join(line for line in lines if not line.startswith("GITHUB_WEBHOOK")))
    assert within("check", cwd=ready, capsys=capsys) == (4, ONE, "")
    (ready / ".env").unlink()
    assert within("check", cwd=ready, capsys=capsys) == (4, NEEDS, "")


def test_the_document(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = within("check", "--json", cwd=ready, capsys=capsys).document
    assert document["schema"] == "factory.check/1" and document["ready"] is True
    first = document["connections"][0]
    assert first.pop("organisation")
    assert first == {
        "provider": "linear", "status": "connected", "required_scopes": ["read", "write"], "connected_scopes": None,
        "auth_url": "", "error": "", "account": "factory in Acme", "fix": [], "fix_in_words": "",
    }  # fmt: skip
    (ready / ".env").unlink()
    document = within("check", "--json", cwd=ready, capsys=capsys).document
    assert document["ready"] is False
    assert document["connections"][1]["status"] == "needs-auth"
    assert document["connections"][1]["fix"] == ["factory", "connect", "slack"]


def test_a_vendor_that_does_not_answer_needs_nobody_and_is_no_success(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ready / "factory.config.yaml"
    lines = [line if "/linear" not in line else "  url: http://127.0.0.1:9" for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines))
    done = within("check", cwd=ready, capsys=capsys)
    assert done.code == 1
    assert done.out.splitlines()[0].startswith("linear  ✗ error: ")
    assert done.out.splitlines()[-1] == "1 of 3 did not answer. The factory starts, and tries them again."


def test_connect_stores_what_it_reads_and_checks_it(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other lines of .env stay as they are; the file is its owner's alone; nothing is shown."""
    (ready / ".env").write_text("# mine\nOTHER=1\nexport LINEAR_API_KEY='old'\n")
    done = within(
        "connect",
        "linear",
        "--token",
        "-",
        "--signing-secret",
        "-",
        cwd=ready,
        capsys=capsys,
        given="tok-123456\n  secret-1234567890  \n",
    )
    assert (done.code, done.out) == (0, "linear  ✓ connected as factory in Acme\n")
    assert done.err == "Stored in .env: LINEAR_API_KEY, LINEAR_WEBHOOK_SECRET\n"
    written = "# mine\nOTHER=1\nLINEAR_API_KEY=tok-123456\nLINEAR_WEBHOOK_SECRET=secret-1234567890\n"
    assert (ready / ".env").read_text() == written
    assert (ready / ".env").stat().st_mode & 0o777 == 0o600
    assert (ready / ".gitignore").read_text() == ".env\n"


def test_connect_says_what_is_still_missing(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (ready / ".env").unlink()
    done = within("connect", "slack", "--token", "-", cwd=ready, capsys=capsys, given="xoxb-1-2-3\n")
    assert (done.code, done.out) == (
        4,
        "slack  ✗ needs-auth: no SLACK_SIGNING_SECRET → run: factory connect slack\n",
    )


def test_connect_tells_when_the_environment_wins(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = within(
        "connect", "slack", "--token", "-", cwd=ready, capsys=capsys, given="xoxb-1-2-3\n", SLACK_BOT_TOKEN="other-1234"
    )
    assert "SLACK_BOT_TOKEN is also set in the environment, and wins over .env." in done.err


def test_connect_keeps_what_is_no_secret_out_of_the_file(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (ready / ".env").read_text()
    for given in ("", "\n", "two words\n", "'quoted'\n", "tab\there\n"):
        assert within("connect", "slack", "--token", "-", cwd=ready, capsys=capsys, given=given).code == 2
    assert (ready / ".env").read_text() == before


def test_doctor_goes_from_near_to_far(ready: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = within("doctor", cwd=ready, capsys=capsys)
    assert done.code == 0
    heads = [line for line in done.out.splitlines() if line and not line.startswith(" ")]
    near, far = ["This machine", "Store", "Running factory"], ["Linear", "Slack", "GitHub"]
    assert heads == [*near, *far, "0 problems, 13 fine, 3 skipped."]
    (ready / ".env").unlink()
    done = within("doctor", "slack", cwd=ready, capsys=capsys)
    assert done.code == 1
    assert done.out == (
        "Slack\n"
        "  ✗ token           needs-auth: there is no token\n"
        "                    fix: factory connect slack\n"
        "  – scopes          skipped, needs the token\n"
        "  ✗ webhooks        no SLACK_SIGNING_SECRET\n"
        "                    fix: factory connect slack --signing-secret -\n"
        "\n2 problems, 0 fine, 1 skipped.\n"
    )

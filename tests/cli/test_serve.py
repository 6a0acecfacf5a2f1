"""`factory serve`: it refuses once with the whole list, says where it is, and ends when it is asked to."""

from __future__ import annotations

import errno
import json
import signal
import socket
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.local.listening import Address, listen
from factory_core.errors import Refused

from .calling import SECRETS, Command, running

MISSING = """\
✗ Not starting: 3 secrets are missing.

  linear  signing secret  LINEAR_WEBHOOK_SECRET  factory connect linear
  slack   signing secret  SLACK_SIGNING_SECRET   factory connect slack
  github  webhook secret  GITHUB_WEBHOOK_SECRET  factory connect github

  See: linear.app → Settings → API → Webhooks
  Fix: factory connect linear    E-SECRET
"""


def test_missing_secrets_are_told_all_at_once(home: Path, command: Command) -> None:
    assert command("serve", cwd=home) == (4, "", MISSING)
    assert not (home / "factory.db").exists()


def test_secrets_that_anybody_could_guess_are_as_good_as_none(home: Path, command: Command) -> None:
    """Too short, of the sandbox although the vendor is real, or one weak one beside a good one."""
    real = (home / "factory.config.yaml").read_text().replace("slack: {url: http://127.0.0.1:9, ", "slack: {")
    (home / "factory.config.yaml").write_text(real)
    weak = {"LINEAR_WEBHOOK_SECRET": "x", "SLACK_SIGNING_SECRET": "sandbox-slack-webhooks"}
    done = command("serve", "--port", "0", cwd=home, **{**SECRETS, **weak, "GITHUB_WEBHOOK_SECRET": f"{'a' * 32},b"})
    assert done.code == 4 and done.err.startswith("✗ Not starting: 3 secrets are missing or weak.")
    for said in ("LINEAR_WEBHOOK_SECRET is shorter than 16", "SLACK_SIGNING_SECRET is the sandbox's own", "GITHUB_WEB"):
        assert said in done.err
    assert command("check", cwd=home, **{**SECRETS, **weak}).code == 4


def test_a_password_that_anybody_could_guess_is_refused(home: Path, command: Command) -> None:
    done = command("serve", "--port", "0", cwd=home, **SECRETS, FACTORY_STATUS_TOKEN="x" * 15)
    assert done.code == 2 and "FACTORY_STATUS_TOKEN is shorter than 16 characters" in done.err
    assert "openssl rand -hex 32" in done.err


def test_connections_that_need_a_person_are_told_all_at_once(ready: Path, command: Command) -> None:
    lines = (ready / ".env").read_text().splitlines()
    (ready / ".env").write_text("\n".join(line for line in lines if not line.startswith(("LINEAR_API", "SLACK_BOT"))))
    done = command("serve", "--port", "0", cwd=ready)
    assert done.code == 4 and done.out == ""
    assert done.err.splitlines()[0] == "✗ Not starting: 2 of 3 connections are not ready."
    assert [line.split()[0] for line in done.err.splitlines()[2:4]] == ["linear", "slack"]
    assert not (ready / "factory.db").exists()


def test_other_machines_need_a_password(home: Path, command: Command) -> None:
    done = command("serve", "--host", "0.0.0.0", cwd=home, **SECRETS)
    assert done.code == 2 and "FACTORY_STATUS_TOKEN" in done.err


def test_a_taken_port_is_said(home: Path, command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = command("serve", "--port", str(port), cwd=home, **SECRETS)
    assert done.code == 2 and done.err.startswith(f"✗ Port {port} cannot be used.")
    assert f"Fix: factory serve --port {port + 1}" in done.err


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "a" * 70])
def test_an_address_that_is_not_this_machines_is_said(host: str, home: Path, command: Command) -> None:
    """No other port would help."""
    done = command("serve", "--port", "0", "--host", host, cwd=home, **SECRETS, FACTORY_STATUS_TOKEN="1f" * 16)
    assert done.code == 2 and done.err.startswith(f"✗ The address {host} cannot be used.")
    assert "Fix: factory serve --host 127.0.0.1" in done.err


@pytest.mark.parametrize("reason", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL])
def test_without_ipv6_every_address_is_ipv4(reason: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.create_server

    def create(address: tuple[str, int], *, family: socket.AddressFamily) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(reason, "no IPv6")
        return real(address, family=family)

    monkeypatch.setattr(socket, "create_server", create)
    with ExitStack() as stack:
        assert [one.getsockname()[0] for one in listen(Address(("::",), 0), stack)] == ["0.0.0.0"]
        with pytest.raises(Refused):
            listen(Address(("::1",), 0), stack)


def test_one_tenant_in_two_files_is_a_mistake(home: Path, command: Command) -> None:
    (home / "two.yaml").write_text((home / "factory.config.yaml").read_text())
    done = command("serve", "--config", "factory.config.yaml", "--config", "two.yaml", cwd=home)
    assert done.code == 2 and "two configurations name the tenant default" in done.err


def test_of_several_tenants_each_has_its_own_secrets(home: Path, command: Command) -> None:
    (home / "two.yaml").write_text("tenant: second-one\n" + (home / "factory.config.yaml").read_text())
    done = command("serve", "--config", "factory.config.yaml", "--config", "two.yaml", cwd=home, **SECRETS)
    assert done.code == 4 and done.err.startswith("✗ Not starting: 6 secrets are missing.")
    assert "DEFAULT_LINEAR_WEBHOOK_SECRET" in done.err and "SECOND_ONE_SLACK_SIGNING_SECRET" in done.err


def test_it_says_where_it_is_answers_and_ends(ready: Path) -> None:
    with running("serve", "--port", "0", cwd=ready, until="Ready.") as (process, banner):
        lines = banner.splitlines()
        url = lines[1].split()[1]
        assert lines[0].startswith("factory ") and [line.split()[0] for line in lines[1:5]] == [
            "Status", "Webhooks", "Store", "Agents",
        ]  # fmt: skip
        assert lines[2].split()[1] == f"{url}/hooks/default/{{linear,slack,github}}"
        assert httpx2.get(f"{url}/healthz", trust_env=False, timeout=60).json()["ok"] is True
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
        assert process.stderr and process.stderr.read() == ""
    with running("serve", "--port", "0", "--json", cwd=ready, until="{") as (process, said):
        document: dict[str, Any] = json.loads(said)
        assert document["schema"] == "factory.serve/1"
        assert document["webhooks"]["default"][0] == f"{document['status']}/hooks/default/linear"
        process.terminate()
        assert process.wait(120) == 0


def test_traffic_is_two_arrows_or_json_lines(ready: Path, command: Command) -> None:
    for flags, seen in ((["-v"], _arrows), (["-v", "--log-format", "json"], _json_lines)):
        with running("serve", "--port", "0", *flags, cwd=ready, until="Ready.") as (process, banner):
            url = banner.splitlines()[1].split()[1]
            sent = command("trigger", "slack.message.reply", "--to", url, cwd=ready)
            assert sent.code == 0
            process.terminate()
            process.wait(120)
            assert process.stderr
            seen(process.stderr.read())


def _arrows(said: str) -> None:
    there, back = [words for line in said.splitlines() if (words := line.split()[1:])[0] in {"-->", "<--"}]
    assert there[:3] == ["-->", "slack", "event_callback.message"] and there[-1] == "signed"
    assert back[:3] == ["<--", "200", "in"]


def _json_lines(said: str) -> None:
    lines = [json.loads(line) for line in said.splitlines()]
    there, back = [line for line in lines if line.get("action") in {"webhook", "answered"}]
    assert (there["action"], there["provider"]) == ("webhook", "slack")
    assert (back["action"], back["status"]) == ("answered", 200)


def test_a_checkout_is_matched_by_its_origin(home: Path, command: Command) -> None:
    """`--repo-root` goes on to the next reason not to start; a folder that is no checkout of ours is named."""
    tree = home / "code"
    subprocess.run(["git", "init", "-q", str(tree)], check=True)
    subprocess.run(["git", "remote", "add", "origin", "git@code.example:acme/api.git"], cwd=tree, check=True)
    assert "secrets are missing" in command("serve", "--repo-root", "code", cwd=home).err
    assert "secrets are missing" in command("serve", "--repo-root", "acme/api=code", cwd=home).err
    for given, what in (
        (".", "✗ --repo-root is no checkout of a configured repository"),
        ("acme/api=nowhere", "✗ factory.config.yaml: repositories.acme/api.root"),
    ):
        done = command("serve", "--repo-root", given, cwd=home)
        assert done.code == 2 and done.err.startswith(what) and "Fix: " in done.err


def test_a_root_that_is_no_checkout_is_told_with_its_key(home: Path, command: Command) -> None:
    config = home / "factory.config.yaml"
    config.write_text(config.read_text().replace("{acme/api: {}}", "{acme/api: {root: ./none}}"))
    done = command("serve", cwd=home)
    assert done.code == 2 and done.err.startswith("✗ factory.config.yaml: repositories.acme/api.root")
    assert "it is no git checkout" in done.err

"""What surrounds the server's process: PID 1, a folder that was moved, signals, both families of addresses."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import httpx2
import pytest
import yaml

from factory_core.dispatch.records import State

from .counting import CLEAR
from .sandbox_thread import PATIENCE, world
from .server_process import ROOT, Home, Server, config_of, running, until

OWN_PIDS = ["unshare", *([] if os.getuid() == 0 else ["--user", "--map-root-user"]), "--pid", "--fork", "--mount-proc"]
TOKEN = "the-password-of-the-status-page"


def below(pid: int) -> list[int]:
    """All its descendants."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in map(int, found) for each in (child, *below(child))]


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def test_as_pid_1_it_leaves_no_zombies_and_drains(tmp_path: Path) -> None:
    if subprocess.run([*OWN_PIDS, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespace of process ids can be had")
    with world() as w:
        home = Home(tmp_path, config_of(w))
        home.give_tokens(w)
        with running(Server(home, under=OWN_PIDS)) as server:
            server.subscribe(w)
            keys = [w.ticket(f"Rename total to amount, part {n}", CLEAR) for n in range(3)]
            assert {record.state for record in home.rests(*keys).values()} == {State.DONE}
            assert server.process
            first = below(server.process.pid)[0]
            until(lambda: "Z" not in map(state_of, below(first)))
            os.kill(first, signal.SIGTERM)
            assert server.process.wait(30) == 0


@pytest.mark.parametrize("lost", [False, True], ids=["moved", "without .factory"])
def test_follow_ups_go_on_after_the_folder_was_moved(tmp_path: Path, lost: bool) -> None:
    """Configuration, store and `.factory` lie elsewhere when the reviewer asks for changes; `.factory` can be made
    again."""
    with world() as w:
        config = config_of(w, merge={"policy": "on-green-with-review"})
        home = Home(tmp_path / "here", config)
        home.give_tokens(w)
        with running(Server(home)) as server:
            server.subscribe(w)
            key = w.ticket("Rename total to amount", CLEAR)
            home.in_state(key, State.IN_REVIEW)
        moved = tmp_path / "new" / "there"
        moved.parent.mkdir()
        home.path.rename(moved)
        if lost:
            shutil.rmtree(moved / ".factory")
        secrets, home = home.secrets, Home(moved, config)
        home.secrets = secrets
        with running(Server(home, port=server.port)):
            w.call(w.sandbox.github.add_review, "acme/shop", 1, "changes_requested", "In the README, too.")
            until(lambda: len(home.run_directories()) == (1 if lost else 2))
            assert home.in_state(key, State.IN_REVIEW, State.BLOCKED).state is State.IN_REVIEW


def test_code_that_is_replaced_under_it_costs_no_ticket(tmp_path: Path) -> None:
    """An update takes modules away before it lays down the next: what is started meanwhile is started again."""
    release = tmp_path / "release"
    for name in ("factory_core", "factory_cli", "adapters"):
        shutil.copytree(ROOT / name, release / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    module = release / "adapters" / "fleets" / "local_engines" / "watchdog.py"
    with world() as w:
        home = Home(tmp_path / "home", config_of(w))
        home.give_tokens(w)
        with running(Server(home, release=release)) as server:
            server.subscribe(w)
            away = module.rename(tmp_path / "watchdog.py")
            keys = [w.ticket(f"Rename total to amount, part {n}", CLEAR) for n in range(2)]
            for key in keys:
                until(lambda key=key: (record := home.record(key)) and record.waits_for)
            away.rename(module)
            rest = home.rests(*keys)
            assert [(record.state, record.attempt) for record in rest.values()] == [(State.DONE, 1)] * 2


def test_every_address_is_both_families(tmp_path: Path) -> None:
    """`::` takes IPv4, too, and calls its clients by their own address; `--host` may be repeated."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with world() as w:
        home = Home(tmp_path, config_of(w))
        home.give_tokens(w)
        for hosts in (["--host=::"], ["--host=127.0.0.1", "--host=::1"]):
            with running(Server(home, arguments=hosts, FACTORY_STATUS_TOKEN=TOKEN)) as server:
                for name in ("127.0.0.1", "[::1]"):
                    url = f"http://{name}:{server.port}/status.json"
                    assert httpx2.get(url, trust_env=False, timeout=PATIENCE).status_code == 401
                    signed_in = httpx2.get(
                        url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=PATIENCE
                    )
                    assert signed_in.status_code == 200


def hang_up(server: Server) -> None:
    assert server.process
    server.process.send_signal(signal.SIGHUP)


def test_sighup_reloads_configuration_and_secrets(tmp_path: Path) -> None:
    """A file that is wrong is named with its line, key and fix, and what was served goes on."""
    with world() as w:
        home = Home(tmp_path, config_of(w))
        home.give_tokens(w)
        known = yaml.safe_load(home.config.read_text())
        with running(Server(home)) as server:
            server.subscribe(w)
            key = w.ticket("Rename total to amount", CLEAR)
            home.rests(key)

            home.config.write_text(yaml.safe_dump(known | {"capacity": {"agents": 0}}))
            hang_up(server)
            until(lambda: "not reloaded" in server.log.read_text())
            said = server.log.read_text()
            assert "factory.config.yaml, line" in said and "correct capacity.agents" in said
            assert server.get("/healthz").status_code == 200

            home.config.write_text(yaml.safe_dump(known | {"tenant": "globex"}))
            (tmp_path / ".env").write_text("FACTORY_STATUS_TOKEN=" + TOKEN)
            (tmp_path / ".env").chmod(0o600)
            hang_up(server)
            until(lambda: re.search(r"(?<!not )reloaded \S*factory.config.yaml", server.log.read_text()))
            assert server.get("/status.json").status_code == 401
            signed_in = server.get("/status.json", Authorization=f"Bearer {TOKEN}")
            assert signed_in.json()["tenant"] == "globex"


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """An effect that hangs is waited for after the first one; its lease lets the next start repeat it."""
    with world() as w:
        home = Home(tmp_path, config_of(w))
        home.give_tokens(w)
        server = Server(home).start()
        server.subscribe(w)
        with w.gate(lambda vendor, operation: operation == "chat.postMessage", acted=False) as gate:
            w.ticket("The cart is confusing", "It is.")
            assert gate.reached.wait(30)
            assert server.process
            server.process.terminate()
            until(lambda: not listens(server.port))
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(30) == -signal.SIGINT


def listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0

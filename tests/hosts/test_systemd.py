"""The unit of docs/deploy.md: what systemd is told, by a real socket, and that it reads the unit without complaint."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.local.systemd import ServiceManager
from factory_cli import serve
from tests.scenarios.sandbox_thread import world
from tests.scenarios.server_process import ROOT, Home, Server, config_of

CONTAINER = ROOT / "infra" / "container" / "Dockerfile"
UNIT = ROOT / "infra" / "systemd" / "factory.service"
WORKER_UNIT = UNIT.with_name("factory-worker.service")


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[socket.socket]:
    """What a service manager listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def told(heard: socket.socket, wanted: str) -> str:
    """The next message that begins so; those between are heard, too."""
    while not (said := heard.recv(4096).decode()).startswith(wanted):
        pass
    return said


def test_the_server_says_that_it_is_ready_alive_reloading_and_stopping(tmp_path: Path, heard: socket.socket) -> None:
    with world() as w:
        home = Home(tmp_path / "home", config_of(w))
        home.give_tokens(w)
        server = Server(home, NOTIFY_SOCKET=heard.getsockname(), WATCHDOG_USEC="200000").start()
        assert told(heard, "READY=1") == "READY=1"
        assert told(heard, "WATCHDOG=1") == "WATCHDOG=1"
        assert server.process
        server.process.send_signal(signal.SIGHUP)
        assert "MONOTONIC_USEC=" in told(heard, "RELOADING=1")
        assert told(heard, "READY=1") == "READY=1"
        server.process.terminate()
        assert told(heard, "STOPPING=1") == "STOPPING=1"
        assert server.process.wait(60) == 0


def test_a_server_whose_loops_stand_still_is_not_alive(heard: socket.socket) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": heard.getsockname(), "WATCHDOG_USEC": "20000"})
    looks: list[bool] = []
    enough = asyncio.Event()

    def is_alive() -> bool:
        looks.append(len(looks) < 2)
        if len(looks) == 6:
            enough.set()
        return looks[-1]

    async def play() -> None:
        watching = asyncio.create_task(manager.watch(is_alive))
        await enough.wait()
        watching.cancel()

    asyncio.run(play())
    manager.stopping()
    assert [heard.recv(100) for _ in range(3)] == [b"WATCHDOG=1", b"WATCHDOG=1", b"STOPPING=1"]


def test_a_service_manager_that_is_gone_costs_a_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "nowhere")}).ready()
    assert "was not told READY=1" in caplog.text
    ServiceManager({}).ready()


def test_the_worker_of_the_unit_says_that_it_is_ready_alive_and_stopping(tmp_path: Path, heard: socket.socket) -> None:
    """Also while no factory answers; and that it ignores SIGHUP."""
    [command] = [line for line in WORKER_UNIT.read_text().splitlines() if line.startswith("ExecStart=")]
    words = [*command.split()[1:], "--url=http://127.0.0.1:9", f"--home={tmp_path / 'home'}"]
    environment = {
        **os.environ, "NOTIFY_SOCKET": heard.getsockname(), "WATCHDOG_USEC": "200000", "WATCHDOG_PID": "",
        "FACTORY_WORKER_TOKEN": "0123456789abcdef" * 2,
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "factory_cli", *words], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        assert told(heard, "READY=1") == "READY=1"
        assert told(heard, "WATCHDOG=1") == "WATCHDOG=1"
        process.send_signal(signal.SIGHUP)
        assert process.stderr
        assert any(b"SIGHUP is ignored" in line for line in process.stderr)
        process.terminate()
        assert told(heard, "STOPPING=1") == "STOPPING=1"
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("unit", [UNIT, WORKER_UNIT], ids=lambda unit: unit.name)
def test_systemd_reads_the_unit_without_a_complaint(unit: Path, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not here")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/factory/.venv/bin/factory", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], check=False, capture_output=True, text=True)
    assert (done.returncode, [line for line in done.stderr.splitlines() if unit.name in line]) == (0, [])


def test_the_container_is_made_of_what_is_here() -> None:
    """Of every package, and of what builds them without a network of its own; and its command is one of ours."""
    lines = CONTAINER.read_text().splitlines()
    copied = {name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]}
    about = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = {name.rstrip("*") for name in about["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert copied == packages | {"pyproject.toml", "requirements.lock", about["project"]["readme"], "LICENSE"}
    assert all((ROOT / name).exists() for name in copied)
    assert "\nsetuptools==" in (ROOT / "requirements.lock").read_text()
    [command] = [json.loads(line.removeprefix("CMD ")) for line in lines if line.startswith("CMD ")]
    serve.arguments(parser := argparse.ArgumentParser())
    assert command[:2] == ["factory", "serve"] and parser.parse_args(command[2:]).host == ["::"]


def test_the_page_shows_the_unit_and_the_container_as_they_are() -> None:
    page = (ROOT / "docs" / "deploy.md").read_text()
    assert f"```ini\n{UNIT.read_text()}```" in page
    assert "infra/container/Dockerfile" in page

"""infra/container/Dockerfile, its own steps played without a registry: what it copies is built as it says, and its
command runs as its user and as PID 1, with a root that cannot be written and the configuration in the volume.

Only the base image and what comes over the network are this machine's own.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import yaml

from factory_core.dispatch.records import State

from .counting import CLEAR
from .sandbox_thread import PATIENCE, world
from .server_process import ROOT, Home, Server, config_of, until
from .test_surroundings import below, state_of

DOCKERFILE = re.sub(r"\\\n\s*", "", (ROOT / "infra" / "container" / "Dockerfile").read_text())
STEPS = [(word, rest) for word, _, rest in (line.partition(" ") for line in DOCKERFILE.splitlines()) if word.isupper()]
USER = re.findall(r"useradd .*--uid (\d+) (\w+)", DOCKERFILE)[0]
TOKEN = "the-password-of-the-status-page"


def last(step: str) -> str:
    return [rest for word, rest in STEPS if word == step][-1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image's own pip install commands make of what it copies."""
    copied, target = tmp_path_factory.mktemp("opt"), tmp_path_factory.mktemp("usr-local")
    for sources, to in [words.rsplit(" ", 1) for word, words in STEPS if word == "COPY"]:
        for source in sources.split():
            path = ROOT / source
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copied / to / (source if to == "./" else ""))
    installs = [each for word, run in STEPS if word == "RUN" for each in run.split(" && ") if each.startswith("pip ")]
    assert len(installs) == 2
    locked, ours = (shlex.split(each)[1:] for each in installs)
    for words in ([*locked, "--dry-run"], [*ours, f"--target={target}"]):
        done = subprocess.run(
            [sys.executable, "-m", "pip", "--no-input", *words], cwd=copied, capture_output=True, text=True,
            env=os.environ | {"PIP_NO_INDEX": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    return target


def container(installed: Path, volume: Path) -> list[str]:
    """A command that runs what follows in the image's layout, as PID 1."""
    uid, name = USER
    passwd = volume.with_name("passwd")
    passwd.write_text(f"{name}:x:{uid}:{uid}::/home/{name}:/bin/sh\n")
    base, venv = Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve()
    layout = [
        "--unshare-user", f"--uid={uid}", f"--gid={uid}", "--unshare-pid", "--as-pid-1", "--die-with-parent",
        "--tmpfs", "/tmp", "--tmpfs", f"/home/{name}",
        "--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc", "--ro-bind", passwd, "/etc/passwd",
        *(word for name in ("bin", "lib", "lib64", "sbin") for word in ("--symlink", f"usr/{name}", f"/{name}")),
        "--ro-bind", base, base, "--ro-bind", venv, venv, "--ro-bind", installed, "/usr/local",
        "--proc", "/proc", "--dev", "/dev",
        "--bind", volume, last("VOLUME"), "--remount-ro", "/", "--chdir", last("WORKDIR"),
        "--clearenv", "--setenv", "HOME", f"/home/{name}", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin",
        "--setenv", "PYTHONPATH", "/usr/local",
    ]  # fmt: skip
    command = ["bwrap", *(re.sub(r"^(--\w+)=", r"\1 ", str(word)) for word in layout)]
    words = [part for word in command for part in word.split(" ", 1)]
    if not shutil.which("bwrap") or subprocess.run([*words, "/bin/true"], check=False, capture_output=True).returncode:
        pytest.skip("bubblewrap is not here, or no namespace can be had")
    return words


@contextmanager
def started(command: Sequence[str], log: Path) -> Iterator[int]:
    """The process id of its PID 1."""
    with log.open("wb") as output, subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
    ) as process:  # fmt: skip
        try:
            yield until(lambda: below(process.pid) or (process.poll() is not None and [0]))[0]
            assert process.wait(PATIENCE) == 0, log.read_text()
        finally:
            process.kill()


def is_healthy(port: int) -> bool:
    """By the image's own check, at another port."""
    program, *words = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert program == "python"
    words = [word.replace(":8787/", f":{port}/") for word in words]
    return subprocess.run([sys.executable, *words], check=False, capture_output=True).returncode == 0


def test_the_image_serves_what_is_mounted_as_its_user_and_as_pid_1(installed: Path, tmp_path: Path) -> None:
    """A ticket is done, no zombie is left, SIGTERM ends it with 0; and all that it writes is in the volume."""
    assert last("USER") == USER[1] and last("STOPSIGNAL") == "SIGTERM"
    with world() as w:
        home = Home(tmp_path / "volume", config_of(w))
        home.give_tokens(w)
        server = Server(home)  # for its address alone
        home.config.write_text(yaml.safe_dump(config_of(w) | {"server": {"port": server.port}}))
        secrets = home.secrets | {"FACTORY_STATUS_TOKEN": TOKEN}
        (home.path / ".env").write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
        (home.path / ".env").chmod(0o600)
        log = tmp_path / "log"
        with started([*container(installed, home.path), *json.loads(last("CMD"))], log) as first:
            until(lambda: is_healthy(server.port))
            signed_in = {"Authorization": f"Bearer {TOKEN}"}
            assert httpx2.get(f"{server.url}/metrics", trust_env=False).status_code == 401
            assert httpx2.get(f"{server.url}/metrics", headers=signed_in, trust_env=False).status_code == 200
            server.subscribe(w)
            key = w.ticket("Rename total to amount", CLEAR)
            assert home.rests(key)[key].state is State.DONE
            assert Path(f"/proc/{first}/uid_map").read_text().split()[0] == USER[0]
            (pids,) = re.findall(r"NSpid:(.*)", Path(f"/proc/{first}/status").read_text())
            assert pids.split()[-1] == "1"
            until(lambda: "Z" not in map(state_of, below(first)))
            os.kill(first, signal.SIGTERM)
        lines = log.read_text()
        assert "Traceback" not in lines and not [value for value in secrets.values() if value in lines]


def test_the_image_says_what_its_volume_lacks(installed: Path, tmp_path: Path) -> None:
    """Without a configuration, and without the password that its address needs."""
    volume = tmp_path / "volume"
    volume.mkdir()
    command = [*container(installed, volume), *json.loads(last("CMD"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False) and "factory.config.yaml" in done.stderr
    with world() as w:
        home = Home(volume, config_of(w))
        (volume / ".env").write_text("".join(f"{name}={value}\n" for name, value in home.secrets.items()))
        (volume / ".env").chmod(0o600)
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 2 and "FACTORY_STATUS_TOKEN" in done.stderr

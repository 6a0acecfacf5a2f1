"""No key, token or credential gets where an engine, a process list or a file could show it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fleet_stand import DONE, code_host, fleet, git, order, program, until
from git_over_http import serving

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.environment import check_names, for_engine
from adapters.fleets.local_engines.git import http_credential
from factory_core.errors import ConfigProblem, Terminal
from factory_core.runs.run import RunStatus

ROOT = Path(__file__).parents[2]
CANARY = "canary-ghs_7Zq1vYp0"
LOOK_AROUND = (
    """
from pathlib import Path
def read(path):
    try: return path.read_bytes().decode(errors="replace")
    except OSError: return ""
seen = {"environment": dict(os.environ)}
for kind in ("cmdline", "environ"):
    seen[kind] = [read(path) for path in Path("/proc").glob(f"[0-9]*/{kind}") if path.parts[2] != str(os.getpid())]
json.dump(seen, open("seen.json", "w"))
assert sys.stdin.read() == "Rename the button."
"""
    + DONE
)


def test_the_credential_is_used_and_seen_by_nobody(tmp_path: Path) -> None:
    """Fetch and push sign in; the token is in no argv, environment, file or output that an engine could read."""
    code_host(tmp_path / "host")
    home = tmp_path / "home"
    engines = {"claude": Claude(binary=str(program(tmp_path / "bin/claude", LOOK_AROUND)))}

    async def play(url: str) -> None:
        made, reports = fleet(home, engines=engines, credentials=lambda _: http_credential("x-access-token", CANARY))
        await made.start(order(tmp_path, clone_url=f"{url}/acme-web.git", engine="claude"))
        await until(lambda: reports)
        assert reports[0].status is RunStatus.SUCCEEDED, reports[0].why
        await made.publish("ACME-142:1")
        await made.close()

    with serving(tmp_path / "host", CANARY) as server:
        asyncio.run(play(server.url))
    assert (
        git(tmp_path / "host/acme-web.git", "log", "--format=%s", "-1", "factory/ACME-142-rename") == "Work on ACME-142"
    )
    encoded = http_credential("x-access-token", CANARY)["Authorization"].split()[-1]
    seen = json.loads((home / "trees/ACME-142/seen.json").read_text())
    assert any("remote-http" in line for line in server.command_lines)
    for secret in (CANARY, encoded):
        assert not any(secret in line for line in server.command_lines)
        assert secret not in json.dumps(seen)
        assert [path for path in home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()] == []


def test_an_engine_sees_the_allow_list_only(tmp_path: Path) -> None:
    """What a child really gets, out of an environment full of secrets."""
    around = {
        "PATH": "/usr/bin:/bin", "HOME": "/h", "LC_ALL": "C", "CODEX_HOME": "/c", "HTTPS_PROXY": "http://p", "CI": "1",
        "LINEAR_API_KEY": CANARY, "SLACK_BOT_TOKEN": CANARY, "GITHUB_TOKEN": CANARY, "ANTHROPIC_API_KEY": CANARY,
        "OPENAI_API_KEY": CANARY, "FACTORY_STORE": CANARY, "SSH_AUTH_SOCK": CANARY, "CLAUDECODE": "1",
    }  # fmt: skip
    engines = {"claude": Claude(binary=str(program(tmp_path / "bin/claude", LOOK_AROUND)))}

    async def play() -> None:
        made, reports = fleet(tmp_path / "home", environment=around, engines=engines, pass_environment=("HTTPS_PROXY",))
        await made.start(order(code_host(tmp_path), engine="claude"))
        await until(lambda: reports)
        await made.close()

    asyncio.run(play())
    seen = json.loads((tmp_path / "home/trees/ACME-142/seen.json").read_text())["environment"]
    mine = {name for name in seen if not name.startswith(("GIT_", "DISABLE_", "CLAUDE_CODE_"))}
    assert mine - {"LC_CTYPE"} == {
        "PATH",
        "HOME",
        "LC_ALL",
        "CODEX_HOME",
        "API_TIMEOUT_MS",
        *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"),  # the run's own
        "PWD",
    }
    assert "http://p" not in seen.values()
    assert CANARY not in seen.values()
    assert seen["GIT_CONFIG_GLOBAL"] == str(tmp_path / "home/trees/ACME-142/.git/agent.gitconfig")


@pytest.mark.pure
@pytest.mark.parametrize(
    "name", ["ANTHROPIC_API_KEY", "npm_token", "DB_PASSWORD", "SSH_AUTH_SOCK", "LINEAR_URL", "GH_HOST"]
)
def test_a_secret_is_not_passed_even_by_name(name: str) -> None:
    """The configuration cannot make an exception."""
    with pytest.raises(ConfigProblem, match=name):
        check_names(("HTTPS_PROXY", name))
    assert name not in for_engine({name: "x", "PATH": "/bin"})


def test_what_an_engine_sets_in_git_cannot_send_the_credential_elsewhere(tmp_path: Path) -> None:
    """A proxy, a rewritten address and hooks that it leaves in its clone touch neither later fetches nor pushes."""
    code_host(tmp_path / "host")
    hostile = """
def config(*pair): subprocess.run(["git", "config", *pair], check=True)
config("http.proxy", "http://127.0.0.1:9")
config("url.http://127.0.0.1:9/.insteadOf", "http://")
config("core.hooksPath", os.getcwd() + "/hooks")
os.mkdir("hooks")
for name in ("pre-push", "pre-commit", "post-checkout", "reference-transaction"):
    with open("hooks/" + name, "w") as hook: hook.write("#!/bin/sh\\necho ran >> " + os.getcwd() + "/../hooked\\n")
    os.chmod("hooks/" + name, 0o755)
"""
    engines = {"claude": Claude(binary=str(program(tmp_path / "bin/claude", hostile + DONE)))}

    async def play(url: str) -> None:
        made, reports = fleet(
            tmp_path / "home", engines=engines, credentials=lambda _: http_credential("x-access-token", CANARY)
        )
        await made.start(order(tmp_path, clone_url=f"{url}/acme-web.git", engine="claude"))
        await until(lambda: reports)
        assert reports[0].status is RunStatus.SUCCEEDED, reports[0].why
        assert len(await made.publish("ACME-142:1")) == 40
        await made.close()

    with serving(tmp_path / "host", CANARY) as server:
        asyncio.run(play(server.url))
    assert not (tmp_path / "home/trees/hooked").exists()


def test_the_credential_does_not_follow_a_redirect(tmp_path: Path) -> None:
    """A code host that points elsewhere ends the run; the other host hears nothing."""
    code_host(tmp_path / "host")

    async def play(url: str) -> str:
        made, reports = fleet(tmp_path / "home", credentials=lambda _: http_credential("x-access-token", CANARY))
        await made.start(order(tmp_path, clone_url=f"{url}/acme-web.git"))
        await until(lambda: reports)
        await made.close()
        return reports[0].why

    with serving(tmp_path / "host", CANARY) as first, serving(tmp_path / "host", CANARY) as other:
        first.redirect = other.url
        assert asyncio.run(play(first.url)).startswith("git: ")
        assert (len(first.statuses) > 0, other.statuses) == (True, [])


def test_a_wrong_credential_is_told_without_showing_it(tmp_path: Path) -> None:
    """git is not let in: the reason says so, nobody is asked at the keyboard, and the token is not in it."""
    code_host(tmp_path / "host")

    async def play(url: str) -> None:
        good = [True]
        made, reports = fleet(
            tmp_path / "home",
            credentials=lambda _: http_credential("x-access-token", "right" if good[0] else CANARY),
        )
        await made.start(order(tmp_path, clone_url=f"{url}/acme-web.git"))
        await until(lambda: reports)
        assert reports[0].status is RunStatus.SUCCEEDED, reports[0].why
        good[0] = False
        with pytest.raises(Terminal) as raised:
            await made.publish("ACME-142:1")
        assert CANARY not in str(raised.value.document())
        await made.close()

    with serving(tmp_path / "host", "right") as server:
        asyncio.run(play(server.url))


SPY = """
import os, sys
from pathlib import Path
from adapters.fleets.local_engines.processes import keep_private

def seen():
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os._exit(b"CANARY" in Path(f"/proc/{os.getppid()}/environ").read_bytes())
    except PermissionError:
        os._exit(2)

before, kept = seen(), keep_private()
print(before, seen())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not show it in the first place")
def test_the_environment_of_the_server_is_closed_to_other_processes_of_its_user() -> None:
    """Who is root may read everything: so the law is looked at as nobody, where we are root."""
    drop = "" if os.getuid() else "os.setgid(65534); os.setuid(65534); ctypes.CDLL(None).prctl(4, 1)\n"
    script = SPY.replace("before, kept", f"import ctypes\n{drop}before, kept", 1)
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env={"SECRET": "CANARY"}, cwd=ROOT, check=True
    )
    assert said.stdout.split() == ["1", "2"]

"""What of the machine's environment and settings reaches git and engines, and where the credential goes."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from fleet_stand import DONE, code_host, fleet, git, order, program, run_all, until
from git_over_http import serving
from pydantic import ValidationError

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.environment import check_names, for_engine, for_git, write_settings
from adapters.fleets.local_engines.git import credential_file, for_host, http_credential, run
from factory_core.config import Repository
from factory_core.errors import ConfigProblem
from factory_core.runs.run import RunReport, RunStatus

CANARY = "canary-ghs_9Kd2wLm4"
ENCODED = base64.b64encode(f"x-access-token:{CANARY}".encode())


class Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusing)
        self.heard = list[str]()
        self.headers = list[str]()


class _Refusing(BaseHTTPRequestHandler):
    server: Listener

    def do_GET(self) -> None:
        self.server.heard.append(f"{self.command} {self.path}")
        self.server.headers.append(str(self.headers))
        self.send_error(403)

    do_CONNECT = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    with Listener() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


def engines(folder: Path, body: str) -> dict[str, Claude]:
    return {"claude": Claude(binary=str(program(folder / "bin/claude", body)))}


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY"])
def test_a_code_host_behind_a_proxy_is_reached_through_it(tmp_path: Path, name: str) -> None:
    """As the factory's own environment says, or the user's settings of git."""
    with listening() as proxy:
        around = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), name: f"http://127.0.0.1:{proxy.server_port}"}
        run_all(tmp_path / "home", order(tmp_path, clone_url="https://git.corp.invalid/a.git"), environment=around)
        assert proxy.heard[:1] == ["CONNECT git.corp.invalid:443"]


def test_the_users_settings_that_the_way_to_the_code_host_needs_are_copied(tmp_path: Path) -> None:
    """Safe directories, proxies and certificates; nothing that runs, signs in or rewrites an address."""
    home, settings = tmp_path / "me", tmp_path / "factory/gitconfig"
    home.mkdir()
    (home / "more").write_text('[safe]\n\tdirectory = "/srv/a b\\"c"\n')
    (home / ".gitconfig").write_text(
        f"[include]\n\tpath = {home}/more\n[safe]\n\tdirectory = *\n"
        '[http "https://git.corp.example"]\n\tsslCAInfo = /etc/corp.pem\n\textraHeader = Authorization: x\n'
        "[http]\n\tproxy = http://p:1\n\tsslVerify = false\n[credential]\n\thelper = !evil\n[alias]\n\tst = !evil\n"
        '[core]\n\tsshCommand = evil\n\thooksPath = /h\n[filter "lfs"]\n\tclean = evil\n[url "x"]\n\tinsteadOf = y\n'
    )
    write_settings(settings, {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1"})
    listed = sorted(git(tmp_path, "config", "--file", str(settings), "--list").splitlines())
    assert listed == [
        "http.https://git.corp.example.sslcainfo=/etc/corp.pem", "http.proxy=http://p:1", "safe.directory=*",
        'safe.directory=/srv/a b"c',
    ]  # fmt: skip
    assert settings.stat().st_mode & 0o777 == 0o600
    settings.unlink()
    settings.mkdir()  # which the next write replaces
    write_settings(settings, {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"})
    assert settings.read_text() == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another user")
def test_a_repository_of_another_user_that_was_declared_safe_is_used(tmp_path: Path) -> None:
    """And one that was not is refused, as git does."""
    bare, home = code_host(tmp_path), tmp_path / "home"
    for path in (bare, *bare.rglob("*")):
        os.chown(path, 12345, 12345)
    around = {"PATH": os.environ["PATH"], "HOME": str(home)}
    (refused,) = run_all(home, order(bare), environment=around)
    assert (refused.status, "dubious ownership" in refused.why) == (RunStatus.FAILED, True)
    (home / ".gitconfig").write_text(f"[safe]\n\tdirectory = {bare}\n")
    (report,) = run_all(home, order(bare, run_id="ACME-142:2"), environment=around)
    assert report.status is RunStatus.SUCCEEDED, report.why


def test_what_an_agent_sets_globally_is_its_own_and_for_one_run(tmp_path: Path) -> None:
    """It succeeds, replaces no file of the system, and neither the factory nor the next run obeys it."""
    bare, home, ran = code_host(tmp_path), tmp_path / "home", tmp_path / "ran"
    body = f"""
def sh(text): return subprocess.run(text, shell=True, capture_output=True, text=True)
left = sh("git config --global --get user.email").stdout
done = sh("git config --global user.email a@example.org; git config --global core.fsmonitor 'touch {ran}; false'")
open("a.txt", "a").write("x")
say(type="result", is_error=False, result=f"{{done.returncode}} {{left}}.", num_turns=1, terminal_reason="completed")
"""
    for number in (1, 2):
        follow = {"previous_run": "ACME-142:1"} if number == 2 else {}
        one = order(bare, run_id=f"ACME-142:{number}", engine="claude", **follow)
        (report,) = run_all(home, one, engines=engines(tmp_path, body), wall="off")
        assert (report.status, report.words) == (RunStatus.SUCCEEDED, "0 .")
    assert not ran.exists()
    assert Path("/dev/null").is_char_device()


@pytest.mark.pure
def test_proxies_and_certificates_reach_git_and_certificates_engines() -> None:
    """A bundle under any of its names is git's; a name that was passed on by configuration reaches both."""
    around = {"HTTPS_PROXY": "http://u:p@h", "SSL_CERT_FILE": "/c.pem", "NODE_EXTRA_CA_CERTS": "/c.pem",
              "X_LOCALE": "de", "GIT_DIR": "/elsewhere", "GITHUB_TOKEN": "t"}  # fmt: skip
    ours = for_git(around, more=("X_LOCALE",))
    assert (ours["HTTPS_PROXY"], ours["GIT_SSL_CAINFO"], ours["X_LOCALE"]) == ("http://u:p@h", "/c.pem", "de")
    theirs = for_engine(around, ("X_LOCALE",))
    assert (theirs["SSL_CERT_FILE"], theirs["NODE_EXTRA_CA_CERTS"], theirs["X_LOCALE"]) == ("/c.pem", "/c.pem", "de")
    assert "HTTPS_PROXY" not in theirs
    for given in (ours, theirs):
        assert "GITHUB_TOKEN" not in given and "GIT_DIR" not in given
    for name in ("GIT_DIR", "GIT_CONFIG_COUNT", "GIT_EXEC_PATH"):
        with pytest.raises(ConfigProblem, match=name):
            check_names([name])


@pytest.mark.pure
def test_a_token_is_for_one_scheme_host_and_port() -> None:
    """Not for the same host in the open, not for one whose name only begins so."""
    give = for_host("https://github.com", "t")
    for url in ("https://github.com/a/b.git", "https://GitHub.com:443/a/b", "https://me@github.com/a/b"):
        assert give(url) == http_credential("x-access-token", "t"), url
    for url in ("http://github.com/a/b.git", "https://github.com.evil.example/a", "https://github.com:444/a",
                "/a/b.git", "https://evil.example/github.com", "git@github.com:a/b", "https://[x",
                "https://github.com:x/a"):  # fmt: skip
        assert give(url) == {}, url
    assert for_host("http://127.0.0.1:8080", "t")("http://127.0.0.1:8080/x.git")
    with credential_file(http_credential("u", "p"), "/a/b.git") as none:
        assert none == -1


EVIL = """
for mirror in Path("{home}/repos").glob("*.mirror"):
    for pair in (("url.{evil}/x.insteadOf", "{url}"), ("http.proxy", "{evil}"), ("core.sshCommand", "touch {home}/ran"),
                 ("credential.helper", "!touch {home}/ran"), ("remote.origin.url", "{evil}")):
        subprocess.run(["git", "config", "-f", str(mirror / "config"), *pair], check=True)
    hook = mirror / "hooks/pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\\ntouch {home}/ran")
    hook.chmod(0o755)
    (mirror / "objects/info").mkdir(exist_ok=True)
    (mirror / "commondir").write_text("/nowhere")
"""


def test_settings_in_the_mirror_send_the_credential_nowhere(tmp_path: Path) -> None:
    """An agent without a wall writes into it: the push goes where the order says, and only there."""
    code_host(tmp_path / "host")
    home = tmp_path / "home"
    with listening() as evil, serving(tmp_path / "host", CANARY) as server:
        address = f"http://127.0.0.1:{evil.server_port}"
        body = "from pathlib import Path\nopen('a.txt', 'w').write('x')\n"
        body += EVIL.format(home=home, evil=address, url=server.url) + DONE
        asyncio.run(_published(home, f"{server.url}/acme-web.git", engines(tmp_path, body)))
    assert evil.heard == [] and not (home / "ran").exists()


async def _published(home: Path, url: str, played: dict[str, Claude], **changes: Any) -> RunReport:
    made, reports = fleet(
        home, engines=played, wall="off", credentials=for_host(url.rpartition("/")[0], CANARY), **changes
    )
    await made.start(order(home, clone_url=url, engine="claude"))
    await until(lambda: reports)
    assert reports[0].status is RunStatus.SUCCEEDED, reports[0].why
    assert len(await made.publish("ACME-142:1")) == 40
    await made.close()
    return reports[0]


def test_a_header_that_is_rewritten_to_another_host_is_not_sent(tmp_path: Path) -> None:
    """Even where a setting that leads elsewhere could be written between two calls: the header has an address."""
    from adapters.fleets.local_engines.git import git as call

    with listening() as evil, credential_file(http_credential("x", CANARY), "https://host.example/a.git") as secret:
        rewritten = f"url.http://127.0.0.1:{evil.server_port}/.insteadOf=https://host.example/"
        with contextlib.suppress(Exception):
            call(
                tmp_path, "-c", rewritten, "ls-remote", "https://host.example/a.git",
                environment=for_git(dict(os.environ)), tick=lambda: None, credential=secret,
            )  # fmt: skip
        assert evil.heard and not any("uthorization" in headers for headers in evil.headers)


def test_the_credential_is_in_no_environment_while_git_pushes(tmp_path: Path) -> None:
    """A process of the same user that looks at all others sees neither the token nor the header."""
    code_host(tmp_path / "host")
    hook = tmp_path / "host/acme-web.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\nsleep 0.5\n")
    hook.chmod(0o755)
    seen, over = set[bytes](), threading.Event()

    def spy() -> None:
        while not over.is_set():
            for entry in (*Path("/proc").glob("[0-9]*/environ"), *Path("/proc").glob("[0-9]*/cmdline")):
                with contextlib.suppress(OSError):
                    text = entry.read_bytes()
                    seen.update(mark for mark in (CANARY.encode(), ENCODED, b"GIT_TERMINAL_PROMPT") if mark in text)
            time.sleep(0.02)

    watcher = threading.Thread(target=spy)
    watcher.start()
    try:
        with serving(tmp_path / "host", CANARY) as server:
            body = f"open('a.txt', 'w').write('x')\n{DONE}"
            asyncio.run(_published(tmp_path / "home", f"{server.url}/acme-web.git", engines(tmp_path, body)))
    finally:
        over.set()
        watcher.join()
    assert seen == {b"GIT_TERMINAL_PROMPT"}


SCAN = """
def found(pid):
    for line in open(f"/proc/{pid}/maps"):
        span, mode = line.split()[:2]
        if not mode.startswith("rw"): continue
        low, high = (int(part, 16) for part in span.split("-"))
        try:
            with open(f"/proc/{pid}/mem", "rb") as memory:
                memory.seek(low)
                if MARK in memory.read(high - low): return True
        except (OSError, ValueError, OverflowError): continue
    return False
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees the memory of a process that keeps it private")
def test_the_supervisor_never_has_the_credential_in_its_memory(tmp_path: Path) -> None:
    """It passes an open file on to git, and closes it before the engine starts."""
    code_host(tmp_path / "host")
    own = b"this-mark-is-in-the-order"
    look = (
        SCAN
        + f"""
mark, order = {ENCODED!r}, {own!r}
MARK = mark; there = found(os.getppid())
MARK = order; works = found(os.getppid())
held = [os.readlink(f"/proc/{{os.getppid()}}/fd/{{n}}") for n in os.listdir(f"/proc/{{os.getppid()}}/fd")]
open("a.txt", "w").write("x")
say(type="result", is_error=False, num_turns=1, terminal_reason="completed",
    result=f"{{there}} {{works}} {{any('memfd' in name for name in held)}}")
"""
    )

    async def play(url: str) -> RunReport:
        made, reports = fleet(
            tmp_path / "home", engines=engines(tmp_path, look), wall="off", credentials=for_host(url, CANARY)
        )
        await made.start(order(tmp_path, clone_url=f"{url}/acme-web.git", engine="claude", title=own.decode()))
        await until(lambda: reports)
        await made.close()
        return reports[0]

    with serving(tmp_path / "host", CANARY) as server:
        report = asyncio.run(play(server.url))
    assert (report.status, report.words) == (RunStatus.SUCCEEDED, "False True False")


def test_all_that_a_slow_command_is_given_reaches_it(tmp_path: Path) -> None:
    """More than a pipe holds, to a command that reads it after some looks at it."""
    argv = ("sh", "-c", "sleep 0.5; wc -c")
    output = run(argv, tmp_path, environment=dict(os.environ), tick=lambda: None, given=b"x" * 1_000_000)
    assert int(output) == 1_000_000


def test_a_branch_of_the_configuration_is_one_that_git_takes() -> None:
    """What git refuses is refused when the configuration is read, and before an order is given to a worker."""
    rng = random.Random(35)
    parts = ("a", "main", "-", "..", "/", ".", "@{", "~", "^", ":", "?", "*", "[", "\\", " ", "\t", "\x7f", ".lock")
    for _ in range(120):
        name = "".join(rng.choices(parts, k=rng.randrange(1, 4)))
        asked = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True)
        assert (asked.returncode == 0) is _is_branch(name), name
    for revision in ("HEAD", "@", "", "x" * 251):
        assert not _is_branch(revision)


def _is_branch(name: str) -> bool:
    try:
        Repository(base=name)
    except ValidationError:
        return False
    return True

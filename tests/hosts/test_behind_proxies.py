"""The configurations that docs/deploy.md shows, under real nginx and Caddy: who is let in, and who waits."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt
from tests.scenarios.sandbox_thread import World, world
from tests.scenarios.server_process import ROOT, Home, Server, config_of, free_port, now, running, until

TOKEN = "the-password-of-the-status-page"
GOOD = {"Authorization": f"Bearer {TOKEN}"}
PAGE = (ROOT / "docs" / "deploy.md").read_text()
NGINX = "daemon off; pid nginx.pid; error_log stderr; events {{}} http {{ access_log off; {temporary} {server} }}"
TEMPORARY = " ".join(
    f"{name}_temp_path {name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)  # nginx's own places are root's
BARE = "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{behind}; }} }}"


def nginx(directory: Path, port: int, behind: int, server: str = "") -> list[str]:
    """The block of the page, without its certificate and with free ports."""
    shown = server.format(port=port, behind=behind) or block("nginx")
    shown = re.sub(r"^ +ssl_.*\n", "", shown, flags=re.MULTILINE)
    shown = shown.replace("listen 443 ssl", f"listen 127.0.0.1:{port}").replace("127.0.0.1:8787", f"127.0.0.1:{behind}")
    (directory / "nginx.conf").write_text(NGINX.format(temporary=TEMPORARY, server=shown))
    return ["nginx", "-p", str(directory), "-e", "stderr", "-c", "nginx.conf"]


def bare_nginx(directory: Path, port: int, behind: int) -> list[str]:
    """Its defaults: the name that it was told to call, and no word of whom it speaks for."""
    return nginx(directory, port, behind, BARE)


def caddy(directory: Path, port: int, behind: int) -> list[str]:
    shown = block("", "reverse_proxy").replace("127.0.0.1:8787", f"127.0.0.1:{behind}")
    shown = shown.replace("factory.example.com", f"http://:{port}")
    (directory / "Caddyfile").write_text(f"{{\n admin off\n auto_https off\n default_bind 127.0.0.1\n}}\n{shown}")
    return ["caddy", "run", "--config", str(directory / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES = {"nginx": nginx, "bare-nginx": bare_nginx, "caddy": caddy}


def block(language: str, holding: str = "") -> str:
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return next(one for one in blocks if holding in one)


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Home, Server]]:
    with world() as w:
        home = Home(tmp_path_factory.mktemp("behind"), config_of(w))
        home.give_tokens(w)
        with running(Server(home, FACTORY_STATUS_TOKEN=TOKEN)) as server:
            yield w, home, server


@pytest.fixture(params=PROXIES)
def proxy(request: pytest.FixtureRequest, behind: tuple[World, Home, Server], tmp_path: Path) -> Iterator[str]:
    """Its address."""
    port = free_port()
    command = PROXIES[request.param](tmp_path, port, behind[2].port)
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(tmp_path)}
    log = (tmp_path / "log").open("w")
    with log, subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=log) as process:
        try:
            until(lambda: _listens(port) or process.poll() is not None)
            assert process.poll() is None, (tmp_path / "log").read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def test_everybody_is_asked_for_the_password(proxy: str, behind: tuple[World, Home, Server]) -> None:
    """Whatever name they send, and whatever they claim to be."""
    for path in ("/", "/status.json", "/items/DEMO-1"):
        for headers in ({}, {"Host": "localhost"}, {"Host": "127.0.0.1"}, {"X-Forwarded-For": "127.0.0.1"}):
            assert get(proxy, path, **headers).status_code == 401
    assert get(proxy, "/status.json", **GOOD).json()["schema"].startswith("factory.status")
    assert get(proxy, "/healthz").json().keys() == {"ok", "version"}


def test_a_signed_webhook_comes_through_as_it_was_signed(proxy: str, behind: tuple[World, Home, Server]) -> None:
    home, body = behind[1], '{"zen":  "Größe",\n"n": 1.0}'.encode()
    headers = dict(SIGN["github"](home.secret("github"), Attempt("d1", "ping", body, now())))
    sent = [
        httpx2.post(f"{proxy}/hooks/acme/github", content=one, headers=headers, trust_env=False, timeout=60)
        for one in (body, body[:-1])
    ]
    assert [one.status_code for one in sent] == [200, 401]


@pytest.mark.parametrize(("proxy", "address"), [("nginx", "127.0.0.11"), ("caddy", "127.0.0.12")], indirect=["proxy"])
def test_who_guesses_behind_a_proxy_slows_down_himself_alone(proxy: str, address: str) -> None:
    """The proxy names him, whoever he says that he is. Bare nginx names nobody: all behind it are one."""
    said: list[int] = []

    def guess() -> None:
        claim = {"X-Forwarded-For": f"203.0.113.{len(said)}", "Authorization": "Bearer wrong"}
        said.append(get(proxy, "/status.json", source=address, **claim).status_code)

    for _ in range(12):
        guess()
    threads = [threading.Thread(target=guess) for _ in range(24)]
    for thread in threads:
        thread.start()
    assert get(proxy, "/status.json", source="127.0.0.13", **GOOD).status_code == 200
    assert any(thread.is_alive() for thread in threads), "others do not wait for the end of his line"
    for thread in threads:
        thread.join()
    assert set(said) == {401, 429} and said.count(429) >= 10, said


def get(proxy: str, path: str, source: str = "127.0.0.1", **headers: str) -> httpx2.Response:
    transport = httpx2.HTTPTransport(local_address=source)
    with httpx2.Client(transport=transport, timeout=60, trust_env=False) as client:
        return client.get(proxy + path, headers=headers)


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0

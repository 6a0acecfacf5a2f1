"""Pages that a browser on this machine shows cannot steer the sandbox, nor read it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest

from adapters.web.bounded_http import Bounds
from factory_sandbox.app import serving
from factory_sandbox.world import Sandbox
from tests.cli.calling import factory

TICKET = b'{"title": "x", "project": "Shop", "state": "Ready for Agent"}'
HOOK = b'{"vendor": "linear", "url": "http://169.254.169.254/", "secret": "x"}'


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "own"}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Content-Type": "text/plain"}, 403),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Host": "rebound.evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:{port}"}, 403),
        ({"Host": "127.0.0.1@evil.example"}, 403),
    ],
)
def test_only_programs_and_its_own_pages_are_answered(headers: dict[str, str], status: int) -> None:
    async def play() -> None:
        sandbox = await Sandbox.demo(time_scale=0.01)
        async with serving(sandbox) as address, httpx2.AsyncClient(trust_env=False, timeout=120) as http:
            port = address.rpartition(":")[2]
            sent = {name: address if value == "own" else value.format(port=port) for name, value in headers.items()}
            orders = {"/_/linear/issues": TICKET, "/_/subscribe": HOOK}
            for path, order in orders.items():
                answer = await http.post(address + path, content=order, headers=sent)
                assert answer.status_code == status, answer.text
            read = {name: value for name, value in sent.items() if name != "Content-Type"}
            for path in ("/_/state", "/_/", "/linear/graphql", "/git/acme/shop.git/info/refs"):
                refused = (await http.get(address + path, headers=read)).status_code == 403
                assert refused == (status == 403 and bool(read)), path

    asyncio.run(play())


def test_connections_that_send_nothing_do_not_fill_it() -> None:
    """The sandbox serves as the factory does: the one that was waited for longest makes room."""

    async def play() -> None:
        sandbox = await Sandbox.demo(time_scale=0.01)
        async with serving(sandbox) as address, httpx2.AsyncClient(trust_env=False, timeout=120) as http:
            port = int(address.rpartition(":")[2])
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(Bounds().connections + 20)]
            assert (await http.get(f"{address}/_/state")).status_code == 200
            assert await asyncio.wait_for(silent[0][0].read(), 5) == b""
            for _, writer in silent:
                writer.close()

    asyncio.run(play())


@pytest.mark.parametrize("place", ["environment", "file"])
def test_it_does_not_start_beside_the_secrets_of_a_real_vendor(tmp_path: Path, place: str) -> None:
    real = {"LINEAR_API_KEY": "lin_api_0123456789", "SLACK_BOT_TOKEN": "sandbox-slack"}
    if place == "file":
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in real.items()))
    done = factory("sandbox", "--port", "0", cwd=tmp_path, **(real if place == "environment" else {}))
    assert done.code == 2 and "LINEAR_API_KEY" in done.err and "SLACK" not in done.err
    assert "lin_api" not in done.err and "In the shell: " in done.err

"""Requests that the port did not answer are a gap: a look at what waits follows, though nobody repeats them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from adapters.credentials.secrets import Secrets
from adapters.local.server import Site
from adapters.local.unanswered import APART, GATHERED, UnansweredRequests
from adapters.local.wiring import LocalTenant, open_store
from adapters.registry import config_model
from adapters.web.bounded_http import Bounds
from adapters.web.loopback import served
from tests.scenarios.server_process import HOOKS, TOKENS

HALF = "POST /hooks/{}/github HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234"


PATIENCE = 120.0


@contextmanager
def tenant_at(path: Path, name: str) -> Iterator[LocalTenant]:
    config = config_model()(
        tenant=name, intent_provider="linear", clarification_channel="slack", output_target="github"
    )
    secrets = Secrets(dict.fromkeys((*HOOKS.values(), *TOKENS.values()), "one-secret-for-all"))
    path.mkdir()
    file, presence = open_store(config, path)
    with closing(file), closing(presence):
        yield LocalTenant(config, secrets, file, presence, path, {})


@pytest.mark.parametrize("hangs_up", [False, True])
def test_half_a_webhook_is_a_gap_of_its_tenant_alone(tmp_path: Path, hangs_up: bool) -> None:
    """Its body is too slow, or its sender hangs up: the looks that follow are stored."""

    async def gap_of(tenant: LocalTenant) -> str:
        await tenant.recorder.gaps.save()
        looks = (await tenant.store.get_batch()).catch_up
        return looks.gap.cause if looks and looks.laps else ""

    async def comes(tenant: LocalTenant) -> str:
        for _ in range(2400):
            if cause := await gap_of(tenant):
                return cause
            await asyncio.sleep(0.05)
        raise AssertionError("no gap was noted")

    async def play(acme: LocalTenant, other: LocalTenant) -> None:
        site, deadline = Site({"acme": acme, "other": other}, "1"), PATIENCE if hangs_up else 0.3
        with socket.create_server(("127.0.0.1", 0)) as listening:
            address, bounds = listening.getsockname(), Bounds(deadline=deadline)
            async with served(site.app(), listening, bounds=bounds, unanswered=site.unanswered, lifespan="off"):
                with closing(socket.create_connection(address)) as sender:
                    sender.sendall(HALF.format("acme").encode())
                    if not hangs_up:
                        await comes(acme)
                assert (await comes(acme)).startswith("requests got no answer: ")
        assert await gap_of(other) == ""

    with tenant_at(tmp_path / "acme", "acme") as acme, tenant_at(tmp_path / "other", "other") as other:
        asyncio.run(play(acme, other))


def test_a_gap_follows_within_a_second_and_then_one_in_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may cause one, so they are not paid for each time; and none is left without its look."""
    noted = list[tuple[float, str]]()

    async def play() -> None:
        loop = asyncio.get_running_loop()
        begun, ahead = loop.time(), 0.0
        monkeypatch.setattr(loop, "time", lambda real=loop.time: real() + ahead)

        def after() -> float:
            return loop.time() - begun

        async def passes(seconds: float) -> None:
            nonlocal ahead
            ahead += seconds
            for _ in range(3):
                await asyncio.sleep(0)

        requests = UnansweredRequests(lambda cause, since: noted.append((after(), cause)))
        for _ in range(100):
            requests.note("too many requests at once")
        await passes(GATHERED)
        assert len(noted) == 1
        for _ in range(9):
            requests.note("no whole body")
            await passes(APART / 10)
        assert len(noted) == 1
        await passes(APART / 10)
        assert [cause for _, cause in noted] == [
            "requests got no answer: too many requests at once",
            "requests got no answer: no whole body",
        ]
        await passes(APART)
        assert len(noted) == 2

    asyncio.run(play())

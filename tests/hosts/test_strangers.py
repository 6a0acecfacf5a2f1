"""Who may see the status page, where a real connection from elsewhere cannot be had."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from adapters.local.server import Site

pytestmark = pytest.mark.pure


@pytest.mark.parametrize("path", ["/", "/status.json", "/items/ACME-1"])
@pytest.mark.parametrize("peer", ["203.0.113.7", "::ffff:203.0.113.7", "2001:db8::7"])
def test_the_name_localhost_makes_no_stranger_local(path: str, peer: str) -> None:
    """A server that listens on every address is called by whatever name its caller chooses: the caller's counts."""
    nobody: Any = None
    app = Site({"default": nobody}, "1", tokens={"default": "a-token"}).app()

    async def asked() -> int:
        transport = httpx2.ASGITransport(app=app, client=(peer, 40_000))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost:8787") as client:
            return (await client.get(path)).status_code

    assert asyncio.run(asked()) == 401

"""However much waits for a vendor, few requests to it are under way at once, and no other vendor waits for them."""

from __future__ import annotations

import asyncio
from collections import Counter

import httpx2
import pytest

from adapters.providers.http_call import AT_ONCE, RedactingClient, send


@pytest.mark.pure
def test_a_vendor_gets_a_few_requests_at_once_and_another_one_does_not_wait_for_it() -> None:
    async def story() -> None:
        under_way, most, full, go = Counter[str](), Counter[str](), asyncio.Event(), asyncio.Event()

        async def answer(request: httpx2.Request) -> httpx2.Response:
            vendor = request.url.host
            under_way[vendor] += 1
            most[vendor] = max(most[vendor], under_way[vendor])
            if vendor == "busy":
                if under_way[vendor] == AT_ONCE:
                    full.set()
                await go.wait()
            under_way[vendor] -= 1
            return httpx2.Response(200)

        async with RedactingClient(str, transport=httpx2.MockTransport(answer)) as http:
            calls = [
                asyncio.create_task(send(http, "busy", http.build_request("GET", "https://busy/"))) for _ in range(50)
            ]
            await send(http, "other", http.build_request("GET", "https://other/"))
            await full.wait()
            go.set()
            answers = await asyncio.gather(*calls)
        assert most == {"busy": AT_ONCE, "other": 1} and len(answers) == 50

    asyncio.run(story())

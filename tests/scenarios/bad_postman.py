"""A network that delivers every webhook three times, in shuffled order, over 50 connections at once."""

from __future__ import annotations

import asyncio
import random

import httpx2

COPIES, CONNECTIONS, GATHERS = 3, 50, 0.15


class BadPostman(httpx2.AsyncBaseTransport):
    """Stands between the sandbox and the factory: takes each webhook at once, and brings it later, and again.

    `answers` are the statuses of everything that was brought, `letters` all that was ever sent, in order.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.letters: list[httpx2.Request] = []
        self.answers: list[int] = []
        self._bag: list[httpx2.Request] = []
        self._walk: asyncio.Task[None] | None = None
        self._http: httpx2.AsyncClient | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await request.aread()
        self.letters.append(request)
        self._bag += [request] * COPIES
        if self._walk is None:
            self._walk = asyncio.create_task(self._round())
        return httpx2.Response(200)

    async def bring(self, letters: list[httpx2.Request]) -> None:
        """All of them, shuffled, as many at once as there are connections."""
        self.chance.shuffle(letters)
        self.answers += await asyncio.gather(*(self._brought(letter) for letter in letters))

    async def _round(self) -> None:
        """Gather for a while, so that there is something to shuffle; until the bag stays empty."""
        await asyncio.sleep(GATHERS)
        while self._bag:
            bag, self._bag = self._bag, []
            await self.bring(bag)
            await asyncio.sleep(GATHERS)
        self._walk = None

    async def _brought(self, letter: httpx2.Request) -> int:
        if self._http is None:
            limits = httpx2.Limits(max_connections=CONNECTIONS)
            self._http = httpx2.AsyncClient(limits=limits, trust_env=False, timeout=120)
        answer = await self._http.post(letter.url, content=letter.content, headers=dict(letter.headers))
        return answer.status_code

    async def aclose(self) -> None:
        if self._walk:
            await self._walk
        if self._http:
            await self._http.aclose()

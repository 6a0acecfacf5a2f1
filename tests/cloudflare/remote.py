"""The probe from outside: a store in a Durable Object of the running Worker, called as if it were here."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2

from factory_core import errors
from factory_core.errors import VersionConflict

from .runtime import Runtime


class Probe:
    """One object: a call's name and arguments in, its result or its problem out."""

    def __init__(self, runtime: Runtime, binding: str, name: str) -> None:
        self._runtime, self._place = runtime, f"/probe/{binding}/{name}"

    def __call__(self, call: str, *arguments: Any, **more: Any) -> Any:
        sent = pickle.dumps((call, arguments, more), protocol=4)
        answer = self._runtime.http.post(f"{self._runtime.address}{self._place}", content=sent)
        assert answer.status_code == 200, answer.text
        kind, *said = pickle.loads(answer.content)
        if kind == "result":
            return said[0]
        if kind == "VersionConflict":
            raise VersionConflict
        what, why, fix = said
        raise getattr(errors, kind)(what, why=why, fix=fix)


class Remote:
    """`calls(name, …)` in a thread: so many callers are at the object at once."""

    def __init__(self, calls: Callable[..., Any]) -> None:
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **more: Any) -> Any:
            return await asyncio.to_thread(self._calls, name, *arguments, **more)

        return call

    async def list_in_flight(self) -> AsyncIterator[Any]:
        for record in await asyncio.to_thread(self._calls, "list_in_flight"):
            yield record

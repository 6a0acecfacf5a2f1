"""The probe from outside: a store in a Durable Object of the running Worker, called as if it were here."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Callable
from typing import Any

from factory_core import errors
from factory_core.errors import VersionConflict

from .runtime import Runtime

TOGETHER = 10  # calls in one request; more go in more requests, at the same time


class Probe:
    """One object: calls in, their results or their problems out."""

    def __init__(self, runtime: Runtime, binding: str, name: str) -> None:
        self._runtime, self._place = runtime, f"/probe/{binding}/{name}"

    def __call__(self, call: str, *arguments: Any, **more: Any) -> Any:
        return told(self.many((call, arguments, more))[0])

    def many(self, *calls: tuple[str, Any, Any]) -> list[Any]:
        """All of them at once, each with the others in between."""
        sent = pickle.dumps(calls, protocol=4)
        answer = self._runtime.http.post(f"{self._runtime.address}{self._place}", content=sent)
        assert answer.status_code == 200, answer.text
        said: list[Any] = pickle.loads(answer.content)
        return said


def told(said: Any) -> Any:
    kind, *rest = said
    if kind == "result":
        return rest[0]
    if kind == "VersionConflict":
        raise VersionConflict
    what, why, fix = rest
    raise getattr(errors, kind)(what, why=why, fix=fix)


class Remote:
    """A port whose calls are made over there; those of one tick of the loop go together."""

    def __init__(self, probe: Probe, port: str, before: Callable[[], tuple[Any, ...]]) -> None:
        self._probe, self._port, self._before = probe, port, before
        self._waiting: list[tuple[tuple[str, Any, Any], asyncio.Future[Any]]] = []

    def __getattr__(self, name: str) -> Any:
        async def call(*arguments: Any, **more: Any) -> Any:
            answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self._waiting.append(((self._port, (*self._before(), name, *arguments), more), answer))
            await asyncio.sleep(0)
            if self._waiting:
                await self._send()
            return told(await answer)

        return call

    async def list_in_flight(self) -> AsyncIterator[Any]:
        records, end = await self.__getattr__("list_in_flight")()
        for record in records:
            yield record
        told(end)

    async def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        groups = [waiting[start : start + TOGETHER] for start in range(0, len(waiting), TOGETHER)]
        for said in asyncio.as_completed([self._sent(group) for group in groups]):
            await said

    async def _sent(self, group: list[tuple[tuple[str, Any, Any], asyncio.Future[Any]]]) -> None:
        said = await asyncio.to_thread(self._probe.many, *(call for call, _ in group))
        for (_, answer), one in zip(group, said, strict=True):
            answer.set_result(one)

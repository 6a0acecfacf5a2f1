"""The sandbox on a thread of its own, so that a test can block; and gates, which hold one request of a vendor."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2
from starlette.responses import Response

from factory_sandbox.app import serving
from factory_sandbox.clock import Clock
from factory_sandbox.faults import Faults, FaultyVendor, HangUp
from factory_sandbox.world import Sandbox

T = TypeVar("T")
PATIENCE = 120.0  # seconds; the most that anything here is waited for, on a machine that is busy with other things


@dataclass
class Gate:
    """Holds the first request that `fits`, before the vendor acts or, when `acted`, after it and before the answer."""

    fits: Callable[[str, str], bool]  # of vendor and operation
    acted: bool
    reached: threading.Event = field(default_factory=threading.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    held: tuple[str, str] = ("", "")


def at_push(vendor: str, operation: str) -> bool:
    """What is held here is running for as long as the test wants; afterwards it is pushed once more."""
    return (vendor, operation) == ("git", "push")


class Gates(Faults):
    """The sandbox's faults, and gates. A request that was held is never answered: whoever asked is dead by then."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.gates: list[Gate] = []

    async def answer(self, vendor: FaultyVendor, operation: str, act: Callable[[], Awaitable[Response]]) -> Response:
        gate = next((g for g in self.gates if not g.reached.is_set() and g.fits(vendor, operation)), None)
        if gate is None:
            return await super().answer(vendor, operation, act)
        gate.held = (vendor, operation)
        if gate.acted:
            await act()
        gate.reached.set()
        await gate.opened.wait()
        return HangUp()


class World:
    """A running sandbox with everything that a test asks of it. Calls are made on its own loop."""

    def __init__(self, sandbox: Sandbox, loop: asyncio.AbstractEventLoop) -> None:
        self.sandbox, self._loop = sandbox, loop

    @property
    def address(self) -> str:
        return self.sandbox.address

    def call(self, do: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        async def called() -> T:
            return do(*args, **kwargs)

        return self.run(called())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def state(self) -> Any:
        return self.call(self.sandbox.state)

    def ticket(self, title: str, description: str = "", project: str | None = "Shop", **more: Any) -> str:
        """A ticket that is ready for the factory; its key."""
        state = more.pop("state", "Ready for Agent")
        made = self.call(
            self.sandbox.linear.create_issue,
            title=title, description=description, project=project, state=state, **more,
        )  # fmt: skip
        key: str = made["key"]
        return key

    def reply(self, thread_id: str, text: str, user: str = "U0ADA") -> None:
        channel, _, ts = thread_id.partition(":")
        self.call(self.sandbox.slack.reply, channel=channel, text=text, thread_ts=ts, user=user)

    def fault(self, *args: Any, **kwargs: Any) -> None:
        self.call(self.sandbox.faults.add, *args, **kwargs)

    @contextlib.contextmanager
    def gate(self, fits: Callable[[str, str], bool], *, acted: bool) -> Iterator[Gate]:
        """A gate while the block runs; whoever stands in it afterwards is hung up on."""
        faults = self.sandbox.faults
        assert isinstance(faults, Gates)
        gate = self.call(Gate, fits, acted)
        faults.gates.append(gate)
        try:
            yield gate
        finally:
            self.call(gate.opened.set)
            faults.gates.remove(gate)


@contextlib.contextmanager
def world(*, time_scale: float = 0.01, transport: httpx2.AsyncBaseTransport | None = None) -> Iterator[World]:
    """Team DEMO, channel C0SANDBOX, repository acme/shop, served on a free port while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sandbox")
    thread.start()
    made = World(_within(loop, _sandbox(time_scale, transport)), loop)
    stop = made.call(asyncio.Event)
    up = threading.Event()

    async def serve() -> None:
        async with serving(made.sandbox):
            up.set()
            await stop.wait()

    served = asyncio.run_coroutine_threadsafe(serve(), loop)
    try:
        assert up.wait(PATIENCE)
        yield made
    finally:
        loop.call_soon_threadsafe(stop.set)
        served.result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


async def _sandbox(time_scale: float, transport: httpx2.AsyncBaseTransport | None) -> Sandbox:
    sandbox = await Sandbox.demo(time_scale=time_scale, transport=transport)
    sandbox.faults = sandbox.webhooks.faults = Gates(sandbox.clock)
    return sandbox


def _within(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE)

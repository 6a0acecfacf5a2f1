"""Faults on request: the next n requests of one operation, or the next n webhooks of one vendor, go wrong."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from .clock import Clock
from .refusals import TOO_MANY, Wait, refusal

Mode = Literal["429", "500", "refuse", "hang", "drop-before", "drop-after", "duplicate", "delay", "drop"]
OF_WEBHOOKS = ("duplicate", "delay", "drop")
HANG_UP = "factory.hang_up"  # the key in the ASGI extensions under which the server offers to abort the connection
FaultyVendor = Literal["linear", "slack", "github", "relayfile", "git"]


@dataclass
class Fault:
    """`operation` is a GraphQL root field, a Slack method, a name such as `pulls.merge`, `push`, or `*`.

    429: too many requests, `seconds` to wait. refuse: the vendor's refusal of the name `reason`, see refusals.py.
    hang: `seconds` without a word, then it acts and answers. drop-before, drop-after: the connection closes without an
    answer, and nothing or everything was done.
    duplicate: each webhook `copies` times. delay: `seconds` later. drop: never sent. Seconds here are not scaled.
    """

    vendor: FaultyVendor
    mode: Mode
    operation: str = "*"
    times: int = 1
    seconds: float = 1.0
    copies: int = 2
    reason: str = ""


@dataclass
class Faults:
    """Those still to come, in the order of asking."""

    clock: Clock
    coming: list[Fault] = field(default_factory=list)

    def add(
        self,
        vendor: FaultyVendor,
        mode: Mode,
        operation: str = "*",
        times: int = 1,
        seconds: float = 1.0,
        copies: int = 2,
        reason: str = "",
    ) -> Fault:
        """The next requests of an operation, or the next webhooks of a vendor, go wrong in this mode."""
        reason = TOO_MANY[vendor] if mode == "429" else reason
        if mode in ("429", "refuse"):
            refusal(vendor, reason)
        fault = Fault(vendor, mode, operation, times, seconds, copies, reason)
        self.coming.append(fault)
        return fault

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.coming.clear()

    def of_request(self, vendor: str, operation: str) -> Fault | None:
        """The fault of this request, used up by one."""
        return self._take(vendor, lambda f: f.mode not in OF_WEBHOOKS and f.operation in ("*", operation))

    def of_webhook(self, vendor: str) -> Fault | None:
        return self._take(vendor, lambda f: f.mode in OF_WEBHOOKS)

    def _take(self, vendor: str, fits: Callable[[Fault], bool]) -> Fault | None:
        fault = next((f for f in self.coming if f.vendor == vendor and f.times > 0 and fits(f)), None)
        if fault is not None:
            fault.times -= 1
        return fault

    async def answer(self, vendor: FaultyVendor, operation: str, act: Callable[[], Awaitable[Response]]) -> Response:
        """Act as usual, or as the next fault says."""
        fault = self.of_request(vendor, operation)
        if fault is None:
            return await act()
        match fault.mode:
            case "429" | "refuse":
                return refusal(vendor, fault.reason)(Wait(fault.seconds, self.clock))
            case "500":
                return JSONResponse({"message": "Internal Server Error"}, 500)
            case "drop-before":
                return HangUp()
            case "drop-after":
                await act()
                return HangUp()
        await self.clock.sleep(fault.seconds)
        return await act()


class HangUp(Response):
    """Closes the connection without an answer; where the server cannot, it fails as a lost connection does."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hang_up = scope.get("extensions", {}).get(HANG_UP)
        if hang_up is None:
            raise ConnectionResetError("the sandbox dropped this connection on request")
        hang_up()
        while (await receive())["type"] != "http.disconnect":
            pass


async def root_field(request: Request) -> str:
    """The first root field of a GraphQL request: what a fault or a count names. Unreadable ones are `unreadable`."""
    from graphql import GraphQLError, OperationDefinitionNode, parse
    from graphql.language import FieldNode

    try:
        document = parse(json.loads(await request.body())["query"])
    except (ValueError, KeyError, TypeError, GraphQLError):
        return "unreadable"
    fields = (
        node.name.value
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        for node in operation.selection_set.selections
        if isinstance(node, FieldNode)
    )
    return next(fields, "unreadable")

"""The sandbox's webhook sender: fresh ids, the vendors' own signatures and retry schedules, every attempt on record."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any

import httpx2

from factory_core.errors import Refused

from .clock import Clock
from .faults import Faults
from .registry import SIGN
from .signing import Attempt, Headers, Vendor, encoded

# Seconds before each further attempt. Relayfile's is not public: three attempts, as its dead letters show.
SCHEDULE: Mapping[Vendor, tuple[float, ...]] = MappingProxyType(
    {"linear": (60, 3600, 21600), "slack": (0, 60, 300), "github": (), "relayfile": (1, 5)}
)
PATIENCE: Mapping[Vendor, float] = MappingProxyType({"linear": 5, "slack": 3, "github": 10, "relayfile": 10})


@dataclass
class Subscription:
    id: str
    vendor: Vendor
    url: str
    secret: str = field(repr=False)
    globs: tuple[str, ...] = ()


@dataclass
class Tried:
    """One attempt: the answer's status, or why there was none. `number` is GitHub's id of it."""

    number: int
    at: str
    status: int | None
    error: str = ""


@dataclass
class Delivery:
    """One event on its way to one address; `id` is the one in the headers, the same at every attempt."""

    id: str
    vendor: Vendor
    event: str
    payload: dict[str, Any]
    to: Subscription
    tried: list[Tried] = field(default_factory=list)
    dropped: bool = False

    @property
    def accepted(self) -> bool:
        return any(t.status is not None and 200 <= t.status < 300 for t in self.tried)


class Webhooks:
    """Who subscribed, what was sent, and what is still under way."""

    def __init__(self, clock: Clock, faults: Faults, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self.clock, self.faults = clock, faults
        self.subscriptions: list[Subscription] = []
        self.deliveries: list[Delivery] = []
        self._http = httpx2.AsyncClient(transport=transport, trust_env=False, follow_redirects=False)
        self._numbers = itertools.count(9_007_199_254_740_993)  # over 2^53, as GitHub's are
        self._under_way: set[asyncio.Task[None]] = set()

    def subscribe(self, vendor: Vendor, url: str, secret: str, globs: tuple[str, ...] = ()) -> Subscription:
        """Send all events of one vendor to this address; the same address again only gets the new secret."""
        if not url.startswith(("http://", "https://")):
            raise Refused(f"{url!r} is no address", why="it must start with http://", fix="factory sandbox --help")
        known = next((s for s in self.subscriptions if (s.vendor, s.url, s.globs) == (vendor, url, globs)), None)
        if known is not None:
            known.secret = secret
            return known
        self.subscriptions.append(Subscription(self.clock.new_id(), vendor, url, secret, globs))
        return self.subscriptions[-1]

    def announce(self, vendor: Vendor, event: str, payload: dict[str, Any], *, id: str = "", path: str = "") -> None:
        """Send the event to everyone who asked for it; `path` is matched with relayfile's globs."""
        for to in self.subscriptions:
            if to.vendor == vendor and (not to.globs or any(glob_fits(g, path) for g in to.globs)):
                delivery = Delivery(id or self.clock.new_id(), vendor, event, payload, to)
                self.deliveries.append(delivery)
                self._dispatch(delivery)

    def redeliver(self, delivery: Delivery) -> None:
        """One more attempt under the same id, now."""
        self.spawn(self._attempt_once(delivery))

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something of the vendor's own in the background, until close()."""
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    @property
    def busy(self) -> int:
        """How many things are under way, those that wait for their time among them."""
        return len(self._under_way)

    async def idle(self) -> None:
        """Wait until nothing is under way any more."""
        while self._under_way:
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await self.idle()
        await self._http.aclose()

    def _dispatch(self, delivery: Delivery) -> None:
        fault = self.faults.of_webhook(delivery.vendor)
        if fault is not None and fault.mode == "drop":
            delivery.dropped = True
            delivery.tried.append(self._tried(None, "dropped"))
            return
        copies = fault.copies if fault and fault.mode == "duplicate" else 1
        delay = fault.seconds if fault and fault.mode == "delay" else 0.0
        for _ in range(copies):
            self.spawn(self._deliver(delivery, delay))

    async def _deliver(self, delivery: Delivery, delay: float) -> None:
        failure = ""
        if delay:
            await self.clock.sleep(delay)
        for number, pause in enumerate((0.0, *SCHEDULE[delivery.vendor])):
            if pause:
                await self.clock.wait(pause)
            tried = await self._attempt(delivery, number, failure)
            if tried.status is not None and 200 <= tried.status < 300:
                return
            failure = tried.error or "http_error"

    async def _attempt_once(self, delivery: Delivery) -> None:
        await self._attempt(delivery, 0, "")

    async def _attempt(self, delivery: Delivery, number: int, failure: str) -> Tried:
        body = self._body(delivery)
        attempt = Attempt(delivery.id, delivery.event, body, self.clock.now(), number, failure)
        headers = SIGN[delivery.vendor](delivery.to.secret, attempt)
        tried = self._tried(*await self._post(delivery.to.url, body, headers, PATIENCE[delivery.vendor]))
        delivery.tried.append(tried)
        return tried

    def _body(self, delivery: Delivery) -> bytes:
        """Linear's `webhookTimestamp` is the time of sending; everything else is as it was."""
        fresh = {"webhookTimestamp": self.clock.epoch_ms()} if delivery.vendor == "linear" else {}
        return encoded({**delivery.payload, **fresh})

    def _tried(self, status: int | None, error: str) -> Tried:
        return Tried(next(self._numbers), self.clock.stamp(), status, error)

    async def _post(self, url: str, body: bytes, headers: Headers, patience: float) -> tuple[int | None, str]:
        try:
            response = await self._http.post(url, content=body, headers=headers, timeout=patience)
        except httpx2.TimeoutException:
            return None, "http_timeout"
        except httpx2.TransportError:
            return None, "connection_failed"
        return response.status_code, ""


def glob_fits(glob: str, path: str) -> bool:
    """Exact; `*` is one segment; `**` as the last segment is any number of them."""
    wanted, got = glob.strip("/").split("/"), path.strip("/").split("/")
    if wanted[-1] == "**":
        wanted = wanted[:-1]
        got = got[: len(wanted)]
    return len(wanted) == len(got) and all(fnmatchcase(g, w) for w, g in zip(wanted, got, strict=True))

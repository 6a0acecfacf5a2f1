"""An HTTP/1.1 server whose time, connections, descriptors and bytes are bounded before it reads a request.

uvicorn has no deadline for a head or a body and no limit on connections that have sent no request yet, and asyncio
accepts until no descriptor is left; see docs/decisions/0031-bounds-before-a-request.md.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import resource
import socket
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

import h11
import uvicorn
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

logger = logging.getLogger("factory.http")

HEAD_BYTES = 64 * 1024  # an incomplete head that is larger is refused; h11 looks after each piece of as many bytes
PIECE = 16 * 1024  # what is read at once of a head; what follows it is the parser's
HEADERS = 100  # in one head; browsers send 20, proxies add 10
BURST = 64  # connections that are accepted before the loop does anything else
QUEUE = 4096  # connections that the kernel completes for us meanwhile; it takes less where somaxconn is less
RESERVED_DESCRIPTORS = 128  # for the store, calls to vendors, git and whatever follows runs
RESERVED_CONNECTIONS = 16  # are never held by requests being answered: /healthz always finds room
HEALTH = "/healthz"
_END_OF_HEAD = re.compile(rb"\n\r?\n")
_NOTED_EVERY = 60.0  # seconds between two lines about the same kind of refusal
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Bounds(NamedTuple):
    """What one server takes before it knows its clients.

    `connections` at once, fewer where the process may not open so many files. `from_one_address`: how many of them may
    have sent no whole request; those of `trusted_proxies` (addresses or networks) are not counted. `held_bytes`: of
    unanswered requests, over all connections; two of the largest bodies. `deadline`: seconds for a head, for a body,
    and for taking a response.
    """

    connections: int = 512
    from_one_address: int = 64
    held_bytes: int = 10 * 1024 * 1024
    deadline: float = 10.0
    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")


class Connections:
    """All connections of a server. When there is no room for one more, the one that was waited for longest is closed.

    So a connection that sends its request at once is answered, however many others send nothing.
    """

    def __init__(self, bounds: Bounds, clock: Callable[[], float], unanswered: Unanswered) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.bounds = bounds
        self.most = max(1, min(bounds.connections, files - min(RESERVED_DESCRIPTORS, files // 2)))
        self.held = 0
        self.unanswered = unanswered
        proxies = [ip_network(one) for one in bounds.trusted_proxies]
        self._is_proxy = lru_cache(1024)(lambda peer: any(ip_address(peer) in proxy for proxy in proxies))
        self._all: set[Connection] = set()
        self._waiting: dict[Connection, float] = {}  # since when, in that order
        self._clock = clock
        self._noted: dict[str, float] = {}
        self._count: Counter[str] = Counter()

    @property
    def is_busy(self) -> bool:
        """Do requests that are being answered leave no more than the reserve?"""
        answering = len(self._all) - len(self._waiting)
        return answering > self.most - min(RESERVED_CONNECTIONS, self.most // 4)

    def make_room(self, peer: str) -> bool:
        """For one more of this peer; False where all others are being answered."""
        if not self._is_proxy(peer):
            same = [one for one in self._waiting if one.peer == peer]
            if len(same) >= self.bounds.from_one_address:
                self._close(same[0], "too many connections from one address")
        if len(self._all) < self.most or self.close_longest_waiting("too many connections"):
            return True
        self.refuse("", "too many requests at once")
        return False

    def close_longest_waiting(self, why: str) -> bool:
        longest = next(iter(self._waiting), None)
        if longest:
            self._close(longest, why)
        return longest is not None

    def close_late(self) -> None:
        """Those that owe us something for longer than the deadline."""
        begun = self._clock() - self.bounds.deadline
        while self._waiting and next(iter(self._waiting.values())) <= begun:
            late = next(iter(self._waiting))
            self._close(late, f"no whole {late.owes} within {self.bounds.deadline:g} s", is_late=True)

    def add(self, one: Connection) -> None:
        self._all.add(one)
        self.wait_for(one)

    def has(self, one: Connection) -> bool:
        return one in self._all

    def wait_for(self, one: Connection) -> None:
        """From now on it owes us something."""
        self._waiting.pop(one, None)
        if one in self._all:
            self._waiting[one] = self._clock()

    def answering(self, one: Connection) -> None:
        """It owes us nothing."""
        self._waiting.pop(one, None)

    def hold(self, one: Connection, size: int) -> None:
        """Count that it holds so many bytes; over the bound, the largest of those that are incomplete is closed."""
        self.held += size - one.held
        one.held = size
        if self.held > self.bounds.held_bytes:
            largest = max((one, *self._waiting), key=lambda each: each.held)
            self._close(largest, "too many bytes in unanswered requests")

    def forget(self, one: Connection) -> None:
        self._waiting.pop(one, None)
        self._all.discard(one)
        self.held -= one.held
        one.held = 0

    def close_arrivals(self) -> None:
        for one in [one for one in self._all if isinstance(one, Arrival)]:
            one.abort()

    def refuse(self, path: str, why: str) -> None:
        """A request gets no answer, or none but 503."""
        self.note(why)
        self.unanswered(path, why)

    def note(self, why: str) -> None:
        """Log it once a minute, with how often it happened."""
        self._count[why] += 1
        now = self._clock()
        if now - self._noted.get(why, now - _NOTED_EVERY) >= _NOTED_EVERY:
            logger.warning("connections closed: %s (%s times)", why, self._count.pop(why), extra={"action": "refused"})
            self._noted[why] = now

    def _close(self, one: Connection, why: str, is_late: bool = False) -> None:
        """What has sent nothing for so long sends no request; what only had no time to is one that gets no answer."""
        if one.has_begun or (isinstance(one, Arrival) and not is_late):
            self.refuse(one.path, why)
        else:
            self.note(why)
        self.forget(one)
        one.abort()


class Arrival:
    """A connection whose first head is incomplete: a socket, and what it sent. It costs no more than that."""

    owes = "head"
    path = ""  # nobody knows it yet

    def __init__(
        self, accepted: socket.socket, peer: str, connections: Connections, complete: Callable[[Arrival], None]
    ) -> None:
        self.socket, self.peer, self.received, self.held = accepted, peer, bytearray(), 0
        self._shared, self._complete = connections, complete
        accepted.setblocking(False)
        connections.add(self)
        asyncio.get_running_loop().add_reader(accepted, self._read)

    @property
    def has_begun(self) -> bool:
        """Has it sent a part of a request?"""
        return bool(self.received)

    def release(self) -> socket.socket:
        """The socket, for who goes on with it."""
        asyncio.get_running_loop().remove_reader(self.socket)
        self._shared.forget(self)
        return self.socket

    def abort(self) -> None:
        self.release().close()

    def _read(self) -> None:
        try:
            data = self.socket.recv(PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.abort()
            return
        before = max(0, len(self.received) - 2)  # an end of two or three bytes may come in two pieces
        self.received += data
        is_text = self.received[0] > ord(" ")  # else h11 shall refuse it at once: TLS, for one
        if is_text and len(self.received) <= HEAD_BYTES and not _END_OF_HEAD.search(self.received, before):
            self._shared.hold(self, len(self.received))
        else:
            self._complete(self)


class BoundedProtocol(H11Protocol):
    """A connection whose first head is complete."""

    def __init__(
        self, config: uvicorn.Config, state: Any, app_state: dict[str, Any], connections: Connections, arrival: Arrival
    ) -> None:
        super().__init__(config, state, app_state)
        self.peer, self._received = arrival.peer, bytes(arrival.received)
        self.held = 0
        self.owes = "head"
        self._shared = connections
        self._is_unread = False
        self._answer, self.app = self.app, self._bounded
        connections.add(self)

    @property
    def has_begun(self) -> bool:
        return self.owes == "body" or (self.owes == "head" and self.held > 0)

    @property
    def path(self) -> str:
        return self.scope["path"] if self.owes == "body" else ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._shared.has(self):
            self.loop.call_soon(self.data_received, self._received)
            self._received = b""
        else:  # closed meanwhile
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._shared.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), HEAD_BYTES):  # one large piece would hide from h11 how large its head is
            if self.transport.is_closing():
                return
            super().data_received(data[start : start + HEAD_BYTES])
        is_dropped = self.cycle and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY
        if not is_dropped:
            self._shared.hold(self, self.held + len(data))
        self._look()

    def send_400_response(self, msg: str) -> None:
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:  # the request was answered before the rest of it turned out to be no HTTP
            self.abort()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing():
            self._shared.hold(self, len(self.conn.trailing_data[0]))
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_unread = True
        self._look()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_unread = False
        self._look()

    def abort(self) -> None:
        if self.transport:
            self.transport.abort()

    def _look(self) -> None:
        """A deadline starts when what is owed becomes another thing; what arrives meanwhile does not prolong it."""
        owed = self._owed()
        if owed == self.owes:
            return
        self.owes = owed
        if owed:
            self._shared.wait_for(self)
        else:
            self._shared.answering(self)

    def _owed(self) -> str:
        """What the other side has to do next: nothing, while a request of it is being answered."""
        if self._is_unread:
            return "response taken"
        if self.conn.their_state is h11.SEND_BODY:
            return "body"
        is_answered = self.cycle is None or self.cycle.response_complete
        return "head" if is_answered or self.transport.is_closing() else ""

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = self._refusal(scope)
        await (refused(scope, receive, send) if refused else self._answer(scope, receive, send))

    def _refusal(self, scope: Scope) -> Response | None:
        names = [name for name, _ in scope["headers"]]
        if b"content-length" in names and b"transfer-encoding" in names:
            return _closing(400, "Content-Length and Transfer-Encoding exclude each other.")  # RFC 9112, 6.3
        if len(names) > HEADERS:
            return _closing(431, "Too many headers.")
        if self._shared.is_busy and scope["path"] != HEALTH:
            self._shared.refuse(scope["path"], "too many requests at once")
            return _closing(503, "Too many requests at once.", {"retry-after": "1"})
        return None


Connection = Arrival | BoundedProtocol
Unanswered = Callable[[str, str], None]
"""Called with the path of a request that was not answered, "" where nobody knows it, and why."""


def _closing(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(text, status, {"connection": "close", **(headers or {})}, "text/plain")


class BoundedServer(uvicorn.Server):
    """Accepts by itself: as many connections as there is room for, and when no descriptor is left, closes."""

    def __init__(self, config: uvicorn.Config, bounds: Bounds, unanswered: Unanswered = lambda path, why: None) -> None:
        super().__init__(config)
        self._bounds, self._unanswered = bounds, unanswered

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        loop = asyncio.get_running_loop()
        self._connections = Connections(self._bounds, loop.time, self._unanswered)
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        self._opening: set[asyncio.Task[Any]] = set()
        for listening in sockets or []:
            listening.listen(QUEUE)
            listening.setblocking(False)
            loop.add_reader(listening, self._accept, listening)

    async def on_tick(self, counter: int) -> bool:
        self._connections.close_late()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in sockets or []:
            asyncio.get_running_loop().remove_reader(listening)
        self._connections.close_arrivals()
        os.close(self._spare)
        await super().shutdown(sockets)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(BURST):
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._shed(listening, error)
                return
            peer = _plain(address[0])
            if self._connections.make_room(peer):
                Arrival(accepted, peer, self._connections, self._open)
            else:
                accepted.close()

    def _open(self, arrival: Arrival) -> None:
        """Its first head is complete, or cannot be one."""
        accepted, make = arrival.release(), self.config.http_protocol_class
        protocol: BoundedProtocol = make(  # type: ignore[call-arg, assignment]
            self.config, self.server_state, self.lifespan.state, self._connections, arrival
        )
        loop = asyncio.get_running_loop()
        opening = loop.create_task(loop.connect_accepted_socket(lambda: protocol, accepted))
        self._opening.add(opening)
        opening.add_done_callback(lambda task: self._opened(task, protocol, accepted))

    def _opened(self, task: asyncio.Task[Any], protocol: BoundedProtocol, accepted: socket.socket) -> None:
        self._opening.discard(task)
        if task.cancelled() or task.exception():
            self._connections.refuse("", "the connection could not be served")
            self._connections.forget(protocol)
            accepted.close()

    def _shed(self, listening: socket.socket, error: OSError) -> None:
        """The process has no descriptor left: take the next connection with the spare one, and close it.

        Else the kernel would report the same connection for ever. Some that are waited for are closed as well.
        """
        self._connections.refuse("", f"{error.strerror} at accept()")
        for _ in range(BURST):
            self._connections.close_longest_waiting("descriptors are needed")
        os.close(self._spare)
        try:
            listening.accept()[0].close()
        except OSError:
            pass
        finally:
            self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _plain(address: str) -> str:
    """As the peer writes it: IPv4 not mapped, and without the interface's name."""
    return address.removeprefix("::ffff:").partition("%")[0]

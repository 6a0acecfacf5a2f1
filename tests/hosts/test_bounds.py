"""What a server takes before it has read a request: so much time, so many connections, so many bytes, and no more."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.web.bounded_http import Bounds
from adapters.web.loopback import served
from tests.scenarios.sandbox_thread import world
from tests.scenarios.server_process import Home, Server, config_of

from .flood import measure

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX-A: "
HALF_A_BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1234"
PATIENCE = 120.0


class Client:
    """One raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def answer(self, sent: bytes = b"") -> bytes:
        """The first line of what comes back; empty when the server closes."""
        try:
            self.writer.write(sent)
            return (await asyncio.wait_for(self.reader.readline(), PATIENCE)).strip()
        except ConnectionError:
            return b""

    async def everything(self, sent: bytes = b"") -> bytes:
        try:
            self.writer.write(sent)
            return await asyncio.wait_for(self.reader.read(), PATIENCE)
        except ConnectionError:
            return b""


Connect = Callable[..., Awaitable[Client]]


async def ok(scope: Scope, receive: Receive, send: Send) -> None:
    """200 after the whole body."""
    message = {"more_body": True, "type": "http.request"}
    while message.get("more_body"):
        message = dict(await receive())
        if message["type"] == "http.disconnect":
            return
    await answer(send)


async def unread(scope: Scope, receive: Receive, send: Send) -> None:
    """200 without a look at the body."""
    await answer(send)


async def answer(send: Send, body: bytes = b"ok") -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp = ok, unanswered: list[tuple[str, str]] | None = None, **bounds: object
) -> AsyncIterator[Connect]:
    """`unanswered` is given the path of each request that was not answered, and why."""
    clients: list[Client] = []
    noted = [] if unanswered is None else unanswered
    with socket.create_server(("127.0.0.1", 0)) as listening:
        options: dict[str, Any] = {"unanswered": lambda *one: noted.append(one), "lifespan": "off"}
        async with served(app, listening, bounds=Bounds(**bounds), **options) as url:

            async def connect(sent: bytes = b"", address: str = "127.0.0.1") -> Client:
                port = int(url.rpartition(":")[2])
                clients.append(
                    Client(*await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0), limit=2**24))
                )
                clients[-1].writer.write(sent)
                return clients[-1]

            yield connect
            for client in clients:
                client.writer.close()


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_BODY, GET + HALF_A_HEAD, b"\n"])
def test_what_is_not_sent_in_time_is_not_waited_for(sent: bytes) -> None:
    """Silence, an unfinished head, an unfinished body, and the second head of a connection that was answered."""

    async def play() -> None:
        async with serving(deadline=0.3) as connect:
            said = await (await connect(sent)).everything()
            assert said.count(b"200 OK") == sent.count(GET)

    asyncio.run(play())


@pytest.mark.parametrize("begin", [HALF_A_HEAD, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n"])
def test_a_trickle_does_not_prolong_the_deadline(begin: bytes) -> None:
    async def play() -> None:
        async with serving(deadline=0.4) as connect:
            client = await connect(begin)
            for _ in range(1000):
                await asyncio.sleep(0.05)
                with contextlib.suppress(ConnectionError):
                    client.writer.write(b"a")
                if client.reader.at_eof() or client.writer.is_closing():
                    return
            raise AssertionError("still open after many deadlines")

    asyncio.run(play())


def test_a_response_that_is_not_taken_is_given_up() -> None:
    """Else whoever asks and never reads would hold a connection for ever."""
    gone = asyncio.Event()

    async def play() -> None:
        async def watched(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await answer(send, b"a" * 50_000_000)
            assert (await receive())["type"] == "http.disconnect"
            gone.set()

        async with serving(watched, deadline=0.3) as connect:
            client = await connect()
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]
            client.writer.write(GET)
            await asyncio.wait_for(gone.wait(), PATIENCE)

    asyncio.run(play())


@pytest.mark.parametrize("sent", [b"", HALF_A_HEAD, HALF_A_BODY])
def test_a_full_server_closes_the_connection_that_it_has_waited_for_longest(sent: bytes) -> None:
    async def play() -> None:
        async with serving(connections=32) as connect:
            held = [await connect(sent) for _ in range(33)]
            assert await (await connect()).answer(GET) == b"HTTP/1.1 200 OK"
            assert [await held[0].everything(), await held[1].everything()] == [b"", b""]
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(held[-1].reader.read(1), 0.2)

    asyncio.run(play())


def test_health_answers_while_all_else_is_busy() -> None:
    """Requests that are being answered leave a reserve, and are not closed for those that come."""

    async def play() -> None:
        done, all_busy, begun = asyncio.Event(), asyncio.Event(), 0

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal begun
            if scope["path"] == "/":
                begun += 1
                if begun == 24:
                    all_busy.set()
                await done.wait()
            await answer(send)

        unanswered = list[tuple[str, str]]()
        async with serving(slow, unanswered, connections=32) as connect:
            busy = [await connect(GET) for _ in range(24)]
            await asyncio.wait_for(all_busy.wait(), PATIENCE)
            assert await (await connect(GET)).answer() == b"HTTP/1.1 503 Service Unavailable"
            assert await (await connect(HEALTH)).answer() == b"HTTP/1.1 200 OK"
            done.set()
            assert {await one.answer() for one in busy} == {b"HTTP/1.1 200 OK"}
            assert unanswered == [("/", "too many requests at once")]

    asyncio.run(play())


@pytest.mark.parametrize(
    ("sent", "noted"),
    [
        (b"", []),
        (GET, []),
        (HALF_A_HEAD, [("", "no whole head within 0.3 s")]),
        (GET + HALF_A_HEAD, [("", "no whole head within 0.3 s")]),
        (HALF_A_BODY, [("/", "no whole body within 0.3 s")]),
    ],
)
def test_a_request_that_is_given_up_is_said_to_be_unanswered(sent: bytes, noted: list[tuple[str, str]]) -> None:
    """A connection that was only open, or had its answer, is none."""
    unanswered = list[tuple[str, str]]()

    async def play() -> None:
        async with serving(ok, unanswered, deadline=0.3) as connect:
            await (await connect(sent)).everything()

    asyncio.run(play())
    assert unanswered == noted


def test_who_is_closed_for_others_before_his_time_is_unanswered() -> None:
    unanswered = list[tuple[str, str]]()

    async def play() -> None:
        async with serving(ok, unanswered, connections=4) as connect:
            held = [await connect() for _ in range(5)]
            assert await held[0].everything() == b""

    asyncio.run(play())
    assert unanswered == [("", "too many connections")]


def test_one_address_cannot_take_the_place_of_others() -> None:
    """Beyond its share it closes its own; a proxy speaks for many, and has no share."""

    async def play() -> None:
        async with serving(from_one_address=4, trusted_proxies=("127.0.0.0/31",)) as connect:
            proxied = [await connect() for _ in range(8)]
            others = [await connect(address="127.0.0.3") for _ in range(6)]
            assert [await others[0].everything(), await others[1].everything()] == [b"", b""]
            for one in (proxied[0], others[2]):
                assert await one.answer(GET) == b"HTTP/1.1 200 OK"

    asyncio.run(play())


def test_the_bytes_of_all_unanswered_requests_are_bounded() -> None:
    """The largest is closed: a small webhook comes through among bodies that do not end."""

    async def play() -> None:
        async with serving(held_bytes=1_000_000) as connect:
            head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n"
            large = [await connect(head + b"a" * 300_000) for _ in range(3)]
            await asyncio.sleep(0.1)
            largest = await connect(head + b"a" * 500_000)
            assert await largest.everything() == b""
            assert await (await connect(HALF_A_BODY)).answer(b"56789") == b"HTTP/1.1 200 OK"
            assert await large[0].answer(b"a" * 600_000 + b"a" * 4_100_000) == b""

    asyncio.run(play())


def test_bytes_are_counted_until_the_answer_and_no_longer() -> None:
    async def play() -> None:
        async with serving(held_bytes=1_000_000) as connect:
            client = await connect()
            whole = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n" + b"a" * 600_000
            for _ in range(5):
                assert await client.answer(whole) == b"HTTP/1.1 200 OK"
                while (await client.reader.readline()).strip():
                    pass
                await client.reader.readexactly(2)

    asyncio.run(play())


def test_two_lengths_of_one_request_close_the_connection() -> None:
    """RFC 9112, 6.3: what follows them may be somebody else's request."""

    async def play() -> None:
        async with serving() as connect:
            both = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            said = await (await connect(both + GET)).everything()
            assert said.startswith(b"HTTP/1.1 400") and b"200 OK" not in said

    asyncio.run(play())


@pytest.mark.parametrize("more", [b"a: b\r\n" * 101, b"a: " + b"b" * 200_000 + b"\r\n", b"a" * 200_000])
def test_a_large_head_is_refused(more: bytes) -> None:
    async def play() -> None:
        async with serving() as connect:
            said = await (await connect(b"GET / HTTP/1.1\r\nHost: x\r\n" + more + b"\r\n")).everything()
            assert b"200 OK" not in said

    asyncio.run(play())


def test_what_is_no_http_is_refused_at_once() -> None:
    """A browser that was given https:// learns it without waiting; so does one whose request was answered already."""

    async def play() -> None:
        async with serving(unread) as connect:
            assert (await (await connect(b"\x16\x03\x01")).answer()).startswith(b"HTTP/1.1 400")
            chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            client = await connect(chunked)
            assert await client.answer() == b"HTTP/1.1 200 OK"
            assert b"400" not in await client.everything(b"no chunk at all\r\n")

    asyncio.run(play())


@pytest.fixture
def few_descriptors() -> Iterator[int]:
    """No more than 64 beyond those that this process has open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(int(file.name) for file in Path("/proc/self/fd").iterdir()) + 64
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
    yield most
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_without_a_descriptor_connections_are_closed_and_one_line_is_logged(
    few_descriptors: int, caplog: pytest.LogCaptureFixture
) -> None:
    """asyncio would log a line for each, thousands a second, and accept none for a second."""

    unanswered = list[tuple[str, str]]()

    async def play() -> None:
        async with serving(ok, unanswered) as connect:
            clients = [socket.socket() for _ in range(20)]
            port = (await connect()).writer.get_extra_info("peername")[1]
            spent = []
            with contextlib.suppress(OSError):
                while True:
                    spent.append(os.open(os.devnull, os.O_RDONLY))
            for client in clients:
                client.setblocking(False)
                await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
            await asyncio.sleep(0.3)
            for file in spent:
                os.close(file)
            for client in clients:
                client.close()
            assert await (await connect()).answer(GET) == b"HTTP/1.1 200 OK"

    with caplog.at_level(logging.WARNING):
        asyncio.run(play())
    assert ("", "Too many open files at accept()") in unanswered
    said = [record for record in caplog.records if "accept()" in record.getMessage()]
    assert len(said) == 1 and not [record for record in caplog.records if record.name == "asyncio"]


def test_a_signed_webhook_is_acknowledged_in_a_flood(tmp_path: Path) -> None:
    """More connections than the process may have descriptors. `python -m tests.hosts.flood 5000 20` plays many more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with world() as w:
        home = Home(tmp_path, config_of(w))
        home.give_tokens(w)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))  # the server inherits it
            server = Server(home).start()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        try:
            found = measure(server, connections=600, seconds=2)
            said = server.log.read_text()
        finally:
            server.stop()
    assert found.webhooks and found.grown < 50, found  # `make soak` bounds the time, where nothing else is at work
    assert len(said) < 5_000, said[-1000:]

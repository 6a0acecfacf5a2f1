"""A real server on a real socket: frames that are no HTTP, requests that are no webhook, and tokens that are none."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt, Vendor
from tests.hosts.flood import memory
from tests.scenarios.sandbox_thread import world
from tests.scenarios.server_process import Home, Server, config_of, running

from .draws import TEXTS, spoiled, value
from .webhooks import drawn
from .worker_protocol import ODD, REPORT

TOKEN = "a-token-of-workers-0123456789"
MOST_GROWN = 150  # MB
PATIENCE, QUIET = 120.0, 0.3  # seconds
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
PATHS = (
    "/", "/status.json", "/healthz", "/items/ACME-1", "/items/%2e%2e%2fetc", "/hooks/acme/linear", "/hooks/acme/nobody",
    "/hooks/nobody/linear", "/hooks//linear", "/fleet/acme/claim", "/fleet/acme/runs/x/report", "/fleet/acme/%00",
    "/fleet/nobody/claim", "*", "http://x/", "//", "/\xff", "/" + "a" * 9_000, "/items/" + "%F0%9F%98%80" * 50, "",
)  # fmt: skip
HEADERS = (
    "Content-Length: 5", "Content-Length: -1", "Content-Length: 99999999999999999999", "Content-Length: 5, 5",
    "Content-Length: \u0665",
    "Transfer-Encoding: chunked", "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: x",
    "Host: a b", "Host:", "Expect: 100-continue", "Upgrade: websocket\r\nConnection: upgrade", "X: " + "a" * 70_000,
    " folded: yes", "No-Colon", "\0: x", "Authorization: Bearer", "Authorization: Basic \xff",
    "Authorization: Basic Og==",
    f"Authorization: Bearer {TOKEN}", "Authorization: Bearer " + "x" * 5_000, "If-None-Match: *", "Range: bytes=0-",
    "Content-Type: application/x-www-form-urlencoded", "X-GitHub-Event: \u202e", "Content-Encoding: gzip",
    "X-Forwarded-For: 1.2.3.4", "Cookie: " + "a=b; " * 2_000,
)  # fmt: skip
CHUNKS = (
    b"5\r\nhello\r\n0\r\n\r\n",
    b"-1\r\n",
    b"ffffffffffffffff\r\n",
    b"5;x=y\r\nhel",
    b"zz\r\n",
    b"0\r\nA: b\r\n\r\n",
)


class Stand:
    """One server for many draws."""

    def __init__(self, home: Home, server: Server) -> None:
        self.home, self.server = home, server
        self.before = 0.0

    def play(self, rng: random.Random) -> None:
        for _ in range(12):
            sent = rng.choice((self._frame, self._webhook, self._webhook, self._worker))(rng)
            answer = exchanged(self.server.port, sent, QUIET, half_closes=rng.random() < 0.2)
            statuses = [int(found) for found in re.findall(rb"^HTTP/1\.1 (\d{3})", answer, re.MULTILINE)]
            assert all(status < 500 for status in statuses), (sent[:300], answer[:600])
        begun = time.monotonic()
        assert b" 200 " in exchanged(self.server.port, HEALTH, PATIENCE)
        assert time.monotonic() - begun < PATIENCE
        self.before = self.before or memory(self.server)
        assert memory(self.server) - self.before < MOST_GROWN
        said = self.server.log.read_text(errors="replace")
        assert "raceback" not in said and "fault of its own" not in said, said[-2_000:]
        assert len(said) < 20_000_000

    def _frame(self, rng: random.Random) -> bytes:
        """What no client sends."""
        method = rng.choice(("GET", "POST", "PUT", "HEAD", "OPTIONS", "PRI", "get", "G" * 300, "\0", ""))
        version = rng.choice(("HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/9", "", "\x16\x03\x01"))
        lines = [
            f"{method} {rng.choice(PATHS)} {version}",
            "Host: 127.0.0.1",
            *rng.choices(HEADERS, k=rng.randrange(4)),
        ]
        end = rng.choice(("\r\n", "\r\n", "\r\n", "\n", "\r"))
        head = (end.join(lines) + end * 2).encode("utf-8" if rng.random() < 0.7 else "utf-16", "replace")
        tail = rng.choice((b"", b"hello", *CHUNKS, bytes(rng.randrange(256) for _ in range(200)), head))
        whole = head + tail
        return whole[: rng.randrange(len(whole))] if rng.random() < 0.2 else whole

    def _webhook(self, rng: random.Random) -> bytes:
        vendor: Vendor = rng.choice(("linear", "slack", "github"))
        now = datetime.now(UTC)
        event, body = drawn(rng, vendor, now.timestamp())
        secret = self.home.secret(vendor) if rng.random() < 0.8 else "wrong"
        headers = SIGN[vendor](secret, Attempt(str(rng.random()), event, body, now))
        return _post(f"/hooks/acme/{vendor}", headers, body)

    def _worker(self, rng: random.Random) -> bytes:
        path = rng.choice(
            ("claim", "runs/x/heartbeat", "runs/x.1/report", f"runs/{'a' * 300}/report", "runs/\u202e/report")
        )
        said = {"schema": "factory.worker/1", "worker": ODD, "run": "none-such"}
        if path != "claim":
            said |= {"epoch": 1, "report": {**REPORT, "run_id": "x", "work_item_id": "A", "status": "failed"}}
        token = rng.choice((TOKEN, TOKEN, TOKEN, "wrong", rng.choice(TEXTS)[:3_000]))
        body = spoiled(rng, said) if rng.random() < 0.9 else value(rng).encode("utf-8", "replace")
        return _post(f"/fleet/acme/{path}", {"Authorization": f"Bearer {token}"}, body)


def _post(path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n" + body


def exchanged(port: int, sent: bytes, patience: float, *, half_closes: bool = False) -> bytes:
    """What comes back until the server closes, or says nothing for so many seconds."""
    answer = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=patience) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(sent)
            if half_closes:
                connection.shutdown(socket.SHUT_WR)
        while data := connection.recv(65_536):
            answer += data
    return answer


@contextlib.contextmanager
def standing() -> Iterator[Stand]:
    """A server with workers' endpoint, beside a sandbox that nobody uses."""
    with tempfile.TemporaryDirectory() as folder, world() as vendors:
        home = Home(Path(folder) / "home", config_of(vendors, agents={"fleet": "workers"}))
        home.give_tokens(vendors)
        with running(Server(home, arguments=["--no-check"], FACTORY_WORKER_TOKEN=TOKEN)) as server:
            yield Stand(home, server)

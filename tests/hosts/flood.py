"""What a server stands: clients that send nothing, half a head, or half a body, and meanwhile one signed webhook after
another.

`python -m tests.hosts.flood 5000 20` measures it with 5,000 such connections for 20 s, against a server of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt
from tests.scenarios.sandbox_thread import world
from tests.scenarios.server_process import ROOT, Home, Server, config_of, now, running

POST = b"POST /hooks/acme/linear HTTP/1.1\r\nHost: x\r\n"
SLOW = (b"", POST + b"X-A: ", POST + b"Content-Length: 5000000\r\n\r\n" + b"a" * 60_000)
PAUSE = 0.05  # seconds between two webhooks
AGAIN = 5.0  # seconds until a connection that the server closed is opened again


class Measured(NamedTuple):
    """`slowest`: seconds until a signed webhook was acknowledged. `grown`: MB of the server's memory."""

    webhooks: int
    slowest: float
    grown: float


def measure(server: Server, connections: int, seconds: float) -> Measured:
    """Flood a running server, and send it webhooks meanwhile."""
    assert acknowledged(server) == 200  # what the first one imports is no growth
    before, slowest, webhooks, most = memory(server), 0.0, 0, 0.0
    with flooding(server.port, connections) as flood:
        assert flood.stdout is not None and flood.stdout.readline()  # all are there
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.monotonic()
            assert acknowledged(server) == 200
            slowest, webhooks = max(slowest, time.monotonic() - begun), webhooks + 1
            most = max(most, memory(server))
            time.sleep(PAUSE)
    return Measured(webhooks, slowest, most - before)


@contextlib.contextmanager
def flooding(port: int, connections: int) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-m", "tests.hosts.flood", "flood", str(port), str(connections)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def acknowledged(server: Server) -> int:
    """The status of a webhook that came over a connection of its own; httpx2 would need longer to make one."""
    body, home = b'{"zen": "Keep it simple."}', server.homes[0]
    headers = SIGN["github"](home.secret("github"), Attempt(secrets.token_hex(8), "ping", body, now()))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request("POST", f"/hooks/{home.tenant}/github", body, dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


def memory(server: Server) -> float:
    """MB that the server's process holds."""
    assert server.process is not None
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * resource.getpagesize() / 1e6


async def flood(port: int, connections: int) -> None:
    """Keep so many connections open: one that the server closes is opened again. Prints a line when all were opened."""
    opened, all_are_open = 0, asyncio.Event()

    async def client(number: int) -> None:
        nonlocal opened
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                opened += 1
                if opened == connections:
                    all_are_open.set()
                writer.write(SLOW[number % len(SLOW)])
                await reader.read()
                writer.close()
            except OSError:
                pass
            await asyncio.sleep(AGAIN)

    clients = [asyncio.create_task(client(number)) for number in range(connections)]
    await all_are_open.wait()
    print("all", flush=True)
    await asyncio.wait(clients)


def main(connections: int, seconds: float) -> None:
    with world() as w, tempfile.TemporaryDirectory() as directory:
        home = Home(Path(directory), config_of(w))
        home.give_tokens(w)
        with running(Server(home)) as server:
            found = measure(server, connections, seconds)
    print(json.dumps(found._asdict()))
    if found.slowest > 1 or found.grown > 50:
        sys.exit("A webhook waited for more than a second, or the server grew by more than 50 MB.")


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if sys.argv[1] == "flood":
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        asyncio.run(flood(int(sys.argv[2]), int(sys.argv[3])))
    else:
        main(int(sys.argv[1]), float(sys.argv[2]))

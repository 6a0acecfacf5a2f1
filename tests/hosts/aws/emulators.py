"""What stands in for DynamoDB: moto and dynalite, or whatever DYNAMODB_ENDPOINT names.

moto knows everything but lets two conditional puts win at once; dynalite lets one win, and knows less.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest

from adapters.aws.dynamo_client import new_client
from adapters.aws.table import create_table

DYNALITE = Path(__file__).parent / "node_modules" / ".bin" / "dynalite"
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "AKIATEST", "aws_secret_access_key": "test"}


def client_of(endpoint: str) -> Any:
    return new_client(endpoint, patience=120, **KEYS)  # an emulator shares the machine with other tests


def new_table(client: Any) -> str:
    name = f"factory-{uuid4().hex[:12]}"
    create_table(client, name)
    return name


@contextmanager
def moto() -> Iterator[str]:
    """The endpoint of a moto server of our own."""
    with _serving([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p"]) as endpoint:
        yield endpoint


@contextmanager
def dynalite() -> Iterator[str]:
    node = shutil.which("node")
    if node is None or not DYNALITE.exists():
        pytest.skip("dynalite is not there: `make test` installs it where there is npm")
    with _serving([node, str(DYNALITE), "--createTableMs", "0", "--host", "127.0.0.1", "--port"]) as endpoint:
        yield endpoint


@contextmanager
def any_dynamodb() -> Iterator[str]:
    """The endpoint that DYNAMODB_ENDPOINT names, or moto."""
    given = os.environ.get("DYNAMODB_ENDPOINT")
    if given:
        yield given
    else:
        with moto() as endpoint:
            yield endpoint


@contextmanager
def _serving(command: Sequence[str]) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(60)


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    until = monotonic() + 120
    while monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            sleep(0.05)
        else:
            return
    raise RuntimeError(f"{server.args!r} did not begin to listen")

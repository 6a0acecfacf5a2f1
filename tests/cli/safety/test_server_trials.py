"""The trials of a server: the factory's own holds, and servers that do what it must not fall."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from adapters.web.bounded_http import Bounds
from factory_cli.output import Output
from factory_cli.place import Place, place_of
from factory_cli.safety import server
from factory_cli.safety.promises import FLOOD, MACHINES, PAGE, SIGNED, Trial
from factory_cli.safety.server import Asked, flooded, private_page, reachable, server_trials, wrong_signatures
from tests.cli.calling import CONFIG, SECRETS

PASSWORD = "correct-horse-battery"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "PATIENCE", 1.0)


def place(folder: Path, config: str = CONFIG, **environment: str) -> Place:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "factory.config.yaml").write_text(f"{config}server: {{port: {port}}}\n")
    return place_of(str(folder / "factory.config.yaml"), Output(environment={**SECRETS, **environment}))


def outcomes(trials: list[Trial]) -> dict[str, str]:
    return {trial.promise.text: trial.outcome for trial in trials}


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_the_factorys_own_server_keeps_each_promise(tmp_path: Path, password: str) -> None:
    given = {"FACTORY_STATUS_TOKEN": password} if password else {}
    found = asyncio.run(server_trials(place(tmp_path, **given)))
    assert outcomes(found) == dict.fromkeys((one.text for one in (PAGE, SIGNED, FLOOD, MACHINES)), "held")
    assert [path.name for path in tmp_path.iterdir()] == ["factory.config.yaml"]


def test_without_secrets_there_is_no_server_to_try(tmp_path: Path) -> None:
    given = place(tmp_path)
    given = given._replace(secrets=type(given.secrets)({}))
    assert set(outcomes(asyncio.run(server_trials(given))).values()) == {"held", "not applicable"}


@contextlib.asynccontextmanager
async def answering(answer: bytes) -> AsyncIterator[str]:
    """A server that gives this answer to each head, and closes nothing by itself."""

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport, self.head = transport, b""
            transports.append(transport)

        def data_received(self, data: bytes) -> None:
            self.head += data
            if b"\r\n\r\n" in self.head:
                self.head = b""
                assert isinstance(self.transport, asyncio.Transport)
                self.transport.write(answer)

    transports: list[asyncio.BaseTransport] = []
    listening = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for transport in transports:
            transport.close()


def shows(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


STATUS = shows(b'{"schema":"factory.status/1"}')
SMALL = Bounds(connections=4, deadline=0.2)


async def asked(answer: bytes, ask: Callable[[str], Awaitable[Trial]]) -> Trial:
    async with answering(answer) as url:
        return await ask(url)


@pytest.mark.parametrize(("has_password", "way"), [(True, "no password"), (False, "x-forwarded-for")])
def test_a_running_server_that_shows_its_page_is_named(has_password: bool, way: str) -> None:
    found = asyncio.run(asked(STATUS, lambda url: private_page([Asked(url, has_password)])))
    assert found.outcome == "fell" and way in found.found and "/status.json" in found.found


def test_another_program_at_that_port_is_none_of_ours() -> None:
    found = asyncio.run(asked(shows(b"<html>"), lambda url: private_page([Asked(url, True)])))
    assert found.outcome == "not applicable"
    assert asyncio.run(private_page([Asked("http://127.0.0.1:9", True)])).outcome == "not applicable"


def test_a_server_that_takes_unsigned_webhooks_falls(tmp_path: Path) -> None:
    config = place(tmp_path).config
    found = asyncio.run(asked(STATUS, lambda url: wrong_signatures(url, config)))
    assert (found.outcome, found.found) == ("fell", "an unsigned webhook of linear was answered with 200")
    assert found.fix == "factory connect linear --signing-secret -"


def test_a_server_that_waits_for_ever_falls() -> None:
    found = asyncio.run(asked(STATUS, lambda url: flooded(url, SMALL)))
    assert (found.outcome, found.found) == ("fell", "12 half-open connections are not closed")
    found = asyncio.run(asked(b"", lambda url: flooded(url, SMALL)))
    assert found.outcome == "fell" and "a request got no answer" in found.found


@pytest.mark.pure
@pytest.mark.parametrize(
    ("host", "token", "outcome"),
    [
        ("127.0.0.1", "", "held"),
        ("0.0.0.0", PASSWORD, "held"),
        ("0.0.0.0", "", "fell"),
        ("::", "", "fell"),
        ("127.0.0.1", "x", "fell"),
    ],
)
def test_other_machines_need_a_good_password(host: str, token: str, outcome: str) -> None:
    assert reachable(host, token).outcome == outcome

"""`factory trigger` sends what the vendor would have sent: our own verifier takes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from adapters.registry import VENDORS, config_model
from factory_core.errors import BadSignature
from factory_core.http import HttpRequest
from factory_sandbox.samples import names

from .calling import CONFIG, Command

SECRET = "s3cr3t-of-the-webhook"


class Receiver(HTTPServer):
    """Keeps what was posted, and answers 202."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.got: list[HttpRequest] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Taker(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.got.append(HttpRequest(path=self.path, headers=headers, body=body, received_at=datetime.now(UTC)))
        self.send_response(202 if "refuse" not in self.path else 401)
        self.end_headers()
        self.wfile.write(b"heard \x1b[31mit")

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("event", "variable"),
    [
        ("linear.issue.ready", "LINEAR_WEBHOOK_SECRET"),
        ("slack.message.reply", "SLACK_SIGNING_SECRET"),
        ("github.pull_request.opened", "GITHUB_WEBHOOK_SECRET"),
        ("relayfile.linear.issue", "RELAYFILE_WEBHOOK_SECRET"),
    ],
)
def test_our_own_verifier_takes_it(event: str, variable: str, home: Path, receiver: Receiver, command: Command) -> None:
    done = command("trigger", event, "--to", receiver.url, cwd=home, **{variable: SECRET})
    assert done.code == 0 and SECRET not in done.out + done.err
    (request,), provider = receiver.got, event.split(".")[0]
    assert request.path == f"/hooks/default/{provider}"
    config = config_model().model_validate(yaml.safe_load(CONFIG))
    VENDORS[provider].webhook([SECRET], config).events_in(request)
    with pytest.raises(BadSignature):
        VENDORS[provider].webhook(["another"], config).events_in(request)


def test_it_prints_the_two_arrows(home: Path, receiver: Receiver, command: Command) -> None:
    done = command(
        "trigger", "linear.issue.ready", "--to", receiver.url, "--override", "data.title=Hello", "--secret-from-env",
        "MINE", cwd=home, MINE=SECRET,
    )  # fmt: skip
    there, back, see = done.out.splitlines()
    body = receiver.got[0].body
    address = f"{receiver.url}/hooks/default/linear"
    assert there == f"-->  linear.issue.ready  DEMO-1  {len(body):,} bytes, signed  {address}"
    assert back.startswith("<--  202 in ") and back.endswith(" ms  heard [31mit")
    assert see == "See: factory status DEMO-1"
    assert json.loads(body)["data"]["title"] == "Hello"


def test_a_refusal_is_a_failure(home: Path, receiver: Receiver, command: Command) -> None:
    url = f"{receiver.url}/hooks/refuse/linear"
    done = command("trigger", "linear.issue.ready", "--to", url, "--json", cwd=home, LINEAR_WEBHOOK_SECRET=SECRET)
    assert (done.code, done.document["status"], done.document["url"]) == (1, 401, url)


def test_only_this_machine_is_sent_to_without_a_yes(home: Path, command: Command) -> None:
    done = command(
        "trigger", "linear.issue.ready", "--to", "http://factory.acme.test", cwd=home, LINEAR_WEBHOOK_SECRET="a"
    )
    assert done.code == 2 and "Fix: factory trigger linear.issue.ready --yes" in done.err


def test_the_list_is_every_sample(home: Path, command: Command) -> None:
    assert command("trigger", "--list", cwd=home).out.split() == list(names())

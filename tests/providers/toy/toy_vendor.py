"""A tracker, chat and code host that exists nowhere: one VENDOR, as a new vendor's folder would export it."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Any, ClassVar

from adapters.providers.vendor import SHORTEST, Secret, Vendor
from factory_core.config import FactoryConfig
from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.dispatch.events import Event, ItemChanged, PullRequestChanged
from factory_core.dispatch.pull_request import PullRequest
from factory_core.http import HttpRequest
from factory_core.payload import object_in, text
from factory_core.ports import Inbound
from factory_core.settings import VendorSettings
from factory_core.signatures import refuse_unsigned, signed
from factory_sandbox.clock import Clock
from factory_sandbox.samples import Happening
from factory_sandbox.signing import Attempt, Headers
from factory_simulator.recording_ports import RecordingChannel, RecordingTarget, RecordingTracker

SIGNATURE = "x-toy-signature"
SCOPES = ("toys:play",)


class ToySettings(VendorSettings):
    """What the section `toy` may hold."""

    title: ClassVar[str] = "Toy Box"
    site: ClassVar[str] = "toy.example"

    url: str = "https://api.toy.example"
    box: str = ""  # empty: nobody can be asked

    def channel_id(self) -> str:
        return self.box

    def missing_key(self) -> str:
        return "" if self.box else "box"


class ToyWebhook:
    def __init__(self, secrets: Sequence[str], config: FactoryConfig) -> None:
        self._secrets = secrets

    def events_in(self, request: HttpRequest) -> Inbound:
        given = request.headers.get(SIGNATURE)
        refuse_unsigned("toy", signed(self._secrets, request.body, given), header=SIGNATURE, present=given is not None)
        body = object_in(request.body)
        kind = {"ticket": ItemChanged, "pull": PullRequestChanged}[text(body, "kind")]
        event: Event = kind(id=text(body, "id"), work_item_id=text(body, "key"), at=request.received_at)
        return Inbound(delivery_id=text(body, "id"), what=text(body, "kind"), events=(event,))


async def _connected(self: Any) -> ProviderConnection:
    connected = ConnectionStatus.CONNECTED
    return ProviderConnection(provider="toy", status=connected, required_scopes=SCOPES, connected_scopes=SCOPES)


class ToyTracker(RecordingTracker):
    check_connection = _connected


class ToyChannel(RecordingChannel):
    check_connection = _connected


class ToyTarget(RecordingTarget):
    check_connection = _connected

    async def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        opened = await super().open_pull_request(repository, branch, base, title, body)
        self.change(opened.number, url=f"https://toy.example/{repository}/pull/{opened.number}")
        return self.pull_requests[opened.number]


def sign(secret: str, attempt: Attempt) -> Headers:
    return {SIGNATURE: hmac.digest(secret.encode(), attempt.body, "sha256").hex()}


def ready(clock: Clock) -> Happening:
    """The sample that `factory trigger toy.ticket.ready` sends."""
    return Happening("ticket", {"id": clock.new_id(), "kind": "ticket", "key": "TOY-1"})


def checked(clock: Clock) -> Happening:
    return Happening("pull", {"id": clock.new_id(), "kind": "pull", "key": "TOY-1"})


def toy() -> Vendor:
    """A fresh one: each of its roles is the same object for all who ask for it."""
    tracker, channel, target = ToyTracker(), ToyChannel(), ToyTarget()
    return Vendor(
        settings=ToySettings,
        token=Secret("token", ("TOY_TOKEN",), "toy.example → the box → under the lid"),
        webhook_secret=Secret("signing secret", ("TOY_SECRET",), "toy.example → the box → below", SHORTEST),
        scopes=SCOPES,
        webhook=ToyWebhook,
        tracker=lambda access, config: tracker,
        channel=lambda access, config: channel,
        target=lambda access, config: target,
    )

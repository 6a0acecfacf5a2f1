"""Samples for the relayfile tests: signed webhooks, and files as the service gives them."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2

from adapters.providers.relayfile.client import RelayfileClient
from adapters.registry import config_model
from factory_core.config import FactoryConfig, read_config
from factory_core.http import HttpRequest

T = TypeVar("T")
SECRET = "whsec_test"
STAMP = 1781548800
NOW = datetime.fromtimestamp(STAMP, UTC)
TOKEN = "relay_ws_canary"
UUID = "6f0c2f8e-8a55-4c53-9f0a-0d4a2c1b7e11"
CANONICAL = f"/linear/issues/AR-9__{UUID}.json"
REPLY_PATH = "/slack/channels/C1__general/threads/1711540277_000200/replies/1711540300_000300/meta.json"
PULL_PATH = "/github/repos/acme/api/pulls/42__add-retry/meta.json"

CONFIG: FactoryConfig = read_config(
    {
        "intentProvider": "linear",
        "clarificationChannel": "slack",
        "outputTarget": "github",
        "relay": "relayfile",
        "slack": {"botUserId": "U0BOT"},
        "linear": {"appUserId": "app-1"},
    },
    file="factory.config.yaml",
    model=config_model(),
)


def change(path: str, **fields: Any) -> dict[str, Any]:
    """The body of a webhook."""
    return {
        "type": "file.updated", "path": path, "revision": "rev_88", "eventId": "evt_1",
        "timestamp": "2026-06-15T12:00:00.000Z", **fields,
    }  # fmt: skip


def signature(body: bytes, stamp: str, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), f"{stamp}.".encode() + body, "sha256").hexdigest()


def delivery(
    body: object, *, stamp: str = str(STAMP), headers: Mapping[str, str] | None = None, at: datetime = NOW
) -> HttpRequest:
    """A webhook as relayfile sends it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"x-relay-timestamp": stamp, "x-relay-signature": signature(raw, stamp), "x-relay-event-id": "evt_unsigned"}
    return HttpRequest(path="/hooks/acme/relayfile", headers={**given, **(headers or {})}, body=raw, received_at=at)


def issue(**fields: Any) -> dict[str, Any]:
    """An issue's file, whole."""
    payload = {
        "id": UUID, "identifier": "AR-9", "title": "Add retry", "description": "Retry twice.", "priority": 2,
        "url": "https://linear.app/ar/issue/AR-9", "updatedAt": "2026-06-15T11:59:00.000Z",
        "state": {"id": "s1", "name": "Ready for Agent", "type": "unstarted"}, "project": {"name": "Checkout"},
        "labels": [{"id": "l1", "name": "factory"}], "creator": {"id": "u1", "name": "Sam Ortiz"},
    }  # fmt: skip
    return {"provider": "linear", "objectType": "issue", "objectId": UUID, "payload": {**payload, **fields}}


def reply(**fields: Any) -> dict[str, Any]:
    """A thread reply's file, as a webhook fed it."""
    payload = {
        "channel": "C1", "ts": "1711540300.000300", "thread_ts": "1711540277.000200", "user": "U42",
        "text": "use the api &amp; web repos",
    }  # fmt: skip
    return {"provider": "slack", "objectType": "thread_reply", "deleted": False, "payload": {**payload, **fields}}


def pull(**fields: Any) -> dict[str, Any]:
    """A pull request's file."""
    head = {"label": "acme:factory/AR-9-add-retry", "ref": "factory/AR-9-add-retry", "sha": "abc", "repo": {}}
    payload = {"number": 42, "state": "open", "head": head, "updatedAt": "2026-06-15T11:59:30Z"}
    return {"provider": "github", "objectType": "pull_request", "objectId": "42", "payload": {**payload, **fields}}


def file_answer(content: object, revision: str = "rev_88", **fields: Any) -> httpx2.Response:
    raw = content if isinstance(content, str) else json.dumps(content)
    return httpx2.Response(
        200, json={"revision": revision, "contentType": "application/json", "content": raw, **fields}
    )


def with_client(answer: Callable[[httpx2.Request], Any], use: Callable[[RelayfileClient], Awaitable[T]]) -> T:
    """Run `use` with a client whose network is `answer`."""

    async def run() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            return await use(RelayfileClient(http, TOKEN, "https://relayfile.test", "ws_acme"))

    return asyncio.run(run())

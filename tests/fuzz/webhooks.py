"""Signed webhooks that hold anything: each is taken or refused, and what it means disturbs no other ticket."""

from __future__ import annotations

import asyncio
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.providers.github.webhook import GithubWebhook
from adapters.providers.linear.webhook import LinearWebhook
from adapters.providers.relayfile.webhook import RelayfileWebhook
from adapters.providers.slack.webhook import SlackWebhook
from adapters.web.status_page import item_page, page
from factory_core.dispatch.records import State
from factory_core.http import HttpRequest
from factory_core.overview import item_overview, overview
from factory_sandbox.registry import SIGN
from factory_sandbox.signing import Attempt, Vendor
from tests.core.world import World, ticket

from .draws import TEXTS, spoiled

SECRET = "a-secret-of-sixteen-letters"
PROVIDERS = Path(__file__).parents[1] / "providers"
ISSUE = "28b8ecd1-008e-4aa3-8f5c-6cc6f4de3a18"
NOW = "2026-11-21T03:00:00Z"
HERE = {"id": 7, "full_name": "acme/shop"}
BRANCH = "factory/ACME-1-rename-total-to-amount"
PULL = {
    "number": 1, "state": "open", "head": {"ref": BRANCH, "repo": HERE}, "base": {"ref": "main", "repo": HERE},
    "updated_at": NOW,
}  # fmt: skip
SUITE = {"head_branch": BRANCH, "pull_requests": [], "updated_at": NOW}
GITHUB: tuple[tuple[str, dict[str, Any]], ...] = (
    ("pull_request", {"action": "closed", "pull_request": PULL}),
    ("pull_request_review", {"action": "submitted", "pull_request": PULL, "review": {"submitted_at": NOW}}),
    ("check_run", {"action": "completed", "check_run": {"check_suite": SUITE}}),
    ("check_suite", {"action": "completed", "check_suite": SUITE}),
    ("workflow_run", {"action": "completed", "workflow_run": {"head_branch": BRANCH, "head_repository": HERE}}),
    ("status", {"branches": [{"name": BRANCH}], "created_at": NOW}),
    ("issue_comment", {
        "action": "created", "issue": {"number": 1, "pull_request": {}, "body": "<!-- factory:item=ACME-1 -->"},
        "comment": {"user": {"login": "ada", "type": "User"}, "created_at": NOW},
    }),
    ("repository", {"action": "renamed", "changes": {"repository": {"name": {"from": "shop"}}}}),
    ("installation", {"action": "deleted", "installation": {"account": {"login": "acme"}}}),
)  # fmt: skip
RELAY = (
    {"eventId": "e1", "type": "file.updated", "path": "/linear/issues/ACME-1__uuid.json", "revision": "7"},
    {"eventId": "e2", "type": "file.deleted", "path": "/linear/issues/ACME-1__uuid.json"},
    {"eventId": "e3", "type": "file.created", "path": "/github/repos/acme/shop/pulls/1__x/meta.json"},
)


def samples(vendor: str) -> list[dict[str, Any]]:
    texts = [path.read_text("utf-8") for path in sorted((PROVIDERS / vendor / "samples").glob("*.json"))]
    return [json.loads(text.replace(ISSUE, "uuid-ACME-1")) for text in texts]


SAMPLES = {vendor: samples(vendor) for vendor in ("linear", "slack")}


def drawn(rng: random.Random, vendor: Vendor, stamp: float) -> tuple[str, bytes]:
    """A delivery of this vendor, as its event's name and its body; most are of now."""
    if vendor == "github":
        name, payload = rng.choice(GITHUB)
        body = spoiled(rng, {**payload, "repository": HERE})
        return name, body.replace(NOW.encode(), f"{datetime.fromtimestamp(stamp, UTC):%Y-%m-%dT%H:%M:%SZ}".encode())
    if vendor == "relayfile":
        return "", spoiled(rng, rng.choice(RELAY))
    payload = rng.choice(SAMPLES[vendor])
    if vendor == "linear":
        payload = {**payload, "webhookTimestamp": round(stamp * 1000)}
    return "", spoiled(rng, payload)


def play(rng: random.Random) -> None:
    asyncio.run(_played(rng))


async def _played(rng: random.Random) -> None:
    world = World()
    hooks = {
        "linear": LinearWebhook([SECRET], world.config), "github": GithubWebhook([SECRET], world.config),
        "slack": SlackWebhook([SECRET], world.config), "relayfile": RelayfileWebhook([SECRET], world.config),
    }  # fmt: skip
    world.factory.intake._webhooks = hooks  # type: ignore[assignment]
    await world.add(ticket())
    if rng.random() < 0.5:
        await world.agent_ends()
    await world.add(ticket("ACME-2", project="API"))
    before = await world.state("ACME-2")
    for number in range(8):
        vendor: Vendor = rng.choice(("linear", "github", "slack", "relayfile"))
        event, body = drawn(rng, vendor, world.now.timestamp())
        headers = SIGN[vendor](SECRET, Attempt(str(number), event, body, world.now))
        headers = {name.lower(): value for name, value in headers.items()}
        if rng.random() < 0.2:
            headers[rng.choice(sorted(headers))] = rng.choice(TEXTS)[:5_000]
        answer = await world.factory.intake.handle_webhook(
            vendor, HttpRequest(headers=headers, body=body, received_at=world.now)
        )
        assert answer.status < 500, (vendor, answer.status, answer.body)
        await world.settle()
        await world.later(timedelta(seconds=rng.choice((0, 1, 600))))
        page(await overview(world.factory.observed, world.fleet, "1"))
        if found := await item_overview(world.factory.observed, world.fleet, "ACME-1", "1"):
            item_page(found)
    assert await world.state("ACME-2") is before is State.RUNNING

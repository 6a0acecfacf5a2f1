"""What everybody is given: the same signed webhook of 4 KB, the same ticket of 1,000 bytes, the same answer."""

from __future__ import annotations

import hashlib
import hmac
import json
from time import time
from typing import Any

SECRET = "bench-webhook-secret"
DESCRIPTION = "The total in the cart is wrong when a voucher is used. " * 16
TICKET = {"title": "The cart is off", "description": DESCRIPTION, "padding": ""}
TICKET["padding"] = "." * (1000 - len(json.dumps(TICKET)))
ANSWER = "Leave it, we found it ourselves."
MILLISECONDS = 1000


def _person(name: str) -> dict[str, Any]:
    slug = name.lower().replace(" ", ".")
    return {
        "id": hashlib.md5(name.encode(), usedforsecurity=False).hexdigest(), "name": name,
        "email": f"{slug}@example.com", "avatarUrl": None, "url": f"https://linear.example/acme/profiles/{slug}",
    }  # fmt: skip


def _issue(number: int) -> dict[str, Any]:
    """An issue with the fields that https://linear.app/developers/webhooks shows."""
    ada, labels = _person("Ada Moreau"), ("factory", "checkout", "bug")
    return {
        "id": f"28b8ecd1-008e-4aa3-8f5c-{number:012d}", "createdAt": "2026-01-03T21:00:00.000Z",
        "updatedAt": "2026-01-04T10:00:00.000Z", "archivedAt": None, "number": number, "title": TICKET["title"],
        "priority": 2, "priorityLabel": "High", "prioritySortOrder": -12.5, "sortOrder": -28.99,
        "labelIds": [f"label-{name}" for name in labels],
        "labels": [{"id": f"label-{n}", "color": "#4ea7fc", "name": n, "parentId": None} for n in labels],
        "teamId": "team-1", "team": {"id": "team-1", "key": "ACME", "name": "Acme"}, "previousIdentifiers": [],
        "creatorId": ada["id"], "creator": ada, "assigneeId": ada["id"], "assignee": ada, "delegateId": None,
        "stateId": "state-2",
        "state": {"id": "state-2", "color": "#f2c94c", "name": "Ready for Agent", "type": "unstarted"},
        "projectId": "p-1", "project": {"id": "p-1", "name": "Shop", "url": "https://linear.example/acme/project/shop"},
        "reactionData": [], "subscriberIds": [_person(n)["id"] for n in ("Ada Moreau", "Jo Park", "Sam Lee")],
        "identifier": f"ACME-{number}", "url": f"https://linear.example/acme/issue/ACME-{number}/the-cart-is-off",
        "description": DESCRIPTION, "botActor": None, "trashed": None,
    }  # fmt: skip


def webhook(number: int) -> bytes:
    """The body that Linear would send when issue `number` becomes ready: 4,096 bytes."""
    data = _issue(number)
    letter = {
        "action": "update", "type": "Issue", "createdAt": "2026-01-04T10:00:00.050Z", "actor": _person("Ada Moreau"),
        "data": data, "updatedFrom": {"updatedAt": "2026-01-04T09:59:00.000Z", "stateId": "state-1"},
        "webhookTimestamp": round(time() * MILLISECONDS), "webhookId": "7ed324e1-06db-4432-9417-4de1dccb3603",
    }  # fmt: skip
    data["descriptionData"] = ""
    data["descriptionData"] = "d" * (4096 - len(json.dumps(letter)))
    return json.dumps(letter).encode()


def signature(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def posted(number: int, path: str = "/hooks/bench/linear") -> bytes:
    """The whole signed request, as bytes on the wire."""
    body = webhook(number)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Linear-Signature: {signature(body)}\r\nLinear-Delivery: d-{number}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body

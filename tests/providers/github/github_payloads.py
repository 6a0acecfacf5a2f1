"""Samples for the GitHub tests: small, signed, and only as full as the factory reads them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from adapters.registry import config_model
from factory_core.config import FactoryConfig, read_config
from factory_core.http import HttpRequest

SECRET = "github-hook-secret"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BRANCH = "factory/ACME-142-retry-button"
HERE = {"id": 7, "full_name": "acme/api"}
FORK = {"id": 8, "full_name": "mallory/api"}

CONFIG: FactoryConfig = read_config(
    {
        "intentProvider": "linear",
        "clarificationChannel": "slack",
        "outputTarget": "github",
        "repositories": {"acme/api": {}, "acme/web": {"cloneUrl": "https://git.acme.test/web.git"}},
        "github": {"gitUrl": "https://github.com", "hookId": "99"},
    },
    file="factory.config.yaml",
    model=config_model(),
)


def pull(branch: str = BRANCH, head_repo: object = None) -> dict[str, Any]:
    """A pull request as webhooks show it."""
    head = {"ref": branch, "sha": "a" * 40, "repo": head_repo or HERE}
    return {"number": 12, "head": head, "base": {"ref": "main", "repo": HERE}, "state": "open", "draft": False}


def comment(body: str = "/factory retry", **changes: Any) -> dict[str, Any]:
    """A command on our pull request; `changes` go into the comment."""
    said = {
        "id": 492700400, "body": body, "user": {"login": "sam", "type": "User"}, "author_association": "MEMBER",
        "created_at": "2026-11-20T11:59:58Z",
    }  # fmt: skip
    issue = {"number": 12, "pull_request": {"url": "x"}, "body": "Text\n<!-- factory:item=ACME-142 -->"}
    return {"action": "created", "issue": issue, "comment": {**said, **changes}, "repository": HERE}


def delivery(
    event: str,
    payload: object,
    *,
    secret: str = SECRET,
    guid: str = "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpRequest:
    """A webhook as GitHub sends it."""
    raw = json.dumps(payload).encode() if body is None else body
    given = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": guid,
        "x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), raw, "sha256").hexdigest(),
    }
    return HttpRequest(path="/hooks/acme/github", headers={**given, **(headers or {})}, body=raw, received_at=NOW)

"""One attempt to deliver a webhook, for the sandbox's own deliveries and for samples; each vendor signs it in its way.

`number` counts attempts from 0; the delivery id stays the same over them.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

Vendor = Literal["linear", "slack", "github", "relayfile"]
Headers = dict[str, str]


class Attempt(NamedTuple):
    """What is sent now: `event` is the vendor's name for the kind of happening."""

    delivery_id: str
    event: str
    body: bytes
    at: datetime
    number: int = 0
    last_failure: str = ""


def encoded(payload: Mapping[str, Any]) -> bytes:
    """The body as the vendors write it: no spaces, no escapes that are not needed."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def digest(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, "sha256").hexdigest()

"""relayfile's webhooks: verified, and turned into an event where the path says enough, else into a pointer. No I/O.

The body names a file and holds nothing of it; it is sent at least once, in no order, once for each alias of an object.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from datetime import UTC, datetime
from typing import Any

from factory_core.config import FactoryConfig
from factory_core.dispatch.events import Event, ItemChanged
from factory_core.errors import Refused
from factory_core.http import HttpRequest
from factory_core.payload import read_object, text
from factory_core.ports import Inbound, Pointer
from factory_core.signatures import FRESH, refuse_stale, refuse_unsigned, signed
from factory_core.work_item import identity

from .paths import canonical_key, is_issue, issue_id, issue_key, vendor_of

SIGNATURE, STAMP = "x-relay-signature", "x-relay-timestamp"
WRITTEN = frozenset({"file.created", "file.updated"})


class RelayfileWebhook:
    """ports.Webhook for relayfile. Vendors that the configuration gives no role are passed over."""

    def __init__(self, secrets: Sequence[str], config: FactoryConfig) -> None:
        self._secrets, self._vendors = tuple(secrets), frozenset(config.providers())

    def events_in(self, request: HttpRequest) -> Inbound:
        """Raise BadSignature or Refused. The event id is the body's: the header's is not signed."""
        self._verify(request)
        change = read_object("relayfile", request.body)
        event_id, path, kind = text(change, "eventId"), text(change, "path"), text(change, "type")
        if not event_id or not path:
            raise Refused(
                "a relayfile webhook that cannot be read",
                why="it has no eventId or no path",
                fix="factory doctor relayfile",
            )
        events, pointers = read_change(change, self._vendors, request.received_at)
        return Inbound(delivery_id=event_id, what=f"{kind} {path}"[:200], events=events, pointers=pointers)

    def _verify(self, request: HttpRequest) -> None:
        """Hex HMAC-SHA256 over `<seconds>.<body>`; seconds are of the attempt, so an old recording is stale."""
        given, stamp = request.headers.get(SIGNATURE), request.headers.get(STAMP, "")
        ok = re.fullmatch(r"[0-9]{1,11}", stamp) is not None  # more digits lie beyond the year 9999
        ok = ok and signed(self._secrets, request.body, given, head=f"{stamp}.".encode())
        refuse_unsigned("relayfile", ok, header=SIGNATURE, present=given is not None)
        refuse_stale("relayfile", datetime.fromtimestamp(int(stamp), UTC), request.received_at, FRESH)


def read_change(
    change: dict[str, Any], vendors: Set[str], at: datetime
) -> tuple[tuple[Event, ...], tuple[Pointer, ...]]:
    """What a webhook, or a line of the feed, says by itself, and where to look for the rest."""
    path, kind = text(change, "path"), text(change, "type")
    if vendor_of(path) not in vendors:
        return (), ()
    events = _events(change, at)
    read = not events and kind in WRITTEN and (not path.startswith("/linear/") or is_issue(path))
    return events, (Pointer(path=path, event_id=text(change, "eventId"), at=at),) if read else ()


def _events(change: dict[str, Any], at: datetime) -> tuple[Event, ...]:
    """What needs no reading: an issue whose key stands in the path. Its aliases tell the same under the same id.

    An alias is deleted whenever what it is named after changes; only the canonical file's end is the issue's.
    """
    path, kind = text(change, "path"), text(change, "type")
    deleted = kind == "file.deleted"
    key = canonical_key(path) if deleted else issue_key(path) if kind in WRITTEN else ""
    if not key:
        return ()
    revision = text(change, "revision") or text(change, "eventId")
    event_id = f"relayfile:{key}@{revision}{':deleted' if deleted else ''}"
    own = issue_id(path)
    return (ItemChanged(id=event_id, work_item_id=key, identity=identity("linear", own) if own else "", at=at),)

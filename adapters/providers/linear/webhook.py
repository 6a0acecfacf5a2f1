"""What Linear tells us: issues, comments and agent sessions become events. Pure: no I/O and no clock.

https://linear.app/developers/webhooks · https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from factory_core.config import FactoryConfig
from factory_core.dispatch.events import CommentAdded, Event, ItemChanged, Reply, ReplyReceived, StopRequested
from factory_core.dispatch.records import short
from factory_core.errors import Refused
from factory_core.http import HttpRequest
from factory_core.payload import read_model
from factory_core.ports import Inbound
from factory_core.signatures import REMEMBERED, refuse_stale, refuse_unsigned, signed
from factory_core.work_item import identity

from .files import read_files
from .issue import of_team, read_issue
from .marks import OURS, SESSION
from .payloads import DELIVERY, Activity, CommentDelivery, Head, IssueDelivery, Session, SessionDelivery
from .settings import LinearSettings

_MACHINES = frozenset({"oauthClient", "integration"})
_LOST = {("OAuthApp", "revoked"): "Linear says that its access was revoked (OAuthApp.revoked)"}


class LinearWebhook:
    """Any of several secrets may have signed: Linear forgets the old one at once when it is rotated."""

    def __init__(self, secrets: Sequence[str], config: FactoryConfig) -> None:
        self._secrets, self._linear = tuple(secrets), config.section("linear", LinearSettings)

    def events_in(self, request: HttpRequest) -> Inbound:
        given = request.headers.get("linear-signature")
        ok = signed(self._secrets, request.body, given)
        refuse_unsigned("linear", ok, header="Linear-Signature", present=given is not None)
        delivery = read(request.body)
        # Not the 60 s of Linear's own library: a first delivery may come hours late, and whether a retry carries a new
        # stamp is reported both ways. A replay inside the window is a duplicate; applied ids are remembered as long.
        refuse_stale("linear", delivery.sent, request.received_at, REMEMBERED)
        reader = _READERS.get((delivery.type, delivery.action))
        events = reader(delivery, self._linear) if reader else ()
        about = events[0].work_item_id if events else ""
        return Inbound(
            delivery_id=request.headers.get("linear-delivery", ""),
            organisation=delivery.organization_id or "",
            what=f"{delivery.type}.{delivery.action} {about}".strip(),
            events=events,
            lost=_LOST.get((delivery.type, delivery.action), ""),
        )


def read(raw: bytes) -> Head:
    """The whole of what we follow, in one pass; of anything else, whatever its shape, only its head."""
    try:
        return read_model("linear", DELIVERY, raw)
    except Refused:
        head = read_model("linear", Head, raw)
        if (head.type, head.action) in _READERS:
            raise
        return head


def _issue(delivery: IssueDelivery, linear: LinearSettings) -> tuple[Event, ...]:
    """`updatedAt` alone does not tell two changes apart: it moves only with what Linear calls meaningful updates."""
    node = delivery.data
    if not any(of_team(key, linear) for key in (node.identifier, *(node.previous_identifiers or ()))):
        return ()
    removed = delivery.action == "remove"
    seen = "removed" if removed else short(node.model_dump_json())
    at = node.updated_at or delivery.at
    return (
        ItemChanged(
            id=f"linear:{node.id}@{at.isoformat()}:{seen}",
            work_item_id=node.identifier,
            identity=identity("linear", node.id),
            aliases=node.previous_identifiers or (),
            at=at,
            item=None if removed else read_issue(node, linear),
        ),
    )


def _comment(delivery: CommentDelivery, linear: LinearSettings) -> tuple[Event, ...]:
    """A person's words on an issue. What a bot, an app or we wrote is not; nor is a comment on a project."""
    comment, author, text = delivery.data, delivery.data.author, delivery.data.body or ""
    machine = comment.bot_actor or (delivery.actor and delivery.actor.type in _MACHINES) or author == linear.app_user_id
    if machine or not author or OURS in text or not text.strip():
        return ()
    about = _about(delivery.issue_id, delivery.key, linear)
    if not about:
        return ()
    reply = _reply(comment.id, author, text, delivery.at, delivery.outsider)
    return (CommentAdded(id=f"linear:comment:{comment.id}", **about, at=delivery.at, reply=reply),)


def _session_created(delivery: SessionDelivery, linear: LinearSettings) -> tuple[Event, ...]:
    """Somebody mentioned or delegated to us; a session that we opened ourselves is no news."""
    session = delivery.agent_session
    about = _about_session(session, linear) if session.of_issue or session.key else {}
    if _by_us(session.creator_id, delivery, linear) or not about:
        return ()
    return (ItemChanged(id=f"linear:session:{session.id}", **about, at=delivery.at, session_id=session.id),)


def _session_prompted(delivery: SessionDelivery, linear: LinearSettings) -> tuple[Event, ...]:
    """A person answered in the session, or pressed stop there."""
    session, activity = delivery.agent_session, delivery.agent_activity
    about = _about_session(session, linear)
    if activity is None or not about or _by_us(activity.author, delivery, linear):
        return ()
    if activity.signal == "stop":
        event_id, by = f"linear:stop:{activity.id}", activity.author_name
        return (StopRequested(id=event_id, **about, at=delivery.at, by=by, session_id=session.id),)
    return reply_of(activity, session.id, delivery.at, about)


def reply_of(
    activity: Activity, session_id: str, at: datetime, about: Mapping[str, Any] | None = None
) -> tuple[ReplyReceived, ...]:
    """What a person wrote in a session; nothing where nobody wrote a word."""
    if not activity.author or not activity.text.strip():
        return ()
    reply = _reply(activity.said_as, activity.author, activity.text, at, activity.outsider)
    event_id, thread_id = f"linear:prompt:{activity.id}", f"{SESSION}{session_id}"
    written = ReplyReceived(
        id=event_id, **(about or {}), at=at, thread_id=thread_id, session_id=session_id, reply=reply
    )
    return (written,)


def _reply(reply_id: str, author: str, body: str, at: datetime, outsider: bool) -> Reply:
    text, names = read_files(body)
    return Reply(id=reply_id, author=author, text=text, at=at, attachments=names, outsider=outsider)


_READERS: Mapping[tuple[str, str], Callable[[Any, LinearSettings], tuple[Event, ...]]] = {
    ("Issue", "create"): _issue,
    ("Issue", "update"): _issue,
    ("Issue", "remove"): _issue,
    ("Comment", "create"): _comment,
    ("AgentSessionEvent", "created"): _session_created,
    ("AgentSessionEvent", "prompted"): _session_prompted,
}


def _by_us(user_id: str | None, delivery: SessionDelivery, linear: LinearSettings) -> bool:
    return bool(user_id) and user_id in (delivery.app_user_id, linear.app_user_id)


def _about_session(session: Session, linear: LinearSettings) -> dict[str, Any]:
    """By the issue, in whatever team it is by now, for a stop counts after a move, too; and by the session's own id.
    Nothing for a session on something else than an issue."""
    return {"work_item_id": "", **_names(session.of_issue, session.key), "aliases": (f"session:{session.id}",)}


def _about(issue_id: str, key: str, linear: LinearSettings) -> dict[str, Any]:
    """How an event names the issue; nothing where that is another team's."""
    return {} if key and not of_team(key, linear) else _names(issue_id, key)


def _names(issue_id: str, key: str) -> dict[str, Any]:
    """By the id that never changes, and by today's key."""
    known = {"work_item_id": key, "identity": identity("linear", issue_id) if issue_id else ""}
    return known if issue_id or key else {}

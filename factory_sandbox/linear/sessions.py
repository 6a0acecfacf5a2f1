"""The life of an agent session: its status follows from the last activity, and from how long ago that was. Pure.

https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from datetime import datetime, timedelta

from factory_core.errors import Refused

from ..clock import iso
from ..node import Node

# What an agent is given, in its own time and so never scaled.
FIRST_WORD = timedelta(seconds=10)
SILENCE = timedelta(minutes=30)
FOLLOWS = {
    "thought": "active", "action": "active", "elicitation": "awaitingInput", "response": "complete", "error": "error",
}  # fmt: skip
FIELDS = {"action": ("action", "parameter")}
EPHEMERAL = ("thought", "action")


def begun(at: str) -> Node:
    """What a new session holds. `unresponsive`: the first activity was late."""
    return {
        "status": "pending", "activities": [], "externalUrls": [], "plan": None, "lastActivityAt": at,
        "respondedAt": None, "unresponsive": False, "endedAt": None,
    }  # fmt: skip


def acted(session: Node, activity: Node) -> None:
    """The agent's activity; raise Refused for one that Linear does not take. An ephemeral one is gone with the next."""
    kind = str(activity["content"].get("type"))
    lacking = [name for name in FIELDS.get(kind, ("body",)) if not isinstance(activity["content"].get(name), str)]
    if kind not in FOLLOWS or lacking:
        raise Refused("Argument Validation Error", why=f"no activity {kind!r} without {lacking}", fix="In Linear: look")
    if activity["ephemeral"] and kind not in EPHEMERAL:
        raise Refused("Argument Validation Error", why=f"{kind} cannot be ephemeral", fix="In Linear: look")
    session["activities"] = [one for one in session["activities"] if not one["ephemeral"]]
    _happened(session, activity)
    session["status"] = FOLLOWS[kind]
    session["endedAt"] = activity["createdAt"] if kind in ("response", "error") else None
    responded(session, activity["createdAt"])


def prompted(session: Node, activity: Node) -> None:
    """A person's prompt makes the session active again; stop does not."""
    _happened(session, {**activity, "ephemeral": False, "agentSession": session})
    if activity["signal"] != "stop":
        session["status"] = "active"


def responded(session: Node, at: str) -> None:
    """The agent responded: with an activity, or with the address of its own page."""
    session["respondedAt"] = session["respondedAt"] or at


def _happened(session: Node, activity: Node) -> None:
    session["activities"].append(activity)
    session["lastActivityAt"] = session["updatedAt"] = activity["createdAt"]


def refresh(session: Node, now: datetime) -> None:
    """Apply the time limits: ten seconds for the first activity, half an hour between two."""
    begun_at = datetime.fromisoformat(session["createdAt"])
    first = datetime.fromisoformat(session["respondedAt"]) if session["respondedAt"] else now
    session["unresponsive"] = first - begun_at > FIRST_WORD
    silent = now - datetime.fromisoformat(session["lastActivityAt"])
    if session["status"] in ("pending", "active") and silent > SILENCE:
        session["status"] = "stale"


def age(session: Node, seconds: float) -> None:
    """As if all that happened so far had happened so much earlier."""
    for name in ("createdAt", "lastActivityAt", "respondedAt"):
        if session[name]:
            session[name] = iso(datetime.fromisoformat(session[name]) - timedelta(seconds=seconds))

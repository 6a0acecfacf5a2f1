"""Linear's agent sessions, as the core speaks of them: an entry is an agent activity, and its kind sets the status.

https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from factory_core.dispatch.activity import Activity, Link, PlanStep, Status

from .client import LinearClient
from .marks import marked, own_id

_TYPES = {"question": "elicitation", "result": "response", "problem": "error"}
"""Linear shows these as comments, too: they carry our mark."""

_STATUSES: Mapping[Status, str] = {
    "pending": "pending",
    "in-progress": "inProgress",
    "completed": "completed",
    "cancelled": "canceled",
}


async def post_activity(client: LinearClient, session_id: str, activity: Activity, key: str) -> None:
    """Only thoughts and actions may be ephemeral."""
    given: dict[str, Any] = {"id": own_id(key), "agentSessionId": session_id, "content": _content(activity)}
    if activity.ephemeral and activity.working:
        given["ephemeral"] = True
    await client.create("AgentActivityCreate", given)


async def update_session(
    client: LinearClient, session_id: str, plan: Sequence[PlanStep], links: Sequence[Link]
) -> None:
    """Both replace what is there."""
    given = {
        "plan": [{"content": step.text, "status": _STATUSES[step.status]} for step in plan],
        "externalUrls": [{"label": link.label, "url": link.url} for link in links],
    }
    await client.post("AgentSessionUpdate", {"id": session_id, "input": given})


def _content(activity: Activity) -> dict[str, str]:
    if activity.kind == "step":
        return {"type": "action", "action": activity.text, "parameter": activity.about}
    if activity.kind == "note":
        return {"type": "thought", "body": activity.sentence}
    return {"type": _TYPES[activity.kind], "body": marked(activity.sentence)}

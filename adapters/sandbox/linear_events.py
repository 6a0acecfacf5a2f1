"""What Linear's webhooks say: plain dictionaries become the bodies of deliveries. https://linear.app/developers/webhooks

`webhookTimestamp` is left to the sender, who sets it at each attempt.
"""

from __future__ import annotations

import re

from .node import Node

PRIORITIES = ("No priority", "Urgent", "High", "Medium", "Low")


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:50].strip("-") or "untitled"


def _part(node: Node | None, *names: str) -> Node | None:
    return None if node is None else {name: node[name] for name in names}


def person(user: Node | None) -> Node | None:
    return None if user is None else {**user_part(user), "avatarUrl": None}


def user_part(user: Node) -> Node:
    return {"id": user["id"], "name": user["name"], "email": user["email"], "url": user["url"]}


def issue_data(issue: Node) -> Node:
    """The `data` of an Issue event: ids beside the nested objects, labels as a plain list."""
    own = ("id", "identifier", "number", "title", "description", "priority", "url", "createdAt", "updatedAt")
    references = {f"{name}Id": issue[name] and issue[name]["id"] for name in ("project", "assignee", "delegate")}
    return {
        **{name: issue[name] for name in own},
        **references,
        "archivedAt": issue["archivedAt"],
        "trashed": issue["trashed"] or None,
        "priorityLabel": PRIORITIES[int(issue["priority"])],
        "previousIdentifiers": issue["previousIdentifiers"],
        "stateId": issue["state"]["id"],
        "state": _part(issue["state"], "id", "color", "name", "type"),
        "teamId": issue["team"]["id"],
        "team": _part(issue["team"], "id", "key", "name"),
        "project": _part(issue["project"], "id", "name", "url"),
        "labelIds": [label["id"] for label in issue["labels"]],
        "labels": [{**label, "parentId": None} for label in issue["labels"]],
        "creatorId": issue["creator"]["id"],
        "creator": person(issue["creator"]),
        "assignee": person(issue["assignee"]),
        "delegate": person(issue["delegate"]),
        "subscriberIds": [issue["creator"]["id"]],
        "reactionData": [],
        "botActor": None,
    }


def actor_of(user: Node) -> Node:
    """Who did it: an app acts as its OAuth client, a person as themselves."""
    if user["app"]:
        return {"id": user["oauthClientId"], "name": user["name"], "type": "oauthClient"}
    return {**user_part(user), "avatarUrl": None, "type": "user"}


def _entity(action: str, kind: str, data: Node, actor: Node, organization: Node, at: str, url: str) -> Node:
    return {
        "action": action,
        "type": kind,
        "actor": actor_of(actor),
        "createdAt": at,
        "data": data,
        "url": url,
        "organizationId": organization["id"],
        "webhookId": organization["webhookId"],
    }


def issue_event(
    action: str, issue: Node, actor: Node, organization: Node, at: str, updated_from: Node | None = None
) -> Node:
    """`updated_from`: the earlier values of what changed; only updates have it."""
    body = _entity(action, "Issue", issue_data(issue), actor, organization, at, issue["url"])
    return {**body, "updatedFrom": updated_from} if updated_from is not None else body


def issue_part(issue: Node) -> Node:
    return {
        "id": issue["id"],
        "identifier": issue["identifier"],
        "title": issue["title"],
        "teamId": issue["team"]["id"],
        "team": _part(issue["team"], "id", "key", "name"),
        "url": issue["url"],
    }


def comment_data(comment: Node) -> Node:
    return {
        "id": comment["id"],
        "createdAt": comment["createdAt"],
        "updatedAt": comment["updatedAt"],
        "archivedAt": None,
        "body": comment["body"],
        "issueId": comment["issue"]["id"],
        "issue": issue_part(comment["issue"]),
        "parentId": comment["parent"] and comment["parent"]["id"],
        "userId": comment["user"]["id"],
        "user": person(comment["user"]),
        "reactionData": [],
        "botActor": None,
    }


def comment_event(comment: Node, organization: Node, at: str) -> Node:
    data = comment_data(comment)
    return _entity("create", "Comment", data, comment["user"], organization, at, comment["url"])


def session_data(session: Node) -> Node:
    issue = session["issue"]
    return {
        "id": session["id"],
        "createdAt": session["createdAt"],
        "updatedAt": session["createdAt"],
        "archivedAt": None,
        "creatorId": session["creator"]["id"],
        "creator": person(session["creator"]),
        "appUserId": session["appUser"]["id"],
        "commentId": None,
        "sourceCommentId": None,
        "issueId": issue["id"],
        "issue": {**issue_part(issue), "description": issue["description"]},
        "status": session["status"],
        "type": "commentThread",
        "externalUrls": session["externalUrls"],
    }


def session_event(session: Node, organization: Node, at: str, prompt: Node | None = None) -> Node:
    """`created`, or with a person's activity `prompted`."""
    issue = session["issue"]
    body = {
        "type": "AgentSessionEvent",
        "action": "prompted" if prompt else "created",
        "createdAt": at,
        "organizationId": organization["id"],
        "oauthClientId": session["appUser"]["oauthClientId"],
        "appUserId": session["appUser"]["id"],
        "agentSession": session_data(session),
        "webhookId": organization["webhookId"],
    }
    if prompt:
        return {**body, "agentActivity": prompt}
    context = f'<issue identifier="{issue["identifier"]}">\n<title>{issue["title"]}</title>\n</issue>'
    return {**body, "previousComments": [], "guidance": None, "promptContext": context}


def prompt_activity(id: str, session: Node, user: Node, body: str, signal: str | None, at: str) -> Node:
    return {
        "id": id,
        "createdAt": at,
        "updatedAt": at,
        "archivedAt": None,
        "agentSessionId": session["id"],
        "sourceCommentId": None,
        "userId": user["id"],
        "user": person(user),
        "content": {"type": "prompt", "body": body},
        "signal": signal,
        "signalMetadata": None,
    }

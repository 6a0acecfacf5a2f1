"""The bodies of Linear's webhooks: plain dictionaries become the bodies of deliveries. https://linear.app/developers/webhooks

`webhookTimestamp` is left to the sender, who sets it at each attempt.
"""

from __future__ import annotations

from ..node import Node

PRIORITIES = ("No priority", "Urgent", "High", "Medium", "Low")


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
        "labels": [label_data(label) for label in issue["labels"]],
        "creatorId": issue["creator"]["id"],
        "creator": person(issue["creator"]),
        "assignee": person(issue["assignee"]),
        "delegate": person(issue["delegate"]),
        "subscriberIds": [issue["creator"]["id"]],
        "reactionData": [],
        "botActor": None,
    }


def label_data(label: Node) -> Node:
    """A label; of its group there is only the id, not the name."""
    parent = label["parent"]
    return {"id": label["id"], "color": label["color"], "name": label["name"], "parentId": parent and parent["id"]}


def actor_of(user: Node | None) -> Node | None:
    """Who did it: an app acts as its OAuth client, a person as themselves, an integration as its service."""
    if user is None:
        return None
    if "organization" not in user:
        return {"id": user["id"], "service": user["type"], "type": "integration"}
    if "app" not in user:
        return {"id": user["id"], "name": user["name"], "email": user["email"], "type": "externalUser"}
    if user["app"]:
        return {"id": user["oauthClientId"], "name": user["name"], "type": "oauthClient"}
    return {**user_part(user), "avatarUrl": None, "type": "user"}


def _entity(action: str, kind: str, data: Node, actor: Node | None, organization: Node, at: str, url: str) -> Node:
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
    """The author is a `user`, an `externalUser`, a `botActor`, or nobody."""
    user, external = comment["user"], comment["externalUser"]
    return {
        "id": comment["id"],
        "createdAt": comment["createdAt"],
        "updatedAt": comment["updatedAt"],
        "archivedAt": None,
        "body": comment["body"],
        "issueId": comment["issue"]["id"],
        "issue": issue_part(comment["issue"]),
        "parentId": comment["parent"] and comment["parent"]["id"],
        "userId": user and user["id"],
        "user": person(user),
        "externalUserId": external and external["id"],
        "externalUser": _part(external, "id", "name", "email"),
        "reactionData": [],
        "botActor": comment["botActor"],
    }


def comment_event(comment: Node, organization: Node, at: str) -> Node:
    by = comment["user"] or comment["externalUser"] or comment["botActor"]
    return _entity("create", "Comment", comment_data(comment), by, organization, at, comment["url"])


def attachment_event(attachment: Node, organization: Node, at: str) -> Node:
    own = ("id", "createdAt", "updatedAt", "title", "subtitle", "url", "sourceType", "metadata")
    data = {name: attachment[name] for name in own}
    data |= {"issueId": attachment["issue"]["id"], "creatorId": attachment["creator"]["id"], "groupBySource": False}
    return _entity("create", "Attachment", data, attachment["creator"], organization, at, attachment["issue"]["url"])


def revoked_event(client_id: str, organization: Node, at: str) -> Node:
    """The app was taken out of the workspace: none of its tokens is any good there."""
    return {
        "action": "revoked",
        "type": "OAuthApp",
        "createdAt": at,
        "oauthClientId": client_id,
        "organizationId": organization["id"],
        "webhookId": organization["webhookId"],
    }


def _comment_part(comment: Node) -> Node:
    user = comment["user"]
    ids = {"userId": user and user["id"], "issueId": comment["issue"]["id"]}
    return {"id": comment["id"], "body": comment["body"], **ids}


def session_data(session: Node) -> Node:
    issue, creator, comment = session["issue"], session["creator"], session["comment"]
    return {
        "id": session["id"],
        "createdAt": session["createdAt"],
        "updatedAt": session["updatedAt"],
        "archivedAt": None,
        "creatorId": creator and creator["id"],
        "creator": person(creator),
        "appUserId": session["appUser"]["id"],
        "commentId": comment and comment["id"],
        **({"comment": _comment_part(comment)} if comment else {}),
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
    comment = session["comment"]
    previous = [_comment_part(comment)] if comment else []
    return {**body, "previousComments": previous, "guidance": None, "promptContext": context}


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

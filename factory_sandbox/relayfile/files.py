"""relayfile as the factory sees it: vendors' objects as files, a feed of what changed, webhooks that only point.

The files are made when they are read, from what the other vendors hold; revisions count all writes of the workspace.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..clock import Clock
from ..github.graphql import decision
from ..github.host import GitHub
from ..github.mergeability import mergeable_state
from ..github.records import Pull, Repository
from ..github.shapes import pull_json, pull_paths
from ..linear.events import comment_data, issue_data
from ..linear.workspace import Linear, issue_paths
from ..node import Node
from ..slack.workspace import BOT_USER, Slack
from ..webhooks import SCHEDULE, Delivery, Subscription, Webhooks

REPLY = re.compile(r"/threads/(\d+)_(\d+)/replies/(\d+)_(\d+)/meta\.json$")
MESSAGE = re.compile(r"/messages/(\d+)_(\d+)/meta\.json$")


@dataclass
class Relayfile:
    """`sparse` is how many of the next reads give only a stub: ids, and neither title nor state."""

    clock: Clock
    webhooks: Webhooks
    linear: Linear
    slack: Slack
    github: GitHub
    feed: list[Node] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)
    written: int = 0
    sparse: int = 0
    replays: dict[str, int] = field(default_factory=dict)

    def touched(self, provider: str, paths: Sequence[str]) -> None:
        """These files (one object and its aliases) are new or changed: one event each, as relayfile does it."""
        for path in paths:
            kind = "file.updated" if path in self.revisions else "file.created"
            self.written += 1
            self.revisions[path] = self.written
            happened = pointer(provider, kind, path, self.revisions[path], f"evt_{len(self.feed) + 1}", self.clock)
            self.feed.append({**happened, "origin": "provider_sync"})
            self.webhooks.announce("relayfile", kind, happened, id=happened["eventId"], path=path)

    def make_sparse(self, times: int = 1) -> Node:
        """The next reads of a file give only its id."""
        self.sparse += times
        return {"sparse": self.sparse}

    def file(self, path: str) -> Node | None:
        """The file as the API gives it; None: there is none."""
        found = self._linear(path) or self._slack(path) or self._github(path)
        if found is None:
            return None
        content = found
        if self.sparse:
            self.sparse -= 1
            content = {**found, "payload": {"id": found["objectId"]}}
        return {
            "path": path,
            "revision": f"rev_{self.revisions.get(path, 0)}",
            "contentType": "application/json",
            "content": json.dumps(content, ensure_ascii=False),
            "encoding": "utf-8",
            "provider": found["provider"],
            "providerObjectId": found["objectId"],
            "lastEditedAt": self.clock.stamp(),
        }

    def _linear(self, path: str) -> Node | None:
        for issue in self.linear.issues:
            if path in issue_paths(issue):
                data = {**issue_data(issue), "branchName": issue["branchName"]}
                about = {"connectionId": "conn_1", "workspaceId": "ws_sandbox", "eventType": "issue.update"}
                return {**about, **_object("linear", "issue", issue["id"], data, deleted=issue["trashed"])}
            for comment in issue["comments"]:
                if path.endswith(f"__{comment['id']}/meta.json"):
                    return _object("linear", "comment", comment["id"], comment_data(comment))
        return None

    def _slack(self, path: str) -> Node | None:
        channel = next((id for id in self.slack.channels if path.startswith(f"/slack/channels/{id}__")), None)
        match = REPLY.search(path) or MESSAGE.search(path)
        if channel is None or match is None:
            return None
        seconds, fraction = match.groups()[-2:]
        message = next((m for m in self.slack.messages[channel] if m["ts"] == f"{seconds}.{fraction}"), None)
        return slack_file(channel, message) if message else None

    def _github(self, path: str) -> Node | None:
        for place in self.github.repositories.values():
            for pull in place.pulls:
                if path in pull_paths(place, pull):
                    return _object("github", "pull_request", str(pull.number), pull_file(place, pull))
        return None


def pointer(provider: str, kind: str, path: str, revision: int, event_id: str, clock: Clock) -> Node:
    """The whole body of relayfile's webhook: where to look, and nothing of what is there."""
    return {
        "type": kind,
        "path": path,
        "revision": f"rev_{revision}",
        "eventId": event_id,
        "contentHash": hashlib.sha256(f"{path}@{revision}".encode()).hexdigest(),
        "provider": provider,
        "correlationId": f"corr_{clock.new_id()}",
        "timestamp": clock.stamp(),
    }


def _object(provider: str, kind: str, id: str, payload: Node, *, deleted: bool = False) -> Node:
    return {"provider": provider, "objectType": kind, "objectId": id, "deleted": deleted, "payload": payload}


def slack_file(channel: str, message: Node) -> Node:
    """`channelId` and `user_is_bot` stand beside the fields of Slack's own."""
    thread = str(message.get("thread_ts", message["ts"]))
    payload = {**message, "channel": channel, "channelId": channel, "user_is_bot": message["user"] == BOT_USER}
    if thread == message["ts"]:
        return _object("slack", "message", f"{channel}:{thread}", payload)
    return _object("slack", "thread_reply", f"{channel}:{thread}:{message['ts']}", payload)


def pull_file(place: Repository, pull: Pull) -> Node:
    """The pull request in the mixed spelling of relayfile: REST's ends, GraphQL's words."""
    shown = pull_json(place, pull)
    taken = ("number", "title", "body", "state", "draft", "merged", "head", "base", "labels")
    checks = [
        {"name": c.name, "status": c.status.upper(), "conclusion": c.conclusion and c.conclusion.upper()}
        for c in place.latest_checks(pull.head_sha)
    ]
    return {
        **{name: shown[name] for name in taken},
        "mergedAt": pull.merged_at,
        "htmlUrl": shown["html_url"],
        "mergeable": {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}[pull.mergeable],
        "mergeStateStatus": mergeable_state(place, pull).upper(),
        "reviewDecision": decision(pull) or "REVIEW_REQUIRED",
        "statusCheckRollup": checks,
        "updatedAt": shown["updated_at"],
    }


# The HTTP API. https://relayfile.agent-relay.com, paths under /v1/workspaces/{workspace}


async def read_file(relayfile: Relayfile, request: Request) -> Response:
    for name in list(relayfile.github.repositories):
        await relayfile.github.refresh(name)
    found = relayfile.file(request.query_params.get("path", ""))
    return JSONResponse(found) if found else _failed(404, "not_found", "file not found")


async def read_events(relayfile: Relayfile, request: Request) -> Response:
    """`cursor` is the last event seen; `direction=desc` starts at the newest."""
    query = request.query_params
    limit, provider = min(int(query.get("limit", 200)), 1000), query.get("provider")
    events = [e for e in relayfile.feed if provider in (None, e["provider"])]
    if query.get("direction") == "desc":
        events.reverse()
    places = [index for index, e in enumerate(events, 1) if e["eventId"] == query.get("cursor")]
    rest = events[places[0] :] if places else events
    shown = rest[:limit]
    return JSONResponse({"events": shown, "nextCursor": shown[-1]["eventId"] if len(rest) > limit else None})


async def subscribe(relayfile: Relayfile, request: Request) -> Response:
    """Unlike the hosted service this takes loopback addresses: it is made for them."""
    try:
        given: Any = await request.json()
        url, globs, secret = str(given["url"]), tuple(map(str, given["pathGlobs"])), given.get("secret")
    except (ValueError, KeyError, TypeError, AttributeError):
        return _failed(400, "bad_request", "url and pathGlobs are required")
    if not url.startswith(("http://", "https://")):
        return _failed(400, "invalid_webhook_url", "the url must be http or https")
    made = relayfile.webhooks.subscribe("relayfile", url, secret or "whsec_" + relayfile.clock.new_id(), globs)
    return JSONResponse({"subscriptionId": made.id, **({} if secret else {"secret": made.secret})}, 201)


async def subscriptions(relayfile: Relayfile, request: Request) -> Response:
    ours = [s for s in relayfile.webhooks.subscriptions if s.vendor == "relayfile"]
    return JSONResponse([_subscription(relayfile.webhooks, one) for one in ours])


def _subscription(webhooks: Webhooks, one: Subscription) -> Node:
    tried = [attempt for delivery in webhooks.deliveries if delivery.to is one for attempt in delivery.tried]
    good = [attempt.at for attempt in tried if attempt.status and attempt.status < 300]
    health = {"lastDeliveryAt": tried[-1].at if tried else None, "lastSuccessAt": good[-1] if good else None}
    health |= {"lastError": (tried[-1].error or None) if tried else None}
    return {"id": one.id, "url": one.url, "pathGlobs": list(one.globs), "health": health}


async def unsubscribe(relayfile: Relayfile, request: Request) -> Response:
    id = request.path_params["id"]
    relayfile.webhooks.subscriptions[:] = [s for s in relayfile.webhooks.subscriptions if s.id != id]
    return Response(status_code=204)


def _dead(relayfile: Relayfile) -> list[Delivery]:
    attempts = 1 + len(SCHEDULE["relayfile"])
    sent = (d for d in relayfile.webhooks.deliveries if d.vendor == "relayfile")
    return [d for d in sent if not d.accepted and len(d.tried) >= attempts]


def _dead_id(delivery: Delivery) -> str:
    return f"whdel_{delivery.tried[0].number}"


async def dead_letters(relayfile: Relayfile, request: Request) -> Response:
    items = [
        {
            "deliveryId": _dead_id(d),
            "workspaceId": request.path_params["workspace"],
            "subscriptionId": d.to.id,
            "eventId": d.id,
            "url": d.to.url,
            "failedAt": d.tried[-1].at,
            "attemptCount": len(d.tried),
            "lastError": d.tried[-1].error or f"webhook endpoint returned {d.tried[-1].status}",
            "replayCount": relayfile.replays.get(_dead_id(d), 0),
            "status": "dead_lettered",
        }
        for d in _dead(relayfile)
    ]
    return JSONResponse({"items": items, "nextCursor": None})


async def replay(relayfile: Relayfile, request: Request) -> Response:
    id = request.path_params["delivery"]
    dead = next((d for d in _dead(relayfile) if _dead_id(d) == id), None)
    if dead is None:
        return _failed(404, "not_found", "no such dead letter")
    relayfile.replays[id] = relayfile.replays.get(id, 0) + 1
    relayfile.webhooks.redeliver(dead)
    return JSONResponse({"status": "queued", "id": id}, 202)


def _failed(status: int, code: str, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status)


def uncorrelated(request: Request) -> Response | None:
    """Every request carries an id of 8 to 128 characters by which its traces are found."""
    if 8 <= len(request.headers.get("x-correlation-id", "")) <= 128:
        return None
    return _failed(400, "bad_request", "X-Correlation-Id is required")


def not_authenticated() -> Response:
    return _failed(401, "unauthorized", "a bearer token is required")


ENDPOINTS: tuple[tuple[str, str, str, Callable[[Relayfile, Request], Awaitable[Response]]], ...] = (
    ("fs.file", "GET", "/fs/file", read_file),
    ("fs.events", "GET", "/fs/events", read_events),
    ("webhooks.create", "POST", "/webhooks", subscribe),
    ("webhooks.list", "GET", "/webhooks", subscriptions),
    ("webhooks.dlq", "GET", "/webhooks/dlq", dead_letters),
    ("webhooks.replay", "POST", "/webhooks/dlq/{delivery}/replay", replay),
    ("webhooks.delete", "DELETE", "/webhooks/{id}", unsubscribe),
)

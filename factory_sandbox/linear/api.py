"""Linear's GraphQL API over the workspace in memory, executed by graphql-core. https://linear.app/developers/graphql"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    execute_sync,
    get_named_type,
    parse,
    validate,
)
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from factory_core.errors import Refused

from ..node import Node
from . import sessions
from .events import issue_data
from .filters import page
from .workspace import Linear


@cache
def schema() -> GraphQLSchema:
    return build_schema(Path(__file__).with_name("schema.graphql").read_text("utf-8"))


class Operations:
    """One method per root field, under the field's own name; arguments as the schema says."""

    def __init__(self, linear: Linear) -> None:
        self.linear = linear

    def viewer(self) -> Node:
        return self.linear.viewer

    def organization(self) -> Node:
        return self.linear.organization

    def user(self, id: str) -> Node | None:
        return self.linear.by_id("user", id)

    def users(self, **_: Any) -> list[Node]:
        return self.linear.users

    def issue(self, id: str) -> Node:
        return self.linear.issue(id)

    def issues(self, **_: Any) -> list[Node]:
        return [issue for issue in self.linear.issues if not issue["trashed"]]

    def issueVcsBranchSearch(self, branchName: str) -> Node | None:
        return next((i for i in self.linear.issues if i["identifier"].lower() in branchName.lower()), None)

    def comment(self, id: str) -> Node | None:
        return self.linear.by_id("comment", id)

    def comments(self, **_: Any) -> list[Node]:
        return [comment for issue in self.linear.issues for comment in issue["comments"]]

    def teams(self, **_: Any) -> list[Node]:
        return self.linear.teams

    def workflowStates(self, **_: Any) -> list[Node]:
        return [state for team in self.linear.teams for state in team["states"]]

    def webhooks(self, **_: Any) -> list[Node]:
        return self.linear.hooks

    def agentSessions(self, **_: Any) -> list[Node]:
        self.linear.refresh_sessions()
        return self.linear.sessions

    def agentSession(self, id: str) -> Node:
        return self.linear.session(id)

    def agentActivity(self, id: str) -> Node | None:
        return self.linear.by_id("activity", id)

    def rateLimitStatus(self) -> Node:
        limit = {"type": "request", "requestedAmount": 1, "allowedAmount": 5000, "period": 3_600_000}
        reset = self.linear.clock.epoch_ms() + 3_600_000
        return {"kind": "user", "identifier": None, "limits": [{**limit, "remainingAmount": 4999, "reset": reset}]}

    def issueUpdate(self, id: str, input: Node) -> Node:
        linear = self.linear
        issue = linear.issue(id)
        fields: Node = {name: input[name] for name in ("title", "description", "priority") if name in input}
        for name, kind in (("state", "state"), ("project", "project"), ("assignee", "user"), ("delegate", "user")):
            if f"{name}Id" in input:
                fields[name] = linear.by_id(kind, input[f"{name}Id"])
        labels = _relabelled([label["id"] for label in issue["labels"]], input)
        fields["labels"] = [linear.by_id("label", label) for label in labels]
        linear.update(issue, fields, linear.viewer)
        return self._done(issue=issue)

    def commentCreate(self, input: Node) -> Node:
        linear = self.linear
        id = _fresh("Comment", input.get("id"), [node["id"] for node in self.comments()])
        parent = linear.by_id("comment", input.get("parentId"))
        issue = linear.issue(input.get("issueId") or (parent["issue"]["id"] if parent else ""))
        return self._done(comment=linear.comment(issue, input.get("body") or "", linear.viewer, id=id, parent=parent))

    def agentActivityCreate(self, input: Node) -> Node:
        session = self.linear.session(input["agentSessionId"])
        known = [activity["id"] for one in self.linear.sessions for activity in one["activities"]]
        id = _fresh("AgentActivity", input.get("id"), known) or self.linear.clock.new_id()
        ephemeral = bool(input.get("ephemeral"))
        activity = self.linear.act(session, id, input["content"], input.get("signal"), ephemeral)
        return self._done(agentActivity=activity)

    def agentSessionCreateOnIssue(self, input: Node) -> Node:
        session = self.linear.open_session(self.linear.issue(input["issueId"]), self.linear.viewer)
        session["externalUrls"] = input.get("externalUrls") or []
        return self._done(agentSession=session)

    def agentSessionCreateOnComment(self, input: Node) -> Node:
        comment = self.linear.by_id("comment", input["commentId"])
        assert comment is not None
        session = self.linear.open_session(comment["issue"], self.linear.viewer, comment)
        session["externalUrls"] = input.get("externalUrls") or []
        return self._done(agentSession=session)

    def agentSessionUpdate(self, id: str, input: Node) -> Node:
        """Setting an address counts as a response, as an activity does. The plan is replaced as a whole."""
        session = self.linear.session(id)
        urls = [*(input.get("externalUrls") or session["externalUrls"]), *(input.get("addedExternalUrls") or ())]
        session["externalUrls"] = [url for url in urls if url["url"] not in (input.get("removedExternalUrls") or ())]
        if session["externalUrls"]:
            sessions.responded(session, self.linear.clock.stamp())
        if "plan" in input:
            session["plan"] = input["plan"]
        return self._done(agentSession=session)

    def attachmentLinkGitHubPR(self, issueId: str, url: str, id: str | None = None, title: str | None = None) -> Node:
        """Linking the same address again gives the attachment that is there."""
        attachments = self.linear.issue(issueId)["attachments"]
        known = next((one for one in attachments if one["url"] == url), None)
        if known is None:
            at = self.linear.clock.stamp()
            known = {"id": id or self.linear.clock.new_id(), "url": url, "title": title or url, "sourceType": "github"}
            known |= {"subtitle": None, "metadata": {}, "createdAt": at, "updatedAt": at}
            attachments.append(known)
        return self._done(attachment=known)

    def webhookCreate(self, input: Node) -> Node:
        defaults: Node = {"enabled": True, "label": None, "allPublicTeams": True, "team": None}
        id = _fresh("Webhook", input.get("id"), [hook["id"] for hook in self.linear.hooks])
        hook = {**defaults, "secret": "lin_wh_" + uuid.uuid4().hex, **input, "id": id or self.linear.clock.new_id()}
        self.linear.hooks.append(hook)
        return self._done(webhook=hook)

    def webhookUpdate(self, id: str, input: Node) -> Node:
        hook = self._hook(id)
        hook.update(input)
        return self._done(webhook=hook)

    def webhookDelete(self, id: str) -> Node:
        self.linear.hooks.remove(self._hook(id))
        return self._done(entityId=id)

    def webhookRotateSecret(self, id: str) -> Node:
        hook = self._hook(id)
        hook["secret"] = "lin_wh_" + uuid.uuid4().hex
        return self._done(secret=hook["secret"])

    def _hook(self, id: str) -> Node:
        hook = self.linear.by_id("hook", id)
        assert hook is not None
        return hook

    def _done(self, **rest: Any) -> Node:
        self.linear.sync_id += 1
        return {"success": True, "lastSyncId": self.linear.sync_id, **rest}


def _relabelled(labels: list[str], input: Node) -> list[str]:
    wanted: list[str] = input.get("labelIds", labels)
    wanted = [*wanted, *(one for one in input.get("addedLabelIds") or () if one not in wanted)]
    return [one for one in wanted if one not in (input.get("removedLabelIds") or ())]


def _fresh(kind: str, id: str | None, known: list[str]) -> str:
    """An id of the caller's own must be a UUID that nobody used before."""
    if id is None:
        return ""
    try:
        uuid.UUID(id)
    except ValueError:
        raise _invalid("Argument Validation Error", "id must be a UUID.") from None
    if id in known:
        raise _invalid(f"Entity {kind} with id {id} already exists", f"{kind} with this id already exists.")
    return id


def _invalid(message: str, for_people: str) -> GraphQLError:
    extensions = {"type": "invalid input", "code": "INPUT_ERROR", "statusCode": 400, "userError": True}
    return GraphQLError(message, extensions={**extensions, "userPresentableMessage": for_people})


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    """A field is a method of the root or a key of a dictionary; lists behind a connection are paged."""
    if isinstance(source, Operations):
        method: Callable[..., Any] = getattr(source, info.field_name)
        try:
            value = method(**arguments)
        except Refused as problem:
            raise _invalid(problem.what, f"It cannot be: {problem.why}.") from problem
    elif info.field_name == "labelIds":
        value = issue_data(source)["labelIds"]
    elif info.field_name == "externalLinks":
        value = source["externalUrls"]
    else:
        value = source.get(info.field_name)
    paged = get_named_type(info.return_type).name.endswith("Connection")
    return page(value, **arguments) if paged else value


def run(linear: Linear, text: str, variables: Node, operation: str | None = None) -> tuple[int, Node]:
    """Status and body of one request: 400 for what does not fit the schema, 200 with `errors` for the rest."""
    try:
        document = parse(text)
    except GraphQLError as error:
        return 400, _failed([error], "GRAPHQL_PARSE_FAILED")
    mistakes = validate(schema(), document)
    if mistakes:
        return 400, _failed(mistakes, "GRAPHQL_VALIDATION_FAILED")
    linear.refresh_sessions()
    result = execute_sync(
        schema(),
        document,
        Operations(linear),
        variable_values=variables,
        operation_name=operation,
        field_resolver=_resolve,
        type_resolver=lambda content, *_: f"AgentActivity{content['type'].title()}Content",
    )
    return 200, result.formatted  # type: ignore[return-value]


def _failed(errors: list[GraphQLError], code: str) -> Node:
    return {"errors": [{**error.formatted, "extensions": {"code": code, "statusCode": 400}} for error in errors]}


def not_authenticated() -> Response:
    extensions = {"type": "authentication error", "code": "AUTHENTICATION_ERROR", "statusCode": 401, "userError": True}
    extensions["userPresentableMessage"] = "You need to authenticate to access this operation."
    message = "Authentication required, not authenticated"
    return JSONResponse({"errors": [{"message": message, "extensions": extensions}]}, 401)


def upload(linear: Linear, request: Request) -> Response:
    """A file that was uploaded; an address of another workspace is nothing here."""
    name = linear.uploads.get(request.path_params["id"])
    return Response(b"\x89PNG", media_type="image/png") if name else Response("Not found", 404)


async def graphql(linear: Linear, request: Request) -> Response:
    try:
        asked = json.loads(await request.body())
        text, variables = str(asked["query"]), dict(asked.get("variables") or {})
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"errors": [{"message": "Bad request", "extensions": {"code": "BAD_USER_INPUT"}}]}, 400)
    status, body = run(linear, text, variables, asked.get("operationName"))
    return JSONResponse(body, status, {"X-RateLimit-Requests-Limit": "5000", "X-RateLimit-Requests-Remaining": "4999"})

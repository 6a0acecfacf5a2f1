"""GitHub's GraphQL API: the one query and the two mutations that REST does not have. https://docs.github.com/graphql"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema, graphql_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from factory_core.errors import NotFound

from .github import GitHub, GitHubRefusal
from .github_events import BOT, Pull, Repository, node_id
from .node import Node


@cache
def schema() -> GraphQLSchema:
    return build_schema(Path(__file__).with_name("github.graphql").read_text("utf-8"))


async def graphql(github: GitHub, request: Request) -> Response:
    try:
        asked = json.loads(await request.body())
        text, variables = str(asked["query"]), dict(asked.get("variables") or {})
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"message": "Problems parsing JSON"}, 400)
    for name in github.repositories:
        await github.refresh(name)
    result = graphql_sync(schema(), text, _root(github), variable_values=variables)
    return JSONResponse(_with_types(result.formatted))  # type: ignore[arg-type]


def _with_types(body: Node) -> Node:
    """GitHub puts an error's type beside its message."""
    for error in body.get("errors", ()):
        error["type"] = error.pop("extensions", {}).get("type", "UNPROCESSABLE")
    return body


def _root(github: GitHub) -> dict[str, Callable[..., Any]]:
    def repository(_: Any, owner: str, name: str) -> Node | None:
        place = github.repositories.get(f"{owner}/{name}")
        return repository_node(place) if place else None

    def enable(_: Any, input: Node) -> Node:
        method = input.get("mergeMethod") or "MERGE"
        return _changed(github, input, lambda at, pull: github.enable_auto_merge(at, pull, method, _expected(input)))

    def disable(_: Any, input: Node) -> Node:
        return _changed(github, input, github.disable_auto_merge)

    def ready(_: Any, input: Node) -> Node:
        return _changed(github, input, github.make_ready)

    return {
        "viewer": lambda _: {"login": BOT},
        "repository": repository,
        "enablePullRequestAutoMerge": enable,
        "disablePullRequestAutoMerge": disable,
        "markPullRequestReadyForReview": ready,
    }


def _expected(input: Node) -> str | None:
    return input.get("expectedHeadOid")


def _changed(github: GitHub, input: Node, change: Callable[[Repository, Pull], None]) -> Node:
    id = str(input["pullRequestId"])
    try:
        place, pull = github.pull_of_node(id)
        change(place, pull)
    except NotFound:
        message = f"Could not resolve to a node with the global id of '{id}'"
        raise GraphQLError(message, extensions={"type": "NOT_FOUND"}) from None
    except GitHubRefusal as refusal:
        raise GraphQLError(str(refusal)) from None
    return {"pullRequest": pull_node(place, pull), "clientMutationId": input.get("clientMutationId")}


def repository_node(place: Repository) -> Node:
    def pull_requests(
        _: Any, headRefName: str | None = None, states: list[str] | None = None, first: int = 30, **__: Any
    ) -> Node:
        chosen = [
            node
            for node in (pull_node(place, pull) for pull in place.pulls)
            if headRefName in (None, node["headRefName"]) and node["state"] in (states or [node["state"]])
        ]
        return {"nodes": chosen[::-1][:first], "totalCount": len(chosen)}

    return {"id": f"R_{place.id}", "nameWithOwner": place.full_name, "pullRequests": pull_requests}


def pull_node(place: Repository, pull: Pull) -> Node:
    merge = pull.auto_merge
    request = merge and {"enabledAt": merge["enabled_at"], "mergeMethod": merge["merge_method"].upper()}
    mergeable = {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}[pull.mergeable]
    state = {True: "CLEAN", False: "DIRTY", None: "UNKNOWN"}[pull.mergeable]
    rolled_up = rollup(place, pull)
    commit = {"oid": pull.head_sha, "statusCheckRollup": {"state": rolled_up} if rolled_up else None}
    return {
        "id": node_id(place, pull),
        "number": pull.number,
        "url": f"{place.html}/pull/{pull.number}",
        "title": pull.title,
        "body": pull.body,
        "isDraft": pull.draft,
        "state": "MERGED" if pull.merged_at else pull.state.upper(),
        "merged": pull.merged_at is not None,
        "mergedAt": pull.merged_at,
        "mergeable": mergeable,
        "mergeStateStatus": "DRAFT" if pull.draft else state,
        "reviewDecision": decision(pull),
        "headRefOid": pull.head_sha,
        "headRefName": pull.head,
        "baseRefName": pull.base,
        "isCrossRepository": False,
        "autoMergeRequest": request,
        "commits": {"nodes": [{"commit": commit}]},
    }


def decision(pull: Pull) -> str | None:
    """Everybody's newest verdict counts; one request for changes outweighs all approvals."""
    newest = {review.user: review.state for review in pull.reviews if review.state != "commented"}
    for state in ("changes_requested", "approved"):
        if state in newest.values():
            return state.upper()
    return None


def rollup(place: Repository, pull: Pull) -> str | None:
    """One word for all checks of the head; None when there are none."""
    ends = {check.conclusion for check in place.checks_of(pull.head_sha)}
    if not ends:
        return None
    return "PENDING" if None in ends else "SUCCESS" if ends == {"success"} else "FAILURE"

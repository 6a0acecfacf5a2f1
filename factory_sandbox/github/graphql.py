"""GitHub's GraphQL API: the queries and mutations that clients need beside REST. https://docs.github.com/graphql"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLSchema, build_schema, graphql
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from factory_core.errors import NotFound

from ..node import Node
from . import people, shapes
from .host import GitHub, GitHubRefusal, Moved
from .merge_queue import queue_of
from .mergeability import mergeable_state
from .records import BOT, Pull, Repository, ReviewComment

ROOTS = ("/github/graphql", "/github/api/graphql")  # github.com, and an Enterprise Server


@cache
def schema() -> GraphQLSchema:
    return build_schema(Path(__file__).with_name("schema.graphql").read_text("utf-8"))


async def execute(github: GitHub, request: Request) -> Response:
    try:
        asked = json.loads(await request.body())
        text, variables = str(asked["query"]), dict(asked.get("variables") or {})
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"message": "Problems parsing JSON"}, 400)
    for name in list(github.repositories):
        await github.refresh(name)
    result = await graphql(schema(), text, _root(github), variable_values=variables)
    return JSONResponse(_with_types(result.formatted))  # type: ignore[arg-type]


def _with_types(body: Node) -> Node:
    """GitHub puts an error's type beside its message."""
    for error in body.get("errors", ()):
        error["type"] = error.pop("extensions", {}).get("type", "UNPROCESSABLE")
    return body


def _root(github: GitHub) -> dict[str, Callable[..., Any]]:
    def repository(_: Any, owner: str, name: str) -> Node | None:
        """A former name still leads to the repository."""
        try:
            return repository_node(github, github.repository(f"{owner}/{name}"))
        except Moved as moved:
            return repository_node(github, github.repository_of_id(moved.id))
        except NotFound:
            message = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise GraphQLError(message, extensions={"type": "NOT_FOUND"}) from None

    def node(_: Any, id: str) -> Node:
        return pull_node(github, *_found(github, id))

    def enable(_: Any, input: Node) -> Node:
        method = input.get("mergeMethod") or "MERGE"
        return _changed(github, input, lambda at, pull: github.enable_auto_merge(at, pull, method, _expected(input)))

    def disable(_: Any, input: Node) -> Node:
        return _changed(github, input, github.disable_auto_merge)

    def ready(_: Any, input: Node) -> Node:
        return _changed(github, input, github.make_ready)

    def enqueue(_: Any, input: Node) -> Node:
        changed = _changed(github, input, lambda at, pull: github.enqueue(at, pull, _expected(input)))
        return {**changed, "mergeQueueEntry": changed["pullRequest"]["mergeQueueEntry"]}

    def dequeue(_: Any, input: Node) -> Node:
        repo, pull = _found(github, str(input["id"]))
        entry = entry_node(repo, pull)
        github.queue.dequeue(repo, pull, "MANUAL")
        return {"mergeQueueEntry": entry, "clientMutationId": input.get("clientMutationId")}

    async def update(_: Any, input: Node) -> Node:
        repo, pull = _found(github, str(input["pullRequestId"]))
        try:
            await github.update_branch(repo.full_name, pull.number, _expected(input))
        except GitHubRefusal as refusal:
            raise GraphQLError(str(refusal)) from None
        return {"pullRequest": pull_node(github, repo, pull), "clientMutationId": input.get("clientMutationId")}

    return {
        "viewer": lambda _: {"login": BOT},
        "repository": repository,
        "node": node,
        "enablePullRequestAutoMerge": enable,
        "disablePullRequestAutoMerge": disable,
        "markPullRequestReadyForReview": ready,
        "enqueuePullRequest": enqueue,
        "dequeuePullRequest": dequeue,
        "updatePullRequestBranch": update,
    }


def _expected(input: Node) -> str | None:
    return input.get("expectedHeadOid")


def _found(github: GitHub, id: str) -> tuple[Repository, Pull]:
    try:
        return github.pull_of_node(id)
    except NotFound:
        message = f"Could not resolve to a node with the global id of '{id}'"
        raise GraphQLError(message, extensions={"type": "NOT_FOUND"}) from None


def _changed(github: GitHub, input: Node, change: Callable[[Repository, Pull], None]) -> Node:
    repo, pull = _found(github, str(input["pullRequestId"]))
    try:
        change(repo, pull)
    except GitHubRefusal as refusal:
        raise GraphQLError(str(refusal)) from None
    return {"pullRequest": pull_node(github, repo, pull), "clientMutationId": input.get("clientMutationId")}


def repository_node(github: GitHub, repo: Repository) -> Node:
    def pull_requests(
        _: Any, headRefName: str | None = None, states: list[str] | None = None, first: int = 30, **__: Any
    ) -> Node:
        chosen = [
            node
            for node in (pull_node(github, repo, pull) for pull in repo.pulls)
            if headRefName in (None, node["headRefName"]) and node["state"] in (states or [node["state"]])
        ]
        return {"nodes": chosen[::-1][:first], "totalCount": len(chosen)}

    def pull_request(_: Any, number: int) -> Node | None:
        return next((pull_node(github, repo, pull) for pull in repo.pulls if pull.number == number), None)

    return {
        "id": f"R_{repo.id}",
        "databaseId": repo.id,
        "nameWithOwner": repo.full_name,
        "isArchived": repo.archived,
        "viewerPermission": "WRITE",
        "pullRequests": pull_requests,
        "pullRequest": pull_request,
    }


def pull_node(github: GitHub, repo: Repository, pull: Pull) -> Node:
    merge = pull.auto_merge
    armed = merge and {"enabledAt": merge["enabled_at"], "mergeMethod": merge["merge_method"].upper()}
    mergeable = {True: "MERGEABLE", False: "CONFLICTING", None: "UNKNOWN"}[pull.mergeable]
    rolled_up = rollup(repo, pull)
    commit = {"oid": pull.head_sha, "statusCheckRollup": {"state": rolled_up} if rolled_up else None}

    def review_threads(_: Any, first: int = 100, after: str | None = None, **__: Any) -> Node:
        begun = [comment for comment in pull.review_comments if comment.reply_to is None]
        return _connection([thread_node(repo, pull, comment) for comment in begun], first, after)

    return {
        "__typename": "PullRequest",
        "id": shapes.node_id(repo, pull),
        "number": pull.number,
        "url": f"{repo.html}/pull/{pull.number}",
        "title": pull.title,
        "body": pull.body,
        "isDraft": pull.draft,
        "state": "MERGED" if pull.merged_at else pull.state.upper(),
        "merged": pull.merged_at is not None,
        "mergedAt": pull.merged_at,
        "mergeCommit": {"oid": pull.merge_commit_sha} if pull.merge_commit_sha else None,
        "mergeable": mergeable,
        "mergeStateStatus": mergeable_state(repo, pull).upper(),
        "reviewDecision": decision(pull),
        "headRefOid": pull.head_sha,
        "headRefName": pull.head,
        "baseRefName": pull.base,
        "baseRefOid": pull.base_sha,
        "isCrossRepository": False,
        "autoMergeRequest": armed,
        "isInMergeQueue": pull.queued is not None,
        "isMergeQueueEnabled": bool(repo.rules and repo.rules.merge_queue),
        "mergeQueueEntry": entry_node(repo, pull),
        "reviewThreads": review_threads,
        "commits": {"nodes": [{"commit": commit}]},
    }


def entry_node(repo: Repository, pull: Pull) -> Node | None:
    """The pull request's repo in the queue, counted from 1."""
    entry = pull.queued
    if entry is None:
        return None
    position = 1 + queue_of(repo).index(pull)
    when = {"enqueuedAt": entry.at, "estimatedTimeToMerge": 60 * position}
    return {"id": f"MQE_{entry.id}", "state": entry.state, "position": position, "jump": False, "solo": False, **when}


def thread_node(repo: Repository, pull: Pull, first: ReviewComment) -> Node:
    """The conversation that a comment at a line began."""
    of_thread = [one for one in pull.review_comments if first.id in (one.id, one.reply_to)]

    def comments(_: Any, first: int = 100, after: str | None = None, **__: Any) -> Node:
        return _connection([_comment_node(repo, one) for one in of_thread], first, after)

    return {
        "id": f"PRRT_{first.id}",
        "isResolved": first.resolved,
        "isOutdated": first.outdated,
        "path": first.path,
        "line": None if first.outdated else first.line,
        "originalLine": first.line,
        "comments": comments,
    }


def _comment_node(repo: Repository, comment: ReviewComment) -> Node:
    return {
        "id": f"PRRC_{comment.id}",
        "fullDatabaseId": str(comment.id),
        "body": comment.body,
        "path": comment.path,
        "createdAt": comment.at,
        "author": {"__typename": people.person(repo, comment.user).kind, "login": comment.user},
        "authorAssociation": people.association(repo, comment.user),
        "outdated": comment.outdated,
    }


def _connection(nodes: list[Node], first: int, after: str | None) -> Node:
    ids = [node["id"] for node in nodes]
    start = ids.index(after) + 1 if after in ids else 0
    shown = nodes[start : start + first]
    more = start + len(shown) < len(nodes)
    info = {"hasNextPage": more, "endCursor": shown[-1]["id"] if shown else None}
    return {"nodes": shown, "pageInfo": info, "totalCount": len(nodes)}


def decision(pull: Pull) -> str | None:
    """Everybody's newest verdict counts; one request for changes outweighs all approvals."""
    newest = {review.user: review.state for review in pull.reviews if review.state != "commented"}
    for state in ("changes_requested", "approved"):
        if state in newest.values():
            return state.upper()
    return None


def rollup(repo: Repository, pull: Pull) -> str | None:
    """One word for all checks of the head; None when there are none."""
    ends = {check.conclusion for check in repo.checks_of(pull.head_sha)}
    if not ends:
        return None
    return "PENDING" if None in ends else "SUCCESS" if ends == {"success"} else "FAILURE"

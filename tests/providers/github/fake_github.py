"""A GitHub of one repository, acme/api, that lives in a dictionary and may fail before or after it acts.

It shows what the API version of the request shows: https://docs.github.com/rest/about-the-rest-api/breaking-changes
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
from github_payloads import HERE, NOW

from adapters.providers.github.client import GithubClient

TOKEN = "ghp_canary_token"
T = TypeVar("T")
SHA = "a" * 40
REMOVED = {"2026-03-10": {"merge_commit_sha", "assignee"}}  # from pull requests, by the version that did it


class FakeGithub:
    """`fail` maps a call (`PUT /repos/…`) to what happens instead; with `after=True` once it was carried out."""

    def __init__(self) -> None:
        self.pulls: dict[int, dict[str, Any]] = {}
        self.check_runs: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.reviews: list[dict[str, Any]] = []
        self.may: dict[str, str] = {}  # login → permission; whoever is not here is no account
        self.asked: list[httpx2.Request] = []
        self.queue: set[int] = set()  # pull requests in the merge queue
        self.has_queue = False
        self.behind: set[int] = set()
        self.instead: dict[str, httpx2.Response | Exception] = {}
        self.afterwards: dict[str, httpx2.Response | Exception] = {}

    def add(self, branch: str, **fields: Any) -> dict[str, Any]:
        number = len(self.pulls) + 1
        pull = {
            "number": number, "node_id": f"PR_{number}", "html_url": f"https://github.com/acme/api/pull/{number}",
            "state": "open", "draft": False, "merged": False, "mergeable": True, "auto_merge": None,
            "head": {"ref": branch, "sha": SHA, "repo": HERE}, "base": {"ref": "main", "repo": HERE},
            "merged_by": None, "merge_commit_sha": "b" * 40, "assignee": None,
        }  # fmt: skip
        self.pulls[number] = {**pull, **fields}
        return self.pulls[number]

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        call = f"{request.method} {request.url.path}"
        response = self.instead.pop(call, None) or self._carry_out(request)
        result = self.afterwards.pop(call, response)
        if isinstance(result, Exception):
            raise result
        return result

    def _carry_out(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path.removeprefix("/repos/acme/api")
        body = json.loads(request.content or b"null")
        for method, pattern, act in self._routes():
            match = re.fullmatch(pattern, path)
            if match and request.method == method:
                return act(request, body, *match.groups())
        return httpx2.Response(404, json={"message": "Not Found"})

    def _routes(self) -> list[tuple[str, str, Callable[..., httpx2.Response]]]:
        return [
            ("GET", "", lambda r, b: httpx2.Response(200, json=HERE)),
            ("GET", "/pulls", self._list),
            ("POST", "/pulls", self._open),
            ("GET", r"/pulls/(\d+)", self._read),
            ("PUT", r"/pulls/(\d+)/merge", self._merge),
            ("PUT", r"/pulls/(\d+)/update-branch", self._update),
            ("GET", r"/pulls/\d+/reviews", lambda r, b: _page(r, self.reviews)),
            ("GET", r"/commits/\w+/check-runs", lambda r, b: _page(r, self.check_runs, "check_runs")),
            ("GET", r"/commits/\w+/status", lambda r, b: _page(r, self.statuses, "statuses")),
            ("GET", r"/collaborators/([\w-]+)/permission", self._permission),
            ("POST", "/graphql", self._graphql),
        ]

    def _permission(self, request: httpx2.Request, body: object, login: str) -> httpx2.Response:
        known = self.may.get(login)
        return httpx2.Response(200 if known else 404, json={"permission": known, "role_name": known})

    def _list(self, request: httpx2.Request, body: object) -> httpx2.Response:
        """Its filter does not tell a fork of the same owner apart, and lists leave fields out."""
        _, _, branch = request.url.params["head"].partition(":")
        known = [pull for pull in self.pulls.values() if pull["head"]["ref"] == branch]
        left_out = {"merged", "mergeable", "merged_by"}
        short = [{k: v for k, v in _shown(request, pull).items() if k not in left_out} for pull in known]
        return _page(request, short[::-1])

    def _open(self, request: httpx2.Request, body: dict[str, Any]) -> httpx2.Response:
        for pull in self.pulls.values():
            if pull["head"]["ref"] == body["head"] and pull["state"] == "open":
                errors = [{"message": f"A pull request already exists for acme:{body['head']}."}]
                return httpx2.Response(422, json={"message": "Validation Failed", "errors": errors})
            if pull["head"]["ref"] == body["head"] and pull["merged"]:
                errors = [{"message": f"No commits between main and {body['head']}"}]
                return httpx2.Response(422, json={"message": "Validation Failed", "errors": errors})
        made = self.add(body["head"], title=body["title"], body=body["body"], mergeable=None)
        return httpx2.Response(201, json=_shown(request, made))

    def _read(self, request: httpx2.Request, body: object, number: str) -> httpx2.Response:
        pull = self.pulls.get(int(number))
        if pull is None:
            return httpx2.Response(404, json={"message": "Not Found"})
        return httpx2.Response(200, json=_shown(request, pull))

    def _merge(self, request: httpx2.Request, body: dict[str, Any], number: str) -> httpx2.Response:
        pull = self.pulls[int(number)]
        if pull["merged"] or pull["state"] == "closed" or pull["mergeable"] is False:
            return httpx2.Response(405, json={"message": "Pull Request is not mergeable"})
        if self.has_queue:
            words = "in" if int(number) in self.queue else "Changes must be made through"
            start = "Pull Request is " if words == "in" else ""
            return httpx2.Response(405, json={"message": f"{start}{words} the merge queue"})
        if int(number) in self.behind:
            return httpx2.Response(405, json={"message": "Head branch is out of date. Review and try the merge again."})
        if body.get("sha") not in {None, pull["head"]["sha"]}:
            return httpx2.Response(409, json={"message": "Head branch was modified. Review and try the merge again."})
        pull.update(merged=True, state="closed", merge_method=body["merge_method"])
        return httpx2.Response(200, json={"merged": True, "sha": "b" * 40})

    def _update(self, request: httpx2.Request, body: dict[str, Any], number: str) -> httpx2.Response:
        """https://docs.github.com/rest/pulls/pulls#update-a-pull-request-branch"""
        pull = self.pulls[int(number)]
        if int(number) in self.queue:
            return httpx2.Response(422, json={"message": "Branches that are queued for merging cannot be updated."})
        if body["expected_head_sha"] != pull["head"]["sha"]:
            words = "expected head sha didn’t match current head ref."
            return httpx2.Response(422, json={"message": "Validation Failed", "errors": [{"message": words}]})
        if int(number) not in self.behind:
            return httpx2.Response(422, json={"message": "There are no new commits on the base branch."})
        if pull["mergeable"] is False:
            return httpx2.Response(422, json={"message": "merge conflict between base and head"})
        self.behind.discard(int(number))
        pull["head"] = {**pull["head"], "sha": "d" * 40}
        return httpx2.Response(202, json={"message": "Updating pull request branch."})

    def _graphql(self, request: httpx2.Request, body: dict[str, Any]) -> httpx2.Response:
        given = body["variables"]
        pull = next(pull for pull in self.pulls.values() if pull["node_id"] == given["id"])
        number = pull["number"]
        if "isInMergeQueue" in body["query"]:
            node = {"isInMergeQueue": number in self.queue, "isMergeQueueEnabled": self.has_queue}
            return httpx2.Response(200, json={"data": {"node": node}})
        if "enqueuePullRequest" in body["query"]:
            if number in self.queue:
                return unprocessable("Pull request is already in the queue")
            if given["head"] != pull["head"]["sha"]:
                return unprocessable("The head oid does not match")
            self.queue.add(number)
        elif "dequeuePullRequest" in body["query"]:
            self.queue.discard(number)
        elif "markPullRequestReadyForReview" in body["query"]:
            pull["draft"] = False
        elif "disablePullRequestAutoMerge" in body["query"]:
            pull["auto_merge"] = None
        elif given["head"] != pull["head"]["sha"]:
            return unprocessable("The head oid does not match")
        elif self.has_queue and "method" in given:  # the queue has its own, and GitHub answers so to another one
            return httpx2.Response(
                200, json={"data": None, "errors": [{"message": "Something went wrong while executing your query."}]}
            )
        else:
            pull["auto_merge"] = {"merge_method": given.get("method", "MERGE").lower()}
        return httpx2.Response(200, json={"data": {}})


def unprocessable(words: str) -> httpx2.Response:
    return httpx2.Response(200, json={"data": None, "errors": [{"type": "UNPROCESSABLE", "message": words}]})


def _shown(request: httpx2.Request, pull: dict[str, Any]) -> dict[str, Any]:
    """As the version that the request names shows it."""
    removed = REMOVED.get(request.headers["x-github-api-version"], set())
    return {name: value for name, value in pull.items() if name not in removed}


def _page(request: httpx2.Request, rows: list[Any], key: str = "") -> httpx2.Response:
    page, size = int(request.url.params.get("page", 1)), int(request.url.params.get("per_page", 30))
    part = rows[(page - 1) * size : page * size]
    return httpx2.Response(200, json={"total_count": len(rows), key: part} if key else part)


def with_client(answer: Callable[[httpx2.Request], Any], use: Callable[[GithubClient], Awaitable[T]]) -> T:
    """Run `use` with a client whose network is `answer`, at NOW."""

    async def run() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            return await use(GithubClient(http, TOKEN, "https://api.github.test", clock=lambda: NOW))

    return asyncio.run(run())

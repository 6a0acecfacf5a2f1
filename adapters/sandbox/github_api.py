"""GitHub's REST API over the repositories of the sandbox. https://docs.github.com/rest"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from factory_core.errors import NotFound

from .github import GitHub, GitHubRefusal
from .github_events import (
    BOT,
    check_json,
    comment_json,
    pull_json,
    repository_json,
    review_json,
    user_json,
)
from .node import Node
from .webhooks import Delivery, Tried, Webhooks

Endpoint = Callable[[Request], Awaitable[Response]]


def not_authenticated() -> Response:
    return JSONResponse({"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}, 401)


class Rest:
    """One method per endpoint; the names are those that faults and counts use."""

    def __init__(self, github: GitHub, webhooks: Webhooks) -> None:
        self.github, self.webhooks = github, webhooks

    def routes(self) -> Sequence[tuple[str, str, str, Endpoint]]:
        """Name, method, path and endpoint."""
        repo = "/repos/{owner}/{repo}"
        pull, hook = repo + "/pulls/{number:int}", repo + "/hooks/{hook:int}/deliveries"
        return (
            ("user", "GET", "/user", self.user),
            ("repository", "GET", repo, self.repository),
            ("pulls.list", "GET", repo + "/pulls", self.pulls),
            ("pulls.create", "POST", repo + "/pulls", self.create),
            ("pulls.get", "GET", pull, self.pull),
            ("pulls.merge", "PUT", pull + "/merge", self.merge),
            ("pulls.reviews", "GET", pull + "/reviews", self.reviews),
            ("checks", "GET", repo + "/commits/{sha}/check-runs", self.checks),
            ("status", "GET", repo + "/commits/{sha}/status", self.status),
            ("comments.list", "GET", repo + "/issues/{number:int}/comments", self.comments),
            ("comments.create", "POST", repo + "/issues/{number:int}/comments", self.comment),
            ("deliveries", "GET", hook, self.deliveries),
            ("attempts", "POST", hook + "/{delivery:int}/attempts", self.attempt),
        )

    async def user(self, request: Request) -> Response:
        headers = {"X-OAuth-Scopes": "repo, admin:repo_hook", "X-RateLimit-Remaining": "4999"}
        return JSONResponse(user_json(BOT), headers=headers)

    async def repository(self, request: Request) -> Response:
        shown = repository_json(self.github.repository(_name(request)))
        allowed = {"allow_squash_merge": True, "allow_merge_commit": True, "allow_rebase_merge": False}
        permissions = {"admin": False, "push": True, "pull": True}
        return JSONResponse({**shown, **allowed, "allow_auto_merge": True, "permissions": permissions})

    async def pulls(self, request: Request) -> Response:
        """Newest first; `head` counts only as `owner:branch`, as with GitHub itself."""
        place = await self.github.refresh(_name(request))
        query = request.query_params
        state, head, base = query.get("state", "open"), query.get("head", ""), query.get("base")
        chosen = [
            pull_json(place, pull)
            for pull in reversed(place.pulls)
            if state in ("all", pull.state)
            and (":" not in head or head == f"{place.full_name.split('/')[0]}:{pull.head}")
            and base in (None, pull.base)
        ]
        return _page(request, chosen)

    async def create(self, request: Request) -> Response:
        given = await _json(request)
        missing = [name for name in ("head", "base", "title") if not given.get(name)]
        if missing:
            errors = [{"resource": "PullRequest", "field": name, "code": "missing_field"} for name in missing]
            raise GitHubRefusal(422, "Validation Failed", errors=errors)
        body, draft = str(given.get("body") or ""), given.get("draft") is True
        made = await self.github.open_pull(
            _name(request), str(given["head"]), str(given["base"]), str(given["title"]), body, draft
        )
        return JSONResponse(made, 201)

    async def pull(self, request: Request) -> Response:
        await self.github.refresh(_name(request))
        return JSONResponse(pull_json(*self.github.pull(_name(request), _number(request))))

    async def merge(self, request: Request) -> Response:
        given = await _json(request)
        merged = await self.github.merge(
            _name(request),
            _number(request),
            given.get("sha"),
            given.get("merge_method", "merge"),
            str(given.get("commit_title") or ""),
            str(given.get("commit_message") or ""),
        )
        return JSONResponse(merged)

    async def reviews(self, request: Request) -> Response:
        place, pull = self.github.pull(_name(request), _number(request))
        shown = [review_json(place, pull, review) for review in pull.reviews]
        return _page(request, [{**review, "state": review["state"].upper()} for review in shown])

    async def checks(self, request: Request) -> Response:
        place = self.github.repository(_name(request))
        runs = [check_json(place, check) for check in place.checks_of(request.path_params["sha"])]
        return JSONResponse({"total_count": len(runs), "check_runs": runs})

    async def status(self, request: Request) -> Response:
        """Nobody here writes commit statuses; GitHub calls the lack of any `pending`."""
        shown = {"state": "pending", "statuses": [], "sha": request.path_params["sha"], "total_count": 0}
        return JSONResponse({**shown, "repository": repository_json(self.github.repository(_name(request)))})

    async def comments(self, request: Request) -> Response:
        place, pull = self.github.pull(_name(request), _number(request))
        return _page(request, [comment_json(place, pull, comment) for comment in pull.comments])

    async def comment(self, request: Request) -> Response:
        body = str((await _json(request)).get("body") or "")
        return JSONResponse(self.github.add_comment(_name(request), _number(request), body, BOT), 201)

    async def deliveries(self, request: Request) -> Response:
        """Attempts, newest first; the cursor is the id below which the page begins."""
        below, size = int(request.query_params.get("cursor", 2**63)), _size(request)
        older = [(d, tried) for d, tried in self._attempts() if tried.number < below]
        shown = [attempt_json(d, tried) for d, tried in older[:size]]
        more = len(older) > size
        return JSONResponse(shown, headers=_next(request, cursor=shown[-1]["id"]) if more else {})

    async def attempt(self, request: Request) -> Response:
        asked: int = request.path_params["delivery"]
        known = next((d for d, tried in self._attempts() if tried.number == asked), None)
        if known is None:
            raise GitHubRefusal(404, "Not Found")
        self.webhooks.redeliver(known)
        return JSONResponse({}, 202)

    def _attempts(self) -> list[tuple[Delivery, Tried]]:
        ours = [(d, tried) for d in self.webhooks.deliveries if d.vendor == "github" for tried in d.tried]
        return sorted(ours, key=lambda pair: -pair[1].number)


def attempt_json(delivery: Delivery, tried: Tried) -> Node:
    """https://docs.github.com/rest/repos/webhooks#list-deliveries-for-a-repository-webhook: 0 where nobody answered."""
    return {
        "id": tried.number,
        "guid": delivery.id,
        "delivered_at": tried.at,
        "redelivery": tried is not delivery.tried[0],
        "duration": 0.1,
        "status": "OK" if tried.status and tried.status < 300 else tried.error or "Invalid HTTP Response",
        "status_code": tried.status or 0,
        "event": delivery.event,
        "action": delivery.payload.get("action"),
        "installation_id": None,
        "repository_id": delivery.payload["repository"]["id"],
        "throttled_at": None,
    }


def ping_payload(hook: int = 1) -> Node:
    """What GitHub sends when a hook is made."""
    return {"zen": "Anything added dilutes everything else.", "hook_id": hook, "hook": {"id": hook, "events": ["*"]}}


def with_refusals(endpoint: Endpoint) -> Endpoint:
    """Refusals become GitHub's answers; what is not there is 404."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except NotFound:
            return JSONResponse({"message": "Not Found", "status": "404"}, 404)
        except GitHubRefusal as refusal:
            return JSONResponse(refusal.body, refusal.status)

    return answer


def _name(request: Request) -> str:
    return f"{request.path_params['owner']}/{request.path_params['repo']}"


def _number(request: Request) -> int:
    number: int = request.path_params["number"]
    return number


async def _json(request: Request) -> Node:
    try:
        given: Any = json.loads(await request.body() or b"{}")
    except ValueError:
        raise GitHubRefusal(400, "Problems parsing JSON") from None
    if not isinstance(given, dict):
        raise GitHubRefusal(400, "Body should be a JSON object")
    return given


def _size(request: Request) -> int:
    return min(int(request.query_params.get("per_page", 30)), 100)


def _next(request: Request, **where: object) -> dict[str, str]:
    return {"Link": f'<{request.url.include_query_params(**where)}>; rel="next"'}


def _page(request: Request, items: list[Node]) -> Response:
    """One page, with the Link header that names the next one."""
    number, size = int(request.query_params.get("page", 1)), _size(request)
    more = number * size < len(items)
    shown = items[(number - 1) * size : number * size]
    return JSONResponse(shown, headers=_next(request, page=number + 1) if more else {})

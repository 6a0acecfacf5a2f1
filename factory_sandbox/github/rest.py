"""GitHub's REST API over the repositories of the sandbox, also where Enterprise Server has it. https://docs.github.com/rest"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response

from factory_core.errors import NotFound

from ..node import Node
from ..webhooks import Delivery, Tried, Webhooks
from . import comparison, people, rules, shapes
from .host import GitHub, GitHubRefusal, Moved
from .records import BOT, Check, Repository, Suite

Endpoint = Callable[[Request], Awaitable[Response]]
ROOTS = ("/github", "/github/api/v3")  # github.com, and an Enterprise Server
VERSIONS = ("2022-11-28", "2026-03-10")
# https://docs.github.com/rest/about-the-rest-api/breaking-changes: fields that the newer version no longer has.
GONE = frozenset({"merge_commit_sha", "assignee", "has_downloads"})
NEEDS: Mapping[str, str] = MappingProxyType(
    {
        "checks": "checks", "suites": "checks", "suite.checks": "checks", "status": "statuses",
        "statuses": "statuses", "runs": "actions", "run": "actions", "jobs": "actions", "logs": "actions",
        "protection": "administration", "pulls.merge": "contents", "pulls.update-branch": "pull_requests",
    }
)  # fmt: skip


def not_authenticated() -> Response:
    return JSONResponse({"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"}, 401)


def not_found() -> Response:
    return JSONResponse(
        {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}, 404
    )


class Rest:
    """One method per endpoint; the names are those that faults and counts use."""

    def __init__(self, github: GitHub, webhooks: Webhooks) -> None:
        self.github, self.webhooks = github, webhooks

    def routes(self) -> Sequence[tuple[str, str, str, Endpoint]]:
        """Name, method, path and endpoint; a repository is named by owner and name, or by its id."""
        here: tuple[tuple[str, str, str, Endpoint], ...] = (
            ("repository", "GET", "", self.repository),
            ("permission", "GET", "/collaborators/{user}/permission", self.permission),
            ("pulls.list", "GET", "/pulls", self.pulls),
            ("pulls.create", "POST", "/pulls", self.create),
            ("pulls.get", "GET", "/pulls/{number:int}", self.pull),
            ("pulls.merge", "PUT", "/pulls/{number:int}/merge", self.merge),
            ("pulls.update-branch", "PUT", "/pulls/{number:int}/update-branch", self.update_branch),
            ("pulls.reviews", "GET", "/pulls/{number:int}/reviews", self.reviews),
            ("review.comments", "GET", "/pulls/{number:int}/reviews/{review:int}/comments", self.of_review),
            ("pulls.comments", "GET", "/pulls/{number:int}/comments", self.inline_comments),
            ("checks", "GET", "/commits/{sha}/check-runs", self.checks),
            ("suites", "GET", "/commits/{sha}/check-suites", self.suites),
            ("status", "GET", "/commits/{sha}/status", self.status),
            ("statuses", "GET", "/commits/{sha}/statuses", self.statuses),
            ("suite.checks", "GET", "/check-suites/{suite:int}/check-runs", self.suite_checks),
            ("runs", "GET", "/actions/runs", self.runs),
            ("run", "GET", "/actions/runs/{run:int}", self.run),
            ("jobs", "GET", "/actions/runs/{run:int}/jobs", self.jobs),
            ("logs", "GET", "/actions/jobs/{job:int}/logs", self.logs),
            ("compare", "GET", "/compare/{basehead:path}", self.compare),
            ("rules", "GET", "/rules/branches/{branch:path}", self.rules),
            ("protection", "GET", "/branches/{branch:path}/protection/required_status_checks", self.protection),
            ("branch", "GET", "/branches/{branch:path}", self.branch),
            ("ref", "GET", "/git/ref/heads/{branch:path}", self.ref),
            ("comments.list", "GET", "/issues/{number:int}/comments", self.comments),
            ("comments.create", "POST", "/issues/{number:int}/comments", self.comment),
            ("deliveries", "GET", "/hooks/{hook:int}/deliveries", self.deliveries),
            ("attempts", "POST", "/hooks/{hook:int}/deliveries/{delivery:int}/attempts", self.attempt),
        )
        repositories = ("/repos/{owner}/{repo}", "/repositories/{id:int}")
        return [
            (name, method, root + path, self._answering(name, endpoint))
            for root in ROOTS
            for name, method, path, endpoint in [
                ("user", "GET", "/user", self.user),
                *((n, m, repository + p, e) for repository in repositories for n, m, p, e in here),
            ]
        ]

    def _answering(self, name: str, endpoint: Endpoint) -> Endpoint:
        """Refusals become GitHub's answers, and the answer is one of the version that was asked for."""

        async def answer(request: Request) -> Response:
            version = request.headers.get("x-github-api-version", VERSIONS[0])
            if version not in VERSIONS:
                return JSONResponse({"message": f"API version {version!r} is not supported", "status": "400"}, 400)
            needed = NEEDS.get(name, "")
            try:
                if needed in self.github.lacking:
                    raise GitHubRefusal(403, "Resource not accessible by integration")
                response = await endpoint(request)
            except Moved as moved:
                response = _moved(request, moved.id)
            except NotFound:
                response = not_found()
            except GitHubRefusal as refusal:
                response = JSONResponse({**refusal.body, "status": str(refusal.status)}, refusal.status)
            if response.status_code == 403 and needed:
                response.headers["X-Accepted-GitHub-Permissions"] = f"{needed}=read"
            response.headers["X-GitHub-Api-Version-Selected"] = version
            return _versioned(response, version)

        return answer

    def _repo(self, request: Request) -> Repository:
        parts = request.path_params
        if "id" in parts:
            return self.github.repository_of_id(parts["id"])
        return self.github.repository(f"{parts['owner']}/{parts['repo']}")

    def _name(self, request: Request) -> str:
        return self._repo(request).full_name

    # A person, a repository and its branches.

    async def user(self, request: Request) -> Response:
        headers = {"X-OAuth-Scopes": "repo, admin:repo_hook", "X-RateLimit-Remaining": "4999"}
        shown = {"login": BOT, "id": sum(BOT.encode()), "type": "Bot", "site_admin": False}
        return JSONResponse(shown, headers=headers)

    async def repository(self, request: Request) -> Response:
        repo = self._repo(request)
        allowed = {
            "allow_squash_merge": "squash" in repo.methods, "allow_merge_commit": "merge" in repo.methods,
            "allow_rebase_merge": "rebase" in repo.methods, "allow_auto_merge": repo.auto_merge,
        }  # fmt: skip
        permissions = {"admin": False, "push": True, "pull": True}
        return JSONResponse({**shapes.repository_json(repo), **allowed, "permissions": permissions})

    async def permission(self, request: Request) -> Response:
        """An app's account is no user, whatever the app may do."""
        repo, login = self._repo(request), str(request.path_params["user"])
        if people.is_app(repo, login):
            raise GitHubRefusal(404, f"{login} is not a user")
        return JSONResponse(people.permission_json(repo, login))

    async def branch(self, request: Request) -> Response:
        repo = await self.github.refresh(self._name(request))
        name = self._branch(request, repo)
        ours = repo.rules if name == repo.default_branch else None
        contexts = list(ours.required_checks) if ours and ours.source == "protection" else []
        checks = {"enforcement_level": "everyone" if contexts else "off", "contexts": contexts, "checks": []}
        protection = {"enabled": bool(contexts), "required_status_checks": checks}
        commit = {"sha": repo.branches[name]}
        return JSONResponse({"name": name, "commit": commit, "protected": bool(ours), "protection": protection})

    async def ref(self, request: Request) -> Response:
        repo = await self.github.refresh(self._name(request))
        name = self._branch(request, repo)
        target = {"type": "commit", "sha": repo.branches[name]}
        return JSONResponse({"ref": f"refs/heads/{name}", "object": target})

    async def compare(self, request: Request) -> Response:
        """Between branches or commits, from where they parted."""
        repo = await self.github.refresh(self._name(request))
        base, _, head = str(request.path_params["basehead"]).partition("...")
        tips = [repo.branches.get(name, name) for name in (base, head)]
        found = await comparison.compare(repo.path, *tips)
        return JSONResponse(found) if found else not_found()

    async def rules(self, request: Request) -> Response:
        """What rulesets ask of the branch; a branch that is not there yet has rules as well."""
        repo = self._repo(request)
        ours = repo.rules if request.path_params["branch"] == repo.default_branch else None
        return _page(request, rules.rules_json(ours, repo.full_name) if ours else [])

    async def protection(self, request: Request) -> Response:
        repo = self._repo(request)
        ours = repo.rules if self._branch(request, repo) == repo.default_branch else None
        if ours is None or ours.source != "protection":
            raise GitHubRefusal(404, "Branch not protected")
        if not ours.required_checks:
            raise GitHubRefusal(404, "Required status checks not enabled")
        return JSONResponse(rules.protection_json(ours, str(request.url)))

    def _branch(self, request: Request, repo: Repository) -> str:
        name = str(request.path_params["branch"])
        name = repo.renamed_branches.get(name, name)
        if name not in repo.branches:
            raise GitHubRefusal(404, "Branch not found")
        return name

    # Pull requests.

    async def pulls(self, request: Request) -> Response:
        """Newest first; `head` counts only as `owner:branch`, as with GitHub itself."""
        repo = await self.github.refresh(self._name(request))
        query = request.query_params
        state, head, base = query.get("state", "open"), query.get("head", ""), query.get("base")
        chosen = [
            shapes.pull_json(repo, pull)
            for pull in reversed(repo.pulls)
            if state in ("all", pull.state)
            and (":" not in head or head == f"{repo.owner}:{pull.head}")
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
            self._name(request), str(given["head"]), str(given["base"]), str(given["title"]), body, draft
        )
        return JSONResponse(made, 201)

    async def pull(self, request: Request) -> Response:
        await self.github.refresh(self._name(request))
        return JSONResponse(self.github.pull_json(*self.github.pull(self._name(request), _number(request))))

    async def merge(self, request: Request) -> Response:
        given = await _json(request)
        merged = await self.github.merge(
            self._name(request),
            _number(request),
            given.get("sha"),
            given.get("merge_method", "merge"),
            str(given.get("commit_title") or ""),
            str(given.get("commit_message") or ""),
        )
        return JSONResponse(merged)

    async def update_branch(self, request: Request) -> Response:
        given = await _json(request)
        done = await self.github.update_branch(self._name(request), _number(request), given.get("expected_head_sha"))
        return JSONResponse(done, 202)

    async def reviews(self, request: Request) -> Response:
        repo, pull = self.github.pull(self._name(request), _number(request))
        shown = [shapes.review_json(repo, pull, review) for review in pull.reviews]
        return _page(request, [{**review, "state": review["state"].upper()} for review in shown])

    async def of_review(self, request: Request) -> Response:
        """The comments of one review, in the older form: no `line`."""
        repo, pull = self.github.pull(self._name(request), _number(request))
        mine = [comment for comment in pull.review_comments if comment.review == request.path_params["review"]]
        shown = [shapes.review_comment_json(repo, pull, comment) for comment in mine]
        newer = ("line", "original_line", "start_line", "original_start_line", "side", "start_side", "subject_type")
        return _page(request, [{k: v for k, v in one.items() if k not in newer} for one in shown])

    async def inline_comments(self, request: Request) -> Response:
        """All comments at lines, of all reviews, the oldest first."""
        await self.github.refresh(self._name(request))
        repo, pull = self.github.pull(self._name(request), _number(request))
        return _page(request, [shapes.review_comment_json(repo, pull, comment) for comment in pull.review_comments])

    async def comments(self, request: Request) -> Response:
        repo, pull = self.github.pull(self._name(request), _number(request))
        return _page(request, [shapes.comment_json(repo, pull, comment) for comment in pull.comments])

    async def comment(self, request: Request) -> Response:
        self.github.refuse_archived(self._repo(request))
        body = str((await _json(request)).get("body") or "")
        return JSONResponse(self.github.add_comment(self._name(request), _number(request), body, BOT), 201)

    # Checks, statuses, and Actions.

    async def checks(self, request: Request) -> Response:
        """`filter` is `latest` (of each suite the newest run of each name) or `all`."""
        repo, sha = self._repo(request), self._sha(request)
        runs = repo.checks_of(sha) if request.query_params.get("filter") == "all" else repo.latest_checks(sha)
        name = request.query_params.get("check_name")
        return self._check_page(request, repo, [run for run in runs if name in (None, run.name)])

    async def suite_checks(self, request: Request) -> Response:
        repo, id = self._repo(request), request.path_params["suite"]
        suite = repo.suite(id)
        if suite is None:
            return not_found()
        return self._check_page(request, repo, [run for run in repo.latest_checks(suite.sha) if run.suite == id])

    def _check_page(self, request: Request, repo: Repository, runs: list[Check]) -> Response:
        return _page(request, [shapes.check_json(repo, run) for run in runs], "check_runs")

    async def suites(self, request: Request) -> Response:
        repo, sha = self._repo(request), self._sha(request)
        mine = [suite for suite in repo.suites if suite.sha == sha]
        return _page(request, [shapes.suite_json(repo, suite) for suite in mine], "check_suites")

    async def status(self, request: Request) -> Response:
        """The newest of each context, and one word for all; without any that word is pending."""
        repo, sha = self._repo(request), self._sha(request)
        latest = repo.statuses_of(sha)
        states = {status.state for status in latest}
        state = "failure" if states & {"failure", "error"} else "success" if states == {"success"} else "pending"
        more = {"state": state, "sha": sha, "repository": shapes.repository_json(repo)}
        return _page(request, [shapes.status_json(repo, status) for status in latest], "statuses", **more)

    async def statuses(self, request: Request) -> Response:
        """The whole history, newest first."""
        repo, sha = self._repo(request), self._sha(request)
        return _page(request, [shapes.status_json(repo, s) for s in reversed(repo.statuses) if s.sha == sha])

    async def runs(self, request: Request) -> Response:
        """Newest first, filtered by `head_sha`, `branch`, `event` and `status` (which may be a conclusion)."""
        repo, query = self._repo(request), request.query_params
        chosen = [
            suite
            for suite in reversed(repo.suites)
            if suite.run
            and query.get("head_sha") in (None, suite.sha)
            and query.get("branch") in (None, suite.branch)
            and query.get("event") in (None, suite.event)
            and query.get("status") in (None, suite.status, suite.conclusion)
        ]
        return _page(request, [shapes.workflow_run_json(repo, suite) for suite in chosen], "workflow_runs")

    async def run(self, request: Request) -> Response:
        return JSONResponse(shapes.workflow_run_json(*self._run(request)))

    async def jobs(self, request: Request) -> Response:
        """Of the latest attempt, or with `filter=all` of each; a job whose turn has not come is not there."""
        repo, suite = self._run(request)
        every = request.query_params.get("filter") == "all"
        checks = [check for check in repo.checks if check.suite == suite.id]
        mine = [check for check in checks if every or check.attempt == suite.attempt]
        return _page(request, [shapes.job_json(repo, suite, check) for check in mine], "jobs")

    async def logs(self, request: Request) -> Response:
        """A redirect to a plain text elsewhere, which needs no credential and lives for a minute with GitHub."""
        repo, id = self._repo(request), request.path_params["job"]
        check = next((check for check in repo.checks if check.id == id), None)
        if check is None or check.status != "completed":
            return not_found()
        return RedirectResponse(f"{repo.address}/logs/{repo.id}/{id}.txt?sig=sandbox", 302)

    async def log_text(self, request: Request) -> Response:
        repo = self.github.repository_of_id(request.path_params["id"])
        check = next((check for check in repo.checks if check.id == request.path_params["job"]), None)
        return PlainTextResponse(check.log) if check else PlainTextResponse("BlobNotFound", 404)

    def _run(self, request: Request) -> tuple[Repository, Suite]:
        repo = self._repo(request)
        found = next((suite for suite in repo.suites if suite.run == request.path_params["run"]), None)
        if found is None:
            raise GitHubRefusal(404, "Not Found")
        return repo, found

    def _sha(self, request: Request) -> str:
        """Checks are asked for by commit or by branch."""
        ref = str(request.path_params["sha"])
        return self._repo(request).branches.get(ref, ref)

    # The webhook's own deliveries.

    async def deliveries(self, request: Request) -> Response:
        """Attempts, newest first; the cursor is the id below which the page begins."""
        below, size = int(request.query_params.get("cursor", 2**63)), _size(request)
        older = [(d, tried) for d, tried in self._attempts() if tried.number < below]
        shown = [attempt_json(d, tried) for d, tried in older[:size]]
        more = len(older) > size
        return JSONResponse(shown, headers=_links(request, {"next": {"cursor": shown[-1]["id"]}}) if more else {})

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
        "repository_id": delivery.payload.get("repository", {}).get("id"),
        "throttled_at": None,
    }


def ping_payload(hook: int = 1) -> Node:
    """What GitHub sends when a hook is made."""
    return {"zen": "Anything added dilutes everything else.", "hook_id": hook, "hook": {"id": hook, "events": ["*"]}}


def _moved(request: Request, id: int) -> Response:
    """301 for reading, 307 for everything else, to the address by the repository's id."""
    head, _, tail = request.url.path.partition("/repos/")
    rest = "/".join(tail.split("/")[2:])
    path = f"{head}/repositories/{id}" + (f"/{rest}" if rest else "")
    url = str(request.url.replace(path=path))
    status, message = (301, "Moved Permanently") if request.method == "GET" else (307, "Temporary Redirect")
    return JSONResponse({"message": message, "url": url}, status, {"Location": url})


def _versioned(response: Response, version: str) -> Response:
    """The answer without what its API version does not have any more."""
    if version == VERSIONS[0] or not isinstance(response, JSONResponse):
        return response
    kept = {name: value for name, value in response.headers.items() if name not in ("content-length", "content-type")}
    return JSONResponse(_without(json.loads(bytes(response.body)), GONE), response.status_code, kept)


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {name: _without(inner, names) for name, inner in value.items() if name not in names}
    return [_without(inner, names) for inner in value] if isinstance(value, list) else value


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


def _links(request: Request, places: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    found = [f'<{request.url.include_query_params(**where)}>; rel="{name}"' for name, where in places.items()]
    return {"Link": ", ".join(found)} if found else {}


def _page(request: Request, items: list[Node], key: str = "", **more: Any) -> Response:
    """One page, with the Link header that names the others; below `key` where the list is part of a document."""
    number, size = int(request.query_params.get("page", 1)), _size(request)
    last = max(1, -(-len(items) // size))
    places: dict[str, Mapping[str, object]] = {}
    if number > 1:
        places |= {"prev": {"page": number - 1}, "first": {"page": 1}}
    if number < last:
        places |= {"next": {"page": number + 1}, "last": {"page": last}}
    shown: Any = items[(number - 1) * size : number * size]
    document = {**more, "total_count": len(items), key: shown} if key else shown
    return JSONResponse(document, headers=_links(request, places))

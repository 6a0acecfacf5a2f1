"""A GitHub of one open pull request whose lists a test fills: checks, rules, reviews, comments and permissions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import httpx2

from adapters.providers.github.client import GithubClient
from adapters.providers.github.output_target import GithubOutputTarget
from factory_core.dispatch.merge_gate import Gate, gate
from factory_core.dispatch.pull_request import PullRequest
from tests.core.world import config_of

SHA, BRANCH, REPO = "a" * 40, "factory/ACME-1-rename-total", "acme/shop"
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
TOKEN = "ghp_canary"
URL = "https://api.github.test"
HERE = {"id": 7, "full_name": REPO}
Result = TypeVar("Result")
Answer = httpx2.Response | Callable[[httpx2.Request], httpx2.Response]


def before(**span: float) -> str:
    """A moment before NOW, as GitHub writes it."""
    return (NOW - timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


def run(name: str, conclusion: str | None = "success", id: int = 1, suite: int = 1, **fields: Any) -> dict[str, Any]:
    """A check run; without a conclusion it is still running."""
    app = fields.pop("app", "github-actions")
    return {
        "id": id, "name": name, "status": "completed" if conclusion else "in_progress", "conclusion": conclusion,
        "check_suite": {"id": suite}, "app": {"slug": app, "id": sum(app.encode())},
        "output": {"title": None, "summary": None, "text": None}, **fields,
    }  # fmt: skip


def suite(id: int = 1, status: str = "completed", app: str = "github-actions", **fields: Any) -> dict[str, Any]:
    ended = {"conclusion": "success"} if status == "completed" else {"conclusion": None}
    made = {"created_at": before(minutes=2), "latest_check_runs_count": 0}
    return {"id": id, "status": status, "app": {"slug": app}, **ended, **made, **fields}


def workflow(id: int = 1, status: str = "completed", path: str = "ci.yml", **fields: Any) -> dict[str, Any]:
    """A workflow run, of the suite of the same number."""
    ended = {"conclusion": "success"} if status == "completed" else {"conclusion": None}
    return {
        "id": id, "name": path.partition(".")[0], "path": f".github/workflows/{path}", "check_suite_id": id,
        "status": status, "created_at": before(minutes=2), **ended, **fields,
    }  # fmt: skip


def status(context: str, state: str = "success", description: str = "") -> dict[str, Any]:
    return {"context": context, "state": state, "description": description, "updated_at": before(minutes=1)}


def review(id: int, who: str, state: str = "APPROVED", body: str = "", **fields: Any) -> dict[str, Any]:
    app = who.endswith("[bot]")
    return {
        "id": id, "user": {"login": who, "type": "Bot" if app else "User"}, "state": state, "body": body,
        "commit_id": SHA, "submitted_at": before(minutes=60 - id), "author_association": "NONE", **fields,
    }  # fmt: skip


def comment(id: int, who: str, body: str, **fields: Any) -> dict[str, Any]:
    app = who.endswith("[bot]")
    user = {"login": who, "type": "Bot" if app else "User"}
    return {
        "id": id,
        "user": user,
        "body": body,
        "author_association": "NONE",
        "created_at": before(minutes=5),
        **fields,
    }


def required(name: str, app_id: int | None = None) -> dict[str, Any]:
    """A rule of the branch that asks for a check."""
    asked = [{"context": name, "integration_id": app_id}]
    return {"type": "required_status_checks", "parameters": {"required_status_checks": asked}}


def refused(code: int) -> httpx2.Response:
    return httpx2.Response(code, json={"message": "Resource not accessible by personal access token"})


@dataclass
class Github:
    """Lists come in pages. `instead` answers a path below the repository in another way."""

    runs: list[dict[str, Any]] = field(default_factory=lambda: [run("ci")])
    statuses: list[dict[str, Any]] = field(default_factory=list)
    suites: list[dict[str, Any]] = field(default_factory=list)
    workflows: list[dict[str, Any]] = field(default_factory=list)
    rules: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    inline: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)  # that it changes
    may: dict[str, str] = field(default_factory=dict)  # login → permission
    branch: dict[str, Any] = field(default_factory=lambda: {"commit": {"sha": "b" * 40}, "protected": False})
    pull: dict[str, Any] = field(default_factory=dict)
    instead: dict[str, Answer] = field(default_factory=dict)
    asked: list[httpx2.Request] = field(default_factory=list)
    now: datetime = NOW
    page: int = 100  # rows that a page really has

    def shown(self) -> dict[str, Any]:
        return {
            "number": 1, "state": "open", "draft": False, "merged": False, "mergeable": True,
            "mergeable_state": "clean",
            "head": {"ref": BRANCH, "sha": SHA, "repo": HERE}, "base": {"ref": "main", "sha": "b" * 40, "repo": HERE},
            "user": {"login": "factory-bot", "type": "User"}, "comments": len(self.comments),
            "review_comments": len(self.inline), **self.pull,
        }  # fmt: skip

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        path = request.url.path.removeprefix(f"/repos/{REPO}")
        if path in self.instead:
            other = self.instead[path]
            return other(request) if callable(other) else other
        if path.startswith("/collaborators/"):
            return self._permission(path.split("/")[2])
        lists = {
            f"/commits/{SHA}/check-runs": ("check_runs", self.runs),
            f"/commits/{SHA}/status": ("statuses", self.statuses),
            f"/commits/{SHA}/check-suites": ("check_suites", self.suites),
            "/actions/runs": ("workflow_runs", self.workflows),
            "/rules/branches/main": ("", self.rules),
            "/pulls/1/reviews": ("", self.reviews),
            "/pulls/1/comments": ("", self.inline),
            "/issues/1/comments": ("", self.comments),
        }
        if path in lists:
            return self._page(request, *lists[path])
        compared = {f"/compare/{'b' * 40}...{SHA}": {"files": [{"filename": one} for one in self.files]}}
        documents: dict[str, Any] = {**compared, "": HERE, "/pulls/1": self.shown(), "/branches/main": self.branch}
        if path in documents:
            return httpx2.Response(200, json=documents[path])
        return httpx2.Response(404, json={"message": "Not Found"})

    def _permission(self, login: str) -> httpx2.Response:
        known = self.may.get(login, "read")  # as for everybody where the repository is public
        legacy = {"maintain": "write", "triage": "read"}.get(known, known)
        return httpx2.Response(200, json={"permission": legacy, "role_name": known, "user": {"login": login}})

    def _page(self, request: httpx2.Request, key: str, rows: list[Any]) -> httpx2.Response:
        number, size = int(request.url.params["page"]), min(self.page, int(request.url.params["per_page"]))
        part = rows[(number - 1) * size : number * size]
        more = {"link": f'<{request.url}>; rel="next"'} if number * size < len(rows) else {}
        return httpx2.Response(200, json={"total_count": len(rows), key: part} if key else part, headers=more)

    def paths(self) -> list[str]:
        return [request.url.path.removeprefix(f"/repos/{REPO}") for request in self.asked]

    def use(self, work: Callable[[GithubOutputTarget], Awaitable[Result]]) -> Result:
        """Run `work` with a target whose network this is."""

        async def story() -> Result:
            async with httpx2.AsyncClient(transport=httpx2.MockTransport(self.answer)) as http:
                client = GithubClient(http, TOKEN, URL, clock=lambda: self.now)
                return await work(GithubOutputTarget(client, config_of()))

        return asyncio.run(story())

    def read(self) -> PullRequest:
        async def work(target: GithubOutputTarget) -> PullRequest:
            found = await target.read_pull_request(REPO, 1)
            assert found is not None
            return found

        return self.use(work)

    def asked_by_reading(self) -> list[str]:
        self.read()
        return self.paths()

    def judged(self, **merge: Any) -> Gate:
        """What the gate says of what is read here."""
        rules = config_of(merge={"requiredChecks": [], "trustAnyCheck": True, **merge}).merge
        return gate(self.read(), rules, "main")

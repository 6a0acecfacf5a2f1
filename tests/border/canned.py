"""Vendors of canned responses: the real clients over a transport that answers as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx2

from adapters.providers.github.client import GithubClient
from adapters.providers.github.output_target import GithubOutputTarget
from tests.core.world import config_of

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
SHA = "a" * 40
API = "https://api.github.com"
HERE = {"id": 7, "full_name": "acme/shop"}
T = TypeVar("T")
Answer = httpx2.Response | Exception


def response(status: int, document: Any = None, headers: Mapping[str, str] | None = None) -> httpx2.Response:
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return httpx2.Response(status, content=content, headers=headers)


def pull(**fields: Any) -> dict[str, Any]:
    """Pull request 1 of acme/shop, as REST shows it."""
    return {
        "number": 1, "node_id": "PR_1", "html_url": "https://github.com/acme/shop/pull/1", "state": "open",
        "draft": False, "merged": False, "mergeable": True, "mergeable_state": "clean", "auto_merge": None,
        "merged_by": None,
        "head": {"ref": "factory/ACME-1-x", "sha": SHA, "repo": HERE}, "base": {"ref": "main", "repo": HERE}, **fields,
    }  # fmt: skip


class Vendor:
    """`answers` maps `METHOD /path` to a response or to a function of the request; the rest is 404."""

    def __init__(self, answers: Mapping[str, Answer | Callable[[httpx2.Request], Answer]]) -> None:
        self.answers = dict(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        found = self.answers.get(f"{request.method} {request.url.path}", response(404, {"message": "Not Found"}))
        answer = found(request) if callable(found) else found
        if isinstance(answer, Exception):
            raise answer
        return httpx2.Response(answer.status_code, content=answer.content, headers=answer.headers)

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.asked]


def over(answer: Callable[[httpx2.Request], httpx2.Response], use: Callable[[httpx2.AsyncClient], Awaitable[T]]) -> T:
    async def run() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            return await use(http)

    return asyncio.run(run())


def github(
    answer: Callable[[httpx2.Request], httpx2.Response], use: Callable[[GithubClient], Awaitable[T]], url: str = API
) -> T:
    return over(answer, lambda http: use(GithubClient(http, "token", url, clock=lambda: NOW)))


def target(
    answer: Callable[[httpx2.Request], httpx2.Response],
    use: Callable[[GithubOutputTarget], Awaitable[T]],
    url: str = API,
) -> T:
    return github(answer, lambda client: use(GithubOutputTarget(client, config_of())), url)

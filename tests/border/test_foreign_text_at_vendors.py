"""What leaves for a vendor is safe there, whatever the core hands over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest

from adapters.providers.github.client import GithubClient
from adapters.providers.github.output_target import GithubOutputTarget
from adapters.providers.linear.marks import marked
from adapters.providers.slack.text import escape
from factory_core.dispatch.pull_request import PullRequest
from tests.core.world import config_of

pytestmark = pytest.mark.pure

SHA = "a" * 40
BRANCH = "factory/ACME-142-rename-total"
SUBJECT, URL = "ACME-142: Rename (skip ci) for ACME 9 (#7)", "https://github.com/acme/shop/pull/7"
PULL = {
    "number": 7, "node_id": "PR_7", "html_url": URL, "title": "ACME-142: Rename [skip ci] for ACME-9", "state": "open",
    "draft": False, "merged": False, "head": {"ref": BRANCH, "sha": SHA}, "base": {"ref": "main"}, "auto_merge": None,
}  # fmt: skip


def orders_of(use: Callable[[GithubOutputTarget, PullRequest], Awaitable[object]]) -> list[Any]:
    """The bodies of what a GitHub that does everything is told."""
    given: list[Any] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.content:
            given.append(json.loads(request.content))
        return httpx2.Response(200, json=PULL if request.method == "GET" else {"merged": True, "data": {}})

    async def main() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            target = GithubOutputTarget(GithubClient(http, "t", "https://api.github.com"), config_of())
            title, branch = str(PULL["title"]), BRANCH
            await use(target, PullRequest(repository="acme/shop", number=7, url=URL, title=title, branch=branch))

    asyncio.run(main())
    return given


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("squash", {"commit_title": SUBJECT, "commit_message": URL}),
        ("merge", {"commit_title": SUBJECT, "commit_message": URL}),
        ("rebase", {}),  # it takes the commits as they are, whose messages were made safe before they were pushed
    ],
)
def test_the_commit_of_a_merge_has_our_own_message(method: str, message: dict[str, str]) -> None:
    """GitHub would take the only commit's message, or all of them. https://docs.github.com/rest/pulls/pulls"""
    (order,) = orders_of(lambda target, pull_request: target.merge(pull_request, SHA, method))
    assert order == {"sha": SHA, "merge_method": method, **message}


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("squash", {"headline": SUBJECT, "body": URL}),
        ("merge", {"headline": SUBJECT, "body": URL}),
        ("rebase", {}),
    ],
)
def test_so_has_the_commit_of_a_merge_that_waits_for_checks(method: str, message: dict[str, str]) -> None:
    """https://docs.github.com/graphql/reference/mutations#enablepullrequestautomerge"""
    (order,) = orders_of(lambda target, pull_request: target.enable_auto_merge(pull_request, SHA, method))
    assert order["variables"] == {"id": "PR_7", "head": SHA, "method": method.upper(), **message}


def test_a_comment_and_a_message_hold_nothing_that_a_vendor_cannot_store() -> None:
    """NUL, halves of a character and what turns the reading direction; the comment's mark stands once, at its end."""
    assert marked("a\0b\ud83d\u202e") == "a b�\n\n<!-- factory -->"
    assert escape("a\0b\ud83d\u202e <!here> & <@U1>") == "a b� &lt;!here&gt; &amp; &lt;@U1&gt;"

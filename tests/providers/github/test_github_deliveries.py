"""Webhooks that GitHub could not deliver, and asking for them again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fake_github import with_client
from github_payloads import CONFIG, NOW

from adapters.providers.github.deliveries import FailedDelivery, GithubDeliveries
from factory_core.config import Github
from factory_core.errors import Terminal
from factory_core.ports import Redelivered

pytestmark = pytest.mark.pure

HOOK = "/repos/acme/api/hooks/99/deliveries"
BIG = 9_007_199_254_740_993  # 2^53 + 1: a float would make another id of it


def attempt(delivery_id: int, guid: str, minutes_ago: int, status_code: Any) -> dict[str, Any]:
    when = NOW - timedelta(minutes=minutes_ago)
    return {"id": delivery_id, "guid": guid, "delivered_at": when.isoformat(), "status_code": status_code}


class Hook:
    """A hook's list of attempts in pages of two, newest first."""

    def __init__(self, *attempts: dict[str, Any]) -> None:
        self.attempts, self.asked = attempts, list[str]()

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(f"{request.method} {request.url.host}{request.url.path}")
        if request.method == "POST":
            return httpx2.Response(202 if request.url.path == f"{HOOK}/{BIG}/attempts" else 404)
        if request.url.path != HOOK or "status" in request.url.params:
            return httpx2.Response(404)
        start = int(request.url.params.get("cursor", "v0").removeprefix("v"))
        link = {"link": f'<https://elsewhere.test{HOOK}?cursor=v{start + 2}>; rel="next"'}
        more = start + 2 < len(self.attempts)
        return httpx2.Response(200, json=list(self.attempts[start : start + 2]), headers=link if more else {})

    def failed(self, config: Any = CONFIG) -> tuple[FailedDelivery, ...]:
        since = NOW - timedelta(hours=1)
        return with_client(
            self.answer, lambda client: GithubDeliveries(client, config).failed_deliveries("acme/api", since)
        )


def test_what_never_arrived_is_listed_once_oldest_first() -> None:
    """Refusals and silence both count; a success of any attempt settles its guid; what is older is left alone."""
    hook = Hook(
        attempt(BIG, "b", 5, 0),
        attempt(7, "a", 10, 200),
        attempt(6, "c", 15, 502),
        attempt(5, "b", 20, 500),
        attempt(4, "d", 30, None),
        attempt(3, "a", 40, 503),
        attempt(2, "e", 61, 500),
        attempt(1, "f", 70, 500),
    )
    found = [(failed.id, failed.guid) for failed in hook.failed()]
    assert found == [(4, "d"), (6, "c"), (BIG, "b")]
    assert hook.asked == [f"GET api.github.test{HOOK}"] * 4  # the link's own host is never asked


def test_without_a_hook_there_is_nothing_to_ask() -> None:
    """No hook id in the configuration: no call, no deliveries."""
    hook = Hook(attempt(1, "a", 5, 500))
    assert hook.failed(CONFIG.model_copy(update={"github": Github()})) == ()
    assert hook.asked == []


def test_a_delivery_is_asked_for_again_by_its_id() -> None:
    """Redelivery is one POST; a delivery that GitHub has forgotten is a problem."""
    hook = Hook()
    with_client(hook.answer, lambda client: GithubDeliveries(client, CONFIG).redeliver("acme/api", BIG))
    assert hook.asked == [f"POST api.github.test{HOOK}/{BIG}/attempts"]
    with pytest.raises(Terminal):
        with_client(hook.answer, lambda client: GithubDeliveries(client, CONFIG).redeliver("acme/api", 1))


def redelivered(hook: Hook, calls: int, config: Any = CONFIG) -> Redelivered:
    since = NOW - timedelta(hours=1)
    return with_client(hook.answer, lambda client: GithubDeliveries(client, config).redeliver_failed(since, calls))


def test_failures_are_asked_for_within_the_calls_that_may_be_spent() -> None:
    """The hook's repository is found among several; oldest first; forgotten ones hold up none; the rest is told."""
    hook = Hook(attempt(BIG, "b", 5, 0), attempt(6, "c", 15, 502), attempt(5, "d", 20, 500), attempt(4, "e", 70, 500))
    assert redelivered(hook, 4) == Redelivered(2, False)
    listed, asked = f"GET api.github.test{HOOK}", "POST api.github.test" + HOOK
    other = "GET api.github.test/repos/acme/web/hooks/99/deliveries"
    assert hook.asked == [listed, other, listed, listed, f"{asked}/5/attempts", f"{asked}/6/attempts"]
    assert redelivered(hook, 20) == Redelivered(3, True)


def test_a_hook_that_no_repository_has_is_a_problem_and_none_is_no_call() -> None:
    """The fix names the key; without a hook id nothing is asked."""
    elsewhere = CONFIG.model_copy(update={"github": CONFIG.github.model_copy(update={"hook_id": "98"})})
    with pytest.raises(Terminal) as wrong:
        redelivered(Hook(), 4, elsewhere)
    assert "github.hookId" in wrong.value.fix
    hook = Hook()
    assert redelivered(hook, 4, CONFIG.model_copy(update={"github": Github()})) == Redelivered(0, True)
    assert hook.asked == []

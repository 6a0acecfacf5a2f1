"""Webhooks that GitHub could not deliver, and asking for them again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fake_github import with_client
from github_payloads import CONFIG, NOW

from adapters.providers.github.deliveries import GithubDeliveries
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


def test_a_delivery_is_asked_for_again_by_its_id() -> None:
    """Redelivery is one POST; a delivery that GitHub has forgotten is a problem."""
    hook = Hook()
    with_client(hook.answer, lambda client: GithubDeliveries(client, CONFIG).redeliver("acme/api", BIG))
    assert hook.asked == [f"POST api.github.test{HOOK}/{BIG}/attempts"]
    with pytest.raises(Terminal):
        with_client(hook.answer, lambda client: GithubDeliveries(client, CONFIG).redeliver("acme/api", 1))


ALONE = CONFIG.model_copy(update={"repositories": {"acme/api": CONFIG.repositories["acme/api"]}})


def redelivered(hook: Hook, calls: int, config: Any = ALONE, cursor: str = "") -> Redelivered:
    since = NOW - timedelta(hours=1)
    return with_client(
        hook.answer, lambda client: GithubDeliveries(client, config).redeliver_failed(since, cursor, calls)
    )


def posted(hook: Hook) -> list[int]:
    return [int(asked.split("/")[-2]) for asked in hook.asked if asked.startswith("POST")]


def test_what_never_arrived_is_asked_for_once_and_what_is_too_old_is_left_alone() -> None:
    """Refusals and silence both count; a success of any attempt settles its guid; the link's host is never asked."""
    hook = Hook(
        attempt(BIG, "b", 5, 0),
        attempt(7, "a", 10, 200),
        attempt(6, "c", 15, 502),
        attempt(5, "a", 20, 500),
        attempt(4, "d", 30, None),
        attempt(3, "a", 40, 503),
        attempt(2, "e", 61, 500),
        attempt(1, "f", 70, 500),
    )
    assert redelivered(hook, 20) == Redelivered(3)
    assert posted(hook) == [BIG, 6, 4]
    assert [asked for asked in hook.asked if "GET" in asked] == [f"GET api.github.test{HOOK}"] * 4


def test_a_budget_that_ends_before_the_list_goes_on_there_next_time() -> None:
    """Nothing is passed over, however little may be asked at once, and whoever asks: the place is in the cursor."""
    hook = Hook(*(attempt(10 - n, f"g{n}", 5 + n, 500) for n in range(9)))
    done, sizes = Redelivered(0), list[int]()
    while done.cursor or not sizes:
        done = redelivered(hook, 2, cursor=done.cursor)
        sizes.append(done.asked)
    assert sorted(posted(hook)) == list(range(2, 11)) and set(sizes) <= {0, 1}


def test_the_hooks_repository_is_found_and_forgotten_deliveries_hold_up_none() -> None:
    """Among several repositories only one knows the hook; in a page the longest waiting comes first."""
    hook = Hook(attempt(BIG, "b", 5, 0), attempt(6, "c", 15, 502), attempt(5, "d", 20, 500), attempt(4, "e", 70, 500))
    assert redelivered(hook, 3, CONFIG) == Redelivered(2, "0:v2")
    listed, asked = f"GET api.github.test{HOOK}", "POST api.github.test" + HOOK
    other = "GET api.github.test/repos/acme/web/hooks/99/deliveries"
    assert hook.asked == [listed, other, listed, f"{asked}/6/attempts", f"{asked}/{BIG}/attempts"]


def test_a_hook_that_no_repository_has_is_a_problem_and_none_is_no_call() -> None:
    """The fix names the key; without a hook id nothing is asked."""
    elsewhere = CONFIG.model_copy(update={"github": CONFIG.github.model_copy(update={"hook_id": "98"})})
    with pytest.raises(Terminal) as wrong:
        redelivered(Hook(), 4, elsewhere)
    assert "github.hookId" in wrong.value.fix
    hook = Hook()
    assert redelivered(hook, 4, CONFIG.model_copy(update={"github": Github()})) == Redelivered(0)
    assert hook.asked == []

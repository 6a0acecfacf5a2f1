"""Webhooks that GitHub could not deliver, and asking for them again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from fake_github import with_client
from github_payloads import CONFIG, NOW

from adapters.providers.github.client import GithubClient
from adapters.providers.github.deliveries import GithubDeliveries
from adapters.providers.github.settings import GithubSettings
from factory_core.errors import Retryable, Terminal
from factory_core.ports import Redelivered

pytestmark = pytest.mark.pure

HOOK = "/repos/acme/api/hooks/99/deliveries"
BIG = 9_007_199_254_740_993  # 2^53 + 1: a float would make another id of it


def attempt(delivery_id: int, guid: str, minutes_ago: int, status_code: Any) -> dict[str, Any]:
    when = NOW - timedelta(minutes=minutes_ago)
    return {"id": delivery_id, "guid": guid, "delivered_at": when.isoformat(), "status_code": status_code}


class Hook:
    """A hook's list of attempts in pages of two, newest first; `refused`: with what, by the attempt's id."""

    def __init__(self, *attempts: dict[str, Any], home: str = HOOK) -> None:
        self.attempts, self.home, self.asked = attempts, home, list[str]()
        self.refused = dict[int, httpx2.Response]()

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(f"{request.method} {request.url.host}{request.url.path}")
        if request.method == "POST":
            known = self.refused.get(int(request.url.path.split("/")[-2]))
            return known or httpx2.Response(202 if request.url.path == f"{HOOK}/{BIG}/attempts" else 404)
        if request.url.path != self.home or "status" in request.url.params:
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
    done = redelivered(hook, 4, CONFIG)
    assert (done.asked, posted(hook)) == (2, [6, BIG])
    assert redelivered(hook, 4, CONFIG, done.cursor).asked == 1 and posted(hook) == [6, BIG, 5]


def test_one_that_github_cannot_send_lets_the_others_pass_and_is_asked_for_until_it_is_sent() -> None:
    """5xx for the one that waits longest: the turn goes on, and the walk begins anew until nothing was refused."""
    hook = Hook(attempt(BIG, "b", 5, 0), attempt(6, "c", 15, 502), attempt(5, "d", 20, 500))
    hook.refused[6] = httpx2.Response(502)
    done = redelivered(hook, 20)
    assert (done.asked, posted(hook)) == (3, [6, BIG, 5]) and done.cursor
    hook.refused.clear()
    assert redelivered(hook, 20, cursor=done.cursor) == Redelivered(3)


def test_a_pause_ends_the_turn_and_costs_no_place() -> None:
    """What was asked for stays asked; the next turn hears of the pause first, and says so."""
    hook = Hook(attempt(BIG, "b", 5, 0), attempt(6, "c", 15, 502))
    hook.refused[BIG] = httpx2.Response(429, headers={"retry-after": "60"})
    done = redelivered(hook, 20)
    assert done.asked == 1 and done.cursor
    with pytest.raises(Retryable) as pause:
        redelivered(hook, 20, cursor=done.cursor)
    assert pause.value.after == 60
    hook.refused.clear()
    assert redelivered(hook, 20, cursor=done.cursor) == Redelivered(1)
    assert posted(hook) == [6, BIG, BIG, BIG]


MANY = CONFIG.model_copy(update={"repositories": {f"acme/r{n}": CONFIG.repositories["acme/api"] for n in range(50)}})


@pytest.mark.parametrize("home", range(0, 50, 7))
def test_the_search_for_the_hook_keeps_to_its_calls_whoever_goes_on(home: int) -> None:
    """Of fifty repositories, each turn in a process of its own: at most twenty are asked, and it is found in time."""
    hook = Hook(attempt(7, "a", 5, 500), home=f"/repos/acme/r{home}/hooks/99/deliveries")
    done, turns = Redelivered(0), 0
    while done.cursor or not turns:
        before, turns = len(hook.asked), turns + 1
        done = redelivered(hook, 20, MANY, done.cursor)
        assert len(hook.asked) - before <= 20
    assert (done.asked, posted(hook)) == (1, [7]) and turns <= home // 20 + 2


def test_a_hook_that_was_found_is_not_looked_for_again() -> None:
    """In one process: a list and nothing else, for as long as it lives."""
    hook = Hook(home="/repos/acme/r30/hooks/99/deliveries")

    async def use(client: GithubClient) -> int:
        deliveries = GithubDeliveries(client, MANY)
        first = await deliveries.redeliver_failed(NOW, "", 60)
        before = len(hook.asked)
        assert first == await deliveries.redeliver_failed(NOW, "", 60) == Redelivered(0)
        return len(hook.asked) - before

    assert with_client(hook.answer, use) == 1 and len(hook.asked) == 31 + 2


def test_a_hook_that_no_repository_has_is_a_problem_and_none_is_no_call() -> None:
    """The fix names the key; without a hook id nothing is asked."""
    elsewhere = CONFIG.model_copy(
        update={"github": CONFIG.section("github", GithubSettings).model_copy(update={"hook_id": "98"})}
    )
    with pytest.raises(Terminal) as wrong:
        redelivered(Hook(), 4, elsewhere)
    assert "github.hookId" in wrong.value.fix
    hook = Hook()
    assert redelivered(hook, 4, CONFIG.model_copy(update={"github": GithubSettings()})) == Redelivered(0)
    assert hook.asked == []

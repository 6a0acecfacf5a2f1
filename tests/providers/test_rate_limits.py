"""A vendor's rate limit is the account's: while it lasts, this process makes no call that it covers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from adapters.providers.github.client import GithubClient
from adapters.providers.http_call import RedactingClient
from adapters.providers.linear.client import LinearClient
from adapters.providers.relayfile.client import RelayfileClient
from adapters.providers.slack.client import SlackClient
from factory_core.errors import Retryable, VendorPaused, VendorUnavailable

pytestmark = pytest.mark.pure
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


class Limited:
    """A vendor that answers each call with `limit`, until it is asked to answer well; and the clock of who calls."""

    def __init__(self, status: int, headers: dict[str, str], document: Any = None) -> None:
        self.limit: httpx2.Response | None = httpx2.Response(status, headers=headers, json=document)
        self.now = NOW
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url.path)
        if self.limit:
            return httpx2.Response(self.limit.status_code, headers=self.limit.headers, content=self.limit.content)
        return httpx2.Response(200, json={"ok": True, "data": {"viewer": {}}, "events": []})

    def play(self, story: Callable[[RedactingClient], Awaitable[None]]) -> None:
        async def played() -> None:
            async with RedactingClient(str, clock=lambda: self.now, transport=httpx2.MockTransport(self)) as http:
                await story(http)

        asyncio.run(played())


async def refused(call: Awaitable[Any]) -> Retryable:
    with pytest.raises(Retryable) as caught:
        await call
    return caught.value


def github(http: RedactingClient, token: str = "t") -> GithubClient:
    return GithubClient(http, token, "https://github.example", clock=lambda: NOW)


def linear(http: RedactingClient) -> LinearClient:
    return LinearClient(http, "lin_api_1", "https://linear.example", clock=lambda: NOW)


@pytest.mark.parametrize(
    ("status", "headers", "message"),
    [
        (429, {"retry-after": "20"}, "Slow down"),
        (403, {"retry-after": "20"}, "You have exceeded a secondary rate limit."),
    ],
)
def test_one_call_meets_the_limit_of_the_account_and_all_others_are_answered_without_one(
    status: int, headers: dict[str, str], message: str
) -> None:
    """Until it is over, for REST and GraphQL; each answer says how long that is."""
    vendor = Limited(status, headers, {"message": message})

    async def story(http: RedactingClient) -> None:
        client = github(http)
        first = await refused(client.read("/repos/acme/shop/pulls/1"))
        assert (type(first), first.after) == (VendorUnavailable, 20.0)
        vendor.now += timedelta(seconds=5)
        for call in (client.read("/user"), client.call("POST", "/repos/acme/shop/pulls"), client.graphql("MarkReady")):
            problem = await refused(call)
            assert isinstance(problem, VendorPaused) and (problem.provider, problem.after) == ("github", 15.0)
            assert "until 05:06:27 UTC" in problem.why
        assert len(vendor.asked) == 1
        vendor.limit, vendor.now = None, NOW + timedelta(seconds=20)
        assert await client.graphql("MarkReady") == {"viewer": {}}

    vendor.play(story)


def test_whoever_waits_for_a_turn_does_not_call_once_the_limit_is_known() -> None:
    """Fifty calls come at once: no more are made than are under way together."""
    vendor = Limited(429, {"retry-after": "20"})

    async def story(http: RedactingClient) -> None:
        client = github(http)
        problems = await asyncio.gather(*(refused(client.read(f"/{n}")) for n in range(50)))
        assert len(vendor.asked) <= 8 and sum(isinstance(one, VendorPaused) for one in problems) >= 42

    vendor.play(story)


def test_another_credential_is_asked_meanwhile() -> None:
    vendor = Limited(429, {"retry-after": "20"})

    async def story(http: RedactingClient) -> None:
        await refused(github(http).read("/user"))
        vendor.limit = None
        await github(http, "another").read("/user")

    vendor.play(story)


def test_a_primary_limit_of_github_is_that_of_one_resource() -> None:
    reset = str(int(NOW.timestamp()) + 900)
    vendor = Limited(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset}, {"message": "limit exceeded"})

    async def story(http: RedactingClient) -> None:
        client = github(http)
        await refused(client.read("/user"))
        vendor.limit = None
        assert await client.graphql("MarkReady") == {"viewer": {}}
        assert (await refused(client.read("/user"))).after == 900.0

    vendor.play(story)


def test_a_limit_of_slack_is_that_of_one_method() -> None:
    vendor = Limited(429, {"retry-after": "30"}, {"ok": False, "error": "ratelimited"})

    async def story(http: RedactingClient) -> None:
        client = SlackClient(http, "xoxb-1", "https://slack.example")
        await refused(client.call("chat.postMessage"))
        vendor.limit = None
        await client.call("conversations.replies")
        assert (await refused(client.call("chat.postMessage"))).after == 30.0
        assert vendor.asked == ["/api/chat.postMessage", "/api/conversations.replies"]

    vendor.play(story)


SLACK_REFUSES = {"ok": False, "error": "ratelimited"}


@pytest.mark.parametrize(
    ("vendor", "limited"),
    [
        (Limited(200, {}, SLACK_REFUSES), True),
        (Limited(200, {"retry-after": "30"}, SLACK_REFUSES), True),
        (Limited(200, {"retry-after": "30"}, {"ok": False, "error": "internal_error"}), False),
        (Limited(200, {}, {"ok": False, "error": "team_added_to_org"}), False),
        (Limited(503, {"retry-after": "30"}), False),
        (Limited(429, {}), True),
    ],
)
def test_only_a_limit_shows_that_the_vendor_is_well(vendor: Limited, limited: bool) -> None:
    """With or without the time of its end. A fault that asks for a pause is an outage: its events may be lost."""

    async def story(http: RedactingClient) -> None:
        problem = await refused(SlackClient(http, "xoxb-1", "https://slack.example").call("chat.postMessage"))
        assert isinstance(problem, VendorUnavailable) and problem.limited is limited

    vendor.play(story)


def of_linear(kind: str) -> Limited:
    reset = str(int(NOW.timestamp() + 90) * 1000)
    headers = {f"x-ratelimit-{kind}-remaining": "0", f"x-ratelimit-{kind}-reset": reset}
    return Limited(400, headers, {"errors": [{"message": "no", "extensions": {"code": "RATELIMITED"}}]})


@pytest.mark.parametrize(("kind", "covers"), [("requests", True), ("complexity", True), ("endpoint-requests", False)])
def test_a_limit_of_linear_is_that_of_the_key_or_of_one_operation(kind: str, covers: bool) -> None:
    """Linear answers it with 400, and says in its headers what is used up."""
    vendor = of_linear(kind)

    async def story(http: RedactingClient) -> None:
        assert (await refused(linear(http).post("CommentCreate", {}))).after == 90.0
        assert isinstance(await refused(linear(http).post("CommentCreate", {})), VendorPaused)
        assert isinstance(await refused(linear(http).post("Issue", {})), VendorPaused) is covers

    vendor.play(story)


def test_a_busy_workspace_of_relayfile_is_left_alone() -> None:
    vendor = Limited(429, {}, {"code": "busy", "retryAfterSeconds": 7})

    async def story(http: RedactingClient) -> None:
        client = RelayfileClient(http, "jwt", "https://relay.example", "ws")
        await refused(client.events())
        assert (await refused(client.dead_letters())).after == 7.0 and len(vendor.asked) == 1

    vendor.play(story)


@pytest.mark.parametrize("status", [500, 503])
def test_a_fault_of_the_vendor_holds_up_no_other_call(status: int) -> None:
    """Also where it says when to come again: that is about this call."""
    vendor = Limited(status, {"retry-after": "60"})

    async def story(http: RedactingClient) -> None:
        assert (await refused(github(http).read("/user"))).after == 60.0
        assert not isinstance(await refused(github(http).read("/user")), VendorPaused)

    vendor.play(story)


def test_a_clock_that_is_put_back_prolongs_no_limit() -> None:
    vendor = Limited(429, {"retry-after": "20"})

    async def story(http: RedactingClient) -> None:
        await refused(github(http).read("/user"))
        vendor.limit, vendor.now = None, NOW - timedelta(hours=1)
        await github(http).read("/user")

    vendor.play(story)

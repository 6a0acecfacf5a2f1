"""One credential for all calls to a vendor: refused, it is tried once a minute, and a new one is taken at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from adapters.providers.credential import Credential
from adapters.providers.github.client import GithubClient
from adapters.providers.github.connection import check_connection as check_github
from adapters.providers.linear.client import LinearClient
from adapters.providers.linear.connection import check_connection as check_linear
from adapters.providers.relayfile.client import RelayfileClient
from adapters.providers.relayfile.connection import check_connection as check_relayfile
from adapters.providers.slack.client import SlackClient
from adapters.providers.slack.connection import check_connection as check_slack
from factory_core.connections import ConnectionStatus
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal
from tests.core.world import START

pytestmark = pytest.mark.pure
WHY = "it answered 401"


class Vendor:
    """Accepts some tokens, and remembers with which it was asked."""

    def __init__(self, *good: str) -> None:
        self.good, self.asked = set(good), list[str]()

    async def call(self, token: str) -> str:
        self.asked.append(token)
        if token not in self.good:
            raise ConnectionLost("linear", WHY)
        return f"as {token}"


class Kept:
    """Where the tokens lie; what is put there counts when it is read again."""

    def __init__(self, *tokens: str) -> None:
        self.there = self.read = tokens
        self.looks, self.now = 0, START
        self.credential = Credential("linear", lambda: self.read, renew=self.renew, clock=lambda: self.now)

    async def renew(self) -> None:
        self.looks += 1
        self.read = self.there

    async def outcome(self, vendor: Vendor) -> str:
        try:
            return await self.credential.authorized(vendor.call)
        except ConnectionLost as lost:
            return lost.why


def test_a_refused_token_is_asked_with_once_a_minute_however_many_calls_wait() -> None:
    """An hour of a hundred waiting effects costs the vendor some 60 calls, and each of the others fails at once."""

    async def main() -> None:
        vendor, kept = Vendor(), Kept("old")
        for _ in range(600):
            for _ in range(20):
                assert await kept.outcome(vendor) == WHY
            kept.now += timedelta(seconds=6)
        assert 60 <= len(vendor.asked) <= 75
        vendor.good.add("old")
        kept.now += timedelta(minutes=1)
        assert await kept.outcome(vendor) == "as old"  # it was suspended, and is good again
        assert [await kept.outcome(vendor) for _ in range(3)] == ["as old"] * 3

    asyncio.run(main())


def test_a_new_token_is_taken_at_once_and_looked_for_every_few_seconds_at_most() -> None:
    async def main() -> None:
        vendor, kept = Vendor("new"), Kept("old")
        for _ in range(1000):
            assert await kept.outcome(vendor) == WHY
        assert (vendor.asked, kept.looks) == (["old"], 1)
        kept.there = ("new",)
        assert await kept.outcome(vendor) == WHY  # it was looked for just now
        kept.now += timedelta(seconds=3)
        assert [await kept.outcome(vendor) for _ in range(2)] == ["as new"] * 2
        assert (vendor.asked, kept.looks) == (["old", "new", "new"], 2)

    asyncio.run(main())


def test_a_new_token_that_is_there_already_costs_no_failure() -> None:
    """The old one is refused, the file is read, and the same call is made again with what stands there now."""

    async def main() -> None:
        vendor, kept = Vendor("new"), Kept("old")
        kept.there = ("new",)
        assert await kept.outcome(vendor) == "as new"
        assert vendor.asked == ["old", "new"]

    asyncio.run(main())


def test_a_wrong_new_token_is_refused_like_the_old_one_and_the_next_one_is_taken() -> None:
    """A typing error, then another person's key, then the right one: each is tried once."""

    async def main() -> None:
        vendor, kept = Vendor("right"), Kept("old")
        assert await kept.outcome(vendor) == WHY
        for wrong in ("typo", "other"):
            kept.there = (wrong,)
            kept.now += timedelta(seconds=5)
            assert [await kept.outcome(vendor) for _ in range(20)] == [WHY] * 20
        kept.there = ("right",)
        kept.now += timedelta(seconds=5)
        assert await kept.outcome(vendor) == "as right"
        assert vendor.asked == ["old", "typo", "other", "right"]

    asyncio.run(main())


@pytest.mark.parametrize("there", [(), ("two words",), ("zeilen\numbruch",), ("schlüssel",)])
def test_no_token_or_one_that_cannot_be_sent_is_a_lost_connection(there: tuple[str, ...]) -> None:
    """The file was emptied, or edited by hand: no vendor is asked with that, and a good one heals it."""

    async def main() -> None:
        vendor, kept = Vendor("new"), Kept(*there)
        for _ in range(3):
            assert await kept.outcome(vendor) in ("there is no token", "the token holds characters that no token has")
            kept.now += timedelta(minutes=2)
        assert vendor.asked == []
        kept.there = ("new",)
        assert await kept.outcome(vendor) == "as new"

    asyncio.run(main())


def test_while_tokens_are_rotated_the_second_is_tried_when_the_first_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing is lost by it; the log says once that one of them is refused."""

    async def main() -> None:
        vendor, kept = Vendor("second"), Kept("first", "second")
        assert [await kept.outcome(vendor) for _ in range(3)] == ["as second"] * 3
        assert vendor.asked == ["first", "second", "second", "second"]
        vendor.good = {"first"}
        assert await kept.outcome(vendor) == WHY
        kept.now += timedelta(minutes=1)
        assert await kept.outcome(vendor) == "as first"  # a probe tries all of them

    caplog.set_level(logging.WARNING)
    asyncio.run(main())
    assert caplog.records[0].message == f"linear: one of its 2 tokens is refused: {WHY}"
    assert not any(token in one.getMessage() for one in caplog.records for token in ("first", "second"))


def test_a_token_that_is_replaced_while_calls_are_in_flight_is_taken_by_each_of_them() -> None:
    """Fifty calls went out with the old one: each is made again with the new one, and none fails."""

    async def main() -> None:
        vendor, kept, revoked = Vendor("new"), Kept("old"), asyncio.Event()

        async def slow(token: str) -> str:
            if token == "old":
                await revoked.wait()
            return await vendor.call(token)

        calls = [asyncio.create_task(kept.credential.authorized(slow)) for _ in range(50)]
        await asyncio.sleep(0)
        kept.there = ("new",)
        revoked.set()
        assert await asyncio.gather(*calls) == ["as new"] * 50
        assert kept.looks == 1

    asyncio.run(main())


def test_late_answers_to_calls_of_before_change_nothing() -> None:
    """A 200 that was on its way when the token was revoked does not make it good, nor a late 401 make it bad again."""

    async def main() -> None:
        vendor, kept, arrived = Vendor("old"), Kept("old"), asyncio.Event()

        async def late(answer: Callable[[], Awaitable[str]]) -> str:
            await arrived.wait()
            return await answer()

        async def good() -> str:
            return "as old"

        async def bad() -> str:
            raise ConnectionLost("linear", WHY)

        first = asyncio.create_task(kept.credential.authorized(lambda token: late(good)))
        await asyncio.sleep(0)
        vendor.good.clear()
        assert await kept.outcome(vendor) == WHY
        arrived.set()
        assert await first == "as old"
        assert (await kept.outcome(vendor), vendor.asked) == (WHY, ["old"])

        arrived.clear()
        kept.now += timedelta(minutes=1)
        outcomes = iter((bad, good))
        second = asyncio.create_task(kept.credential.authorized(lambda token: late(next(outcomes))))
        await asyncio.sleep(0)  # it is the one call of this minute
        kept.now += timedelta(minutes=1)
        vendor.good.add("old")
        assert await kept.outcome(vendor) == "as old"
        arrived.set()
        assert await second == "as old"
        assert await kept.outcome(vendor) == "as old"

    asyncio.run(main())


@pytest.mark.parametrize(
    ("problem", "accepted"),
    [
        (Terminal("Linear: Issue", why="not found", fix="factory doctor linear"), True),
        (Retryable("Linear cannot be reached", why="it answered 503", fix="factory check"), False),
    ],
)
def test_which_other_answer_says_that_the_token_is_good(problem: Problem, accepted: bool) -> None:
    """Who says "no such issue" has let us in; who is down has said nothing."""

    async def main() -> None:
        vendor, kept = Vendor(), Kept("old")
        await kept.outcome(vendor)
        kept.now += timedelta(minutes=1)

        async def answers(token: str) -> str:
            raise problem

        with pytest.raises(type(problem)):
            await kept.credential.authorized(answers)
        assert kept.credential.in_doubt is not accepted

    asyncio.run(main())


GRAPHQL = {"message": "Authentication required", "extensions": {"code": "AUTHENTICATION_ERROR"}}
REFUSALS: list[tuple[str, httpx2.Response]] = [
    ("github", httpx2.Response(401, json={"message": "Bad credentials"})),
    ("github", httpx2.Response(401, text="<html>")),
    ("linear", httpx2.Response(401)),
    ("linear", httpx2.Response(401, json={"errors": [GRAPHQL]})),
    ("linear", httpx2.Response(400, json={"errors": [GRAPHQL]})),
    ("linear", httpx2.Response(200, json={"data": None, "errors": [GRAPHQL]})),
    ("relayfile", httpx2.Response(401, json={"code": "unauthorized"})),
    *(
        ("slack", httpx2.Response(200, json={"ok": False, "error": error}))
        for error in ("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive")
    ),
]
PERMISSIONS: list[tuple[str, httpx2.Response]] = [
    ("github", httpx2.Response(403, json={"message": "Resource not accessible by integration"})),
    ("github", httpx2.Response(404, json={"message": "Not Found"})),
    ("linear", httpx2.Response(200, json={"errors": [{"message": "no", "extensions": {"code": "FORBIDDEN"}}]})),
    ("linear", httpx2.Response(403, text="no")),
    ("relayfile", httpx2.Response(403, json={"code": "forbidden"})),
    ("slack", httpx2.Response(200, json={"ok": False, "error": "missing_scope", "needed": "chat:write"})),
    ("slack", httpx2.Response(200, json={"ok": False, "error": "not_in_channel"})),
]  # fmt: skip


def asked(vendor: str, http: httpx2.AsyncClient, token: Any) -> Awaitable[Any]:
    """One call to this vendor."""
    if vendor == "github":
        return GithubClient(http, token, "https://api.github.com").call("GET", "/repos/acme/shop")
    if vendor == "linear":
        return LinearClient(http, token).post("Viewer", {})
    if vendor == "slack":
        return SlackClient(http, token).call("chat.postMessage", {"channel": "C1", "text": "?"})
    return RelayfileClient(http, token, "https://relay.example", "demo").read_file("/linear/issues/ACME-1.json")


def checked(vendor: str, http: httpx2.AsyncClient, token: Any) -> Awaitable[Any]:
    if vendor == "github":
        return check_github(GithubClient(http, token, "https://api.github.com"))
    if vendor == "linear":
        return check_linear(LinearClient(http, token))
    if vendor == "slack":
        return check_slack(SlackClient(http, token))
    return check_relayfile(RelayfileClient(http, token, "https://relay.example", "demo"))


def over(
    answer: Callable[[httpx2.Request], httpx2.Response], use: Callable[[httpx2.AsyncClient], Awaitable[Any]]
) -> Any:
    async def main() -> Any:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
            return await use(http)

    return asyncio.run(main())


@pytest.mark.parametrize(("vendor", "response"), REFUSALS)
def test_each_vendors_way_to_refuse_a_credential_is_a_lost_connection(vendor: str, response: httpx2.Response) -> None:
    """It names the vendor and what to type, never the token, and `factory check` calls it needs-auth."""
    with pytest.raises(ConnectionLost) as caught:
        over(lambda request: response, lambda http: asked(vendor, http, "t0ken-of-ours"))
    assert (caught.value.provider, caught.value.fix) == (vendor, f"factory connect {vendor}")
    assert "t0ken-of-ours" not in repr(caught.value.document())
    found = over(lambda request: response, lambda http: checked(vendor, http, "t0ken-of-ours"))
    assert (found.status, found.fix) == (ConnectionStatus.NEEDS_AUTH, f"factory connect {vendor}")


@pytest.mark.parametrize(("vendor", "response"), PERMISSIONS)
def test_a_permission_that_is_missing_is_another_matter(vendor: str, response: httpx2.Response) -> None:
    """The credential is good, and waiting heals nothing."""
    kept = Kept("t0ken")
    try:
        over(lambda request: response, lambda http: asked(vendor, http, kept.credential))
    except Problem as problem:
        assert not isinstance(problem, ConnectionLost)
    assert not kept.credential.in_doubt


@pytest.mark.parametrize("vendor", ["github", "linear", "slack", "relayfile"])
@pytest.mark.parametrize("empty", ["", lambda: ""], ids=["fixed", "asked for"])
def test_without_any_token_no_vendor_is_asked(vendor: str, empty: Any) -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError("it was asked")

    with pytest.raises(ConnectionLost, match="not authorised") as caught:
        over(answer, lambda http: asked(vendor, http, empty))
    assert caught.value.why == "there is no token"


@pytest.mark.parametrize("vendor", ["github", "linear", "slack", "relayfile"])
def test_each_client_speaks_with_todays_token(vendor: str) -> None:
    """A function is asked with each call; a credential is replaced when it is refused."""
    seen, good = list[str](), {"Bearer two", "two"}

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"].removeprefix("Bearer "))
        if request.headers["authorization"] not in good:
            return httpx2.Response(401)
        return httpx2.Response(200, json={"ok": True, "data": {}, "content": "{}", "revision": "1"})

    tokens = iter(["two", "one"])
    over(answer, lambda http: asked(vendor, http, lambda: next(tokens)))
    if vendor != "slack":  # which says it in its own way
        kept = Kept("one")
        kept.there = ("two",)
        over(answer, lambda http: asked(vendor, http, kept.credential))
        assert seen == ["two", "one", "two"]

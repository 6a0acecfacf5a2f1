"""Refusals by name, and credentials that end: each vendor's own words, status and headers."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from tests.sandbox.stand import PULLS, Served, open_pull, served

VIEWER = {"query": "{ viewer { id } }"}
SECONDARY = "You have exceeded a secondary rate limit."
ABUSE = "You have triggered an abuse detection mechanism"


async def refuse(stage: Served, vendor: str, reason: str, seconds: float = 90) -> None:
    await stage.command("faults", vendor=vendor, mode="refuse", reason=reason, seconds=seconds)


@pytest.mark.parametrize(
    ("reason", "status", "words", "headers"),
    [
        ("secondary-limit", 403, SECONDARY, {"retry-after": "90", "x-ratelimit-remaining": "4321"}),
        ("secondary-limit-429", 429, SECONDARY, {"retry-after": "90"}),
        ("secondary-limit-bare", 403, SECONDARY, {"retry-after": None, "x-ratelimit-remaining": "4321"}),
        ("secondary-limit-429-bare", 429, SECONDARY, {"retry-after": None, "x-ratelimit-remaining": None}),
        ("content-limit", 403, "You have exceeded a secondary rate limit and have been", {"retry-after": None}),
        ("abuse-detection", 403, ABUSE, {"retry-after": None}),
        ("abuse-detection-content", 403, f"{ABUSE} and have been temporarily blocked", {"retry-after": None}),
        ("primary-limit", 403, "API rate limit exceeded", {"x-ratelimit-remaining": "0", "retry-after": None}),
        ("primary-limit-429", 429, "API rate limit exceeded", {"x-ratelimit-remaining": "0"}),
        ("bad-credentials", 401, "Bad credentials", {}),
        ("no-credentials", 401, "Requires authentication", {}),
        ("archived", 403, "Repository was archived so is read-only.", {}),
        ("lacks-permission", 403, "Resource not accessible", {"x-accepted-github-permissions": "pull_requests=write"}),
        ("suspended", 403, "This installation has been suspended", {}),
        ("sso", 403, "Resource protected by organization SAML", {}),
        ("ip-allow-list", 403, "Although you appear to have the correct", {}),
        ("blocked-repository", 451, "Repository access blocked", {}),
        ("base-modified", 405, "Base branch was modified.", {}),
        ("head-modified", 409, "Head branch was modified.", {}),
        ("behind-409", 409, "Head branch is out of date.", {}),
        ("merge-in-progress", 405, "Merge already in progress", {}),
        ("unavailable", 503, "No server is currently available", {}),
    ],
)
def test_github_refuses_by_rest(reason: str, status: int, words: str, headers: dict[str, str | None]) -> None:
    """Once, and nothing was done; the next request is served."""

    async def run() -> None:
        async with served() as stage:
            await refuse(stage, "github", reason)
            answer = await stage.client.get(PULLS)
            assert (answer.status_code, answer.json()["message"][: len(words)]) == (status, words)
            assert {name: answer.headers.get(name) for name in headers} == headers
            assert (await stage.client.get(PULLS)).status_code == 200

    asyncio.run(run())


@pytest.mark.parametrize(
    ("reason", "status", "error"),
    [
        ("graphql-rate-limit", 200, {"type": "RATE_LIMIT", "code": "graphql_rate_limit"}),
        ("graphql-rate-limit-400", 400, {"type": "RATE_LIMIT", "code": "graphql_rate_limit"}),
        ("graphql-rate-limited", 200, {"type": "RATE_LIMITED"}),
        ("graphql-rate-limited-400", 400, {"type": "RATE_LIMITED"}),
        ("graphql-too-quickly", 200, {"type": "UNPROCESSABLE", "message": "was submitted too quickly"}),
        ("graphql-forbidden", 200, {"type": "FORBIDDEN"}),
        ("graphql-timeout", 200, {}),
    ],
)
def test_github_refuses_by_graphql(reason: str, status: int, error: dict[str, str]) -> None:
    """The limit has two spellings, each in a good and in a bad status, and says when it ends."""

    async def run() -> None:
        async with served() as stage:
            await refuse(stage, "github", reason)
            answer = await stage.client.post("/github/graphql", json=VIEWER)
            shown = answer.json()["errors"][0]
            assert (answer.status_code, {**shown, **error}) == (status, shown)
            reset = str(round(stage.time.at.timestamp() + 90))
            limited = "rate-limit" in reason
            assert answer.headers.get("x-ratelimit-reset") == (reset if limited else None)

    asyncio.run(run())


def test_a_pull_request_may_be_submitted_too_quickly() -> None:
    """422 with the words in its errors; no pull request was opened, and the next try opens it."""

    async def run() -> None:
        async with served() as stage:
            await refuse(stage, "github", "too-quickly")
            order = {"head": "x", "base": "main", "title": "x"}
            answer = await stage.client.post(PULLS, json=order)
            assert (answer.status_code, answer.json()["message"]) == (422, "Validation Failed")
            assert answer.json()["errors"][0]["message"] == "was submitted too quickly"
            assert (await open_pull(stage))["number"] == 1

    asyncio.run(run())


def test_github_may_answer_with_a_page_of_html() -> None:
    """A bad gateway has no JSON at all."""

    async def run() -> None:
        async with served() as stage:
            await refuse(stage, "github", "unicorn")
            answer = await stage.client.get(PULLS)
            assert (answer.status_code, answer.headers["content-type"][:9]) == (502, "text/html")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("reason", "status", "code", "header"),
    [
        ("ratelimited", 400, "RATELIMITED", "x-ratelimit-requests-reset"),
        ("ratelimited-complexity", 400, "RATELIMITED", "x-ratelimit-complexity-reset"),
        ("ratelimited-bare", 400, "RATELIMITED", ""),
        ("authentication", 401, "AUTHENTICATION_ERROR", ""),
        ("authentication-400", 400, "AUTHENTICATION_ERROR", ""),
        ("forbidden", 403, "FORBIDDEN", ""),
        ("internal", 500, "INTERNAL_SERVER_ERROR", ""),
        ("usage-limit", 400, "USAGE_LIMIT_EXCEEDED", ""),
    ],
)
def test_linear_refuses_with_a_code(reason: str, status: int, code: str, header: str) -> None:
    """The code stands in the error's extensions; the end of a limit in epoch milliseconds, if at all."""

    async def run() -> None:
        async with served() as stage:
            await refuse(stage, "linear", reason)
            answer = await stage.client.post("/linear/graphql", json=VIEWER)
            assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (status, code)
            ends = {name: text for name, text in answer.headers.items() if name.endswith("-reset")}
            assert ends == ({header: str(stage.sandbox.clock.epoch_ms() + 90_000)} if header else {})

    asyncio.run(run())


@pytest.mark.parametrize(
    ("reason", "status"), [("ratelimited", 429), ("rate_limited", 200), ("is_archived", 200), ("account_inactive", 200)]
)
def test_slack_refuses_with_a_word(reason: str, status: int) -> None:
    """One limit is a 429 with its pause, the other one stands in a 200, as every other error does."""

    async def run() -> None:
        async with served() as stage:
            await refuse(stage, "slack", reason)
            answer = await stage.client.post("/slack/api/chat.postMessage", json={"channel": "C0SANDBOX", "text": "x"})
            assert (answer.status_code, answer.json()) == (status, {"ok": False, "error": reason})
            assert answer.headers.get("retry-after") == ("90" if status == 429 else None)
            assert stage.sandbox.slack.messages["C0SANDBOX"] == []

    asyncio.run(run())


def test_an_unknown_refusal_is_said_with_the_known_ones() -> None:
    """Before anything is planned."""

    async def run() -> None:
        async with served() as stage:
            answer = await stage.client.post(
                "/_/faults", json={"vendor": "github", "mode": "refuse", "reason": "mondays"}
            )  # fmt: skip
            assert (answer.status_code, answer.json()["what"]) == (400, "no refusal is called 'mondays'")
            assert "too-quickly" in answer.json()["why"] and stage.sandbox.faults.coming == []

    asyncio.run(run())


async def asked(stage: Served, vendor: str, token: str) -> httpx2.Response:
    path, body = {
        "linear": ("/linear/graphql", VIEWER), "slack": ("/slack/api/auth.test", {}),
        "github": ("/github/graphql", VIEWER),
    }[vendor]  # fmt: skip
    return await stage.client.post(path, json=body, headers={"authorization": f"Bearer {token}"})


def good(answer: httpx2.Response) -> bool:
    return answer.status_code == 200 and answer.json().get("ok", True)


@pytest.mark.parametrize(
    ("vendor", "status", "words", "events"),
    [
        ("linear", 401, "AUTHENTICATION_ERROR", ["OAuthApp"]),
        ("slack", 200, "token_revoked", ["tokens_revoked"]),
        ("github", 401, "Bad credentials", []),
    ],
)
def test_revoked_tokens_are_refused_until_a_new_one_is_put_in(
    vendor: str, status: int, words: str, events: list[str]
) -> None:
    """The vendor tells the app where it does; git knows GitHub's tokens as well."""

    async def run() -> None:
        async with served() as stage:
            assert good(await asked(stage, vendor, "first"))
            answer = await stage.client.request("DELETE", "/_/tokens", json={"vendor": vendor})
            assert answer.status_code == 200, answer.text
            for _ in range(2):
                answer = await asked(stage, vendor, "first")
                assert (answer.status_code, words in answer.text) == (status, True)
            assert good(await asked(stage, vendor, "second"))
            await stage.time.settle()
            told = [delivery["event"] for delivery in stage.sandbox.state()["deliveries"]]
            assert told == events
            if vendor == "github":
                headers = {"authorization": "Bearer first"}
                path = "/git/acme/shop.git/info/refs?service=git-upload-pack"
                assert (await stage.client.get(path, headers=headers)).status_code == 401

    asyncio.run(run())


def test_a_token_expires_at_its_time_and_nobody_is_told() -> None:
    """Good until then, Slack has a word of its own for it, and the right one may be put in by name."""

    async def run() -> None:
        async with served() as stage:
            assert good(await asked(stage, "slack", "first"))
            stage.sandbox.end_tokens("slack", "expired", 3600)
            await stage.time.advance(3599)
            assert good(await asked(stage, "slack", "first"))
            await stage.time.advance(1)
            assert (await asked(stage, "slack", "first")).json() == {"ok": False, "error": "token_expired"}
            assert stage.receiver.got == []
            await stage.command("tokens", vendor="slack", token="second")
            assert [(await asked(stage, "slack", token)).json().get("error") for token in ("second", "third")] == [
                None, "invalid_auth",
            ]  # fmt: skip

    asyncio.run(run())


def test_what_linear_and_slack_say_of_a_revoked_app() -> None:
    """Linear names the app's client and the organisation, Slack the bot's user."""

    async def run() -> None:
        async with served() as stage:
            linear, slack = stage.sandbox.linear, stage.sandbox.slack
            stage.sandbox.end_tokens("linear")
            stage.sandbox.end_tokens("slack")
            await stage.time.settle()
            ours, theirs = stage.receiver.bodies()
            said: dict[str, Any] = {name: ours[name] for name in ("type", "action", "oauthClientId", "organizationId")}
            assert said == {
                "type": "OAuthApp", "action": "revoked", "oauthClientId": linear.client_id,
                "organizationId": linear.organization["id"],
            }  # fmt: skip
            assert theirs["event"] == {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [slack.bot_user]}}

    asyncio.run(run())


def test_an_installation_ends_or_is_suspended() -> None:
    """Uninstalled, its tokens are bad; suspended, they are refused with 403 for a while. Both are announced."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("installation", action="suspend")
            answer = await asked(stage, "github", "first")
            assert (answer.status_code, answer.json()["message"]) == (403, "This installation has been suspended")
            await stage.command("installation", action="unsuspend")
            assert good(await asked(stage, "github", "first"))
            await stage.command("installation", action="deleted")
            assert (await asked(stage, "github", "first")).status_code == 401
            await stage.time.settle()
            told = stage.receiver.bodies("installation")
            assert [(body["action"], body["installation"]["account"]["login"]) for body in told] == [
                ("suspend", "acme"), ("unsuspend", "acme"), ("deleted", "acme"),
            ]  # fmt: skip

    asyncio.run(run())

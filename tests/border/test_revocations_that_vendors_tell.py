"""Vendors that say themselves that our access ended: whose it was, and that it is no more than a hint."""

from __future__ import annotations

import hmac
import json
from typing import Any

import pytest

from adapters.providers.github.webhook import GithubWebhook
from adapters.providers.linear.webhook import LinearWebhook
from adapters.providers.slack.webhook import SlackWebhook
from factory_core.http import HttpRequest
from factory_core.ports import Inbound
from tests.core.world import START, config_of

pytestmark = pytest.mark.pure
SECRET, SECONDS = "s3cret", str(int(START.timestamp()))


def signature(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, "sha256").hexdigest()


def linear(**payload: Any) -> Inbound:
    body = json.dumps({**payload, "webhookTimestamp": int(START.timestamp() * 1000)}).encode()
    headers = {"linear-signature": signature(body)}
    return LinearWebhook((SECRET,), config_of()).events_in(HttpRequest(headers=headers, body=body, received_at=START))


def slack(event: dict[str, Any], bot: str = "U0BOT") -> Inbound:
    body = json.dumps({"type": "event_callback", "event_id": "Ev1", "team_id": "T1", "event": event}).encode()
    signed = "v0=" + hmac.new(SECRET.encode(), f"v0:{SECONDS}:".encode() + body, "sha256").hexdigest()
    headers = {"x-slack-signature": signed, "x-slack-request-timestamp": SECONDS}
    hook = SlackWebhook((SECRET,), config_of(slack={"botUserId": bot}))
    return hook.events_in(HttpRequest(headers=headers, body=body, received_at=START))


def github(name: str, **payload: Any) -> Inbound:
    body = json.dumps(payload).encode()
    headers = {
        "x-github-event": name, "x-github-delivery": "g-1", "x-hub-signature-256": f"sha256={signature(body)}",
    }  # fmt: skip
    return GithubWebhook((SECRET,), config_of()).events_in(HttpRequest(headers=headers, body=body, received_at=START))


def installation(action: str, owner: str) -> Inbound:
    return github("installation", action=action, installation={"id": 1, "account": {"login": owner}})


def test_linear_says_that_the_app_was_revoked_and_in_which_workspace() -> None:
    """The organisation comes along, so that another workspace's revocation is refused like all else of it."""
    told = linear(type="OAuthApp", action="revoked", organizationId="org-1", oauthClientId="c")
    assert (told.lost, told.organisation, told.events) == (
        "Linear says that its access was revoked (OAuthApp.revoked)", "org-1", (),
    )  # fmt: skip
    assert linear(type="OAuthApp", action="created", organizationId="org-1").lost == ""
    assert linear(type="Reaction", action="revoked").lost == ""


def test_slack_says_so_of_the_bots_token_and_not_of_peoples_own() -> None:
    revoked = {"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": ["U0BOT"]}}
    assert slack(revoked).lost and slack(revoked, bot="").lost
    assert slack(revoked, bot="U0OTHER").lost == ""
    for tokens in ({"oauth": ["U1"]}, {"oauth": ["U1"], "bot": []}, {"bot": None}):
        assert slack({"type": "tokens_revoked", "tokens": tokens}, bot="").lost == ""
    assert slack({"type": "app_uninstalled"}).lost == "Slack says that the app was uninstalled (app_uninstalled)"
    assert slack({"type": "message", "channel": "C1", "ts": "1.0", "text": "app_uninstalled"}).lost == ""


@pytest.mark.parametrize("action", ["deleted", "suspend"])
def test_github_says_so_of_the_installation_at_our_owner_and_everybody_elses_is_nothing(action: str) -> None:
    """Everybody who installs a public App shares its secret."""
    assert installation(action, "Acme").lost == f"GitHub says that the App's installation ended (installation.{action})"
    assert installation(action, "somebody-else").lost == ""
    assert installation("unsuspend", "acme").lost == installation("created", "acme").lost == ""
    assert github("installation", action=action).lost == ""

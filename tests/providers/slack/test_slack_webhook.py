"""Slack's webhooks: only people's replies in threads are events, and nothing but Problems comes from the rest."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.signature import Clock, SignatureVerifier

from adapters.providers.slack.settings import SlackSettings
from adapters.providers.slack.webhook import SlackWebhook
from adapters.registry import config_model
from factory_core.config import FactoryConfig
from factory_core.dispatch.events import Reply, ReplyReceived
from factory_core.errors import BadSignature, Problem, Refused
from factory_core.http import HttpRequest, HttpResponse
from factory_core.ports import Inbound

from ..mutations import junk, mutated

pytestmark = pytest.mark.pure

SAMPLES = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.json"))}
SECRET, SENT, PERSON, BOT = "one-secret", 1767520800, "U123ABC456", "U0BOTUSER"
TEAM, THREAD = "T123ABC456", "C123ABC456:1767520800.000100"


def config(**slack: Any) -> FactoryConfig:
    return config_model()(
        intent_provider="linear", clarification_channel="slack", output_target="github", slack=SlackSettings(**slack)
    )


def sign(raw: bytes, stamp: str = str(SENT), secret: str = SECRET) -> str:
    return "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + raw, "sha256").hexdigest()


def request(raw: bytes, headers: dict[str, str], now: float = SENT) -> HttpRequest:
    return HttpRequest(headers=headers, body=raw, received_at=datetime.fromtimestamp(now, UTC))


def deliver(raw: bytes, settings: FactoryConfig | None = None, secrets: tuple[str, ...] = (SECRET,)) -> Inbound:
    headers = {"x-slack-signature": sign(raw), "x-slack-request-timestamp": str(SENT)}
    return SlackWebhook(secrets, settings or config(bot_user_id=BOT)).events_in(request(raw, headers))


def changed(name: str, *path: str | int, to: object) -> bytes:
    """The sample with one field replaced."""
    document = json.loads(SAMPLES[name])
    at = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return json.dumps(document).encode()


def said(text: str, ts: str, at: datetime) -> tuple[ReplyReceived, ...]:
    event_id = f"slack:C123ABC456:{ts}"
    reply = Reply(id=event_id, author=PERSON, text=text, at=at)
    return (ReplyReceived(id=event_id, at=at, thread_id=THREAD, reply=reply),)


def moment(minute: int, second: int, microsecond: int) -> datetime:
    return datetime(2026, 1, 4, 10, minute, second, microsecond, tzinfo=UTC)


CHALLENGE = HttpResponse(body=b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", content_type="text/plain")
EXPECTED = {
    "app_mention": Inbound(
        delivery_id="Ev123ABC463",
        organisation=TEAM,
        what="event_callback.app_mention",
        events=said("<@U0BOTUSER> status?", "1767520930.000700", moment(2, 10, 700)),
    ),
    "app_rate_limited": Inbound(delivery_id="", organisation="T123456", what="app_rate_limited"),
    "app_uninstalled": Inbound(
        delivery_id="Ev123ABC465",
        organisation=TEAM,
        what="event_callback.app_uninstalled",
        lost="Slack says that the app was uninstalled (app_uninstalled)",
    ),
    "message.bot_message": Inbound(delivery_id="Ev123ABC459", organisation=TEAM, what="event_callback.message"),
    "message.bot_reply_own": Inbound(delivery_id="Ev123ABC458", organisation=TEAM, what="event_callback.message"),
    "message.channels": Inbound(delivery_id="Ev123ABC456", organisation=TEAM, what="event_callback.message"),
    "message.message_changed": Inbound(delivery_id="Ev123ABC460", organisation=TEAM, what="event_callback.message"),
    "message.message_deleted": Inbound(delivery_id="Ev123ABC461", organisation=TEAM, what="event_callback.message"),
    "message.thread_broadcast": Inbound(
        delivery_id="Ev123ABC462",
        organisation=TEAM,
        what="event_callback.message",
        events=said("also to channel", "1767520920.000600", moment(2, 0, 600)),
    ),
    "message.thread_reply": Inbound(
        delivery_id="Ev123ABC457",
        organisation=TEAM,
        what="event_callback.message",
        events=said("Use the staging database", "1767520860.000200", moment(1, 0, 200)),
    ),
    "tokens_revoked": Inbound(
        delivery_id="Ev123ABC464",
        organisation=TEAM,
        what="event_callback.tokens_revoked",
        lost="Slack says that the token was revoked (tokens_revoked)",
    ),
    "url_verification": Inbound(delivery_id="", what="url_verification", response=CHALLENGE),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_becomes_exactly_this(name: str) -> None:
    """A person's reply in a thread is told whole; bots, roots, edits, deletions and notices are nobody's answer."""
    assert deliver(SAMPLES[name]) == EXPECTED[name]


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("bot_id",), "B0OTHER"),
        (("user",), None),
        (("user",), BOT),
        (("hidden",), True),
        (("subtype",), "bot_message"),
        (("subtype",), "channel_join"),
        (("thread_ts",), None),
        (("thread_ts",), "1767520860.000200"),  # its own stamp: the root itself
        (("parent_user_id",), "U0SOMEBODY"),
        (("type",), "reaction_added"),
    ],
)
def test_what_is_no_persons_reply_in_our_thread_is_no_event(path: tuple[str, ...], to: object) -> None:
    assert deliver(changed("message.thread_reply", "event", *path, to=to)).events == ()


def test_our_own_words_are_known_twice_over() -> None:
    """By the configured bot user, and by the delivery itself, which says to which bot it was sent."""
    own = changed("message.thread_reply", "event", "user", to=BOT)
    assert deliver(own, config()).events == ()
    unsaid = changed("message.thread_broadcast", "event", "user", to="U0ANOTHERBOT")
    assert deliver(unsaid, config(bot_user_id="U0ANOTHERBOT")).events == ()


def test_whose_thread_it_is_may_be_unknown() -> None:
    """Where neither the configuration nor the delivery says who we are; then the core looks its thread up."""
    foreign_root = json.loads(changed("message.thread_reply", "event", "parent_user_id", to="U0SOMEBODY"))
    assert deliver(json.dumps(foreign_root).encode(), config()).events == ()
    del foreign_root["authorizations"]
    assert deliver(json.dumps(foreign_root).encode(), config()).events


@pytest.mark.parametrize(
    ("channel", "elsewhere"), [("C123ABC456", False), ("C0ANOTHER", True), ("#engineering", False), ("", False)]
)
def test_a_reply_in_another_channel_than_the_configured_one_is_elsewhere(channel: str, elsewhere: bool) -> None:
    """A name cannot be compared with the ids in webhooks."""
    (reply,) = deliver(SAMPLES["message.thread_reply"], config(channel=channel)).events
    assert isinstance(reply, ReplyReceived) and reply.elsewhere is elsewhere


def test_a_reply_with_a_file_counts() -> None:
    raw = changed("message.thread_reply", "event", "subtype", to="file_share")
    assert deliver(raw).events == EXPECTED["message.thread_reply"].events


def test_a_mention_and_its_message_are_one_event() -> None:
    """Slack sends a reply that mentions us twice, under two event ids."""
    mention = json.loads(SAMPLES["app_mention"])
    message = json.loads(SAMPLES["message.thread_reply"])
    message["event"] |= {name: mention["event"][name] for name in ("text", "ts")}
    assert deliver(json.dumps(message).encode()).events == deliver(SAMPLES["app_mention"]).events


def test_text_is_what_the_person_typed() -> None:
    raw = changed("message.thread_reply", "event", "text", to="if a &lt; b &amp;&amp; c &gt; d, say &amp;lt;")
    (event,) = deliver(raw).events
    assert isinstance(event, ReplyReceived)
    assert event.reply.text == "if a < b && c > d, say &lt;"


def test_events_that_use_the_same_names_otherwise_are_passed_over() -> None:
    """Other events carry objects as `channel` or `user`: refusing them would make Slack switch us off."""
    for event in ({"type": "channel_created", "channel": {"id": "C1"}}, {"type": "user_change", "user": {"id": "U1"}}):
        assert deliver(changed("message.thread_reply", "event", to=event)).events == ()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"payload=%7B%7D",
        b"[]",
        b"\xff",
        b'{"type":"url_verification"}',
        changed("message.thread_reply", "event", to="message"),
        changed("message.thread_reply", "event", "ts", to="1767520860"),
        changed("message.thread_reply", "event", "ts", to=1767520860.0002),
        changed("message.thread_reply", "event", "channel", to={"id": "C1"}),
        changed("message.thread_reply", "event", "text", to=["no"]),
        b"[" * 100_000,
    ],
)
def test_an_unreadable_body_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as caught:
        deliver(raw)
    assert caught.value.http_status == 400


RAW = SAMPLES["message.thread_reply"]
GOOD = {"x-slack-signature": sign(RAW), "x-slack-request-timestamp": str(SENT)}


@pytest.mark.parametrize(
    ("headers", "now"),
    [
        ({}, SENT),
        ({"x-slack-signature": sign(RAW)}, SENT),
        ({"x-slack-request-timestamp": str(SENT)}, SENT),
        (GOOD | {"x-slack-signature": sign(RAW, secret="another")}, SENT),
        (GOOD | {"x-slack-signature": sign(RAW)[3:]}, SENT),
        (GOOD | {"x-slack-signature": "v1=" + sign(RAW)[3:]}, SENT),
        (GOOD | {"x-slack-signature": "v0=ÿ☃"}, SENT),
        (GOOD | {"x-slack-request-timestamp": str(SENT + 1)}, SENT),
        (GOOD | {"x-slack-request-timestamp": "soon"}, SENT),
        (GOOD | {"x-slack-request-timestamp": "١٧٦٧٥٢٠٨٠٠"}, SENT),
        *[
            ({"x-slack-signature": sign(RAW, stamp), "x-slack-request-timestamp": stamp}, SENT)
            for stamp in ("", "-1", "1e9", " 1767520800", "1767520800\n", "99999999999", "999999999999", "9" * 400)
        ],
        (GOOD, SENT + 301),
        (GOOD, SENT - 301),
    ],
)
def test_who_does_not_know_the_secret_or_plays_an_old_recording_is_refused(headers: dict[str, str], now: float) -> None:
    """Missing, wrong, garbage or stale: always a 401, never another error."""
    with pytest.raises(BadSignature) as caught:
        SlackWebhook([SECRET], config()).events_in(request(RAW, headers, now))
    assert SECRET not in repr(caught.value.document())


def test_every_configured_secret_is_valid_within_five_minutes() -> None:
    for now in (SENT - 300, SENT + 300):
        assert SlackWebhook(["new", SECRET], config()).events_in(request(RAW, GOOD, now)).events


class At(Clock):
    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now


@given(
    raw=st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")),
    stamp=st.integers(SENT - 400, SENT + 400).map(str) | st.text("0123456789", max_size=11),
    secret=st.sampled_from([SECRET, "another"]),
    cut=st.sampled_from([None, 3, -1]),
    now=st.integers(SENT - 2, SENT + 2),
)
def test_we_accept_exactly_what_slacks_own_verifier_accepts(
    raw: bytes, stamp: str, secret: str, cut: int | None, now: int
) -> None:
    """For every input on which Slack's library does not fall over (it raises on garbage, and we refuse)."""
    signature = sign(raw, stamp, secret)[:cut]
    try:
        theirs = SignatureVerifier(SECRET, At(now)).is_valid(raw, stamp, signature)
    except (ValueError, TypeError):
        theirs = False
    headers = {"x-slack-signature": signature, "x-slack-request-timestamp": stamp}
    try:
        SlackWebhook([SECRET], config()).events_in(request(raw, headers, now))
        ours = True
    except BadSignature:
        ours = False
    except Refused:
        ours = True  # signed, but no JSON
    assert ours == theirs


@given(mutated(SAMPLES, junk("1767520860.000200", "99999999999.999999", "message")))
def test_no_signed_body_raises_anything_but_a_problem(raw: bytes) -> None:
    """Whatever is signed is parsed, refused or passed over; what is parsed can be stored."""
    try:
        inbound = deliver(raw)
    except Problem:
        return
    for event in inbound.events:
        assert isinstance(event, ReplyReceived)
        assert event.reply.author not in ("", BOT)
        assert type(event).model_validate_json(event.model_dump_json()) == event

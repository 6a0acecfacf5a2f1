"""Slack's API through the real client over a small Slack in memory: the messages that stand there are compared."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import httpx2
import pytest

from adapters.providers import http_call
from adapters.providers.slack import connection
from adapters.providers.slack.clarification import SlackClarificationChannel
from adapters.providers.slack.client import SlackClient
from adapters.providers.slack.settings import SlackSettings
from adapters.providers.slack.text import LONGEST
from adapters.registry import config_model
from factory_core.config import Clarification
from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.dispatch.records import Summary
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal
from factory_core.ports import Thread

pytestmark = pytest.mark.pure

T = TypeVar("T")
TOKEN, KEY, CHANNEL, ROOT = "xoxb-a-secret-nobody-sees", "GENT-774:19b89a:3", "C123ABC456", "1767520800.000001"
SCOPES = "chat:write,channels:history,groups:history,channels:read,groups:read,users:read"
CONFIG = config_model()(
    intent_provider="linear",
    clarification_channel="slack",
    output_target="github",
    slack=SlackSettings(channel=CHANNEL),
    clarification=Clarification(escalate_to="<!subteam^S1>", people={"User One": "U042"}),
)


def refused(error: str, **more: object) -> httpx2.Response:
    return httpx2.Response(200, json={"ok": False, "error": error, **more})


class SmallSlack:
    """One channel. `faults` are answers given before acting, `lost` drops the answer of a post after acting."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.scopes: str | None = SCOPES
        self.faults: list[httpx2.Response | Exception] = []
        self.lost = 0
        self.seen: list[httpx2.Request] = []

    async def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        method = request.url.path.removeprefix("/api/")
        answer = self.act(method, dict(parse_qsl(request.content.decode(), strict_parsing=bool(request.content))))
        if method == "chat.postMessage" and self.lost:
            self.lost -= 1
            raise httpx2.ReadTimeout("the answer never came")
        headers = {} if self.scopes is None else {"x-oauth-scopes": self.scopes}
        return httpx2.Response(200, json={"ok": True, **answer}, headers=headers)

    def act(self, method: str, given: dict[str, str]) -> dict[str, Any]:
        match method:
            case "auth.test":
                return {"user": "factory", "team": "Acme", "user_id": "U0BOTUSER"}
            case "chat.postMessage":
                ts = f"1767520800.{len(self.messages) + 1:06}"
                self.messages.append({**given, "ts": ts, "metadata": json.loads(given["metadata"])})
                return {"channel": given["channel"], "ts": ts}
            case "conversations.history":
                assert given["include_all_metadata"] == "true"
                roots = [said for said in self.messages if "thread_ts" not in said]
                return {"messages": roots[::-1][: int(given["limit"])]}
            case "conversations.replies":
                assert given["include_all_metadata"] == "true"
                of_thread = [said for said in self.messages if given["ts"] in (said["ts"], said.get("thread_ts"))]
                return {"messages": of_thread}
        raise AssertionError(method)

    @property
    def texts(self) -> list[str]:
        return [said["text"] for said in self.messages]


def with_client(slack: SmallSlack, use: Callable[[SlackClient], Awaitable[T]], token: str = TOKEN) -> T:
    async def run() -> T:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(slack)) as http:
            return await use(SlackClient(http, token))

    return asyncio.run(run())


def open_thread(slack: SmallSlack, title: str = "GENT-774", body: str = "A or B?", key: str = KEY) -> Thread:
    return with_client(slack, lambda client: SlackClarificationChannel(client, CONFIG).open_thread(title, body, key))


def reply(slack: SmallSlack, text: str, key: str, thread_id: str = f"{CHANNEL}:{ROOT}") -> None:
    with_client(slack, lambda client: SlackClarificationChannel(client, CONFIG).reply(thread_id, text, key))


def test_a_question_is_a_new_thread_that_carries_its_key() -> None:
    slack = SmallSlack()
    thread = open_thread(slack)
    assert thread == Thread(f"{CHANNEL}:{ROOT}", f"https://slack.com/app_redirect?channel={CHANNEL}&message_ts={ROOT}")
    assert slack.messages == [
        {
            "channel": CHANNEL,
            "text": "*GENT-774*\nA or B?",
            "ts": ROOT,
            "metadata": {"event_type": "factory", "event_payload": {"key": KEY}},
            "unfurl_links": "false",
            "unfurl_media": "false",
        }
    ]
    assert {request.headers["authorization"] for request in slack.seen} == {f"Bearer {TOKEN}"}


def test_a_question_whose_answer_got_lost_is_not_asked_again() -> None:
    """After an unknown outcome our key is looked for, and the thread that stands is the answer."""
    slack = SmallSlack()
    slack.lost = 1
    with pytest.raises(Retryable):
        open_thread(slack)
    assert open_thread(slack).thread_id == f"{CHANNEL}:{ROOT}"
    assert len(slack.messages) == 1
    open_thread(slack, key="GENT-774:19b89a:9")
    assert len(slack.messages) == 2


def test_a_reply_stands_once_in_its_thread() -> None:
    slack = SmallSlack()
    open_thread(slack)
    slack.lost = 1
    with pytest.raises(Retryable):
        reply(slack, "Still waiting.", "GENT-774:19b89a:5")
    reply(slack, "Still waiting.", "GENT-774:19b89a:5")
    reply(slack, "Given up.", "GENT-774:19b89a:6")
    assert [(said["text"], said["thread_ts"]) for said in slack.messages[1:]] == [
        ("Still waiting.", ROOT),
        ("Given up.", ROOT),
    ]


@pytest.mark.parametrize("thread_id", ["linear-session:c710", "", "C123", ":1767520800.000100", "C123:soon"])
def test_a_thread_of_another_channel_is_refused(thread_id: str) -> None:
    slack = SmallSlack()
    with pytest.raises(Terminal, match="no thread"):
        reply(slack, "Still waiting.", KEY, thread_id)
    assert slack.seen == []


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d"),
        ("<!channel> <@U999> <https://evil|bank>", "&lt;!channel&gt; &lt;@U999&gt; &lt;https://evil|bank&gt;"),
        ("<@U042> which one?", "&lt;@U042&gt; which one?"),
        ("&lt;@U042&gt;", "&amp;lt;@U042&amp;gt;"),
        ("ż 🙂 ؀", "ż 🙂 ؀"),
    ],
)
def test_nothing_in_a_text_is_a_link_or_a_mention(said: str, sent: str) -> None:
    """Ticket text cannot ping anybody, not even those whom the configuration knows."""
    slack = SmallSlack()
    reply(slack, said, KEY)
    assert slack.texts == [sent]


@pytest.mark.parametrize("name", ["<!channel>", "<!subteam^S1>", "<@U0CEO1>", "U0CEO1", " <!here> "])
@pytest.mark.parametrize("escalate_to", ["", "<!subteam^S1>"])
def test_a_reporter_pings_nobody_by_the_name_that_they_chose(name: str, escalate_to: str) -> None:
    """Also when it is the very mention to which questions are escalated."""
    slack, item = SmallSlack(), Summary(key="ACME-1", title=f"{name} T", reporter=name)
    rules = CONFIG.clarification.model_copy(update={"escalate_to": escalate_to})
    config = CONFIG.model_copy(update={"clarification": rules})

    async def ask(client: SlackClient) -> Thread:
        return await SlackClarificationChannel(client, config).ask(item, name, f"{name} click", KEY)

    with_client(slack, ask)
    assert len(slack.texts) == 1 and not re.search(r"<[@!#]", slack.texts[0])


def test_who_is_configured_is_pinged() -> None:
    slack, item = SmallSlack(), Summary(key="ACME-1", title="T", reporter="User One")

    async def ask(client: SlackClient) -> None:
        channel = SlackClarificationChannel(client, CONFIG)
        for n, person in enumerate(("User One", "<!subteam^S1>")):
            await channel.ask(item, person, "A or B?", f"{KEY}{n}")

    with_client(slack, ask)
    assert [text.split("\n")[1] for text in slack.texts] == ["<@U042> A or B?", "<!subteam^S1> A or B?"]


def test_a_long_text_is_cut_below_slacks_limit() -> None:
    slack = SmallSlack()
    reply(slack, "<" * 200_000, KEY)
    (text,) = slack.texts
    assert text == "&lt;" * LONGEST + "…"
    assert len(text) < 40_000


@pytest.mark.parametrize(
    ("fault", "after"),
    [
        (httpx2.Response(429, headers={"retry-after": "30"}, json={"ok": False, "error": "ratelimited"}), 30.0),
        (refused("ratelimited"), None),
        (httpx2.Response(200, headers={"retry-after": "9"}, json={"ok": False, "error": "ratelimited"}), 9.0),
        (refused("internal_error"), None),
        (httpx2.Response(500), None),
        (httpx2.ReadTimeout("slow"), None),
        (httpx2.ConnectError("refused"), None),
        (httpx2.Response(200, text="<html>a proxy</html>"), None),
        (httpx2.Response(200, content=b"[" * 100_000), None),
        (httpx2.Response(200, json=["ok"]), None),
    ],
)
def test_what_may_pass_is_retryable_with_the_vendors_delay(
    fault: httpx2.Response | Exception, after: float | None
) -> None:
    slack = SmallSlack()
    slack.faults = [fault]
    with pytest.raises(Retryable) as caught:
        open_thread(slack)
    assert caught.value.after == after
    assert TOKEN not in repr(caught.value.document())


@pytest.mark.parametrize(
    ("fault", "why", "fix"),
    [
        (
            refused("missing_scope", needed="channels:history", provided="chat:write"),
            "the token lacks the scope channels:history",
            "factory connect slack",
        ),
        (refused("channel_not_found"), "channel_not_found", "In Slack: "),
        (refused("not_in_channel"), "not_in_channel", "In Slack: "),
        (refused("is_archived"), "is_archived", "In Slack: "),
        (refused("invalid_arguments"), "invalid_arguments", "factory doctor slack"),
        (refused(""), "it answered 200", "factory doctor slack"),
        (httpx2.Response(404, text="no"), "it answered 404", "factory doctor slack"),
    ],
)
def test_what_is_hopeless_is_terminal_with_its_fix(fault: httpx2.Response, why: str, fix: str) -> None:
    slack = SmallSlack()
    slack.faults = [fault]
    with pytest.raises(Terminal) as caught:
        open_thread(slack)
    assert caught.value.why == why
    assert caught.value.fix.startswith(fix)
    assert TOKEN not in repr(caught.value.document())


@pytest.mark.parametrize("error", ["not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"])
def test_a_token_that_ended_is_the_connections_matter(error: str) -> None:
    """The connection is lost; it is no fault of the ticket, and no try is spent on it."""
    slack = SmallSlack()
    slack.faults = [refused(error)]
    with pytest.raises(ConnectionLost) as caught:
        open_thread(slack)
    assert (caught.value.provider, caught.value.why) == ("slack", error)
    assert TOKEN not in repr(caught.value.document())


def test_a_post_that_does_not_say_where_it_stands_is_looked_for_again() -> None:
    """It stands all the same: the next try finds it by its key, and gives the vendor's own name for its thread."""

    class Vague(SmallSlack):
        def act(self, method: str, given: dict[str, str]) -> dict[str, Any]:
            answer = super().act(method, given)
            return {} if method == "chat.postMessage" else answer

    slack = Vague()
    slack.faults = [httpx2.Response(200, json={"ok": True, "messages": 7})]
    with pytest.raises(Retryable):
        open_thread(slack)
    assert open_thread(slack).thread_id == f"{CHANNEL}:{ROOT}"
    assert len(slack.messages) == 1


def test_a_problem_is_always_one_of_ours() -> None:
    """No shape of an answer escapes as another error."""
    for content in (b"", b"[]", b"1", b'{"ok":"yes"}', b'{"ok":false,"error":{}}', b"\xff", b'{"ok":null}'):
        slack = SmallSlack()
        slack.faults = [httpx2.Response(200, content=content)]
        with pytest.raises(Problem):
            open_thread(slack)


def checked(slack: SmallSlack, token: str = TOKEN) -> ProviderConnection:
    return with_client(slack, connection.check_connection, token)


def test_a_token_with_all_scopes_is_connected() -> None:
    scopes = tuple(SCOPES.split(","))
    assert checked(SmallSlack()) == ProviderConnection(
        provider="slack",
        status=ConnectionStatus.CONNECTED,
        required_scopes=scopes,
        connected_scopes=scopes,
        account="factory in Acme",
    )


def test_missing_scopes_are_named() -> None:
    slack = SmallSlack()
    slack.scopes = "chat:write, channels:history,groups:history,channels:read,incoming-webhook"
    found = checked(slack)
    assert (found.status, found.words, found.fix) == (
        ConnectionStatus.MISSING_SCOPES,
        "missing-scopes: groups:read, users:read",
        "factory connect slack",
    )


def test_scopes_that_slack_does_not_tell_are_not_missing() -> None:
    slack = SmallSlack()
    slack.scopes = None
    found = checked(slack)
    assert (found.status, found.connected_scopes) == (ConnectionStatus.CONNECTED, None)


@pytest.mark.parametrize(
    ("fault", "status", "fix"),
    [
        (refused("invalid_auth"), ConnectionStatus.NEEDS_AUTH, "factory connect slack"),
        (refused("account_inactive"), ConnectionStatus.NEEDS_AUTH, "factory connect slack"),
        (httpx2.Response(500), ConnectionStatus.ERROR, "factory check"),
        (httpx2.ConnectError("refused"), ConnectionStatus.ERROR, "factory check"),
    ],
)
def test_what_is_wrong_with_the_connection_is_said(
    fault: httpx2.Response | Exception, status: ConnectionStatus, fix: str
) -> None:
    """A check never raises: the answer says whose move it is."""
    slack = SmallSlack()
    slack.faults = [fault]
    found = checked(slack)
    assert (found.status, found.fix) == (status, fix)
    assert found.error


def test_without_a_token_nobody_is_asked() -> None:
    slack = SmallSlack()
    found = checked(slack, token="")
    assert (found.status, found.fix, slack.seen) == (ConnectionStatus.NEEDS_AUTH, "factory connect slack", [])


def test_a_check_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(SmallSlack):
        async def __call__(self, request: httpx2.Request) -> httpx2.Response:
            await asyncio.Event().wait()
            raise AssertionError

    monkeypatch.setattr(http_call, "PATIENCE", 0.01)
    assert checked(Silent()).status is ConnectionStatus.ERROR


def test_a_thread_read_again_shows_what_people_said_and_nothing_else() -> None:
    """Not the question, not ours, not a bot's, not a notice; nothing unreadable; and no thread of another channel."""
    said = {"user": "U042", "text": "A &amp; B", "thread_ts": ROOT, "ts": "1767520801.000001"}
    rows: list[Any] = [
        {"user": "U0BOT", "text": "A or B?", "ts": ROOT, "thread_ts": ROOT},
        {**said, "bot_id": "B1"}, {**said, "subtype": "channel_join"}, {**said, "ts": "never"},
        {**said, "user": None}, None, "x", said,
    ]  # fmt: skip

    class Thread(SmallSlack):
        def act(self, method: str, given: dict[str, str]) -> dict[str, Any]:
            assert (method, given["channel"], given["ts"]) == ("conversations.replies", CHANNEL, ROOT)
            return {"messages": rows}

    def replies(thread_id: str) -> Any:
        return with_client(Thread(), lambda client: SlackClarificationChannel(client, CONFIG).replies(thread_id))

    (found,) = replies(f"{CHANNEL}:{ROOT}")
    assert found.id == found.reply.id == f"slack:{CHANNEL}:1767520801.000001"
    assert (found.thread_id, found.reply.author, found.reply.text) == (f"{CHANNEL}:{ROOT}", "U042", "A & B")
    with pytest.raises(Terminal):
        replies("linear-session:a1")

"""One Slack workspace in memory, and its Web API: failures are HTTP 200 with `ok: false`. https://docs.slack.dev/"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from factory_core.errors import NotFound

from .clock import Clock
from .node import Changed, Node

SCOPES = "chat:write,channels:history,groups:history,channels:read,groups:read,users:read"
TEAM, APP, BOT_USER, BOT = "T0SANDBOX", "A0SANDBOX", "U0FACTORY", "B0FACTORY"


class SlackError(Exception):
    """Slack's `error` word."""


@dataclass
class Slack:
    """Messages live in their channel, oldest first; `ts` is a message's name inside it."""

    clock: Clock
    changed: Changed
    address: Callable[[], str]
    channels: dict[str, Node] = field(default_factory=dict)
    users: dict[str, Node] = field(default_factory=dict)
    messages: dict[str, list[Node]] = field(default_factory=dict)
    posted: int = 0

    def __post_init__(self) -> None:
        self.add_user(BOT_USER, "factory", is_bot=True)

    def add_channel(self, id: str, name: str) -> Node:
        self.channels[id] = {"id": id, "name": name, "is_channel": True, "is_private": False, "is_archived": False}
        self.channels[id].update(is_member=True, name_normalized=name, created=0, creator=BOT_USER, num_members=3)
        self.messages[id] = []
        return self.channels[id]

    def add_user(self, id: str, name: str, is_bot: bool = False) -> Node:
        profile = {"real_name": name, "display_name": name.lower(), "email": f"{name.lower()}@example.com"}
        user = {"id": id, "team_id": TEAM, "name": name.lower(), "real_name": name, "deleted": False, "is_bot": is_bot}
        self.users[id] = {**user, "profile": profile}
        return self.users[id]

    def reply(self, channel: str, text: str, thread_ts: str | None = None, user: str = "U0ADA") -> Node:
        """A person writes in the channel or in a thread of it; gives the message's `ts`."""
        if channel not in self.channels:
            raise NotFound(f"channel {channel!r}", why=f"there are {', '.join(self.channels)}", fix="factory sandbox")
        if user not in self.users:
            self.add_user(user, user.removeprefix("U0").title())
        message = self.post(channel, text, user, thread_ts)
        return {"ok": True, "ts": message["ts"], "channel": channel}

    def post(self, channel: str, text: str, user: str, thread_ts: str | None = None, **extra: Any) -> Node:
        """Add a message of a person or of the bot, and tell who subscribed."""
        self.posted += 1
        message: Node = {"type": "message", "user": user, "text": text, "team": TEAM}
        message["ts"] = f"{int(self.clock.now().timestamp())}.{self.posted:06d}"
        message.update(self._threaded(channel, thread_ts), **extra)
        if user == BOT_USER:
            message.update(bot_id=BOT, app_id=APP)
        else:
            message["client_msg_id"] = self.clock.new_id()
        self.messages[channel].append(message)
        self.changed("slack", "message", self.event_of(channel, message), self._paths(channel, message))
        return message

    def _threaded(self, channel: str, thread_ts: str | None) -> Node:
        if thread_ts is None:
            return {}
        root = self.root(channel, thread_ts)
        root["thread_ts"] = root["ts"]
        return {"thread_ts": root["ts"], "parent_user_id": root["user"]}

    def root(self, channel: str, thread_ts: str) -> Node:
        for message in self.messages[channel]:
            if message["ts"] == thread_ts:
                return message
        raise NotFound(f"thread {thread_ts!r}", why=f"no such message in {channel}", fix="factory sandbox --help")

    def thread(self, channel: str, thread_ts: str) -> list[Node]:
        """The root first, then its replies, oldest first."""
        return [m for m in self.messages[channel] if thread_ts in (m["ts"], m.get("thread_ts"))]

    def event_of(self, channel: str, message: Node) -> Node:
        """The Events API's envelope of a new message."""
        shown = {name: value for name, value in message.items() if name != "metadata"}
        event = {**shown, "channel": channel, "channel_type": "channel", "event_ts": message["ts"]}
        return event_callback(event, "Ev" + self.clock.new_id().replace("-", "")[:12].upper(), self.clock)

    def _paths(self, channel: str, message: Node) -> Sequence[str]:
        """The message's file in relayfile; replies lie under their thread."""
        folder = f"/slack/channels/{channel}__{self.channels[channel]['name']}"
        name, thread = _file(message["ts"]), str(message.get("thread_ts", message["ts"]))
        if thread == message["ts"]:
            return (f"{folder}/messages/{name}/meta.json",)
        return (f"{folder}/threads/{_file(thread)}/replies/{name}/meta.json",)


def _file(ts: str) -> str:
    return ts.replace(".", "_")


def event_callback(event: Node, event_id: str, clock: Clock) -> Node:
    """What surrounds each event. https://docs.slack.dev/apis/events-api"""
    us = {"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "is_enterprise_install": False}
    return {
        "token": "sandbox-verification-token",
        "team_id": TEAM,
        "context_team_id": TEAM,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(clock.now().timestamp()),
        "authorizations": [us],
        "is_ext_shared_channel": False,
    }


# The Web API: one function per method, from its arguments to the answer's own fields.


def chat_post_message(slack: Slack, given: Node) -> Node:
    channel = _channel(slack, given)
    if not (given.get("text") or given.get("blocks")):
        raise SlackError("no_text")
    thread = given.get("thread_ts") or None
    extra = {name: given[name] for name in ("metadata", "blocks") if given.get(name)}
    message = slack.post(channel, str(given.get("text") or ""), BOT_USER, _thread(slack, channel, thread), **extra)
    return {"channel": channel, "ts": message["ts"], "message": message}


def chat_get_permalink(slack: Slack, given: Node) -> Node:
    channel, ts = _channel(slack, given), str(given.get("message_ts", ""))
    permalink = f"{slack.address()}/slack/archives/{channel}/p{ts.replace('.', '')}"
    return {"channel": channel, "permalink": permalink}


def conversations_replies(slack: Slack, given: Node) -> Node:
    channel, ts = _channel(slack, given), str(given.get("ts", ""))
    root = next((m for m in slack.messages[channel] if m["ts"] == ts), None)
    if root is None:
        raise SlackError("thread_not_found")
    replies = slack.thread(channel, root.get("thread_ts", ts))
    summary = {"reply_count": len(replies) - 1, "latest_reply": replies[-1]["ts"]} if len(replies) > 1 else {}
    shown = [{**m, **summary} if m["ts"] == root.get("thread_ts") else m for m in replies]
    return _page(shown, given)


def conversations_history(slack: Slack, given: Node) -> Node:
    """Newest first, without replies."""
    channel = _channel(slack, given)
    oldest, latest = str(given.get("oldest") or ""), str(given.get("latest") or "~")
    inclusive = str(given.get("inclusive", "")).lower() in ("true", "1")
    tops = [m for m in slack.messages[channel] if m.get("thread_ts", m["ts"]) == m["ts"]]
    within = [m for m in tops if oldest < m["ts"] < latest or (inclusive and m["ts"] in (oldest, latest))]
    return _page(within[::-1], given)


def conversations_list(slack: Slack, given: Node) -> Node:
    return {"channels": list(slack.channels.values()), "response_metadata": {"next_cursor": ""}}


def conversations_info(slack: Slack, given: Node) -> Node:
    return {"channel": slack.channels[_channel(slack, given)]}


def users_info(slack: Slack, given: Node) -> Node:
    user = slack.users.get(str(given.get("user", "")))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user}


def auth_test(slack: Slack, given: Node) -> Node:
    who = {"url": f"{slack.address()}/slack/", "team": "Acme", "user": "factory", "team_id": TEAM}
    return {**who, "user_id": BOT_USER, "bot_id": BOT, "is_enterprise_install": False}


METHODS: Mapping[str, Callable[[Slack, Node], Node]] = MappingProxyType(
    {
        "auth.test": auth_test,
        "chat.getPermalink": chat_get_permalink,
        "chat.postMessage": chat_post_message,
        "conversations.history": conversations_history,
        "conversations.info": conversations_info,
        "conversations.list": conversations_list,
        "conversations.replies": conversations_replies,
        "users.info": users_info,
    }
)


def _channel(slack: Slack, given: Node) -> str:
    """The channel by id, or for people's convenience `#name`."""
    asked = str(given.get("channel", ""))
    by_name = {"#" + channel["name"]: id for id, channel in slack.channels.items()}
    if asked not in slack.channels and asked not in by_name:
        raise SlackError("channel_not_found")
    return by_name.get(asked, asked)


def _thread(slack: Slack, channel: str, thread_ts: str | None) -> str | None:
    if thread_ts is None:
        return None
    try:
        return str(slack.root(channel, str(thread_ts))["ts"])
    except NotFound:
        raise SlackError("thread_not_found") from None


def _page(messages: list[Node], given: Node) -> Node:
    """`limit` messages after the cursor; metadata only when asked for."""
    start, limit = int(given.get("cursor") or 0), int(given.get("limit") or 100)
    more = start + limit < len(messages)
    full = str(given.get("include_all_metadata", "")).lower() in ("true", "1")
    shown = [m if full else {k: v for k, v in m.items() if k != "metadata"} for m in messages[start : start + limit]]
    cursor = str(start + limit) if more else ""
    return {"messages": shown, "has_more": more, "response_metadata": {"next_cursor": cursor}}


def not_authenticated(error: str) -> Response:
    return JSONResponse({"ok": False, "error": error})


async def web_api(slack: Slack, request: Request) -> Response:
    """POST or GET /slack/api/<method>; arguments as JSON, as a form or in the query."""
    method = METHODS.get(request.path_params["method"])
    if method is None:
        return JSONResponse({"ok": False, "error": "unknown_method"})
    try:
        return JSONResponse(
            {"ok": True, **method(slack, await _arguments(request))}, headers={"x-oauth-scopes": SCOPES}
        )
    except SlackError as error:
        return JSONResponse({"ok": False, "error": str(error)}, headers={"x-oauth-scopes": SCOPES})
    except ValueError:
        return JSONResponse({"ok": False, "error": "invalid_arguments"})


async def _arguments(request: Request) -> Node:
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/json"):
        try:
            return {**request.query_params, **json.loads(await request.body() or b"{}")}
        except (ValueError, TypeError):
            raise SlackError("invalid_json") from None
    if kind.startswith("application/x-www-form-urlencoded"):
        return {**request.query_params, **_form(await request.body())}
    return dict(request.query_params)


def _form(body: bytes) -> Node:
    """A form's fields; those that Slack takes as objects are JSON in it."""
    from urllib.parse import parse_qsl

    fields: Node = dict(parse_qsl(body.decode("utf-8", "replace")))
    for name in ("metadata", "blocks"):
        if name in fields:
            try:
                fields[name] = json.loads(fields[name])
            except ValueError:
                raise SlackError("invalid_arguments") from None
    return fields

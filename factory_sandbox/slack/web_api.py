"""Slack's Web API over a workspace in memory: failures are HTTP 200 with `ok: false`. https://docs.slack.dev/reference/methods"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from factory_core.errors import NotFound

from ..node import Node
from .workspace import BOT, Slack

SCOPES = "chat:write,channels:history,groups:history,channels:read,groups:read,users:read"
ENDED = {"missing": "not_authed", "wrong": "invalid_auth", "revoked": "token_revoked", "expired": "token_expired"}


class SlackError(Exception):
    """Slack's `error` word."""


# One function per method, from its arguments to the answer's own fields.


def chat_post_message(slack: Slack, given: Node) -> Node:
    channel = _channel(slack, given)
    if slack.channels[channel]["is_archived"]:
        raise SlackError("is_archived")
    if not slack.channels[channel]["is_member"]:
        raise SlackError("not_in_channel")
    if not (given.get("text") or given.get("blocks")):
        raise SlackError("no_text")
    thread = given.get("thread_ts") or None
    extra = {name: given[name] for name in ("metadata", "blocks") if given.get(name)}
    message = slack.post(
        channel, str(given.get("text") or ""), slack.bot_user, _thread(slack, channel, thread), **extra
    )
    return {"channel": channel, "ts": message["ts"], "message": message}


def chat_get_permalink(slack: Slack, given: Node) -> Node:
    channel, ts = _channel(slack, given), str(given.get("message_ts", ""))
    permalink = f"{slack.address()}/slack/archives/{channel}/p{ts.replace('.', '')}"
    return {"channel": channel, "permalink": permalink}


def conversations_replies(slack: Slack, given: Node) -> Node:
    """The root, on the first page, then the replies."""
    channel, ts = _channel(slack, given), str(given.get("ts", ""))
    root = next((m for m in slack.messages[channel] if m["ts"] == ts), None)
    if root is None:
        raise SlackError("thread_not_found")
    replies = slack.thread(channel, root.get("thread_ts", ts))
    summary = {"reply_count": len(replies) - 1, "latest_reply": replies[-1]["ts"]} if len(replies) > 1 else {}
    shown = [{**m, **summary} if m["ts"] == root.get("thread_ts") else m for m in replies]
    return _page(slack, shown, given)


def conversations_history(slack: Slack, given: Node) -> Node:
    """Newest first, without replies, but for those that were also sent to the channel."""
    channel = _channel(slack, given)
    oldest, latest = str(given.get("oldest") or ""), str(given.get("latest") or "~")
    inclusive = str(given.get("inclusive", "")).lower() in ("true", "1")
    tops = [m for m in slack.messages[channel] if m.get("thread_ts", m["ts"]) == m["ts"] or "root" in m]
    within = [m for m in tops if oldest < m["ts"] < latest or (inclusive and m["ts"] in (oldest, latest))]
    return _page(slack, within[::-1], given)


def conversations_list(slack: Slack, given: Node) -> Node:
    page = _paged(slack, list(slack.channels.values()), given)
    return {"channels": page.pop("shown"), "response_metadata": page["response_metadata"]}


def conversations_info(slack: Slack, given: Node) -> Node:
    return {"channel": slack.channels[_channel(slack, given)]}


def users_info(slack: Slack, given: Node) -> Node:
    user = slack.users.get(str(given.get("user", "")))
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user}


def auth_test(slack: Slack, given: Node) -> Node:
    who = {"url": f"{slack.address()}/slack/", "team": "Acme", "user": "factory", "team_id": slack.team}
    return {**who, "user_id": slack.bot_user, "bot_id": BOT, "is_enterprise_install": False}


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


def _page(slack: Slack, messages: list[Node], given: Node) -> Node:
    """Messages after the cursor; metadata only when asked for."""
    page = _paged(slack, messages, given)
    full = str(given.get("include_all_metadata", "")).lower() in ("true", "1")
    shown = page.pop("shown")
    return {"messages": [m if full else {k: v for k, v in m.items() if k != "metadata"} for m in shown], **page}


def _paged(slack: Slack, rows: list[Node], given: Node) -> Node:
    """`limit` rows after the cursor, or fewer: Slack promises no full page, only a cursor while there is more."""
    start, limit = _offset(given), int(given.get("limit") or 100)
    end = start + min(limit, slack.page_size or limit)
    more = end < len(rows)
    cursor = base64.b64encode(f"next:{end}".encode()).decode() if more else ""
    return {"shown": rows[start:end], "has_more": more, "response_metadata": {"next_cursor": cursor}}


def _offset(given: Node) -> int:
    """Cursors are opaque to clients."""
    try:
        return int(base64.b64decode(str(given.get("cursor") or ""), validate=True).decode().removeprefix("next:") or 0)
    except (binascii.Error, ValueError):
        raise SlackError("invalid_cursor") from None


def not_authenticated(verdict: str) -> Response:
    return JSONResponse({"ok": False, "error": ENDED[verdict]})


async def call(slack: Slack, request: Request) -> Response:
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
    fields: Node = dict(parse_qsl(body.decode("utf-8", "replace")))
    for name in ("metadata", "blocks"):
        if name in fields:
            try:
                fields[name] = json.loads(fields[name])
            except ValueError:
                raise SlackError("invalid_arguments") from None
    return fields

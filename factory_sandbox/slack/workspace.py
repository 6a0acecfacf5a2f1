"""One Slack workspace in memory: channels, people and messages, and their events. https://docs.slack.dev/"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from factory_core.errors import NotFound, Refused

from ..clock import Clock
from ..node import Changed, Node

TEAM, APP, BOT_USER, BOT = "T0SANDBOX", "A0SANDBOX", "U0FACTORY", "B0FACTORY"
SLACKBOT = "USLACKBOT"
Notice = Literal["channel_join", "channel_leave", "channel_topic", "channel_name", "huddle_thread", "bot_message"]


@dataclass
class Slack:
    """Messages live in their channel, oldest first; `ts` is a message's name inside it.

    One app is installed in every workspace: it signs with one secret, and its bot is another user in each.
    `page_size` is the most messages that a page holds, whatever is asked for; 0: as many as asked for.
    """

    clock: Clock
    changed: Changed
    address: Callable[[], str]
    team: str = TEAM
    bot_user: str = BOT_USER
    channels: dict[str, Node] = field(default_factory=dict)
    users: dict[str, Node] = field(default_factory=dict)
    messages: dict[str, list[Node]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    posted: int = 0
    page_size: int = 0

    def __post_init__(self) -> None:
        self.add_user(self.bot_user, "factory", is_bot=True)

    def add_channel(self, id: str, name: str, private: bool = False, member: bool = True) -> Node:
        """`member` False: the bot was not invited."""
        channel = {"id": id, "name": name, "is_channel": not private, "is_group": private, "is_private": private}
        self.channels[id] = {**channel, "is_archived": False, "is_ext_shared": False}
        self.channels[id].update(
            is_member=member, name_normalized=name, created=0, creator=self.bot_user, num_members=3
        )
        self.messages[id] = []
        return self.channels[id]

    def add_user(
        self, id: str, name: str, is_bot: bool = False, team: str = "", guest: Literal["", "multi", "single"] = ""
    ) -> Node:
        """`team` is another workspace's, for somebody who is here by Slack Connect only; guests see some channels."""
        profile = {"real_name": name, "display_name": name.lower(), "email": f"{name.lower()}@example.com"}
        home = team or self.team
        user = {"id": id, "team_id": home, "name": name.lower(), "real_name": name, "deleted": False, "is_bot": is_bot}
        outside = {"is_restricted": bool(guest), "is_ultra_restricted": guest == "single"}
        stranger = {"is_stranger": False} if home != self.team else {}
        self.users[id] = {**user, **outside, **stranger, "profile": {**profile, "team": home}}
        return self.users[id]

    # What people do.

    def reply(
        self,
        channel: str,
        text: str,
        thread_ts: str | None = None,
        user: str = "U0ADA",
        files: Sequence[str] = (),
        broadcast: bool = False,
    ) -> Node:
        """A person writes in the channel or in a thread of it; gives the message's `ts`.

        With files it is a `file_share`, whose text may well be empty. `broadcast`: also sent to the channel.
        """
        self._known_channel(channel)
        if user not in self.users:
            self.add_user(user, user.removeprefix("U0").title())
        extra: Node = {}
        if files:
            extra = {"subtype": "file_share", "upload": False, "files": [self._file(name, user) for name in files]}
        elif broadcast and thread_ts:
            extra = {"subtype": "thread_broadcast", "root": self.root(channel, thread_ts)}
        message = self.post(channel, text, user, thread_ts, **extra)
        return {"ok": True, "ts": message["ts"], "channel": channel}

    def edit(self, channel: str, ts: str, text: str) -> Node:
        """The author changes a message; the event is `message_changed`, hidden and with a `ts` of its own."""
        message = self.root(channel, ts)
        before = dict(message)
        message.update(text=text, edited={"user": message["user"], "ts": self._ts()})
        self._announce_hidden(channel, "message_changed", message=dict(message), previous_message=before)
        return {"ok": True, "ts": ts}

    def delete(self, channel: str, ts: str) -> Node:
        """A message goes; of a thread's root a tombstone stays, as long as there are replies."""
        message = self.root(channel, ts)
        before = dict(message)
        if len(self.thread(channel, ts)) > 1:
            tombstone = {"text": "This message was deleted.", "user": SLACKBOT, "subtype": "tombstone", "hidden": True}
            for name in ("client_msg_id", "files", "metadata", "blocks", "bot_id", "app_id"):
                message.pop(name, None)
            message.update(tombstone)
            self._announce_hidden(channel, "message_changed", message=dict(message), previous_message=before)
        else:
            self.messages[channel].remove(message)
            self._announce_hidden(channel, "message_deleted", deleted_ts=ts, previous_message=before)
        return {"ok": True, "ts": ts}

    def notice(self, channel: str, kind: Notice, text: str = "", thread_ts: str | None = None) -> Node:
        """A message that no person wrote: somebody joined, a huddle began, another app's bot posted."""
        self._known_channel(channel)
        extra: Node = {"subtype": kind}
        user = "U0ADA"
        if kind == "huddle_thread":
            user, extra["room"] = SLACKBOT, {"id": "R0HUDDLE", "call_family": "huddle", "has_ended": False}
        if kind == "bot_message":
            extra |= {"bot_id": "B0OTHER", "username": "other-bot"}
        message = self.post(channel, text, user, thread_ts, **extra)
        return {"ok": True, "ts": message["ts"], "channel": channel}

    def change_channel_id(self, channel: str, new: str) -> Node:
        """A private channel is shared with another company: its id is another one from now on, and the old is none."""
        self._known_channel(channel)
        if new in self.channels:
            raise Refused(f"channel {new!r}", why="there is such a channel already", fix="factory sandbox --help")
        described = self.channels.pop(channel)
        self.channels[new] = {**described, "id": new, "is_channel": True, "is_group": False, "is_ext_shared": True}
        self.messages[new] = self.messages.pop(channel)
        event = {"type": "channel_id_changed", "old_channel_id": channel, "new_channel_id": new, "event_ts": self._ts()}
        self.changed("slack", "channel_id_changed", self.envelope(event), ())
        return {"ok": True, "channel": new}

    def configure_channel(self, channel: str, archived: bool | None = None, member: bool | None = None) -> Node:
        """Archived, or without the bot: nothing can be posted there."""
        self._known_channel(channel)
        if archived is not None:
            self.channels[channel]["is_archived"] = archived
        if member is not None:
            self.channels[channel]["is_member"] = member
        return self.channels[channel]

    def shorten_pages(self, size: int) -> Node:
        """Pages hold at most so many messages from now on, however many are asked for; 0: as many as asked for."""
        self.page_size = size
        return {"page_size": size}

    def revoke_tokens(self) -> None:
        """The workspace takes the app's access away; the token is dealt with elsewhere."""
        event = {"type": "tokens_revoked", "tokens": {"oauth": [], "bot": [self.bot_user]}}
        self.changed("slack", "tokens_revoked", self.envelope(event), ())

    # What both people and the API do.

    def post(self, channel: str, text: str, user: str, thread_ts: str | None = None, **extra: Any) -> Node:
        """Add a message of a person or of the bot, and announce it."""
        home = self.users.get(user, {}).get("team_id", self.team)
        message: Node = {"type": "message", "user": user, "text": text, "team": home, "ts": self._ts()}
        message.update(self._threaded(channel, thread_ts), **extra)
        if home != self.team:
            message.update(user_team=home, source_team=home)
        if user == self.bot_user:
            message.update(bot_id=BOT, app_id=APP)
        elif "bot_id" not in message:
            message["client_msg_id"] = self.clock.new_id()
        self.messages[channel].append(message)
        self.changed("slack", "message", self.event_of(channel, message), self._paths(channel, message))
        return message

    def _ts(self) -> str:
        self.posted += 1
        return f"{int(self.clock.now().timestamp())}.{self.posted:06d}"

    def _threaded(self, channel: str, thread_ts: str | None) -> Node:
        if thread_ts is None:
            return {}
        root = self.root(channel, thread_ts)
        root["thread_ts"] = root["ts"]
        return {"thread_ts": root["ts"], "parent_user_id": root["user"]}

    def _file(self, name: str, user: str) -> Node:
        id = f"F0{len(self.files) + 1:07d}"
        self.files[id] = name
        kind = name.rpartition(".")[2].lower()
        url = f"{self.address()}/slack/files/{self.team}-{id}/{name}"
        types = {"png": "image/png", "jpg": "image/jpeg", "pdf": "application/pdf", "txt": "text/plain"}
        described = {"mimetype": types.get(kind, "application/octet-stream"), "filetype": kind, "size": 4}
        return {"id": id, "name": name, "title": name, **described, "user": user, "mode": "hosted", "url_private": url}

    def root(self, channel: str, thread_ts: str) -> Node:
        for message in self.messages.get(channel, ()):
            if message["ts"] == thread_ts:
                return message
        raise NotFound(f"thread {thread_ts!r}", why=f"no such message in {channel}", fix="factory sandbox --help")

    def thread(self, channel: str, thread_ts: str) -> list[Node]:
        """The root first, then its replies, oldest first."""
        return [m for m in self.messages[channel] if thread_ts in (m["ts"], m.get("thread_ts"))]

    def event_of(self, channel: str, message: Node) -> Node:
        """The Events API's envelope of a new message."""
        shown = {name: value for name, value in message.items() if name != "metadata"}
        return self.envelope({**shown, **self._where(channel), "event_ts": message["ts"]}, channel)

    def _announce_hidden(self, channel: str, subtype: str, **parts: Any) -> None:
        """An edit or a deletion: an event of its own, about a message that is there or was."""
        ts = self._ts()
        event = {"type": "message", "subtype": subtype, "hidden": True, "ts": ts, "event_ts": ts, "team": self.team}
        self.changed("slack", "message", self.envelope({**event, **self._where(channel), **parts}, channel), ())

    def _where(self, channel: str) -> Node:
        return {"channel": channel, "channel_type": "group" if self.channels[channel]["is_group"] else "channel"}

    def envelope(self, event: Node, channel: str = "") -> Node:
        """What surrounds each event. https://docs.slack.dev/apis/events-api"""
        us = {"enterprise_id": None, "team_id": self.team, "user_id": self.bot_user, "is_bot": True}
        return {
            "token": "sandbox-verification-token",
            "team_id": self.team,
            "context_team_id": self.team,
            "api_app_id": APP,
            "event": event,
            "type": "event_callback",
            "event_id": "Ev" + self.clock.new_id().replace("-", "")[:12].upper(),
            "event_time": int(self.clock.now().timestamp()),
            "authorizations": [{**us, "is_enterprise_install": False}],
            "is_ext_shared_channel": bool(channel and self.channels[channel]["is_ext_shared"]),
        }

    def _known_channel(self, channel: str) -> None:
        if channel not in self.channels:
            raise NotFound(f"channel {channel!r}", why=f"there are {', '.join(self.channels)}", fix="factory sandbox")

    def _paths(self, channel: str, message: Node) -> Sequence[str]:
        """The message's file in relayfile; replies lie under their thread."""
        folder = f"/slack/channels/{channel}__{self.channels[channel]['name']}"
        name, thread = _file_name(message["ts"]), str(message.get("thread_ts", message["ts"]))
        if thread == message["ts"]:
            return (f"{folder}/messages/{name}/meta.json",)
        return (f"{folder}/threads/{_file_name(thread)}/replies/{name}/meta.json",)


def _file_name(ts: str) -> str:
    return ts.replace(".", "_")

"""What Slack tells us: people's replies in threads become events. Pure: no I/O and no clock.

https://docs.slack.dev/apis/events-api · https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from factory_core.config import FactoryConfig
from factory_core.dispatch.events import Event, Reply, ReplyReceived, ThreadMoved
from factory_core.errors import Refused
from factory_core.http import HttpRequest, HttpResponse
from factory_core.payload import read_model
from factory_core.ports import Inbound
from factory_core.signatures import FRESH, refuse_stale, refuse_unsigned, signed

from ..slack_messages import SPOKEN, Home, attached, is_elsewhere, is_outsider
from .settings import SlackSettings
from .text import unescape

_SECONDS = re.compile(r"[0-9]{1,11}")  # a twelfth digit lies beyond the year 9999, and would be stale anyway
_STAMP = r"^[0-9]{1,11}\.[0-9]{1,6}$"


class Part(BaseModel):
    """A part of Slack's JSON, of which only the fields that we use are read."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)


class Kind(Part):
    type: str
    subtype: str | None = None


class Authorization(Part):
    user_id: str | None = None
    team_id: str | None = None
    enterprise_id: str | None = None
    is_bot: bool | None = None


class Envelope(Part):
    """What surrounds every event. `authorizations` and `context_…` are of the app that gets it, the other ids may be
    the author's: https://docs.slack.dev/apis/events-api
    """

    team_id: str | None = None
    enterprise_id: str | None = None
    context_team_id: str | None = None
    context_enterprise_id: str | None = None
    authorizations: tuple[Authorization, ...] | None = None
    is_ext_shared_channel: bool | None = None

    @property
    def organisation(self) -> str:
        """The workspace that installed the app."""
        installed = [one.team_id for one in self.authorizations or () if one.team_id]
        return next(iter(installed), self.context_team_id or self.team_id or "")

    @property
    def home(self) -> Home:
        ours, theirs = self.organisation, self.team_id
        installed = [one.enterprise_id for one in self.authorizations or () if one.enterprise_id]
        grid = next(iter(installed), self.context_enterprise_id) or (self.enterprise_id if theirs == ours else None)
        elsewhere = theirs not in (None, "", ours, grid)
        return Home(ours, grid or "", True if elsewhere else self.is_ext_shared_channel)


class Head(Envelope):
    """What kind of delivery it is; only messages are read further, for other events use the same names otherwise."""

    type: str
    event_id: str | None = None
    challenge: str | None = None
    event: Kind | None = None

    @property
    def spoken(self) -> bool:
        event = self.event
        return event is not None and event.type in ("message", "app_mention") and (event.subtype or "") in SPOKEN

    @property
    def what(self) -> str:
        return f"{self.type}.{self.event.type}" if self.event else self.type


class ChannelMoved(Part):
    """https://docs.slack.dev/reference/events/channel_id_changed: a private channel that is shared gets a new id."""

    old_channel_id: str = Field(min_length=1)
    new_channel_id: str = Field(min_length=1)
    event_ts: str = ""


class ChannelDelivery(Part):
    event: ChannelMoved


class Tokens(Part):
    bot: tuple[str, ...] | None = None


class Revoked(Part):
    tokens: Tokens


class RevokedDelivery(Part):
    event: Revoked


class Message(Part):
    """Whose it is and what came with it is read by slack_messages, from all of its fields."""

    model_config = ConfigDict(frozen=True, extra="allow")

    channel: str = Field(min_length=1)
    ts: str = Field(pattern=_STAMP)
    thread_ts: str | None = Field(default=None, pattern=_STAMP)
    user: str | None = None
    text: str | None = None
    bot_id: str | None = None
    hidden: bool | None = None
    parent_user_id: str | None = None

    @property
    def at(self) -> datetime:
        return datetime.fromtimestamp(float(self.ts), UTC)  # the stamp itself is a key, and stays a string


class Delivery(Envelope):
    event: Message

    @property
    def bots(self) -> set[str | None]:
        return {known.user_id for known in self.authorizations or () if known.is_bot}


class SlackWebhook:
    def __init__(self, secrets: Sequence[str], config: FactoryConfig) -> None:
        settings = config.section("slack", SlackSettings)
        self._secrets, self._us, self._channel = tuple(secrets), settings.bot_user_id, settings.channel

    def events_in(self, request: HttpRequest) -> Inbound:
        self._verify(request)
        head = read_model("slack", Head, request.body)
        events, notice = self._reply(request.body) if head.spoken else (), ""
        if head.event is not None and head.event.type == "channel_id_changed":
            events, notice = self._moved(request)
        response = _challenge(head) if head.type == "url_verification" else None
        return Inbound(
            delivery_id=head.event_id or "",
            what=head.what,
            organisation=head.organisation,
            notice=notice,
            events=events,
            response=response,
            lost=self._lost(head, request.body),
        )

    def _lost(self, head: Head, raw: bytes) -> str:
        """People's own tokens are revoked by the same event: https://docs.slack.dev/reference/events/tokens_revoked"""
        kind = head.event.type if head.event else ""
        if kind == "tokens_revoked":
            bots = read_model("slack", RevokedDelivery, raw).event.tokens.bot or ()
            ours = self._us in bots if self._us else bool(bots)
            return "Slack says that the token was revoked (tokens_revoked)" if ours else ""
        return "Slack says that the app was uninstalled (app_uninstalled)" if kind == "app_uninstalled" else ""

    def _moved(self, request: HttpRequest) -> tuple[tuple[Event, ...], str]:
        moved = read_model("slack", ChannelDelivery, request.body).event
        old, new = moved.old_channel_id, moved.new_channel_id
        event = ThreadMoved(id=f"slack:{old}:{new}:{moved.event_ts}", at=request.received_at, old=old, new=new)
        return (event,), f"channel {old} is {new} now; set slack.channel to it"

    def _verify(self, request: HttpRequest) -> None:
        """The time stamp is signed with the body, and renewed with every attempt."""
        given, stamp = request.headers.get("x-slack-signature"), request.headers.get("x-slack-request-timestamp", "")
        timely = _SECONDS.fullmatch(stamp) is not None
        ok = timely and signed(self._secrets, request.body, given, prefix="v0=", head=f"v0:{stamp}:".encode())
        refuse_unsigned("slack", ok, header="X-Slack-Signature", present=given is not None)
        refuse_stale("slack", datetime.fromtimestamp(int(stamp), UTC), request.received_at, FRESH)

    def _reply(self, raw: bytes) -> tuple[Event, ...]:
        """A reply that mentions us comes twice, under two event ids: channel and `ts` say that it is one."""
        delivery = read_model("slack", Delivery, raw)
        elsewhere = is_elsewhere(delivery.event.channel, self._channel)
        replies = reply_of(delivery.event, {self._us, *delivery.bots}, delivery.home)
        return tuple(reply.model_copy(update={"elsewhere": elsewhere}) for reply in replies)


def reply_of(message: Message, us: Set[str | None], home: Home) -> tuple[ReplyReceived, ...]:
    """A person's reply in one of our threads, from a webhook or read again: nothing that a bot, we or Slack wrote.

    `us`: the bot users that are ours, as far as they are known.
    """
    if not message.thread_ts or message.thread_ts == message.ts or message.hidden:
        return ()
    if message.bot_id or not message.user or message.user in us:
        return ()
    if any(us) and message.parent_user_id and message.parent_user_id not in us:
        return ()  # somebody else's thread
    name, whole = f"slack:{message.channel}:{message.ts}", message.model_dump()
    reply = Reply(
        id=name, author=message.user, text=unescape(message.text or ""), at=message.at, attachments=attached(whole),
        outsider=is_outsider(whole, home),
    )  # fmt: skip
    thread = f"{message.channel}:{message.thread_ts}"
    return (ReplyReceived(id=name, at=message.at, thread_id=thread, reply=reply),)


def _challenge(head: Head) -> HttpResponse:
    """https://docs.slack.dev/reference/events/url_verification"""
    if head.challenge is None:
        raise Refused("a slack webhook that cannot be read", why="challenge: missing", fix="factory doctor slack")
    return HttpResponse(body=head.challenge.encode(), content_type="text/plain")

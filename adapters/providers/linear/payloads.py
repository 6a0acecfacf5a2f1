"""The shapes of Linear's webhooks, cut down to what we use.

https://linear.app/developers/webhooks · https://linear.app/developers/agent-interaction
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from .issue import Identifier, IssueNode, Named
from .pages import Node

_KEY_IN_URL = re.compile(r"/issue/([A-Z0-9_]{1,40}-[0-9]{1,12})\b")


class Head(Node):
    """What every delivery has. `webhookTimestamp` is in milliseconds, and the only time stamp that is signed."""

    type: str
    action: str
    organization_id: str | None = None  # the workspace; one app's secret signs for all that installed it
    created_at: AwareDatetime | None = None
    webhook_timestamp: float = Field(ge=0, lt=1e14)

    @property
    def sent(self) -> datetime:
        return datetime.fromtimestamp(self.webhook_timestamp / 1000, UTC)

    @property
    def at(self) -> datetime:
        return self.created_at or self.sent


class IssueDelivery(Head):
    type: Literal["Issue"]
    data: IssueNode


class IssueReference(Node):
    """What a comment or a session is on. The key is today's, and another one after a move; the id never changes."""

    id: str | None = None
    identifier: Identifier


class Actor(Node):
    type: str | None = None


class Comment(Node):
    id: str = Field(min_length=1)
    body: str | None = None
    issue_id: str | None = None
    issue: IssueReference | None = None
    user_id: str | None = None
    user: Named | None = None
    external_user_id: str | None = None
    external_user: Named | None = None
    bot_actor: Any = None

    @property
    def member(self) -> str:
        """The author, if that is a user of the workspace."""
        return _author(self.user_id, self.user)

    @property
    def author(self) -> str:
        return self.member or _author(self.external_user_id, self.external_user)


class CommentDelivery(Head):
    type: Literal["Comment"]
    data: Comment
    actor: Actor | None = None
    url: str | None = None

    @property
    def outsider(self) -> bool:
        """Linear calls people who write through an integration, from a shared channel or as a customer, external."""
        return not self.data.member or (self.actor is not None and self.actor.type == "externalUser")

    @property
    def issue_id(self) -> str:
        return self.data.issue_id or (self.data.issue and self.data.issue.id) or ""

    @property
    def key(self) -> str:
        """The issue's; older payloads name it only in the address."""
        if self.data.issue:
            return self.data.issue.identifier
        found = _KEY_IN_URL.search(self.url or "")
        return found[1] if found else ""


class Session(Node):
    id: str = Field(min_length=1)
    creator_id: str | None = None
    issue_id: str | None = None
    issue: IssueReference | None = None

    @property
    def of_issue(self) -> str:
        """The issue's id; empty for a session on something else."""
        return self.issue_id or (self.issue and self.issue.id) or ""

    @property
    def key(self) -> str:
        """Empty for a session on something else than an issue."""
        return self.issue.identifier if self.issue else ""


class Prompt(Node):
    body: str | None = None


class SourceComment(Named):
    """The comment that a prompt was written as."""

    external_user: Named | None = None


class Activity(Node):
    id: str = Field(min_length=1)
    content: Prompt | None = None
    body: str | None = None
    signal: str | None = None
    source_comment_id: str | None = None
    source_comment: SourceComment | None = None
    user_id: str | None = None
    user: Named | None = None

    @property
    def author(self) -> str:
        return _author(self.user_id, self.user)

    @property
    def author_name(self) -> str:
        return _name(self.user) or self.author

    @property
    def said_as(self) -> str:
        """The same words also arrive as a comment: its id says that they are one."""
        return self.source_comment_id or (self.source_comment and self.source_comment.id) or self.id

    @property
    def outsider(self) -> bool:
        """Only users of the workspace prompt an agent, says Linear's schema; the comment behind it may be another's."""
        return bool(self.source_comment and self.source_comment.external_user)

    @property
    def text(self) -> str:
        """At `content.body` in practice; the vendor's page says `body`."""
        return (self.content.body if self.content else None) or self.body or ""


class SessionDelivery(Head):
    type: Literal["AgentSessionEvent"]
    app_user_id: str | None = None
    agent_session: Session
    agent_activity: Activity | None = None


DELIVERY: TypeAdapter[IssueDelivery | CommentDelivery | SessionDelivery] = TypeAdapter(
    Annotated[IssueDelivery | CommentDelivery | SessionDelivery, Field(discriminator="type")]
)
"""Those that we follow, each read in one pass."""


def _author(user_id: str | None, user: Named | None) -> str:
    """The stable id before the name."""
    return user_id or (user.id if user else None) or _name(user)


def _name(user: Named | None) -> str:
    return (user.name if user else None) or ""

"""The section `slack` of the configuration, and what its token must be allowed."""

from __future__ import annotations

from typing import ClassVar

from factory_core.settings import VendorSettings

SCOPES = ("chat:write", "channels:history", "groups:history", "channels:read", "groups:read", "users:read")


class SlackSettings(VendorSettings):
    title: ClassVar[str] = "Slack"
    site: ClassVar[str] = "slack.com"
    channel_hint: ClassVar[str] = "its id: open it in Slack, click its name, look at the end"

    url: str = "https://slack.com"
    channel: str = ""
    organisation: str = ""  # the workspace's id (T…): events of another one are refused; empty: the token's own
    bot_user_id: str = ""

    def organisation_id(self) -> str:
        return self.organisation

    def own_user_id(self) -> str:
        return self.bot_user_id

    def channel_id(self) -> str:
        return self.channel

    def missing_key(self) -> str:
        return "" if self.channel else "channel"

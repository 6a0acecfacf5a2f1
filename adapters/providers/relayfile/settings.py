"""The section `relayfile` of the configuration, and what its token must be allowed."""

from __future__ import annotations

from typing import ClassVar

from factory_core.settings import VendorSettings

SCOPES = ("fs:read",)


class RelayfileSettings(VendorSettings):
    title: ClassVar[str] = "relayfile"

    url: str = "https://relayfile.agent-relay.com"
    workspace: str = ""

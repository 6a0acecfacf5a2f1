"""What a Slack message says beside its text: whose it is, and what came with it. Pure.

Slack's webhooks, its API and the files of a relay carry a message in the same shape, so all of them read it here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from factory_core.payload import rows, text, truth

SPOKEN = frozenset({"", "file_share", "thread_broadcast"})
"""Subtypes of what a person says; the others are bots, edits, deletions and notices."""

_CHANNEL = re.compile(r"[CGD][A-Z0-9]{5,}")
_GUEST = ("is_restricted", "is_ultra_restricted", "is_stranger")


class Home(NamedTuple):
    """Where the app is installed: its workspace, and the Grid organisation of that, where it has one.

    `shared`: may people of other organisations write in the channel? None: nobody said so.
    """

    workspace: str = ""
    organisation: str = ""
    shared: bool | None = None


def is_elsewhere(channel: str, asks_in: str) -> bool:
    """Is it another channel than the configured one? A name, in place of an id, says nothing of ids."""
    return _CHANNEL.fullmatch(asks_in) is not None and channel != asks_in


def is_outsider(message: Mapping[str, Any], home: Home) -> bool:
    """A guest, or somebody of another workspace. https://api.slack.com/apis/channels-between-orgs

    Slack names the author's workspace in `user_team`, `source_team` or `team`, but not in every message with a file.
    An author who is not named is ours, unless the channel is shared with another organisation. The workspaces of one
    Grid organisation write in each other's channels; in one that is not shared with others they are all at home.
    """
    if any(truth(message, "user_profile", flag) for flag in _GUEST):
        return True
    teams = _teams(message)
    if not teams:
        return home.shared is True
    if not home.workspace:  # only messages between workspaces name the first two
        return bool(text(message, "user_team") or text(message, "source_team"))
    foreign = teams - {home.workspace, home.organisation}
    return bool(foreign) and not (home.organisation and home.shared is False)


def is_between_workspaces(message: Mapping[str, Any], home: Home) -> bool:
    """Does the message show that people of more than one workspace write here?"""
    named = text(message, "user_team") or text(message, "source_team")
    return bool(named or (home.workspace and _teams(message) - {home.workspace, home.organisation}))


def attached(message: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the files, images and shared messages that came with it; a link's preview shows only what it says."""
    files = [text(file, "name") or text(file, "title") or "a file" for file in rows(message, "files")]
    blocks = [block for block in rows(message, "blocks") if text(block, "type") == "image"]
    images = [text(block, "title", "text") or text(block, "alt_text") or "an image" for block in blocks]
    typed = text(message, "text").replace("&amp;", "&")
    others = [one for one in rows(message, "attachments") if not _is_preview(one, typed)]
    shown = [
        text(one, "title") or text(one, "fallback") or text(one, "from_url") or "a shared message" for one in others
    ]
    return (*files, *images, *shown)


def _is_preview(attachment: object, typed: str) -> bool:
    link = text(attachment, "from_url") or text(attachment, "original_url")
    return bool(link) and link in typed


def _teams(message: Mapping[str, Any]) -> frozenset[str]:
    """The author's workspaces; a file that the author brought names them, too."""
    own = (file for file in rows(message, "files") if text(file, "user") == text(message, "user"))
    named = [text(message, name) for name in ("user_team", "source_team", "team")]
    named += [text(message, "user_profile", "team"), *(text(file, "user_team") for file in own)]
    return frozenset(name for name in named if name)

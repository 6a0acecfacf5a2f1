"""What a file holds becomes events of the core. Pure. Files come whole, cut to a stub, or in an older spelling."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from factory_core.config import FactoryConfig
from factory_core.dispatch.events import Event, ItemChanged, PullRequestChanged, Reply, ReplyReceived
from factory_core.dispatch.pull_request import PREFIX, item_of_branch, names_at
from factory_core.payload import at, rows, text, truth
from factory_core.ports import Pointer
from factory_core.settings import VendorSettings
from factory_core.work_item import Frozen, identity

from ..slack_messages import SPOKEN, Home, attached, is_elsewhere, is_outsider
from .paths import issue_id, issue_key, reply_in, repository_in, vendor_of

TS = re.compile(r"[0-9]{1,11}\.[0-9]{1,6}")
KEY = re.compile(r"[A-Za-z0-9_]+-[0-9]+")
UUID = re.compile(r"[0-9a-fA-F-]{36}")


class RelayFile(Frozen):
    """A file's JSON object, and which revision of the file it is."""

    revision: str
    content: dict[str, Any]


def events_of(pointer: Pointer, file: RelayFile, config: FactoryConfig) -> tuple[Event, ...]:
    """What happened to the object that the file holds; nothing where it does not concern the factory."""
    payload = at(file.content, "payload")
    read = READERS.get(vendor_of(pointer.path))
    return read(pointer, file, payload if isinstance(payload, dict) else file.content, config) if read else ()


def _issue_changed(
    pointer: Pointer, file: RelayFile, payload: dict[str, Any], config: FactoryConfig
) -> tuple[Event, ...]:
    """All aliases of one change have one id: the issue's key, and when it was changed (else the file's revision).

    The item itself is not built from the file: it may be a stub or a patch, and the core reads it afresh anyway.
    """
    key = next(filter(KEY.fullmatch, (text(payload, "identifier"), issue_key(pointer.path))), "")
    if not key or text(file.content, "objectType") not in {"", "issue"}:
        return ()
    former = [name for name in rows(payload, "previousIdentifiers") if isinstance(name, str) and KEY.fullmatch(name)]
    own = text(payload, "id") or text(file.content, "objectId") or issue_id(pointer.path)
    known = identity("linear", own) if UUID.fullmatch(own) else ""
    change = text(payload, "updatedAt") or file.revision or pointer.event_id
    gone = truth(file.content, "deleted") is True
    event_id = f"relayfile:{key}@{change}{':deleted' if gone else ''}"
    return (ItemChanged(id=event_id, work_item_id=key, identity=known, aliases=tuple(former), at=pointer.at),)


def _replied(pointer: Pointer, file: RelayFile, payload: dict[str, Any], config: FactoryConfig) -> tuple[Event, ...]:
    """A person's reply in a thread, under the same ids as Slack's own webhook gives it, so that both are one.

    No file says where the app is installed: unless slack.organisation does, whoever writes from a channel that
    workspaces share counts as an outsider.
    """
    named, slack = reply_in(pointer.path), config.section("slack", VendorSettings)
    channel = text(payload, "channelId") or text(payload, "channel") or named.channel
    ts = text(payload, "ts") or named.ts
    thread = text(payload, "thread_ts") or text(payload, "threadTs") or named.thread_ts
    user = text(payload, "user") or text(payload, "userId")
    if not (channel and user and TS.fullmatch(ts) and TS.fullmatch(thread)) or ts == thread:
        return ()
    if truth(file.content, "deleted") or _by_machine(payload, user, slack.own_user_id()):
        return ()
    said = f"slack:{channel}:{ts}"
    written = datetime.fromtimestamp(int(ts.partition(".")[0]), UTC)
    reply = Reply(
        id=said, author=user, text=html.unescape(text(payload, "text")), at=written, attachments=attached(payload),
        outsider=is_outsider(payload, Home(slack.organisation_id())),
    )  # fmt: skip
    elsewhere = is_elsewhere(channel, slack.channel_id())
    thread_id = f"{channel}:{thread}"
    return (ReplyReceived(id=said, at=pointer.at, thread_id=thread_id, reply=reply, elsewhere=elsewhere),)


def _by_machine(payload: dict[str, Any], user: str, us: str) -> bool:
    """Bots, ourselves, edits and notices; a reply in a thread that somebody else began is nobody's answer either."""
    flagged = any(at(payload, flag) for flag in ("user_is_bot", "bot_id", "hidden"))
    parent = text(payload, "parent_user_id")
    elsewhere = bool(us and parent and parent != us)
    return flagged or text(payload, "subtype") not in SPOKEN or user == us or elsewhere


def _pull_changed(
    pointer: Pointer, file: RelayFile, payload: dict[str, Any], config: FactoryConfig
) -> tuple[Event, ...]:
    """A hint to look at the pull request. Its `updatedAt` does not move with its checks, so the revision counts too."""
    repository = repository_in(pointer.path)
    for branch, head in (
        (text(payload, "head", "ref"), at(payload, "head")),
        (text(payload, "pull_request", "head", "ref"), at(payload, "pull_request", "head")),
        (text(payload, "check_suite", "head_branch"), None),
    ):
        if branch.startswith(PREFIX) and not _of_fork(head, repository):
            about = f"{text(file.content, 'objectType') or 'pull_request'}:{text(file.content, 'objectId')}"
            change = f"{file.revision or pointer.event_id}:{text(payload, 'updatedAt')}"
            event_id = f"relayfile:{repository}:{about}@{change}"
            names = tuple(names_at(repository, None, branch))
            key = item_of_branch(branch)
            return (PullRequestChanged(id=event_id, work_item_id=key, aliases=names, at=pointer.at, what=about),)
    return ()


def _of_fork(head: object, repository: str) -> bool:
    """Everybody may name a fork's branch like ours. The file tells the repository in one of three spellings, or not."""
    of = text(head, "repo", "full_name") or text(head, "repo", "fullName")
    if of:
        return of.casefold() != repository.casefold()
    owner, found, _ = text(head, "label").partition(":")
    return bool(found) and owner.casefold() != repository.partition("/")[0].casefold()


Reader = Callable[[Pointer, RelayFile, dict[str, Any], FactoryConfig], tuple[Event, ...]]
READERS: dict[str, Reader] = {"linear": _issue_changed, "slack": _replied, "github": _pull_changed}

"""Steps around changes that are not pushed without a person's word: hold them, and take that word."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import datetime

from ..config import FactoryConfig
from ..protected_paths import change_mark, named, protecting
from ..runs.run import MOST_HELD, HeldChange, HeldChanges
from . import comments
from .asking import answer_blocked, queue
from .effects import PostComment
from .ending import block
from .events import PublishHeld
from .pull_request import FileChange
from .records import Block, InFlightRecord, Transition
from .replies import ReplyEvent, ignore, may_allow, name_of

MOST_ALLOWED = 4 * MOST_HELD
_ORDER = re.compile(r"\s*`?\s*/?\s*factory\s+allow(?:\s+([0-9a-f]{8}))?\s*`?\s*", re.IGNORECASE)


def hold(record: InFlightRecord, held: HeldChanges, at: datetime, config: FactoryConfig) -> Transition:
    """The run's work is kept, and not pushed: said with what would be pushed, and with the words that allow it."""
    why = f"Its work changes {_named(held)}, which is not pushed without a person's word (protectedPaths.push)."
    return _ask(record, held, at, why, config)


def hold_published(record: InFlightRecord, event: PublishHeld, config: FactoryConfig) -> Transition:
    """The code host has it already, and nobody allowed that: whoever pushed it did not keep to its order."""
    why = (
        f"The branch {record.branch} was pushed with {_named(event.held)}, which nobody allowed (protectedPaths.push)."
    )
    return _ask(record, event.held, event.at, why, config)


def allow_or_answer(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """The order that releases what is held; any other words are an answer, or kept for the agent."""
    return allow(record, event, config) if _is_order(record, event) else answer_blocked(record, event, config)


def allow(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """Exactly these changes may be pushed: they are, by a run without an agent. Others ask anew."""
    reply, held, order = event.reply, record.held, _ORDER.fullmatch(event.reply.text)
    if held is None or order is None or record.has_taken(reply):
        return None
    if not may_allow(reply, config):
        noted = ignore(record, reply.author, "not among those who may allow it (protectedPaths.allowedBy)", event.at)
        return None if noted is record else noted.stay()
    who, taken = name_of(record, reply, config), record.take(reply)
    if order[1] and order[1].lower() != name_of_changes(held):
        return taken.note(event.at, "person", f"{who} allowed changes that are not these.", reply.text).stay()
    marks = tuple(change.mark for change in held.changes)
    noted = taken.note(event.at, "person", f"{who} allowed to push {_named(held)} ({name_of_changes(held)}).")
    allowed = tuple(dict.fromkeys((*record.allowed, *marks)))[-MOST_ALLOWED:]
    return queue(noted.but(allowed=allowed, attempt=0), event.at, config, publishes=True)


def unallowed(
    changes: Iterable[FileChange], before: Iterable[FileChange], record: InFlightRecord, config: FactoryConfig
) -> HeldChanges | None:
    """Of what the code host shows, the changes of protected files that nobody allowed, and that were not there
    `before`."""
    patterns = protecting(config.protected_paths.push)
    known = {*record.allowed, *(mark for change in before for _, mark in _marks(change))}
    held = dict.fromkeys(
        HeldChange(path=path, mark=mark)
        for change in changes
        for path, mark in _marks(change)
        if patterns.touches(path) and mark not in known
    )
    return HeldChanges(changes=tuple(held)[:MOST_HELD], more=max(len(held) - MOST_HELD, 0)) if held else None


def name_of_changes(held: HeldChanges) -> str:
    """Eight letters that tell these changes from all others of the item."""
    return hashlib.sha256("".join(sorted(change.mark for change in held.changes)).encode()).hexdigest()[:8]


def _marks(change: FileChange) -> list[tuple[str, str]]:
    """A rename deletes the file of the former name."""
    gone = [(change.former, change_mark(change.former, ""))] if change.former else []
    return [*gone, (change.path, change_mark(change.path, change.sha))]


def _ask(record: InFlightRecord, held: HeldChanges, at: datetime, why: str, config: FactoryConfig) -> Transition:
    name = name_of_changes(held)
    fix = f"In the ticket of {record.key}: comment `/factory allow {name}` to have it pushed, or {_otherwise(record)}"
    noted = record.note(at, "factory", f"Held: changes of {_named(held)} ({name}).", held.patch)
    shown = f"held:{name}"
    says = held.patch and not record.session_id and shown not in record.handled
    effects = (PostComment(body=comments.held_patch(held.patch, record.key)),) if says else ()
    kept = noted.handle(shown).but(held=held.model_copy(update={"patch": ""}), publishes=False)
    reason = Block(reason="protected-paths", why=f"{why} These changes are {name}.", fix=fix)
    return block(kept, at, reason, config, *effects)


def _otherwise(record: InFlightRecord) -> str:
    return f'factory pipeline retry {record.key} --reason "leave these files as they are"'


def _named(held: HeldChanges) -> str:
    more = f" and {held.more} more" if held.more else ""
    return named([change.path for change in held.changes]) + more


def _is_order(record: InFlightRecord, event: ReplyEvent) -> bool:
    stopped = record.block is not None and record.block.reason == "protected-paths"
    return stopped and _ORDER.fullmatch(event.reply.text) is not None

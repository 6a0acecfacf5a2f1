"""What the fleet must know of an engine: how it is called, how its stream is read, and what its end means.

Reading is a pure fold over the lines of its standard output; whatever an engine prints, it never raises.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from factory_core.dispatch.run import RunOrder, RunStatus, Usage
from factory_core.intake.payload import number, object_in, text
from factory_core.work_item import Frozen

QUESTION = "QUESTION:"
"""Final words that begin so are a question for a person."""


class Seen(Frozen):
    """What the lines so far have told."""

    session: str = ""
    usage: Usage = Usage()  # of this run
    total: Usage = Usage()  # of the whole session, over all its runs, as far as the engine tells
    before: Usage = Usage()  # the session's total when this run began
    words: str = ""  # the newest text of the agent
    progress: str = ""  # the newest happening, in a few words
    error: str = ""  # the engine's own name for what went wrong last
    message: str = ""  # the id of the newest message, to count it once
    retry_at: datetime | None = None
    result: dict[str, Any] | None = None  # the engine's closing line; nothing is capped after it


class Ending(NamedTuple):
    """What a run came to, as far as the engine can tell. Whether anything was changed, git tells."""

    status: RunStatus
    why: str = ""
    retry_at: datetime | None = None


class Engine(Protocol):
    """One command-line agent. Its task comes on standard input, from a file: no length limit, nothing in argv."""

    @property
    def name(self) -> str: ...

    def command(self, order: RunOrder, memory: Path) -> list[str]:
        """The argument list; `memory` is a directory kept per item. Raises Terminal when it is not installed."""
        ...

    def environment(self) -> Mapping[str, str]:
        """What is added to the allow-listed environment."""
        ...

    def read(self, line: str, seen: Seen) -> Seen:
        """Fold one line of output."""
        ...

    def verdict(self, seen: Seen, exit_code: int, stderr_tail: str, now: datetime) -> Ending:
        """Judge the whole stream after the process ended by itself."""
        ...


def fields(line: str) -> dict[str, Any]:
    """The line's JSON object; nothing for whatever else it is."""
    return object_in(line) or {}


def count(document: object, *path: str) -> int:
    """The whole number at the path, 0 when there is none."""
    return number(document, *path) or 0


def session_in(document: object, key: str) -> str:
    """The session id at the key; empty for what could be taken for an option when it is given back."""
    value = text(document, key)
    return value if re.fullmatch(r"[A-Za-z0-9][\w.:-]{0,200}", value) else ""


def short(words: str, limit: int = 120) -> str:
    """One line of at most `limit` characters, for a time-line."""
    line = " ".join(words.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def last_words(words: str, why: str = "") -> Ending:
    """The end of a run that ended well: a question, a success, or a failure when it said nothing at all."""
    if not words.strip():
        return Ending(RunStatus.FAILED, "it ended without a word")
    asked = words.lstrip().startswith(QUESTION)
    return Ending(RunStatus.ASKED if asked else RunStatus.SUCCEEDED, why)


def no_result(exit_code: int, stderr_tail: str) -> Ending:
    """The end of a run whose stream has no closing line: it was killed, or it never began."""
    how = f"it was ended by signal {-exit_code}" if exit_code < 0 else f"it ended with exit code {exit_code}"
    said = short(stderr_tail, 300)
    return Ending(RunStatus.FAILED, f"{how} and gave no result" + (f": {said}" if said else ""))

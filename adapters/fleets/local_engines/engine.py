"""What the fleet must know of an engine: how it is called, how its stream is read, and what its end means.

Reading is a pure fold over the lines of its standard output; whatever an engine prints, it never raises.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from factory_core.payload import number, object_in, text
from factory_core.runs.reported import session_id
from factory_core.runs.run import Fault, RunOrder, RunStatus, Usage
from factory_core.work_item import Frozen

from .faults import Cause, Row, cause_of
from .question import question_in
from .wall import Reach

_MOST_TOOLS, _LONGEST_ID = 100, 200


class Seen(Frozen):
    """What the lines of a run so far came to."""

    session: str = ""
    usage: Usage = Usage()  # of this run
    settled: Usage = Usage()  # the part of it that closing lines have accounted for
    total: Usage = Usage()  # of the whole session, over all its runs, as its newest closing line says
    events: int = 0  # lines that said something: a text, a tool call, its result, a turn
    tools: tuple[str, ...] = ()  # ids of the tool calls that have no result yet
    denied: tuple[str, ...] = ()  # names of the tools that the agent was not allowed to use
    words: str = ""  # the newest text of the agent
    progress: str = ""  # the newest event or notice, in a few words
    retrying: str = ""  # the newest notice of a retry, until an event follows it
    error: str = ""  # the engine's own name for what went wrong last
    message: str = ""  # the id of the newest message, to count it once
    retry_at: datetime | None = None
    result: dict[str, Any] | None = None  # the engine's newest closing line; no cap counts after it

    def event(self, **changes: Any) -> Seen:
        """The same after a line that said something; one that says what is known already is none."""
        if all(getattr(self, name) == value for name, value in changes.items()):
            return self
        return self.model_copy(update={"retrying": "", **changes, "events": self.events + 1})

    def tool_call(self, tool_id: str, **changes: Any) -> Seen:
        return self.event(tools=(*self.tools, tool_id[:_LONGEST_ID])[-_MOST_TOOLS:], **changes)

    def tool_result(self, tool_id: str, **changes: Any) -> Seen:
        return self.event(tools=tuple(one for one in self.tools if one != tool_id[:_LONGEST_ID]), **changes)

    def denial(self, tool: str) -> Seen:
        denied = (*self.denied, short(tool, 60)) if tool and tool not in self.denied else self.denied
        return self.model_copy(update={"denied": denied[:_MOST_TOOLS]})

    def closing(self, line: dict[str, Any], spent: Usage, total: Usage, **changes: Any) -> Seen:
        """The same after a closing line, which accounts for what was spent since the one before it."""
        settled = self.settled.plus(spent)
        return self.model_copy(
            update={"usage": settled, "settled": settled, "total": total, "tools": (), "result": line, **changes}
        )


class Ending(NamedTuple):
    """What a run came to, as far as the engine can tell. Whether anything was changed, git tells."""

    status: RunStatus
    why: str = ""
    retry_at: datetime | None = None
    session_gone: bool = False  # the session that it was to go on with does not exist any more
    fault: Fault = ""  # whose failure it is, when it is not its own
    fix: str = ""  # of a fault


class Sandbox(Frozen):
    """What an engine must know to wall in its own tools, within the wall that is around the engine itself."""

    home: Path | None = None  # the run's own home: writable
    sign_in: tuple[Path, ...] = ()  # the engine's own: hidden
    readable: tuple[Path, ...] = ()  # toolchains
    domains: tuple[str, ...] = ()  # where its commands may connect to
    proxy: str = ""  # `host:port` of the run's proxy; empty: the engine has to look after the network itself


class Engine(Protocol):
    """One command-line agent. Its task comes on standard input, from a file: no length limit, nothing in argv."""

    @property
    def name(self) -> str: ...

    def at(self, program: str) -> Engine:
        """The same engine, whose program is this file."""
        ...

    def command(self, order: RunOrder, memory: Path) -> list[str]:
        """The argument list; `memory` is a directory kept per item. Raises EngineUnavailable when it is not installed.

        Settings that lie in the tree are not obeyed.
        """
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


@runtime_checkable
class SandboxedEngine(Protocol):
    """An engine that walls in its own tools, so that they reach less than the engine, which must reach its model."""

    @property
    def domains(self) -> tuple[str, ...]:
        """Where its model and its sign-in are."""
        ...

    @property
    def is_wall_enough(self) -> bool:
        """Can it run where there is no other wall, on macOS?"""
        ...

    @property
    def programs(self) -> tuple[str, ...]:
        """What its sandbox needs on PATH beside bubblewrap."""
        ...

    @property
    def placeholders(self) -> tuple[str, ...]:
        """What its sandbox shows in the tree though it is not there, as patterns for git to ignore."""
        ...

    @property
    def stand_ins(self) -> tuple[int, ...]:
        """For tests: the ports of this machine's loopback where its model's API is played."""
        ...

    def sign_in(self, environment: Mapping[str, str]) -> Reach:
        """The files of the engine's own that it needs inside a wall: its sign-in, its sessions."""
        ...

    def sandboxed_command(self, order: RunOrder, memory: Path, sandbox: Sandbox) -> list[str]:
        """As Engine.command."""
        ...


def fields(line: str) -> dict[str, Any]:
    """The line's JSON object; nothing for whatever else it is."""
    return object_in(line) or {}


def factory_line(progress: str) -> str:
    """A line of the factory's own among those of the engine."""
    return json.dumps({"type": "factory", "progress": progress})


def factory_progress(line: str) -> str:
    """What it says; empty for an engine's line."""
    event = fields(line)
    return text(event, "progress") if event.get("type") == "factory" else ""


def count(document: object, *path: str) -> int:
    """The whole number at the path, 0 when there is none."""
    return number(document, *path) or 0


def session_in(document: object, key: str) -> str:
    """The session id at the key; empty for what could be taken for an option when it is given back."""
    return session_id(text(document, key))


def loopback_ports(text: str) -> tuple[int, ...]:
    """The ports of the addresses on loopback that stand in the text."""
    return tuple(int(port) for port in re.findall(r"http://127\.0\.0\.1:(\d{1,5})\b", text))


def short(words: str, limit: int = 120) -> str:
    """One line of at most `limit` characters, for a time-line."""
    line = " ".join(words.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def last_words(words: str, denied: Iterable[str] = ()) -> Ending:
    """The end of a run that ended well: a question, a success, or a failure when there is no last message at all."""
    if not words.strip():
        return Ending(RunStatus.FAILED, "it ended without a word")
    tools = ", ".join(sorted(denied))
    why = f"it was denied {tools}" if tools else ""
    return Ending(RunStatus.ASKED if question_in(words) else RunStatus.SUCCEEDED, why)


def ended_by(cause: Cause, why: str, retry_at: datetime | None = None) -> Ending:
    """The end of a run that could not work, by no fault of its own."""
    return Ending(RunStatus.LIMITED, why, retry_at, fault=cause.fault, fix=cause.fix)


def no_result(seen: Seen, exit_code: int, stderr_tail: str, started: Sequence[Row]) -> Ending:
    """The end of a run whose stream has no closing line: it was killed, or it never began. `started`: what standard
    error tells of an engine that said nothing else."""
    if not seen.events and (cause := cause_of(started, stderr_tail)):
        return ended_by(cause, short(stderr_tail, 300))
    how = f"it was ended by signal {-exit_code}" if exit_code < 0 else f"it ended with exit code {exit_code}"
    said = short(stderr_tail, 300)
    return Ending(RunStatus.FAILED, f"{how} and gave no result" + (f": {said}" if said else ""))

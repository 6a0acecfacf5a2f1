"""Codex, headless (`codex exec --json`), as version 0.169.0 was found to behave.

Its token counts add up over the whole thread; it tells no cost, no turns and has no cap of its own; a model that never
answers leaves no line and no exit, which only the idle watchdog ends. Its stderr is never empty and means nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from factory_core.payload import at, text
from factory_core.runs.reported import believable
from factory_core.runs.run import RunOrder, RunStatus, Usage

from .engine import (
    Ending,
    Sandbox,
    Seen,
    count,
    ended_by,
    fields,
    last_words,
    loopback_ports,
    no_result,
    session_in,
    short,
)
from .engine_state import Login
from .faults import cause_of, codex_table, installation, sign_in, start_table
from .installed import Installations, program
from .releases import Release
from .wall import Reach

RELEASE = Release("@openai/codex", oldest=(0, 169, 0), newest=(0, 171))
LOGIN = Login(status=("login", "status"), command="codex login")
_SIGNED_OUT = sign_in(LOGIN.command)
_INSTALL = installation(RELEASE)
_FAULTS, _NOT_STARTED = codex_table(_SIGNED_OUT, _INSTALL), start_table(_SIGNED_OUT, _INSTALL)
_SETTINGS = (
    "analytics.enabled=false",
    'otel.exporter="none"',
    "check_for_update_on_startup=false",
    "shell_environment_policy.ignore_default_excludes=false",  # names with KEY or TOKEN stay out of its shell
)
_HOME = Path("/run/codex")
_TOOLS = frozenset({"command_execution", "file_change", "mcp_tool_call", "web_search"})
_SAYING = frozenset({"reasoning", "todo_list"})
_AGAIN_AT = re.compile(
    r"try again at ((?P<day>[a-z]{3} \d{1,2})(st|nd|rd|th), (?P<year>\d{4}) )?(?P<time>\d{1,2}:\d{2} [ap]m)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Codex:
    """`binary` is a name on PATH or a file; `extra_environment` is for tests against a stand-in of the model's API."""

    binary: str = "codex"
    extra_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    name: str = "codex"
    domains: tuple[str, ...] = ("api.openai.com", "auth.openai.com", "chatgpt.com")
    is_wall_enough: bool = False
    programs: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = ()

    @property
    def stand_ins(self) -> tuple[int, ...]:
        home = self.extra_environment.get("CODEX_HOME")
        return loopback_ports((Path(home) / "config.toml").read_text()) if home else ()

    def at(self, program: str) -> Codex:
        return replace(self, binary=program)

    def command(self, order: RunOrder, memory: Path) -> list[str]:
        mode = "read-only" if order.answer_schema else "danger-full-access"
        return self._command(order, self._program(), f'sandbox_mode="{mode}"')

    def sandboxed_command(self, order: RunOrder, memory: Path, sandbox: Sandbox) -> list[str]:
        native = self._program()
        return self._command(order, native, *_profile(sandbox, Path(native), writes=not order.answer_schema))

    def _program(self) -> str:
        return program(self.binary, "codex-*/vendor/*/bin/codex", f"In the shell: {RELEASE.install}")

    def _command(self, order: RunOrder, native: str, *more: str) -> list[str]:
        """`-` reads the task from standard input; `resume` takes no sandbox of its own, so it stands before that."""
        return [
            *(native, "exec", "--json", "--disable", "plugins"),
            *(part for setting in (*_SETTINGS, *more) for part in ("-c", setting)),
            *(["-m", order.model] if order.model else []),
            *(["resume", order.resume] if order.resume else []),
            "-",
        ]

    def sign_in(self, environment: Mapping[str, str]) -> Reach:
        """It is moved out of the home, which its commands may write."""
        known = {**environment, **self.extra_environment}
        own = known.get("CODEX_HOME") or Path(known.get("HOME") or "/nonexistent") / ".codex"
        return Reach(moved=((Path(own), _HOME),), variables={"CODEX_HOME": str(_HOME)})

    @property
    def release(self) -> Release:
        return RELEASE

    def login(self, environment: Mapping[str, str]) -> Login | None:
        """A provider that its own settings name has a key of its own."""
        home = environment.get("CODEX_HOME") or Path(environment.get("HOME") or "/nonexistent") / ".codex"
        with contextlib.suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            if "model_provider" in tomllib.loads((Path(home) / "config.toml").read_text()):
                return None
        return LOGIN

    def environment(self) -> Mapping[str, str]:
        return self.extra_environment

    def read(self, line: str, seen: Seen) -> Seen:
        event = fields(line)
        match event.get("type"):
            case "thread.started":
                unpriced = seen.usage.model_copy(update={"cost_known": False})
                session = session_in(event, "thread_id")
                return seen.model_copy(update={"session": session, "usage": unpriced, "progress": "started"})
            case "item.started" | "item.updated" | "item.completed":
                return _item(event, seen)
            case "error":  # a notice of a retry; the last one is repeated by turn.failed
                notice = short(text(event, "message"))
                return seen.model_copy(update={"progress": notice, "retrying": notice})
            case "turn.completed":
                return _completed(event, seen)
            case "turn.failed":
                message = text(event, "error", "message")
                return seen.model_copy(update={"error": message, "tools": (), "result": event})
        return seen

    def verdict(self, seen: Seen, exit_code: int, stderr_tail: str, now: datetime) -> Ending:
        if seen.result is None:
            if exit_code > 0 and (cause := cause_of(_FAULTS, seen.retrying)):  # the last that it said
                return ended_by(cause, seen.retrying, _again_at(seen.retrying, now))
            gone = "no rollout found" in stderr_tail
            return no_result(seen, exit_code, stderr_tail, _NOT_STARTED)._replace(session_gone=gone)
        if seen.result.get("type") == "turn.completed":
            return last_words(seen.words, seen.denied)
        if cause := cause_of(_FAULTS, seen.error):
            return ended_by(cause, short(seen.error, 300), _again_at(seen.error, now))
        return Ending(RunStatus.FAILED, short(seen.error, 300) or "it ended with an error")


def _profile(sandbox: Sandbox, native: Path, *, writes: bool) -> list[str]:
    """What its commands reach, by a permission profile of our own; servers and programs of the user's are left out.

    https://developers.openai.com/codex/permissions
    """
    tree = "write" if writes else "read"
    files: dict[str, Any] = {":minimal": "read", ":workspace_roots": {".": tree, ".git": tree}}
    files |= {str(path): "read" for path in (*Installations({}).of_program(str(native)), *sandbox.readable)}
    files |= {str(sandbox.home): "write"} if sandbox.home else {}
    files |= {"/proc": "read"} if os.getuid() == 0 else {}  # it cannot mount its own over what our wall has covered
    shell = Reach(proxy=Path(sandbox.proxy)).environment if sandbox.proxy else {}
    return [
        'default_permissions="walled"',
        f"permissions.walled.filesystem={_toml(files)}",
        f"permissions.walled.network={_toml({'enabled': bool(sandbox.domains)})}",
        f"shell_environment_policy.set={_toml(shell)}",
        "notify=[]",
        *(f"mcp_servers.{json.dumps(name)}.enabled=false" for name in _servers(sandbox.sign_in)),
    ]


def _servers(sign_in: Iterable[Path]) -> list[str]:
    """The names of the MCP servers that the user has set up."""
    names: list[str] = []
    for home in sign_in:
        with contextlib.suppress(OSError, ValueError):
            names += tomllib.loads((home / "config.toml").read_text(encoding="utf-8")).get("mcp_servers", {})
    return names


def _toml(value: object) -> str:
    """An inline value; a JSON string is a TOML string as well."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    return json.dumps(value)


def _item(event: dict[str, Any], seen: Seen) -> Seen:
    kind, item, begins = text(event, "item", "type"), event.get("item"), event.get("type") == "item.started"
    if kind == "agent_message":
        return seen.event(words=text(item, "text"), progress=short(text(item, "text")))
    if kind not in _TOOLS:
        return seen.event(progress=short(text(item, "text")) or kind) if kind in _SAYING else seen
    progress = short(text(item, "command") or text(item, "tool") or kind)
    if begins:
        return seen.tool_call(text(item, "id"), progress=progress)
    if event.get("type") == "item.updated":
        return seen.event(progress=progress)
    if "requires approval" in text(item, "error", "message"):
        seen = seen.denial(text(item, "tool"))
    usage = seen.usage.plus(Usage(turns=1))
    return seen.tool_result(text(item, "id"), progress=progress, usage=usage)


def _completed(event: dict[str, Any], seen: Seen) -> Seen:
    """The counts are the thread's: what is new since the last closing line is this one's."""
    usage = at(event, "usage")
    total = Usage(
        input_tokens=count(usage, "input_tokens"),
        cached_tokens=count(usage, "cached_input_tokens"),
        output_tokens=count(usage, "output_tokens"),
    )
    before = seen.total if total.input_tokens >= seen.total.input_tokens else Usage()  # another thread
    spent = Usage(
        turns=seen.usage.turns - seen.settled.turns + 1,
        input_tokens=total.input_tokens - before.input_tokens,
        cached_tokens=total.cached_tokens - before.cached_tokens,
        output_tokens=total.output_tokens - before.output_tokens,
        cost_known=False,
    )
    return seen.closing(event, spent, total)


def _again_at(words: str, now: datetime) -> datetime | None:
    """The reset is told only in prose, on this machine's clock: with its day, unless that is today."""
    told = _AGAIN_AT.search(words)
    if told is None:
        return None
    local = now.astimezone()
    day = f"{told['day']} {told['year']}" if told["day"] else f"{local:%b %d %Y}"
    try:
        then = datetime.strptime(f"{day} {told['time']}", "%b %d %Y %I:%M %p").astimezone()
    except (ValueError, OverflowError, OSError):  # OSError: a year that this machine's time zones do not know
        return None
    return believable(then)

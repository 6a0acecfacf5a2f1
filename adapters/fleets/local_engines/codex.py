"""Codex, headless (`codex exec --json`), as version 0.169.0 was found to behave.

Its token counts add up over the whole thread; it tells no cost, no turns and has no cap of its own; a model that never
answers leaves no line and no exit, which only the idle watchdog ends. Its stderr is never empty and means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from factory_core.dispatch.run import RunOrder, RunStatus, Usage
from factory_core.intake.payload import at, text

from .engine import Ending, Seen, count, fields, last_words, no_result, session_in, short
from .installed import program

_SETTINGS = (
    "analytics.enabled=false",
    'otel.exporter="none"',
    "check_for_update_on_startup=false",
    "shell_environment_policy.ignore_default_excludes=false",  # names with KEY or TOKEN stay out of its shell
)
_TOOLS = frozenset({"command_execution", "file_change", "mcp_tool_call", "web_search"})
_LIMIT = re.compile(r"usage limit|rate limit|\b429\b", re.IGNORECASE)
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

    def command(self, order: RunOrder, memory: Path) -> list[str]:
        """`-` reads the task from standard input; `resume` takes no sandbox of its own, so `-s` stands before it."""
        return [
            program(self.binary, "codex-*/vendor/*/bin/codex", "In your shell: npm install -g @openai/codex"),
            *("exec", "--json", "-s", "workspace-write", "--disable", "plugins"),
            *(part for setting in _SETTINGS for part in ("-c", setting)),
            *(["-m", order.model] if order.model else []),
            *(["resume", order.resume] if order.resume else []),
            "-",
        ]

    def environment(self) -> Mapping[str, str]:
        return self.extra_environment

    def read(self, line: str, seen: Seen) -> Seen:
        event = fields(line)
        match event.get("type"):
            case "thread.started":
                return seen.model_copy(update={"session": session_in(event, "thread_id"), "progress": "started"})
            case "item.started" | "item.completed":
                return _item(event, seen)
            case "error":  # a notice of a retry; the last one is repeated by turn.failed
                return seen.model_copy(update={"progress": short(text(event, "message"))})
            case "turn.completed":
                return _completed(event, seen)
            case "turn.failed":
                return seen.model_copy(update={"error": text(event, "error", "message"), "result": event})
        return seen

    def verdict(self, seen: Seen, exit_code: int, stderr_tail: str, now: datetime) -> Ending:
        if seen.result is None:
            return no_result(exit_code, stderr_tail)
        if seen.result.get("type") == "turn.completed":
            return last_words(seen.words)
        if _LIMIT.search(seen.error):
            return Ending(RunStatus.LIMITED, short(seen.error, 300), _again_at(seen.error, now))
        return Ending(RunStatus.FAILED, short(seen.error, 300) or "it ended with an error")


def _item(event: dict[str, Any], seen: Seen) -> Seen:
    kind, item = text(event, "item", "type"), event.get("item")
    if kind == "agent_message":
        return seen.model_copy(update={"words": text(item, "text"), "progress": short(text(item, "text"))})
    if kind not in _TOOLS:
        return seen
    what = text(item, "command") or text(item, "tool") or kind
    turns = seen.usage.turns + (event.get("type") == "item.completed")
    return seen.model_copy(
        update={"progress": short(what), "usage": seen.usage.model_copy(update={"turns": turns})},
    )


def _completed(event: dict[str, Any], seen: Seen) -> Seen:
    usage, before = at(event, "usage"), seen.before
    total = Usage(
        input_tokens=count(usage, "input_tokens"),
        cached_tokens=count(usage, "cached_input_tokens"),
        output_tokens=count(usage, "output_tokens"),
    )
    mine = Usage(
        turns=seen.usage.turns + 1,
        input_tokens=max(0, total.input_tokens - before.input_tokens),
        cached_tokens=max(0, total.cached_tokens - before.cached_tokens),
        output_tokens=max(0, total.output_tokens - before.output_tokens),
    )
    return seen.model_copy(update={"usage": mine, "total": total, "result": event})


def _again_at(words: str, now: datetime) -> datetime | None:
    """The reset is told only in prose, on this machine's clock: with its day, unless that is today."""
    told = _AGAIN_AT.search(words)
    if told is None:
        return None
    local = now.astimezone()
    day = f"{told['day']} {told['year']}" if told["day"] else f"{local:%b %d %Y}"
    try:
        then = datetime.strptime(f"{day} {told['time']}", "%b %d %Y %I:%M %p").astimezone()
    except ValueError:
        return None
    return then.astimezone(now.tzinfo)

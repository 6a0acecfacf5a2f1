"""Claude Code, headless (`claude -p --output-format stream-json`), as version 2.1.329 was found to behave.

`subtype` says success also for refused keys and exhausted limits: `is_error`, `terminal_reason` and `api_error_status`
tell the truth. Cost adds up over resumed runs in the newer versions.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from factory_core.dispatch.run import RunOrder, RunStatus, Usage
from factory_core.intake.payload import at, rows, text

from .engine import Ending, Seen, count, fields, last_words, no_result, session_in, short
from .installed import program

TOOLS = "Bash,Edit,MultiEdit,Write,Read,Glob,Grep,LS,NotebookEdit,TodoWrite,Task"
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1",
    "DISABLE_ERROR_REPORTING": "1",
    "CLAUDE_CODE_MAX_RETRIES": "5",  # ten by default: a dead API would hold the run for minutes
    "API_TIMEOUT_MS": "300000",
}


@dataclass(frozen=True)
class Claude:
    """`binary` is a name on PATH or a file; `extra_environment` is for tests against a stand-in of the model's API."""

    binary: str = "claude"
    extra_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    name: str = "claude"

    def command(self, order: RunOrder, memory: Path) -> list[str]:
        """acceptEdits with named tools: `bypassPermissions` is refused to root, the default mode asks a classifier."""
        session = ["--resume", order.resume] if order.resume else ["--session-id", session_of(order.run_id)]
        return [
            program(self.binary, "claude-code-*/claude", "In your shell: npm install -g @anthropic-ai/claude-code"),
            *("-p", "--output-format", "stream-json", "--verbose", "--strict-mcp-config"),
            *("--permission-mode", "acceptEdits", "--allowedTools", TOOLS),
            *("--max-turns", str(order.max_turns), "--max-budget-usd", f"{order.max_usd:f}"),
            *session,
            *(["--model", order.model] if order.model else []),
        ]

    def environment(self) -> Mapping[str, str]:
        return {**_QUIET, **self.extra_environment}

    def read(self, line: str, seen: Seen) -> Seen:
        event = fields(line)
        match event.get("type"):
            case "system":
                return _system(event, seen)
            case "assistant":
                return _assistant(event, seen)
            case "rate_limit_event" if at(event, "rate_limit_info", "status") == "rejected":
                return seen.model_copy(update={"retry_at": _moment(at(event, "rate_limit_info", "resetsAt"))})
            case "result":
                return _result(event, seen)
        return seen

    def verdict(self, seen: Seen, exit_code: int, stderr_tail: str, now: datetime) -> Ending:
        result = seen.result
        if result is None:
            return no_result(exit_code, stderr_tail)
        if result.get("is_error") is False:
            denied = sorted({text(denial, "tool_name") for denial in rows(result, "permission_denials")})
            return last_words(text(result, "result"), f"it was denied {', '.join(denied)}" if denied else "")
        said = text(result, "result") or "; ".join(str(error) for error in rows(result, "errors"))
        why = short(said or seen.error or "it ended with an error", 300)
        if result.get("api_error_status") == 429 or seen.error == "rate_limit":
            return Ending(RunStatus.LIMITED, why, seen.retry_at)
        if result.get("terminal_reason") in {"max_turns", "budget_exhausted"} or _capped(result):
            return Ending(RunStatus.CAPPED, why)
        if text(result, "terminal_reason").startswith("aborted"):
            return Ending(RunStatus.FAILED, "it was interrupted")
        return Ending(RunStatus.FAILED, f"the model refused: {why}" if result.get("stop_reason") == "refusal" else why)


def session_of(run_id: str) -> str:
    """The session that a fresh run works in: chosen by us, so that it is known before the process is."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"factory-run:{run_id}"))


def _system(event: dict[str, Any], seen: Seen) -> Seen:
    match event.get("subtype"):
        case "init":
            return seen.model_copy(update={"session": session_in(event, "session_id"), "progress": "started"})
        case "api_retry":
            why = f"{text(event, 'error')} {event.get('error_status') or ''}".strip()
            return seen.model_copy(update={"progress": short(f"retrying, attempt {event.get('attempt')}: {why}")})
        case "permission_denied":
            return seen.model_copy(update={"progress": short(f"denied: {text(event, 'tool_name')}")})
    return seen


def _assistant(event: dict[str, Any], seen: Seen) -> Seen:
    """One message comes as several lines, one for each block; `usage` on them is not to be added up."""
    message = text(event, "message", "id")
    new = message != seen.message and not event.get("parent_tool_use_id") and not event.get("error")
    usage = seen.usage.model_copy(update={"turns": seen.usage.turns + 1}) if new else seen.usage
    seen = seen.model_copy(update={"message": message, "usage": usage, "error": text(event, "error") or seen.error})
    for block in rows(event, "message", "content"):
        if text(block, "type") == "text":
            seen = seen.model_copy(update={"words": text(block, "text"), "progress": short(text(block, "text"))})
        elif text(block, "type") == "tool_use":
            what = next((text(block, "input", key) for key in _TELLING if text(block, "input", key)), "")
            seen = seen.model_copy(update={"progress": short(f"{text(block, 'name')}: {what}")})
    return seen


_TELLING = ("description", "file_path", "command", "pattern", "path", "prompt")
"""The inputs of a tool call that tell most, the most telling first."""


def _result(event: dict[str, Any], seen: Seen) -> Seen:
    capped = event.get("terminal_reason") == "max_turns" or event.get("subtype") == "error_max_turns"
    turns = count(event, "num_turns") - (1 if capped else 0)  # the turn that was not allowed is counted, too
    since, total = at(event, "model_usage_since_last_result"), _money(at(event, "total_cost_usd"))
    if isinstance(since, dict):
        usage = _of_models(since.values(), turns)
    else:
        spent = total - seen.before.usd if total >= seen.before.usd else total  # older versions tell it per run
        usage = _of_run(at(event, "usage"), turns).model_copy(update={"usd": spent})
    return seen.model_copy(
        update={
            "usage": usage,
            "total": usage.model_copy(update={"usd": total}),
            "session": session_in(event, "session_id") or seen.session,
            "words": text(event, "result") or seen.words,
            "result": event,
        }
    )


def _of_models(models: Any, turns: int) -> Usage:
    """What this result cost, over all models that had a part in it."""
    usage = Usage(turns=turns)
    for model in models:
        cached = count(model, "cacheReadInputTokens")
        fresh = count(model, "inputTokens") + count(model, "cacheCreationInputTokens")
        spent = _money(at(model, "costUSD"))
        output = count(model, "outputTokens")
        usage = usage.plus(Usage(input_tokens=fresh + cached, cached_tokens=cached, output_tokens=output, usd=spent))
    return usage


def _of_run(usage: Any, turns: int) -> Usage:
    cached = count(usage, "cache_read_input_tokens")
    fresh = count(usage, "input_tokens") + count(usage, "cache_creation_input_tokens")
    output = count(usage, "output_tokens")
    return Usage(turns=turns, input_tokens=fresh + cached, cached_tokens=cached, output_tokens=output)


def _capped(result: dict[str, Any]) -> bool:
    return text(result, "subtype") in {"error_max_turns", "error_max_budget_usd"}


def _money(value: object) -> Decimal:
    known = isinstance(value, (int, float)) and abs(value) < 1e9
    return Decimal(str(value)) if known else Decimal(0)


def _moment(seconds: object) -> datetime | None:
    known = isinstance(seconds, (int, float)) and 0 < seconds < 253_402_300_800
    return datetime.fromtimestamp(float(str(seconds)), UTC) if known else None

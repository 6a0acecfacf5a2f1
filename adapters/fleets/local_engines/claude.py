"""Claude Code, headless (`claude -p --output-format stream-json`), as version 2.1.329 was found to behave.

`subtype` says success also for refused keys and exhausted limits: `is_error`, `terminal_reason` and `api_error_status`
tell the truth. Cost adds up over resumed runs in the newer versions.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from factory_core.payload import at, number, rows, text
from factory_core.runs.reported import believable, money
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
from .faults import cause_of, claude_table, installation, sign_in, start_table
from .installed import program
from .releases import Release
from .wall import Reach

READS = "Read,Glob,Grep,LS"
TOOLS = "Bash,Edit,MultiEdit,Write,Read,Glob,Grep,LS,NotebookEdit,TodoWrite,Task"
PLACEHOLDERS = (
    *("/.bash_profile", "/.bashrc", "/.claude/", "/.gitconfig", "/.gitmodules", "/.idea", "/.mcp.json", "/.profile"),
    *("/.ripgreprc", "/.vscode", "/.zprofile", "/.zshrc"),
)
"""What its sandbox shows in the tree as devices where nothing is, so that nothing can be made there."""
RELEASE = Release("@anthropic-ai/claude-code", oldest=(2, 1, 197), newest=(2, 1))
LOGIN = Login(status=("auth", "status", "--json"), command="claude auth login")
_SIGNED_OUT = sign_in(LOGIN.command)
_FAULTS, _NOT_STARTED = claude_table(_SIGNED_OUT), start_table(_SIGNED_OUT, installation(RELEASE))
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
    domains: tuple[str, ...] = ("api.anthropic.com", "console.anthropic.com", "platform.claude.com", "claude.ai")
    is_wall_enough: bool = True
    programs: tuple[str, ...] = ("socat",)
    placeholders: tuple[str, ...] = PLACEHOLDERS

    @property
    def stand_ins(self) -> tuple[int, ...]:
        return loopback_ports(self.extra_environment.get("ANTHROPIC_BASE_URL", ""))

    def at(self, program: str) -> Claude:
        return replace(self, binary=program)

    def command(self, order: RunOrder, memory: Path) -> list[str]:
        return self._command(order)

    def sandboxed_command(self, order: RunOrder, memory: Path, sandbox: Sandbox) -> list[str]:
        return self._command(order, "--settings", json.dumps({"sandbox": _settings(sandbox)}))

    def _command(self, order: RunOrder, *settings: str) -> list[str]:
        """acceptEdits with named tools: `bypassPermissions` is refused to root, the default mode asks a classifier.

        --restricted keeps the file tools in the tree; settings of the tree and of the user are not read.
        """
        session = ["--resume", order.resume] if order.resume else ["--session-id", session_of(order.run_id)]
        tools = READS if order.answer_schema else TOOLS
        return [
            program(self.binary, "claude-code-*/claude", f"In the shell: {RELEASE.install}"),
            *("-p", "--output-format", "stream-json", "--verbose", "--strict-mcp-config"),
            *("--restricted", "--setting-sources", "", "--permission-prompts", "none"),
            *("--permission-mode", "default" if order.answer_schema else "acceptEdits"),
            *("--tools", tools, "--allowedTools", tools),
            *(["--json-schema", order.answer_schema] if order.answer_schema else []),
            *settings,
            *("--max-turns", str(order.max_turns), "--max-budget-usd", f"{order.max_usd:f}"),
            *session,
            *(["--model", order.model] if order.model else []),
        ]

    def sign_in(self, environment: Mapping[str, str]) -> Reach:
        known = {**environment, **self.extra_environment}
        if known.get("CLAUDE_CONFIG_DIR"):
            return Reach(writable=(Path(known["CLAUDE_CONFIG_DIR"]),))
        home = Path(known.get("HOME") or "/nonexistent")
        return Reach(writable=(home / ".claude", home / ".claude.json"))

    @property
    def release(self) -> Release:
        return RELEASE

    def login(self, environment: Mapping[str, str]) -> Login:
        return LOGIN

    def environment(self) -> Mapping[str, str]:
        return {**_QUIET, **self.extra_environment}

    def read(self, line: str, seen: Seen) -> Seen:
        event = fields(line)
        match event.get("type"):
            case "system":
                return _system(event, seen)
            case "assistant":
                return _assistant(event, seen)
            case "user":
                return _results(event, seen)
            case "rate_limit_event" if at(event, "rate_limit_info", "status") == "rejected":
                return seen.model_copy(update={"retry_at": _moment(at(event, "rate_limit_info", "resetsAt"))})
            case "result":
                return _result(event, seen)
        return seen

    def verdict(self, seen: Seen, exit_code: int, stderr_tail: str, now: datetime) -> Ending:
        result = seen.result
        if result is None:
            return no_result(seen, exit_code, stderr_tail, _NOT_STARTED)
        if result.get("is_error") is False:
            return last_words(text(result, "result") or ("" if seen.error else seen.words), seen.denied)
        said = text(result, "result") or "; ".join(str(error) for error in rows(result, "errors"))
        why = short(said or seen.error or "it ended with an error", 300)
        if "No conversation found" in said:
            return Ending(RunStatus.FAILED, why, session_gone=True)
        if text(result, "terminal_reason") in {"max_turns", "budget_exhausted"} or _capped(result):
            return Ending(RunStatus.CAPPED, why)
        if text(result, "terminal_reason").startswith("aborted"):
            return Ending(RunStatus.FAILED, "it was interrupted")
        if result.get("stop_reason") == "refusal":
            return Ending(RunStatus.FAILED, f"the model refused: {why}")
        codes = frozenset({seen.error, text(result, "terminal_reason"), text(result, "api_error_type")})
        cause = cause_of(_FAULTS, said, codes=codes, status=number(result, "api_error_status"))
        return ended_by(cause, why, seen.retry_at) if cause else Ending(RunStatus.FAILED, why)


def _settings(sandbox: Sandbox) -> dict[str, Any]:
    """https://code.claude.com/docs/en/settings#sandbox-settings"""
    port = int(sandbox.proxy.rpartition(":")[2] or 0)
    return {
        "enabled": True,
        "failIfUnavailable": True,
        "allowUnsandboxedCommands": False,
        "autoAllowBashIfSandboxed": True,
        "enableWeakerNestedSandbox": bool(port) and os.getuid() == 0,  # root's /proc is partly covered by our own wall
        "filesystem": {
            "denyRead": [str(path) for path in sandbox.sign_in],
            "allowWrite": [str(sandbox.home)] if sandbox.home else [],
        },
        "network": {"allowedDomains": list(sandbox.domains)} | ({"httpProxyPort": port} if port else {}),
    }


def session_of(run_id: str) -> str:
    """The session that a fresh run works in: chosen by us, so that it is known before the process is."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"factory-run:{run_id}"))


def _system(event: dict[str, Any], seen: Seen) -> Seen:
    match event.get("subtype"):
        case "init":
            return seen.model_copy(update={"session": session_in(event, "session_id"), "progress": "started"})
        case "api_retry":
            why = f"{text(event, 'error')} {event.get('error_status') or ''}".strip()
            notice = short(f"retrying, attempt {event.get('attempt')}: {why}")
            return seen.model_copy(update={"progress": notice, "retrying": notice})
        case "permission_denied":
            tool = text(event, "tool_name")
            return seen.denial(tool).model_copy(update={"progress": short(f"denied: {tool}")})
        case "task_notification":  # a command in the background has ended
            return seen.event(progress=short(text(event, "summary")) or seen.progress)
    return seen


def _assistant(event: dict[str, Any], seen: Seen) -> Seen:
    """One message comes as several lines, one for each block; `usage` on them is not to be added up.

    What a turn costs is known with the closing line.
    """
    if event.get("error") and not event.get("parent_tool_use_id"):  # an error of the API, shown as a message
        words = next((text(block, "text") for block in rows(event, "message", "content")), "")
        return seen.model_copy(update={"error": text(event, "error"), "words": words, "progress": short(words)})
    message, mine = text(event, "message", "id")[:200], not event.get("parent_tool_use_id")
    if mine and message != seen.message:
        usage = seen.usage.plus(Usage(turns=1, cost_known=False))
        seen = seen.event(message=message, usage=usage, error="")  # after an error it has gone on
    for block in rows(event, "message", "content"):
        match text(block, "type"):
            case "text":
                words = text(block, "text")
                seen = seen.event(words=words if mine else seen.words, progress=short(words))
            case "tool_use":
                what = next((text(block, "input", key) for key in _TELLING if text(block, "input", key)), "")
                seen = seen.tool_call(text(block, "id"), progress=short(f"{text(block, 'name')}: {what}"))
            case "thinking" | "redacted_thinking":
                seen = seen.event(progress="thinking")
    return seen


def _results(event: dict[str, Any], seen: Seen) -> Seen:
    for block in rows(event, "message", "content"):
        if text(block, "type") == "tool_result":
            seen = seen.tool_result(text(block, "tool_use_id"))
    return seen


_TELLING = ("description", "file_path", "command", "pattern", "path", "prompt")
"""The inputs of a tool call that tell most, the most telling first."""


def _result(event: dict[str, Any], seen: Seen) -> Seen:
    """A closing line; there are several when a task in the background wakes the agent up again."""
    capped = event.get("terminal_reason") == "max_turns" or event.get("subtype") == "error_max_turns"
    turns = count(event, "num_turns") - (1 if capped else 0)  # the turn that was not allowed is counted, too
    since, total = at(event, "model_usage_since_last_result"), at(event, "total_cost_usd")
    if isinstance(since, dict):
        spent = _of_models(since.values(), turns)
    else:
        spent = _of_run(at(event, "usage"), turns)
        usd, before = _money(total), seen.total.usd
        cost = usd - before if usd >= before else usd  # older versions tell it per run
        spent = spent.model_copy(update={"usd": cost, "cost_known": _is_money(total)})
    for denial in rows(event, "permission_denials"):
        seen = seen.denial(text(denial, "tool_name"))
    answer = event.get("structured_output")
    words = json.dumps(answer) if isinstance(answer, dict) else text(event, "result")
    if not words and event.get("is_error") is False:  # woken up again, with nothing to add
        words = text(seen.result, "result")
    return seen.closing(
        {**event, "result": words},
        spent,
        spent.model_copy(update={"usd": _money(total)}),
        session=session_in(event, "session_id") or seen.session,
        words=words or seen.words,
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


def _is_money(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def _money(value: object) -> Decimal:
    return money(Decimal(str(value))) if _is_money(value) else Decimal(0)


def _moment(seconds: object) -> datetime | None:
    known = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 < seconds < 253_402_300_800
    return believable(datetime.fromtimestamp(float(str(seconds)), UTC)) if known else None

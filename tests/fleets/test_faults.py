"""Whose failure it is that a run ended: each row of the tables, by what is really said; and what must not count."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.fleets.local_engines import faults
from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from adapters.fleets.local_engines.engine import Ending, Seen
from adapters.fleets.local_engines.faults import GIT, SYSTEM, Machine, cause_of
from adapters.fleets.local_engines.releases import Release
from factory_core.runs.run import RunStatus

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
OWN = (RunStatus.FAILED, "")


def claude(result: str, error: str = "", status: int | None = None, said: str = "", **more: object) -> Ending:
    """An ending as Claude Code tells of it: a synthetic message with the kind of the error, and a closing line."""
    lines: list[dict[str, object]] = [
        {"type": "assistant", "message": {"id": "a", "content": [{"type": "text", "text": said}]}}
    ]
    if error:
        lines.append({"type": "assistant", "message": {"id": "m", "content": []}, "error": error})
    closing = {"type": "result", "subtype": "success", "is_error": True, "terminal_reason": "api_error", "num_turns": 1}
    lines.append({**closing, "result": result, "api_error_status": status, **more})
    seen = Seen()
    for line in lines:
        seen = Claude().read(json.dumps(line), seen)
    return Claude().verdict(seen, 1, "", NOW)


def codex(message: str, said: str = "") -> Ending:
    lines: list[dict[str, object]] = [
        {"type": "item.completed", "item": {"type": "agent_message", "text": said}},
        {"type": "turn.failed", "error": {"message": message}},
    ]
    seen = Seen()
    for line in lines:
        seen = Codex().read(json.dumps(line), seen)
    return Codex().verdict(seen, 1, "", NOW)


@pytest.mark.parametrize(
    ("ending", "fix"),
    [
        (claude("Invalid API key · Please run /login", "authentication_failed", 401), "claude auth login"),
        (claude("Not logged in · Please run /login", "authentication_failed"), "claude auth login"),
        (claude("Not logged in · Please run /login", terminal_reason="completed"), "claude auth login"),
        (claude("API Error: 403 forbidden", "", 403), "claude auth login"),
        (claude("This organization has been disabled.", "oauth_org_not_allowed"), "claude auth login"),
        (claude("Credit balance is too low", "billing_error", 400), "credit"),
        (claude("Credit balance is too low", "", 400, terminal_reason="completed"), "credit"),
        (claude("payment required", "", 402), "credit"),
        (claude("You've hit your 5-hour limit · resets 5:07pm (UTC)", "rate_limit", 429), "limit"),
        (claude("Claude AI usage limit reached", terminal_reason="completed"), "limit"),
        (claude("API Error: 529 Overloaded", "server_error", 529), "doctor"),
        (claude("API Error: 529 Overloaded", terminal_reason="completed"), "doctor"),
        (claude("API Error: 500 internal", "server_error", 500), "doctor"),
        (claude("Request timed out", "server_error"), "doctor"),
        (claude("API Error: Request timed out."), "doctor"),
        (claude("API Error: 408 Request Timeout", "", 408), "doctor"),
        (claude("API Error: Stream idle timeout - partial response received"), "doctor"),
        (claude("API Error: 407 Proxy Authentication Required", "", 407), "network"),
        (claude("API Error: terminated"), "network"),
        (claude("API Error: Premature close"), "network"),
        (claude("You're out of extra usage · resets 3am"), "limit"),
        (claude("API Error: Unable to connect to API (ECONNREFUSED)", "unknown"), "network"),
        (claude("API Error: getaddrinfo EAI_AGAIN api.anthropic.com"), "network"),
        (claude("API Error: self-signed certificate in certificate chain"), "network"),
        (claude("ENOSPC: no space left on device, write", "unknown"), "df -h"),
        (claude("There's an issue with the selected model (x).", "model_not_found", 404), "agents.model"),
        (codex("unexpected status 401 Unauthorized: invalid x-api-key, url: http://h/v1/responses"), "codex login"),
        (codex("Missing environment variable: `OPENAI_API_KEY`."), "codex login"),
        (codex("Your access token could not be refreshed. Please log out and sign in again."), "codex login"),
        (codex("Quota exceeded. Check your plan and billing details."), "credit"),
        (codex("You’ve hit your usage limit. Visit the settings to buy more."), "limit"),
        (codex("exceeded retry limit, last status: 429 Too Many Requests"), "limit"),
        (codex("rate limit exceeded: Rate limit reached. Please try again in 1.5s."), "limit"),
        (codex("We’re currently experiencing high demand, which may cause temporary errors."), "doctor"),
        (codex("exceeded retry limit, last status: 503 Service Unavailable"), "doctor"),
        (codex("stream disconnected before completion: idle timeout waiting for SSE"), "doctor"),
        (codex("error sending request for url (https://h/v1/responses)"), "network"),
        (codex("failed to lookup address information: Name or service not known"), "network"),
        (codex("No space left on device (os error 28)"), "df -h"),
        (codex("The requested model 'gpt-x' does not exist."), "agents.model"),
        (codex("Your organization must be verified to use the model `gpt-x`."), "agents.model"),
        (codex("The 'gpt-x' model requires a newer version of Codex. Please upgrade."), "npm install"),
        (codex("unexpected status 408 Request Timeout"), "doctor"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.why[:40],
)  # fmt: skip
def test_what_keeps_every_run_from_working_is_no_failure_of_this_one(ending: Ending, fix: str) -> None:
    """Limited, with whose failure it is and what helps."""
    assert ending.status is RunStatus.LIMITED and ending.fault in ("machine", "vendor")
    assert fix in ending.fix and ending.fix.startswith(("factory ", "In "))


@pytest.mark.parametrize(
    "ending",
    [
        claude("Prompt is too long", "invalid_request", 400, terminal_reason="prompt_too_long"),
        claude("API Error: safeguards flagged this message", "invalid_request", stop_reason="refusal"),
        claude("the answer was cut off", "max_output_tokens"),
        claude("API Error: 400 tools.0.name: invalid", "invalid_request", 400),
        claude("it was interrupted", terminal_reason="aborted_tools"),
        codex("Codex ran out of room in the model's context window."),
        codex("response incomplete: content_filter"),
        codex("unexpected status 400 Bad Request: invalid_request_error"),
        codex("something that nobody knows"),
    ],
    ids=lambda ending: ending.why[:40],
)
def test_a_failure_of_the_run_itself_is_its_own(ending: Ending) -> None:
    assert (ending.status, ending.fault) == OWN


@pytest.mark.parametrize("words", ["401 Unauthorized", "quota exceeded", "529 Overloaded", "ENOSPC", "rate limit"])
def test_what_an_agent_says_while_it_works_does_not_count(words: str) -> None:
    """Only the engine's own error fields and its closing line do."""
    assert (
        claude("Reached maximum number of turns", said=words, terminal_reason="max_turns").status
    ) is RunStatus.CAPPED
    assert codex("something that nobody knows", said=words)[:1] == (RunStatus.FAILED,)
    fine = json.dumps({"type": "result", "is_error": False, "result": f"I handle {words} now."})
    assert Claude().verdict(Claude().read(fine, Seen()), 0, words, NOW).status is RunStatus.SUCCEEDED
    killed = Claude().read(
        json.dumps({"type": "assistant", "message": {"id": "a", "content": [{"type": "text", "text": words}]}}), Seen()
    )
    assert Claude().verdict(killed, -9, words, NOW).status is RunStatus.FAILED


def test_an_engine_that_gives_up_with_a_notice_alone_is_judged_by_it() -> None:
    """Codex may end without the line that a turn failed; an engine that was killed between two tries is not meant."""
    seen = Codex().read(json.dumps({"type": "error", "message": "unexpected status 401 Unauthorized"}), Seen())
    assert "codex login" in Codex().verdict(seen, 1, "", NOW).fix
    assert Codex().verdict(seen, -9, "", NOW).status is RunStatus.FAILED


def test_an_error_that_the_engine_recovered_from_does_not_count() -> None:
    """It retried, went on, and later met its own cap; a sub-agent's error is not the session's."""
    seen = Seen()
    for line in (
        {"type": "assistant", "message": {"id": "a", "content": []}, "error": "rate_limit"},
        {"type": "assistant", "message": {"id": "b", "content": [{"type": "text", "text": "Going on."}]}},
        {
            "type": "assistant",
            "message": {"id": "c", "content": []},
            "error": "server_error",
            "parent_tool_use_id": "t",
        },
        {"type": "result", "is_error": True, "subtype": "error_during_execution", "errors": ["a tool crashed"]},
    ):
        seen = Claude().read(json.dumps(line), seen)
    assert Claude().verdict(seen, 1, "", NOW)[:2] == (RunStatus.FAILED, "a tool crashed")


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        ("error: unknown option '--restricted'", "npm install -g"),
        ("error: unexpected argument '--json' found", "npm install -g"),
        ("/usr/bin/env: 'node': No such file or directory", "npm install -g"),
        ("codex: /lib/libc.so.6: version `GLIBC_2.39' not found", "npm install -g"),
        ("bwrap: setting up uid map: Permission denied", "factory doctor"),
        ("Error: ENOSPC: no space left on device, mkdir '/x'", "df -h"),
        ("fork: Cannot allocate memory", "memory"),
        ("Error: EMFILE: too many open files", "memory"),
        ("Not logged in", "login"),
    ],
)
def test_an_engine_that_does_not_begin_to_work_is_no_failure_of_the_run(said: str, fix: str) -> None:
    """What it writes on standard error counts when it wrote nothing else."""
    for engine in (Claude(), Codex()):
        ending = engine.verdict(Seen(), 1, said, NOW)
        assert ending.status is RunStatus.LIMITED and fix in ending.fix


def test_an_engine_that_was_killed_at_work_is_judged_by_the_machine() -> None:
    """Neither a signal nor words on standard error tell whose failure that is."""
    assert Claude().verdict(Seen(events=3), -9, "Error: ENOSPC", NOW).status is RunStatus.FAILED


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("fatal: unable to access 'https://h/r.git/': Could not resolve host: h", "machine"),
        ("fatal: unable to access 'https://h/r.git/': Failed to connect to h port 443: Connection refused", "vendor"),
        ("fatal: unable to access 'https://h/r.git/': The requested URL returned error: 503", "vendor"),
        ("error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502", "vendor"),
        ("fatal: unable to access 'https://h/': server certificate verification failed. CAfile: none", "machine"),
        ("fatal: the remote end hung up unexpectedly", "vendor"),
        ("ssh: connect to host h port 22: Connection timed out", "vendor"),
        ("fatal: write error: No space left on device", "machine"),
        ("fatal: Out of memory, malloc failed", "machine"),
        ("fatal: couldn't find remote ref refs/heads/main", ""),
        ("remote: Repository not found.", ""),
        ("fatal: unable to access 'https://h/r.git/': The requested URL returned error: 403", ""),
    ],
)
def test_git_that_does_not_reach_the_code_host_is_no_failure_of_the_run(said: str, fault: str) -> None:
    cause = cause_of(GIT, said)
    assert (cause.fault if cause else "") == fault


def test_what_the_system_refuses_is_the_machines() -> None:
    for words in ("[Errno 28] No space left on device", "Read-only file system", "Too many open files"):
        assert cause_of(SYSTEM, words)
    assert cause_of(SYSTEM, "Is a directory") is None


def test_a_full_disk_and_a_kill_for_lack_of_memory_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the engine died of it, and whatever it said."""
    machine = Machine.now()
    assert machine.cause(tmp_path) is None
    monkeypatch.setattr(faults, "LEAST_FREE", 2**63)
    assert machine.cause(tmp_path) == faults.DISK
    assert Machine(machine.kills - 1).cause(tmp_path) == faults.MEMORY


@pytest.mark.parametrize(
    ("said", "judgement"),
    [
        ("2.1.197 (Claude Code)", "tested"), ("2.1.332 (Claude Code)", "tested"),
        ("2.2.0", "newer"), ("3.0.0", "newer"),
        ("2.1.99 (Claude Code)", "older"), ("1.9.0", "older"), ("Claude Code", "unknown"), ("", "unknown"),
    ],
)  # fmt: skip
def test_a_version_is_judged_by_the_range_that_was_tested(said: str, judgement: str) -> None:
    assert Release("@anthropic-ai/claude-code", (2, 1, 197), (2, 1)).judge(said) == judgement


def test_a_reset_that_is_named_comes_with_the_fault() -> None:
    reset = int((NOW + timedelta(hours=3)).timestamp())
    event = {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": reset}}
    seen = Claude().read(json.dumps(event), Seen())
    end = {"type": "result", "is_error": True, "subtype": "success", "api_error_status": 429, "result": "5-hour limit"}
    ending = Claude().verdict(Claude().read(json.dumps(end), seen), 1, "", NOW)
    assert ending.retry_at == NOW + timedelta(hours=3) and ending.fault == "vendor"

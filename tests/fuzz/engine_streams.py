"""An engine that prints anything: its run goes on, and what it came to can be stored, sent and read again."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from adapters.fleets.local_engines.console import Console
from adapters.fleets.local_engines.engine import Ending, Engine, Seen
from adapters.fleets.local_engines.output import Lines
from adapters.fleets.local_engines.supervise import _report
from adapters.fleets.worker_queue.protocol import LARGEST, Report, Speaker, spelled
from factory_core.payload import parse_as, to_json
from factory_core.runs.run import RunOrder, RunReport, RunStatus
from factory_core.runs.run_checks import CheckResult

from .draws import TEXTS, damaged, spoiled

STREAMS = Path(__file__).parents[1] / "fleets" / "streams"
ENGINES: dict[str, Engine] = {"claude": Claude(), "codex": Codex(), "console": Console()}
CONSOLE = (
    {"type": "started", "session": "console-1"},
    {"type": "turn", "doing": "edits", "input_tokens": 5, "output_tokens": 7, "usd": "0.01"},
    {"type": "done", "words": "Did it."},
    {"type": "failed", "words": "No."},
)
MORE = (
    {"type": "system", "subtype": "api_retry", "attempt": 1, "error": "overloaded", "error_status": 529},
    {"type": "system", "subtype": "permission_denied", "tool_name": "Bash"},
    {"type": "system", "subtype": "task_notification", "summary": "done"},
    {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 1798761600}},
    {
        "type": "assistant",
        "error": "rate_limit",
        "message": {"id": "m", "content": [{"type": "text", "text": "limit"}]},
    },
    {"type": "turn.failed", "error": {"message": "usage limit: try again at Dec 1st, 2026 1:00 AM"}},
    {"type": "item.completed", "item": {"id": "i", "type": "mcp_tool_call", "error": {"message": "requires approval"}}},
)
ORDER = RunOrder(
    run_id="R-1", work_item_id="ACME-1", title="T", repository="acme/shop", clone_url="https://x.io/s", base="main",
    branch="factory/ACME-1-t", engine="claude", task="T", max_turns=9, max_duration=timedelta(hours=1),
    max_usd=Decimal(5),
)  # fmt: skip
REPORT = RunReport(run_id="R-1", work_item_id="ACME-1", status=RunStatus.RUNNING)
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def samples(name: str) -> list[object]:
    """What the engine printed when it was recorded."""
    if name == "console":
        return list(CONSOLE)
    lines = [line for path in sorted((STREAMS / name).glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")] + list(MORE)


SAMPLES = {name: samples(name) for name in ENGINES}


def play(rng: random.Random) -> None:
    name = rng.choice(sorted(ENGINES))
    engine, seen, lines = ENGINES[name], Seen(), Lines()
    for _ in range(rng.randrange(1, 25)):
        line = spoiled(rng, rng.choice(SAMPLES[name])) + rng.choice((b"\n", b"\n", b"\r\n", b""))
        for part in lines.feed(line):
            seen = engine.read(part.decode(errors="replace"), seen)
    for part in lines.rest():
        seen = engine.read(part.decode(errors="replace"), seen)
    errors = damaged(rng, rng.choice(TEXTS).encode(errors="replace")).decode(errors="replace")
    ending = engine.verdict(seen, rng.choice((0, 1, -9, 143)), errors, NOW)
    _can_be_kept(seen, ending, tuple(_check(rng) for _ in range(rng.choice((0, 1, 20)))))


def _check(rng: random.Random) -> CheckResult:
    """How a check of the factory's ended whose output is the agent's."""
    name, command, end, output = (text.encode(errors="replace").decode() for text in rng.choices(TEXTS, k=4))
    return CheckResult(name=name, command=command, end=end, output=output, seconds=rng.random(), exit_code=1)


def _can_be_kept(seen: Seen, ending: Ending, checks: tuple[CheckResult, ...]) -> None:
    assert len(seen.tools) <= 100 and sum(map(len, seen.tools)) < 50_000
    kept = parse_as(Seen, to_json(seen))
    assert kept.usage == seen.usage and kept.session == seen.session
    report = _report(ORDER, REPORT.model_copy(update={"checks": checks}), kept, ending, [seen.words])
    assert parse_as(RunReport, to_json(report)) == report and report.usage.usd <= 10 * ORDER.max_usd
    sent = spelled(Report(worker=Speaker(id="worker-1234"), epoch=1, report=report))
    assert len(sent) <= LARGEST and parse_as(Report, sent).report.usage == report.usage

"""The streams of the real command lines, as recorded, and what they come to."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from adapters.fleets.local_engines.engine import Engine, Seen
from adapters.fleets.local_engines.engines import ENGINES
from adapters.fleets.local_engines.output import Lines, NewestBytes
from factory_core.payload import parse_as, to_json
from factory_core.runs.run import RunReport, RunStatus, Usage

pytestmark = pytest.mark.pure

STREAMS = Path(__file__).with_name("streams")
NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
WROTE = "DONE: file written"
S = RunStatus


def used(turns: int, tokens: int = 0, cached: int = 0, output: int = 0, usd: str = "0") -> Usage:
    return Usage(turns=turns, input_tokens=tokens, cached_tokens=cached, output_tokens=output, usd=Decimal(usd))


def unpriced(turns: int, tokens: int = 0, cached: int = 0, output: int = 0) -> Usage:
    """What an engine used that does not say what it cost, or was ended before it could."""
    return used(turns, tokens, cached, output).model_copy(update={"cost_known": False})


def play(engine: Engine, lines: list[str], total: Usage = Usage()) -> Seen:  # noqa: B008
    seen = Seen(total=total)
    for line in lines:
        seen = engine.read(line, seen)
    return seen


def recorded(name: str) -> list[str]:
    return (STREAMS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()


RECORDED = [
    ("claude/ok", 0, S.SUCCEEDED, "", used(2, 200, 0, 14, "0.00108"), WROTE),
    ("claude/resumed", 0, S.SUCCEEDED, "", used(1, 100, 0, 7, "0.00054"), WROTE),
    ("claude/rate-limit-warning", 0, S.SUCCEEDED, "", used(2, 200, 0, 14, "0.00108"), WROTE),
    ("claude/tool-denied", 0, S.SUCCEEDED, "it was denied Bash", used(2, 200, 0, 14, "0.00108"), WROTE),
    ("claude/max-turns", 1, S.CAPPED, "Reached maximum number of turns (2)", used(2, 200, 0, 14, "0.00108"), None),
    ("claude/budget", 1, S.CAPPED, "Reached maximum budget ($0.002)", used(4, 400, 0, 28, "0.00216"), None),
    ("claude/rate-limited-429", 1, S.LIMITED, "API Error: Request rejected (429)", used(1), None),
    ("claude/server-error-500", 1, S.LIMITED, "API Error: 500 fake 500", used(1), None),
    ("claude/unauthorised-401", 1, S.LIMITED, "Invalid API key", used(1), None),
    ("claude/refusal", 1, S.FAILED, "the model refused: API Error", used(2, 300, 0, 21, "0.001755"), None),
    ("claude/sigint-in-tool", 0, S.FAILED, "it was interrupted", used(3, 100, 0, 7, "0.00054"), None),
    ("claude/sigterm-in-tool", 143, S.FAILED, "it ended with exit code 143 and gave no result", unpriced(1), None),
    ("codex/ok", 0, S.SUCCEEDED, "", unpriced(2, 200, 40, 14), WROTE),
    ("codex/apply-patch", 0, S.SUCCEEDED, "", unpriced(2, 200, 40, 14), WROTE),
    ("codex/mcp-call", 0, S.SUCCEEDED, "", unpriced(2, 200, 40, 14), WROTE),
    ("codex/resumed", 0, S.SUCCEEDED, "", unpriced(1, 300, 60, 21), WROTE),
    ("codex/rate-limited-429", 1, S.LIMITED, "exceeded retry limit, last status: 429", unpriced(0), ""),
    ("codex/turn-failed", 1, S.LIMITED, "rate limit exceeded", unpriced(0), ""),
    ("codex/server-error-500", 1, S.LIMITED, "We’re currently experiencing high demand", unpriced(0), ""),
    ("codex/unauthorised-401", 1, S.LIMITED, "unexpected status 401 Unauthorized", unpriced(0), ""),
    ("codex/refusal", 0, S.FAILED, "it ended without a word", unpriced(1, 100, 20, 7), ""),
    ("codex/sigint-in-tool", 1, S.FAILED, "it ended with exit code 1 and gave no result", unpriced(0), "Writing."),
]


@pytest.mark.parametrize(("name", "code", "status", "why", "usage", "words"), RECORDED)
def test_a_recorded_stream_comes_to_exactly_this(
    name: str, code: int, status: RunStatus, why: str, usage: Usage, words: str | None
) -> None:
    """Status, reason, usage and words are judged by the fields that tell the truth, whatever `subtype` says."""
    engine = ENGINES[name.split("/")[0]]
    seen = play(engine, recorded(name))
    ending = engine.verdict(seen, code, "", NOW)
    assert (ending.status, seen.usage) == (status, usage)
    assert ending.why == why if not why else ending.why.startswith(why)
    assert words is None or seen.words == words
    assert seen.session == "00000000-0000-4000-8000-000000000001"


def test_every_recorded_stream_is_judged() -> None:
    """No recording lies about unread."""
    assert {f"{path.parent.name}/{path.stem}" for path in STREAMS.glob("*/*.jsonl")} == {row[0] for row in RECORDED}


def test_tokens_of_a_resumed_thread_are_counted_once() -> None:
    """Codex adds up over the whole thread: what the earlier run used is taken off."""
    first = play(Codex(), recorded("codex/ok"))
    again = play(Codex(), recorded("codex/resumed"), total=first.total)
    assert again.usage == unpriced(1, 100, 20, 7)
    assert again.total == used(0, 300, 60, 21)


def test_cost_of_a_resumed_session_is_counted_once() -> None:
    """Where the model's usage since the last result is not told, the session's earlier cost is taken off."""
    line = (
        '{"type":"result","is_error":false,"result":"x","num_turns":1,"total_cost_usd":%s,"usage":{"input_tokens":100,'
        '"cache_read_input_tokens":50,"output_tokens":7}}'
    )
    assert play(Claude(), [line % "0.00162"], total=used(0, usd="0.00108")).usage == used(1, 150, 50, 7, "0.00054")
    assert play(Claude(), [line % "0.00054"], total=used(0, usd="0.00108")).usage == used(1, 150, 50, 7, "0.00054")


def test_a_reset_that_is_told_is_passed_on() -> None:
    """A subscription's limit says when it ends; a warning of it is no limit."""
    event = '{"type":"rate_limit_event","rate_limit_info":{"status":"%s","resetsAt":1795194465}}'
    end = '{"type":"result","is_error":true,"subtype":"success","api_error_status":429,"result":"5-hour limit"}'
    limited = play(Claude(), [event % "rejected", end])
    reset = datetime.fromtimestamp(1795194465, UTC)
    assert Claude().verdict(limited, 1, "", NOW)[:3] == (S.LIMITED, "5-hour limit", reset)
    warned = play(Claude(), [event % "allowed_warning", end])
    assert Claude().verdict(warned, 1, "", NOW).retry_at is None


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2:08 AM", "2026-03-02 02:08"),
        ("11:59 PM", "2026-03-02 23:59"),
        ("12:00 AM", "2026-03-02 00:00"),  # the minute that just began: the core waits at least one more
        ("Mar 3rd, 2026 1:49 AM", "2026-03-03 01:49"),
        ("Jan 11th, 2027 12:30 PM", "2027-01-11 12:30"),
        ("Feb 31st, 2027 12:30 PM", None),
        ("13:75 PM", None),
        ("noon", None),
    ],
)
def test_a_reset_in_prose_is_a_moment_of_this_machines_clock(told: str, moment: str | None) -> None:
    """Codex tells the time of day, and the day where it is another one, as a week's limit mostly is."""
    now = datetime.fromisoformat("2026-03-02 00:00:20").astimezone()
    said = f"You’ve hit your usage limit. Visit the settings to buy more or try again at {told}."
    seen = play(Codex(), [json.dumps({"type": "turn.failed", "error": {"message": said}})])
    ending = Codex().verdict(seen, 1, "", now.astimezone(UTC))
    assert ending.status is S.LIMITED
    assert ending.retry_at == (datetime.fromisoformat(moment).astimezone() if moment else None)


@pytest.mark.parametrize("words", ["QUESTION: Which one?", "\n QUESTION: Which one?"])
def test_final_words_that_begin_as_a_question_ask(words: str) -> None:
    """Both engines may only ask with their final words."""
    claude = play(Claude(), [json.dumps({"type": "result", "is_error": False, "result": words})])
    message = json.dumps({"type": "item.completed", "item": {"type": "agent_message", "text": words}})
    codex = play(Codex(), [message, '{"type":"turn.completed"}'])
    assert Claude().verdict(claude, 0, "", NOW).status is S.ASKED
    assert Codex().verdict(codex, 0, "", NOW).status is S.ASKED


def test_a_session_is_never_an_option() -> None:
    """A session id is given back on the command line: one that begins with a dash is none."""
    for engine, line in ((Claude(), {"type": "system", "subtype": "init"}), (Codex(), {"type": "thread.started"})):
        for told, kept in (("--yolo", ""), ("a b", ""), ("0e4f-1", "0e4f-1")):
            said = json.dumps({**line, "session_id": told, "thread_id": told})
            assert play(engine, [said]).session == kept


WORDS = st.sampled_from(
    ["type", "subtype", "message", "content", "usage", "result", "item", "error", "is_error", "num_turns", "text", "id",
     "total_cost_usd", "rate_limit_info", "resetsAt", "status", "rejected", "system", "init", "assistant", "turn",
     "rate_limit_event", "turn.completed", "turn.failed", "item.completed", "model_usage_since_last_result", "done",
     "permission_denials", "tool_use", "input", "usd", "thread.started", "agent_message", "terminal_reason"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=12,
)


@given(
    st.sampled_from(sorted(ENGINES)), st.lists(st.text() | st.dictionaries(WORDS, JSON).map(repr) | JSON, max_size=6)
)
def test_no_output_breaks_the_reader(name: str, lines: list[object]) -> None:
    """Whatever an engine prints, reading and judging it never raises."""
    engine = ENGINES[name]
    seen = play(engine, [line if isinstance(line, str) else json.dumps(line) for line in lines])
    assert engine.verdict(seen, 1, "", NOW).status in set(RunStatus)


ODD = st.sampled_from(
    [None, True, False, -1, 10**400, 1e308, -1e308, float("nan"), float("inf"), "", "9" * 5000, "\0", "\u2028", "-x",
     [], {}, [[]], {"": None}, json.loads("[" * 150 + "]" * 150)]
)  # fmt: skip
RECORDED_LINES = [(name.split("/")[0], recorded(name)) for name, *_ in RECORDED]


@st.composite
def disturbed(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A recorded stream in which some values are something else, and some lines come again or not at all."""
    name, lines = draw(st.sampled_from(RECORDED_LINES))
    events = [json.loads(draw(st.sampled_from(lines))) for _ in range(draw(st.integers(1, 8)))]
    for event in events:
        for _ in range(draw(st.integers(0, 3))):
            place = event
            while isinstance(place, (dict, list)) and place:
                key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
                if not isinstance(place[key], (dict, list)) or not place[key] or draw(st.booleans()):
                    place[key] = copy.deepcopy(draw(ODD))
                    break
                place = place[key]
    return name, [json.dumps(event) for event in events]


@given(disturbed())
def test_a_disturbed_stream_is_read_judged_and_stored(stream: tuple[str, list[str]]) -> None:
    """What is seen goes into a file and a report after every line: both can be written and read again."""
    name, lines = stream
    engine = ENGINES[name]
    seen = Seen()
    for line in lines:
        seen = engine.read(line, seen)
    ending = engine.verdict(seen, 1, "", NOW)
    assert parse_as(Seen, to_json(seen)).usage == seen.usage
    report = RunReport(
        run_id="1", work_item_id="1", status=ending.status, words=seen.words, why=ending.why, usage=seen.usage,
        session=seen.session, progress=seen.progress, retry_at=ending.retry_at,
    )  # fmt: skip
    assert parse_as(RunReport, to_json(report)) == report


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e", "\ufeff", "\0"])
def test_a_line_ends_at_a_line_feed_alone(mark: str) -> None:
    """Codex writes some of these characters as they are, within a string: they are text."""
    closing = {"type": "result", "is_error": False, "result": f"Added.{mark}Tests pass."}
    (line,) = Lines().feed(json.dumps(closing, ensure_ascii=False).encode() + b"\r\n")
    assert Claude().read(line.decode(errors="replace"), Seen()).words == f"Added.{mark}Tests pass."


@given(st.lists(st.binary(max_size=12)), st.integers(1, 6))
def test_lines_are_the_same_however_they_arrive(lines: list[bytes], size: int) -> None:
    """In pieces of any size; an empty line is none, and one over the limit is left out whole."""
    sent = [line.replace(b"\n", b"") for line in lines]
    stream = b"".join(line + b"\n" for line in sent)
    cutter = Lines(limit=8)
    cut = [line for at in range(0, len(stream), size) for line in cutter.feed(stream[at : at + size])]
    assert cut == [line for line in sent if 0 < len(line) <= 8]
    assert cutter.left_out == sum(len(line) > 8 for line in sent)
    assert [*cutter.feed(b"rest"), *cutter.rest()] == [b"rest"]


def test_a_file_of_output_keeps_the_newest(tmp_path: Path) -> None:
    """It never grows beyond its limit, begins with a whole line, and ends with what was added last."""
    kept = NewestBytes(tmp_path / "output", limit=1000)
    for number in range(500):
        kept.add(b"line %d\n" % number)
        assert (tmp_path / "output").stat().st_size <= 1010
    lines = (tmp_path / "output").read_bytes().split(b"\n")
    assert (lines[-2:], len(lines) > 40) == ([b"line 499", b""], True)
    assert all(line.startswith(b"line ") for line in lines[:-1])


def test_an_empty_closing_line_ends_with_what_the_agent_said_last() -> None:
    """Its work is not thrown away; an agent that said nothing at all, or met an error, did not end well."""
    said = {"type": "assistant", "message": {"id": "m", "content": [{"type": "text", "text": "The total is right."}]}}
    refused = {**said, "error": "server_error"}
    closing = {"type": "result", "subtype": "success", "is_error": False, "result": ""}
    for lines, status in (
        ([said, closing], S.SUCCEEDED), ([closing], S.FAILED), ([refused, closing], S.FAILED),
    ):  # fmt: skip
        seen = Seen()
        for line in lines:
            seen = Claude().read(json.dumps(line), seen)
        assert Claude().verdict(seen, 0, "", NOW).status is status

"""Alive, progress, over: what keeps a run going and what ends it, by a clock and processor time of the test's own."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from fleet_stand import order

from adapters.fleets.local_engines.claude import Claude
from adapters.fleets.local_engines.codex import Codex
from adapters.fleets.local_engines.engine import Ending, Engine, Seen
from adapters.fleets.local_engines.run_files import RunFiles
from adapters.fleets.local_engines.watchdog import AFTER_CLOSING, Ended, Watchdog
from factory_core.runs.run import RunStatus

IDLE = 600.0
CALL = {"type": "assistant", "message": {"id": "m1", "content": [{"type": "tool_use", "id": "t1", "name": "Bash"}]}}
RESULT = {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t1"}]}}
DONE = {"type": "result", "is_error": False, "result": "All done", "num_turns": 1, "total_cost_usd": 0.5}


def said(text: str, message: str = "m0") -> dict[str, object]:
    return {"type": "assistant", "message": {"id": message, "content": [{"type": "text", "text": text}]}}


class World:
    """A watchdog over nothing: time passes when it is told to."""

    def __init__(self, folder: Path, engine: Engine | None = None, **changes: object) -> None:
        self.time = self.used = 0.0
        self.run = RunFiles(folder / "run")
        self.run.create()
        self.watchdog = Watchdog(
            self.run, order(folder, **changes), engine or Claude(), Seen(), timedelta(seconds=IDLE),
            clock=lambda: self.time, processor_time=lambda: self.used,
        )  # fmt: skip
        self.watchdog.engine_started()

    def say(self, *events: object) -> None:
        self.watchdog.feed(b"".join(json.dumps(event).encode() + b"\n" for event in events))
        self.watchdog.tick()

    def wait(self, seconds: float, *, working: float = 0.0, noise: bytes = b"") -> None:
        """Look each second; the tools use so much of a processor."""
        for _ in range(int(seconds)):
            self.time += 1
            self.used += working
            self.watchdog.feed(noise)
            self.watchdog.tick()

    def ends(self, seconds: float = IDLE + 2, *, working: float = 0.0, noise: bytes = b"") -> Ending:
        with pytest.raises(Ended) as ended:
            self.wait(seconds, working=working, noise=noise)
        return ended.value.ending


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, max_duration=timedelta(hours=9))


@pytest.mark.parametrize(
    "noise",
    [
        b"",
        b"still here\n",
        b'{"type":"keep_alive"}\n',
        b'{"type":"system","subtype":"api_retry","attempt":3,"error":"overloaded"}\n',
        b'{"type":"system","subtype":"init","session_id":"s"}\n',
        b"\xff\x00" * 500,
        json.dumps(said("still here")).encode() + b"\n",
    ],
)
def test_bytes_are_not_progress(world: World, noise: bytes) -> None:
    """Keep-alive lines, notices of retries, rubbish, and one message again and again: as good as silence."""
    world.say(said("still here"))
    ended = world.ends(noise=noise)
    retries = b"api_retry" in noise
    assert ended.status is (RunStatus.LIMITED if retries else RunStatus.FAILED)
    assert ended.why.startswith("it made no progress for 10 minutes")
    assert world.time == IDLE + 1


def test_an_event_that_says_something_is_progress(world: World) -> None:
    """A text, a call, its result, a turn: the silence begins anew with each."""
    for event in (said("a"), said("b"), CALL, RESULT, said("c", "m2")):
        world.say(event)
        world.wait(IDLE - 1)
    world.ends(3)


def test_retries_without_end_are_the_vendors_silence(world: World) -> None:
    """The engine asks again and again, and its model does not answer: no failure of this ticket's."""
    world.say(said("a"))
    ended = world.ends(noise=b'{"type":"system","subtype":"api_retry","attempt":2,"error":"server_error"}\n')
    assert (ended.status, ended.fault) == (RunStatus.LIMITED, "vendor")


def test_retries_that_were_followed_by_an_answer_are_none(world: World) -> None:
    """The silence after it is the engine's own."""
    world.say(said("a"), {"type": "system", "subtype": "api_retry", "attempt": 2}, said("b"))
    assert world.ends().status is RunStatus.FAILED


def test_a_tool_that_works_is_no_silence(world: World) -> None:
    """While a call has no result, processor time of its processes counts; afterwards it does not."""
    world.say(CALL)
    world.wait(3 * IDLE, working=0.05)
    world.say(RESULT)
    world.ends(working=0.9)


def test_a_tool_that_hangs_is_silence(world: World) -> None:
    """Its processes live and do nothing, or next to nothing."""
    world.say(CALL)
    world.ends(working=0.002)


def test_a_tool_that_stops_working_is_silence_from_then_on(world: World) -> None:
    """It worked for an hour, and then it hung."""
    world.say(CALL)
    world.wait(3600, working=1.0)
    world.ends(IDLE + 20)


@pytest.mark.parametrize("asleep", [60.0, 8 * 3600.0])
def test_sleep_is_neither_silence_nor_duration(tmp_path: Path, asleep: float) -> None:
    """A lid that was closed, a container that was frozen: neither the engine's silence nor the run's time."""
    world = World(tmp_path, max_duration=timedelta(seconds=IDLE + 100))
    world.wait(IDLE - 60)
    world.time += asleep
    world.watchdog.tick()
    world.say(said("awake"))
    world.wait(120)
    assert IDLE <= world.watchdog.report.awake_for.total_seconds() <= IDLE + 80
    assert world.ends(IDLE).status is RunStatus.CAPPED


def test_the_closing_line_ends_the_run_and_the_process_has_some_seconds_more(world: World) -> None:
    """Whatever it goes on writing; and after it neither caps nor silence count."""
    world.say({**DONE, "num_turns": 99, "total_cost_usd": 99})
    world.wait(AFTER_CLOSING, noise=json.dumps(said("more")).encode() + b"\n")
    assert not world.watchdog.is_over
    world.wait(1, noise=b"{}\n")
    assert world.watchdog.is_over


def test_a_closing_line_without_its_end_counts(world: World) -> None:
    """The process wrote no line feed after it, and stays: once it has been silent for long enough, the run is over."""
    world.watchdog.feed(json.dumps(DONE).encode())
    world.wait(IDLE + 1)
    world.wait(AFTER_CLOSING + 1)
    assert world.watchdog.is_over and world.watchdog.seen.words == "All done"


def test_a_second_closing_line_within_these_seconds_counts_too(world: World) -> None:
    """A task in the background woke the agent up: its words are the last, and both are paid."""
    world.say({**DONE, "num_turns": 40}, said("a task in the background ended", "m7"))
    world.wait(8)
    world.say({**DONE, "num_turns": 2, "total_cost_usd": 0.75, "result": "Now all is done"})
    world.wait(3)
    seen = world.watchdog.finish()
    assert world.watchdog.is_over
    assert (seen.usage.turns, seen.usage.usd, seen.words) == (42, Decimal("0.75"), "Now all is done")


def test_a_second_call_of_the_engine_has_an_end_and_caps_of_its_own(world: World) -> None:
    """Rounds of one run: the closing line of the first says nothing about the second; what was used is summed."""
    world.say(DONE)
    world.wait(AFTER_CLOSING + 1)
    world.watchdog.engine_started()
    assert (world.watchdog.is_over, world.watchdog.seen.result, world.watchdog.seen.words) == (False, None, "")
    world.say({**DONE, "total_cost_usd": 0.9})
    assert world.watchdog.seen.usage.usd == Decimal("0.9")
    assert world.watchdog.seen.usage.turns == 2


def test_two_turns_of_a_codex_thread_are_counted_once(tmp_path: Path) -> None:
    """Its counts are the thread's: the second line includes the first."""
    world = World(tmp_path, Codex())
    world.say({"type": "thread.started", "thread_id": "t"})
    for total in (100, 300):
        world.say({"type": "turn.completed", "usage": {"input_tokens": total, "output_tokens": total // 10}})
    usage = world.watchdog.seen.usage
    assert (usage.input_tokens, usage.output_tokens, usage.turns, usage.cost_known) == (300, 30, 2, False)


def test_a_codex_command_without_its_end_is_a_tool_that_runs(tmp_path: Path) -> None:
    """`item.started` without `item.completed`."""
    world = World(tmp_path, Codex(), max_duration=timedelta(hours=9))
    item = {"id": "i1", "type": "command_execution", "command": "make test"}
    world.say({"type": "item.started", "item": item})
    world.wait(2 * IDLE, working=0.5)
    world.say({"type": "item.completed", "item": item})
    world.ends(working=0.5)


def test_a_line_that_is_too_long_is_left_out_and_the_next_counts(world: World) -> None:
    """A hundred megabytes in one line: it is noted where the output is kept, and the closing line after it counts."""
    for _ in range(100):
        world.watchdog.feed(b"a" * 1_000_000)
    world.say("b", DONE)
    assert world.watchdog.seen.words == "All done"
    assert b"too long" in world.run.output.read_bytes()
    assert world.run.output.stat().st_size < 1000


def test_a_heartbeat_that_cannot_be_written_does_not_end_the_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full for a while: the run goes on, and its progress is written again when there is room."""

    def full(self: RunFiles, report: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(RunFiles, "save_progress", full)
        world.say(said("while it was full"))
        world.wait(30)
    world.wait(10)
    progress = world.run.progress()
    assert progress and progress.progress == "while it was full"


@pytest.mark.parametrize("content", ["", "soon", "nan", "\0\0\0"])
def test_a_damaged_fence_has_passed(world: World, content: str) -> None:
    """Whether the run is still this worker's cannot be known, so it ends; and the file is put aside."""
    (world.run.path / "fence").write_text(content)
    assert world.ends(1).status is RunStatus.LOST
    assert (world.run.path / "fence.damaged").exists()

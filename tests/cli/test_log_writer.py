"""Saying something never stops the work: whatever becomes of standard error, and whatever is logged."""

from __future__ import annotations

import fcntl
import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

import pytest

from factory_cli.log_writer import MOST_WAITING, LineWriter
from factory_cli.output import Output
from factory_cli.serve_log import LogHandler
from tests.scenarios.server_process import until

FORMATS = pytest.mark.parametrize("as_json", [True, False], ids=["json", "text"])


@contextmanager
def pipe(*, waits: bool = True) -> Iterator[tuple[int, TextIO]]:
    """One that is full: the reading end, and the writing one as a stream."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"." * 512)
    os.set_blocking(writing, waits)
    with os.fdopen(writing, "w", encoding="utf-8") as stream, os.fdopen(reading, "rb"):
        yield reading, stream


def handler(stream: TextIO, *, as_json: bool, home: Path) -> tuple[logging.Logger, LogHandler]:
    out = Output(environment={"XDG_STATE_HOME": str(home)}, stdout=io.StringIO(), stderr=stream)
    logger, made = logging.Logger("factory.x"), LogHandler(out, as_json=as_json)
    logger.addHandler(made)
    return logger, made


def read(reading: int, text: bytes) -> bytes:
    """What comes until this text does."""
    said = b""
    while text not in said:
        said += os.read(reading, 65536)
    return said


@FORMATS
@pytest.mark.parametrize("waits", [True, False], ids=["waits", "does not wait"])
def test_nobody_waits_for_a_reader_that_hangs(as_json: bool, waits: bool, tmp_path: Path) -> None:
    """What does not fit is dropped; when the reader goes on, it gets what is logged from then on."""
    with pipe(waits=waits) as (reading, stream):
        logger, log = handler(stream, as_json=as_json, home=tmp_path)
        for number in range(3 * MOST_WAITING):
            logger.info("line %s", number)
        assert 2 * MOST_WAITING - 1 <= log.writer.dropped <= 2 * MOST_WAITING
        read(reading, b"line 0")
        until(lambda: (logger.info("after all"), b"after all" in os.read(reading, 65536))[1])
        assert log.writer.dropped >= 2 * MOST_WAITING - 1


@FORMATS
def test_the_reader_learns_how_many_lines_are_lost(as_json: bool, tmp_path: Path) -> None:
    with pipe() as (reading, stream):
        logger, log = handler(stream, as_json=as_json, home=tmp_path)
        for number in range(MOST_WAITING + 50):
            logger.info("line %s", number)
        dropped = log.writer.dropped
        assert f"{dropped} lines of the log are lost".encode() in read(reading, b"lines of the log are lost")


@FORMATS
def test_a_reader_that_is_gone_costs_the_line_alone(as_json: bool, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        logger, log = handler(stream, as_json=as_json, home=tmp_path)
        for _ in range(3):
            logger.error("it is %s", "said")
        until(lambda: log.writer.dropped >= 1)


@FORMATS
def test_a_full_disk_costs_the_line_alone(as_json: bool, tmp_path: Path) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as stream:
        logger, log = handler(stream, as_json=as_json, home=tmp_path)
        logger.error("it is said")
        until(lambda: log.writer.dropped == 1)


@FORMATS
def test_a_stream_that_is_closed_costs_the_line_alone(as_json: bool, tmp_path: Path) -> None:
    stream = (tmp_path / "log").open("w", encoding="utf-8")
    logger, log = handler(stream, as_json=as_json, home=tmp_path)
    stream.close()
    logger.error("it is said")
    until(lambda: log.writer.dropped == 1)


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("canary")


@FORMATS
@pytest.mark.parametrize(
    ("template", "arguments", "extra"),
    [
        ("%d items", ("many",), {}),
        ("%s and %s", ("one",), {}),
        ("it is %s", (Unspeakable(),), {}),
        ("it is said", (), {"action": "webhook"}),
        ("it is said", (), {"what": Unspeakable(), "provider": "x", "delivery": "1", "action": "webhook"}),
        ("it is said", (), {"from": "a", "to": Unspeakable(), "item": "x", "action": "x"}),
    ],
)
def test_a_line_that_cannot_be_made_is_named_by_its_place(
    template: str, arguments: tuple[object, ...], extra: dict[str, object], as_json: bool, tmp_path: Path
) -> None:
    """And nothing of what it says is in the log. With `--log-format json` an event that lacks a field is only short."""
    said = io.StringIO()
    logger, log = handler(said, as_json=as_json, home=tmp_path)
    logger.warning(template, *arguments, extra=extra)
    logger.warning("the next one")
    log.flush()
    first, last = said.getvalue().splitlines()
    assert "the next one" in last and "canary" not in first
    assert not as_json or {"at", "level", "logger", "message"} <= json.loads(first).keys()
    assert "test_log_writer.py" in first or (as_json and extra == {"action": "webhook"})


def test_the_next_line_begins_a_line_after_one_that_was_torn(tmp_path: Path) -> None:
    """As on a disk that was full in the middle of one."""
    torn = TornStream(tmp_path / "log")
    writer = LineWriter(torn, lost=lambda number: f"{number} lost")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "write", torn.write_half)
        writer.put("x" * 100)
        until(lambda: writer.dropped == 1)
    writer.put("after all")
    writer.drain(10)
    assert torn.path.read_text() == f"{'x' * 50}\n1 lost\nafter all\n"


class TornStream(io.StringIO):
    """The disk takes half of the first line and then nothing."""

    encoding = "utf-8"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self._writing, self._calls = path, os.write, 0
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY)

    def fileno(self) -> int:
        return self._file

    def write_half(self, file: int, data: bytes) -> int:
        self._calls += 1
        if self._calls > 1:
            raise OSError(28, "No space left on device")
        return self._writing(file, data[:50])

"""`factory simulate`: what it plays, what it keeps, how it steps, and what it says when it cannot."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from factory_cli import simulate
from factory_cli.main import run
from factory_cli.output import Output
from factory_simulator.schedule import Schedule, Ticket

from .calling import Command


class Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A schedule as `--save` keeps it."""
    path = tmp_path / "schedule-1.json"
    path.write_text(Schedule(seed=1, skew=(0.0,), tickets=(Ticket(key="ACME-1"),)).model_dump_json(indent=1))
    return path


def test_a_few_schedules_are_one_document(tmp_path: Path, command: Command) -> None:
    done = command(
        "simulate", "--schedules", "4", "--seed", "7", "--jobs", "1", "--store", "memory", "--format=json", cwd=tmp_path
    )
    assert done.code == 0 and done.document["ok"] and done.document["schedules"] == 4 and done.document["seed"] == 7


def test_a_kept_schedule_is_told_whole_where_nobody_sits(kept: Path, command: Command) -> None:
    done = command("simulate", "--replay", kept.name, cwd=kept.parent)
    lines = done.out.splitlines()
    assert done.code == 0 and lines[-1] == "no law is broken"
    assert "a person makes the ticket ready" in lines[0] and any("Merged and done." in line for line in lines)


@pytest.mark.parametrize(("keys", "paused"), [("\n\na\n", 2), ("", 0), ("\n" * 999, None)])
def test_on_a_terminal_each_enter_shows_one_happening(
    kept: Path, monkeypatch: pytest.MonkeyPatch, keys: str, paused: int | None, command: Command
) -> None:
    """Until the person wants the rest, or is gone; each line is shown once."""
    monkeypatch.setattr(sys, "stdin", Keyboard(keys))
    told: list[str] = []
    monkeypatch.setattr(Output, "text", lambda self, text: told.append(text))
    screen, asked = Screen(), Screen()
    out = Output(environment={}, stdout=screen, stderr=asked)
    assert simulate._replay(kept, out) == 0
    answered = screen.getvalue().splitlines()
    every = command("simulate", "--replay", kept.name, cwd=kept.parent).out.splitlines()
    assert [line for text in told for line in text.splitlines()] + answered == every
    assert "Enter" in asked.getvalue() and (paused is None or len(told) == paused)


def test_without_moto_dynamodb_is_refused_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulate, "find_spec", lambda name: None)
    assert run(["simulate", "--store", "dynamodb", "--schedules", "1"]) == 2
    assert "pip install moto" in capsys.readouterr().err


def test_hostile_draws_are_one_document(tmp_path: Path, command: Command) -> None:
    done = command(
        "simulate", "--hostile", "--schedules", "1", "--seed", "3", "--jobs", "1", "--format=json", cwd=tmp_path
    )
    assert done.code == 0 and done.document["ok"] and done.document["draws"] == 1 and done.document["seed"] == 3


def test_a_file_that_is_no_draw_is_refused(tmp_path: Path, command: Command) -> None:
    (tmp_path / "a.json").write_text("{}")
    done: Any = command("simulate", "--hostile", "--replay", "a.json", cwd=tmp_path)
    assert done.code == 2 and "a.json is no draw" in done.err


def test_a_file_that_is_no_schedule_is_refused(tmp_path: Path, command: Command) -> None:
    (tmp_path / "a.json").write_text("{}")
    done: Any = command("simulate", "--replay", "a.json", cwd=tmp_path)
    assert done.code == 2 and "a.json is no schedule" in done.err

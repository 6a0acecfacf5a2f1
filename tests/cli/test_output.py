"""Colour repeats and never carries; every terminal can read the answer; a fault of ours never shows a traceback."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from factory_cli import main
from factory_cli.output import Output

pytestmark = pytest.mark.pure
CANARY = "canary-7f3a-secret"


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self) -> bool:
        return True

    def said(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_colour_is_for_terminals_that_want_it(environment: dict[str, str], coloured: bool) -> None:
    out = Output(environment=environment, stdout=Terminal(), stderr=Terminal())
    assert ("\x1b[" in out.mark("fail")) is coloured
    assert "✗" in out.mark("fail")


def test_a_pipe_gets_no_colour() -> None:
    out = Output(environment={}, stdout=io.StringIO(), stderr=io.StringIO())
    assert [out.mark(name) for name in ("ok", "fail", "warn", "skip")] == ["✓", "✗", "!", "–"]


@pytest.mark.parametrize(
    ("environment", "encoding"),
    [({"LC_ALL": "C"}, "utf-8"), ({"LANG": "de_DE.ISO-8859-1"}, "utf-8"), ({}, "ascii"), ({"LC_ALL": "C"}, "latin-1")],
)
def test_without_utf8_the_marks_are_words(environment: dict[str, str], encoding: str) -> None:
    terminal = Terminal(encoding)
    out = Output(environment={**environment, "NO_COLOR": "1"}, stdout=terminal, stderr=terminal)
    out.answer({}, f"{out.mark('ok')} {out.mark('fail')} {out.mark('warn')} {out.mark('skip')} → “日本”")
    said = terminal.said()
    assert said.startswith("ok FAIL warn skip -> ") and said.endswith('"\n')


def test_json_is_readable_where_utf8_is_not() -> None:
    terminal = Terminal("ascii")
    Output(as_json=True, environment={}, stdout=terminal, stderr=terminal).answer({"title": "日本"}, "")
    assert '"\\u65e5\\u672c"' in terminal.said()


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A command that meets a fault with a secret in its words."""

    def run(args: SimpleNamespace, out: Output) -> int:
        raise RuntimeError(f"boom {CANARY} lin_api_{CANARY}")

    module = ModuleType("factory_cli.faulty")
    module.arguments, module.run = lambda parser: None, run  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "factory_cli.faulty", module)
    monkeypatch.setitem(main.COMMANDS, "faulty", ("faulty", "", "Run"))
    monkeypatch.setenv("LINEAR_API_KEY", CANARY)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "factory"


def test_a_fault_of_ours_is_kept_in_a_file_without_secrets(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["faulty"]) == 1
    said, (kept,) = capsys.readouterr(), faulty.iterdir()
    assert "Traceback" not in said.err and str(kept) in said.err and said.out == ""
    text = kept.read_text()
    assert "RuntimeError: boom [hidden]" in text and CANARY not in text + said.err
    assert kept.stat().st_mode & 0o077 == 0


def test_debug_shows_the_traceback_without_secrets(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["faulty", "--debug"]) == 1
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said and CANARY not in said


def test_control_c_is_130(faulty: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(args: SimpleNamespace, out: Output) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(__import__("sys").modules["factory_cli.faulty"], "run", interrupted)
    assert main.run(["faulty"]) == 130
    assert capsys.readouterr() == ("", "")

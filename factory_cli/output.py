"""stdout is the answer, stderr is the conversation; text for people, one JSON document for programs.

Colour only repeats what a mark and a word say. Imports what costs time only when it is needed.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

TYPE_CHECKING = False  # importing typing would double the time that `factory --help` takes
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, TextIO

    from factory_core.errors import Problem
    from factory_core.ports import WallState

MARKS = {"ok": "✓", "fail": "✗", "warn": "!", "skip": "–"}
PLAIN_MARKS = {"ok": "ok", "fail": "FAIL", "warn": "warn", "skip": "skip"}
COLOURS = {"ok": "32", "fail": "31", "warn": "33", "skip": "2", "bold": "1"}
ASCII = str.maketrans(
    {"✓": "ok", "✗": "FAIL", "–": "-", "→": "->", "…": "...", "“": '"', "”": '"', "’": "'", "·": "-", "│": "|"}
    | dict.fromkeys("●◆", "*")
)


class Output:
    """What a command may say. `answer()` and `problem()` give the exit code."""

    def __init__(
        self,
        *,
        as_json: bool = False,
        debug: bool = False,
        environment: Mapping[str, str] | None = None,
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.as_json, self.debug = as_json, debug
        self.environment = os.environ if environment is None else environment
        self.stdout, self.stderr = stdout or sys.stdout, stderr or sys.stderr
        self.plain = not all(_speaks_utf8(stream, self.environment) for stream in (self.stdout, self.stderr))
        self.terminal = self.stdout.isatty()

    def answer(self, document: Mapping[str, Any], text: str, code: int = 0) -> int:
        """The command's one answer, in the form that was asked for."""
        if said := self.answered(document, text):
            self._write(self.stdout, said)
        return code

    def answered(self, document: Mapping[str, Any], text: str) -> str:
        """What answer() would write."""
        return self._spelled(document) if self.as_json else self.shown(text)

    def document(self, document: Mapping[str, Any]) -> None:
        """One JSON document; in one line unless a person looks."""
        self._write(self.stdout, self._spelled(document))

    def text(self, text: str) -> None:
        """A part of the answer, in text mode."""
        if not self.as_json:
            self._write(self.stdout, text)

    def say(self, text: str) -> None:
        """Part of the conversation. Where nobody can read it, the work goes on."""
        with suppress(OSError, ValueError):
            self._write(self.stderr, text)

    def shown(self, text: str) -> str:
        """In the signs that the terminal has."""
        return text.translate(ASCII) if self.plain else text

    def problem(self, problem: Problem, rows: Sequence[Sequence[str]] = ()) -> int:
        """What, why, fix, with the whole list between where there is one."""
        if self.as_json:
            self._write(self.stdout, self._hidden(self._spelled(problem.document())))
        else:
            self.say(self._hidden("\n".join(self._problem_lines(problem, rows))))
        return problem.exit_code

    def failure(self, error: Exception) -> int:
        """A Problem as it stands; anything else is a fault of ours, kept in a file."""
        from factory_core.errors import Problem, Terminal

        if self.debug:
            self.say(self._traceback(error))
        if isinstance(error, Problem):
            return self.problem(error)
        kept = self._keep(error)
        what = f"The factory met a fault of its own: {type(error).__name__}."
        why = f"the traceback, without secrets, is in {kept}" if kept else "the traceback could not be kept"
        fix = (
            "In the project's issue list: report it with that file" if kept else "In the shell: repeat it with --debug"
        )
        return self.problem(Terminal(what, why=why, fix=fix))

    def let_go(self) -> int:
        """Whoever read our answer has read enough."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.stdout.fileno())
        return 0

    def mark(self, name: str, *, stderr: bool = False) -> str:
        """`ok`, `fail`, `warn`, `skip`; in colour on a terminal."""
        found = (PLAIN_MARKS if self.plain else MARKS)[name]
        return self.paint(name, found, stderr=stderr)

    def paint(self, name: str, text: str, *, stderr: bool = False) -> str:
        on = self._colours(self.stderr if stderr else self.stdout)
        return f"\x1b[{COLOURS[name]}m{text}\x1b[0m" if on else text

    def _colours(self, stream: TextIO) -> bool:
        environment = self.environment
        return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"

    def _problem_lines(self, problem: Problem, rows: Sequence[Sequence[str]]) -> list[str]:
        lines = [f"{self.mark('fail', stderr=True)} {problem.what}"]
        lines += ["", *(f"  {line}" for line in aligned(rows)), ""] if rows else [f"  {problem.why}"]
        lines += [f"  See: {problem.see}"] if problem.see else []
        return [*lines, f"  Fix: {self.paint('bold', problem.fix, stderr=True)}    {problem.code}"]

    def _write(self, stream: TextIO, text: str) -> None:
        encoding = stream.encoding or "utf-8"
        stream.write(self.shown(text).encode(encoding, "replace").decode(encoding) + "\n")
        stream.flush()

    def _spelled(self, document: Mapping[str, Any]) -> str:
        import json

        return json.dumps(document, ensure_ascii=self.plain, indent=2 if self.terminal else None)

    def _hidden(self, text: str) -> str:
        from .redact import redacted

        return redacted(text, self.environment)

    def _traceback(self, error: Exception) -> str:
        import traceback

        return self._hidden("".join(traceback.format_exception(error)))

    def _keep(self, error: Exception) -> str:
        """The path of the file that holds the traceback; empty when even that does not work."""
        from .redact import keep

        return keep(self._traceback(error), self.environment)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their longest cell."""
    widths = [max((len(row[n]) for row in rows if n < len(row)), default=0) for n in range(max(map(len, rows)))]
    return ["  ".join(cell.ljust(widths[n]) for n, cell in enumerate(row)).rstrip() for row in rows]


def _speaks_utf8(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """The stream's own encoding, and what the locale says: Python speaks UTF-8 even to a terminal that does not."""
    if (stream.encoding or "utf-8").lower().replace("-", "") != "utf8":
        return False
    locale = next((environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), "UTF-8")
    return "utf8" in locale.lower().replace("-", "")


def wall_lines(wall: WallState, out: Output) -> list[str]:
    """What a start says of the wall around agents."""
    if not wall.fix:
        return [f"  Wall       {wall.note}"]
    return [f"  Wall       {out.mark('fail')} no agent starts: {wall.note}", f"             fix: {wall.fix}"]

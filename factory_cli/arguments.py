"""Arguments: argparse, whose errors become problems that never repeat what was typed."""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from factory_core.errors import Refused

from .output import Output

PUBLIC_WORD = re.compile(r"[a-z][a-z-]{0,19}")  # may be repeated on the terminal: no secret looks like that

MOST_LISTED = 24


class Usage(Refused):
    """The command line was not understood."""

    code = "E-USAGE"


class Parser(argparse.ArgumentParser):
    """Raises Usage instead of leaving the process."""

    def error(self, message: str) -> NoReturn:
        raise Usage(f"{self.prog}: {message}.", why="the command line is incomplete", fix=f"{self.prog} --help")


class _Help(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26)


def call(given: list[str], commands: Mapping[str, tuple[str, str, str]], out: Output) -> int:
    """Find the command, parse its arguments, run it."""
    name = given[0]
    _refuse_lost_directory()
    if name not in commands:
        raise unknown("command", name, list(commands), lambda near: f"factory {near} --help", "factory help")
    parser = parser_of(name, commands[name][0])
    if "-h" in given or "--help" in given:
        shown = parser.format_help().rstrip()
        return out.answer({"schema": "factory.help/1", "command": name, "text": shown}, shown)
    args = _parsed(parser, given[1:])
    args.format = "json" if out.as_json else "text"
    code: int = importlib.import_module(f"factory_cli.{commands[name][0]}").run(args, out)
    return code


def parser_of(name: str, module: str) -> Parser:
    """The parser of one command, whose module is imported for it."""
    command = importlib.import_module(f"factory_cli.{module}")
    parser = Parser(
        prog=f"factory {name}",
        description=command.__doc__,
        formatter_class=_Help,
        allow_abbrev=False,
        exit_on_error=False,
    )
    command.arguments(parser)
    _shared(parser)
    return parser


def _refuse_lost_directory() -> None:
    """Raise Refused where the current directory was deleted: no path could be told from another."""
    try:
        Path.cwd()
    except OSError:
        what, why = "The current directory is gone.", "it was deleted while the shell was in it"
        raise Refused(what, why=why, fix="In the shell: cd to the directory of factory.config.yaml") from None


def _shared(parser: argparse.ArgumentParser) -> None:
    shared = parser.add_argument_group("for every command")
    shared.add_argument("--format", choices=("text", "json"), default="text", help="json: one document")
    shared.add_argument("--json", action="store_true", help="the same as --format=json")
    shared.add_argument("--no-input", action="store_true", help="never ask")
    shared.add_argument("--debug", action="store_true", help="show tracebacks")


def _parsed(parser: argparse.ArgumentParser, given: list[str]) -> argparse.Namespace:
    fix = f"{parser.prog} --help"
    try:
        args, rest = parser.parse_known_args(given)
    except argparse.ArgumentError as error:
        name = error.argument_name or "an argument"
        why = "its value is missing, or is none of those that it takes"
        raise Usage(f"{parser.prog}: {name} cannot be that.", why=why, fix=fix) from None
    if rest:
        flags = [
            word.partition("=")[0] for word in rest if re.fullmatch(r"--[a-z][a-z-]{0,29}", word.partition("=")[0])
        ]
        what = f"no flag {flags[0]}" if flags else "an argument too many"
        raise Usage(f"{parser.prog}: {what}.", why="the command does not know it", fix=fix)
    return args


def unknown(kind: str, given: str, known: list[str], fix_of: object, fix: str) -> Usage:
    """Say what is known, offer the nearest; repeat the word only when it cannot be a secret."""
    near = next(iter(difflib.get_close_matches(given, known, 1)), "")
    named = f' "{given}"' if PUBLIC_WORD.fullmatch(given) else ""
    meant = f" Did you mean {near}?" if near else ""
    found = fix_of(near) if near and callable(fix_of) else fix
    listed = f"known: {', '.join(known)}" if len(known) < MOST_LISTED else f"{len(known)} are known: {fix}"
    return Usage(f"unknown {kind}{named}.{meant}", why=listed, fix=found)


class CannotAsk(Refused):
    """A question, and nobody to ask."""

    code = "E-NO-INPUT"


def why_silent(args: argparse.Namespace, out: Output) -> str:
    """Why nobody can be asked; empty when somebody can."""
    if args.no_input:
        return "--no-input was given"
    if out.environment.get("CI") == "true":
        return "CI=true"
    return "" if sys.stdin.isatty() else "standard input is not a terminal"


def refuse_to_ask(args: argparse.Namespace, out: Output, flag: str, fix: str) -> None:
    """Raise CannotAsk unless a person is there; `flag` says what to pass instead, as a sentence."""
    why = why_silent(args, out)
    if why:
        raise CannotAsk(f"Needs an answer, but cannot ask: {why}.", why=flag, fix=fix)

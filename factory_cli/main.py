"""The command line's table of contents and its outermost frame. A command's module is imported when it is called.

Nothing that costs time is imported up here: `factory --help` is to be as quick as Python itself allows.
"""

from __future__ import annotations

import os
import sys

from .output import Output

TYPE_CHECKING = False  # importing typing would double the time that `factory --help` takes
if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("init", "look at this repository and write factory.config.yaml", "Start"),
    "demo": ("demo", "see tickets become merged pull requests, no accounts needed", "Start"),
    "connect": ("connect", "store a provider's secrets, then check them", "Start"),
    "check": ("check", "is every provider ready?", "Start"),
    "doctor": ("doctor", "look at everything, from near to far", "Start"),
    "serve": ("serve", "hear webhooks, do the work, show the status", "Run"),
    "worker": ("worker", "run agents here for a factory elsewhere", "Run"),
    "deploy": ("deploy", "what a cloud has of the factory, and what is missing", "Run"),
    "sandbox": ("sandbox", "the vendors, played on this machine", "Run"),
    "trigger": ("trigger", "sign and send a sample webhook", "Run"),
    "status": ("status", "what needs a person, what moves, what is in line", "See"),
    "routes": ("routes", "which repository people chose for a project; forget it", "See"),
    "triage": ("triage", "would this ticket start, and why? Starts nothing", "See"),
    "pipeline": ("pipeline", "retry or abort a ticket", "Act"),
    "forget": ("forget", "keep nothing of a ticket that is over", "Act"),
    "backup": ("backup", "copy the state store whole, while it runs", "Act"),
    "restore": ("restore", "put a copy in its place, and keep what was there", "Act"),
    "salvage": ("salvage", "what can be read of a damaged store", "Act"),
    "simulate": ("simulate", "try to break every law in a simulated world", "Try out"),
    "completion": ("completion", "what a shell needs to complete these commands", "Try out"),
    "help": ("help", "this page, or: exit-codes, environment, states, money", "Try out"),
}
"""Name → module, help line, group. The module has `arguments(parser)` and `run(args, out) -> exit code`."""

KNOWN_ALONE = frozenset(
    ("-h", "--help", "--json", "--format", "json", "text", "--format=json", "--format=text", "--debug", "--no-input")
)


def run(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit code."""
    if os.getpid() == 1:
        from .init_process import continue_in_child

        continue_in_child()
    _open_streams()
    typed = sys.argv[1:] if argv is None else argv
    given = [word.encode("utf-8", "replace").decode() for word in typed]  # bytes that are no text are stored nowhere
    out = Output(as_json=_wants_json(given), debug="--debug" in given)
    try:
        return _run(given, out)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return out.let_go()
    except Exception as error:  # the outermost frame: a person never sees a traceback
        return out.failure(error)


def _open_streams() -> None:
    """Closed ones lead nowhere from now on: the next file that is opened would be written to in their place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _run(given: list[str], out: Output) -> int:
    flags, words = _split(given)
    if "--version" in flags and not words:
        from . import VERSION

        return out.answer({"schema": "factory.version/1", "version": VERSION}, f"factory {VERSION}")
    if not words and not KNOWN_ALONE.issuperset(flags):
        from .arguments import Usage

        raise Usage("factory: no such flag.", why="there is no command, and it is for none", fix="factory help")
    if not words or words[0] == "help":
        from .topics import show

        return show(next((word for word in words[1:] if not word.startswith("-")), ""), COMMANDS, out)
    from .arguments import call

    return call([*words, *flags], COMMANDS, out)


def _split(given: list[str]) -> tuple[list[str], list[str]]:
    """The flags before the command, and everything from the command on."""
    at = 0
    while at < len(given) and given[at].startswith("-"):
        at += 2 if given[at] == "--format" else 1
    return given[:at], given[at:]


def _wants_json(given: list[str]) -> bool:
    return "--json" in given or "--format=json" in given or " --format json" in " ".join(["", *given])

"""Print what a shell needs to complete factory's commands and flags.

bash:  factory completion bash > ~/.local/share/bash-completion/completions/factory
zsh:   factory completion zsh > a directory of $fpath, as _factory
"""

from __future__ import annotations

import argparse

import shtab

from .arguments import Parser, parser_of
from .main import COMMANDS
from .output import Output


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell that is to complete them")


def run(args: argparse.Namespace, out: Output) -> int:
    script = shtab.complete(_whole(), args.shell)
    return out.answer({"schema": "factory.completion/1", "shell": args.shell, "script": script}, script.rstrip("\n"))


def _whole() -> argparse.ArgumentParser:
    """All commands under one parser, as shtab reads it."""
    whole = Parser(prog="factory", description="factory", allow_abbrev=False)
    commands = whole.add_subparsers(parser_class=Parser)
    for name, (module, summary, _) in COMMANDS.items():
        if name != "help":
            one = parser_of(name, module)
            commands.add_parser(name, help=summary, parents=[one], add_help=False)
    return whole

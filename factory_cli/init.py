"""Look at the git repository here, write factory.config.yaml and lines of .gitignore, overwrite nothing."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path
from typing import NamedTuple

import yaml

from adapters.local.wiring import load_config
from adapters.registry import USUAL, VENDORS, vendor
from factory_core.errors import StoppedByRule

from .arguments import Usage, refuse_to_ask, why_silent
from .output import Output
from .place import FILE
from .repository import Found, look

EXAMPLE = "factory init --repo acme/api --yes"
IGNORED = (".env", "factory.db*", ".factory/")
ROLES = {"tracker": "intentProvider", "chat": "clarificationChannel", "code": "outputTarget"}


class Choice(NamedTuple):
    tracker: str
    chat: str
    code: str
    repo: str
    channel: str


def arguments(parser: argparse.ArgumentParser) -> None:
    for role, where in (("tracker", "tickets are"), ("chat", "people are asked"), ("code", "pull requests are")):
        usual = USUAL[ROLES[role]]
        parser.add_argument(f"--{role}", metavar="NAME", default="", help=f"where {where} (default {usual})")
    parser.add_argument("--repo", metavar="OWNER/NAME", default="", help="where tickets are worked on (default: found)")
    parser.add_argument("--channel", metavar="ID", default="", help="the chat's channel for questions")
    parser.add_argument("--force", action="store_true", help=f"write {FILE} anew")
    parser.add_argument("--yes", action="store_true", help="take the defaults, ask nothing")
    parser.add_argument("--dry-run", action="store_true", help="show what would be written")


def run(args: argparse.Namespace, out: Output) -> int:
    found = look(Path.cwd())
    out.say(f"Found: {found.words}.")
    choice = _choice(args, found, out)
    text, path = config_text(choice, found), Path(FILE)
    if args.dry_run:
        return out.answer({"schema": "factory.init/1", "wrote": [], "config": text}, text)
    wrote = _write(path, text, args, out)
    added = ignore(Path.cwd(), IGNORED)
    load_config(path)
    return out.answer(_document(wrote, added, choice, found), _words(wrote, added, choice, text))


def _choice(args: argparse.Namespace, found: Found, out: Output) -> Choice:
    """Flags first; then a person's answer where one can be asked; then the defaults."""
    ask = not args.yes and not why_silent(args, out)
    named = {role: _provider(args, role, ask, out) for role in ROLES}
    repo = args.repo or (_asked("Which repository should tickets go to?", found.repo, out) if ask else found.repo)
    if not repo:
        refuse_to_ask(
            args, out, "pass --repo: no git remote names the repository", "factory init --repo acme/api --yes"
        )
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise Usage("A repository is OWNER/NAME.", why="it is not", fix=EXAMPLE)
    chat = VENDORS[named["chat"]].settings()
    question = f"In which {chat.title} channel are people asked (its id)?"
    channel = args.channel or (_asked(question, "", out) if chat.missing_key() and ask else "")
    return Choice(**named, repo=repo, channel=channel)


def _provider(args: argparse.Namespace, role: str, ask: bool, out: Output) -> str:
    key, default = ROLES[role], USUAL[ROLES[role]]
    given = getattr(args, role) or (_asked(f"Which {role}?", default, out) if ask else default)
    vendor(given if re.fullmatch(r"[a-z-]{1,20}", given) else "that", key, FILE)
    return str(given)


def _asked(question: str, default: str, out: Output) -> str:
    out.say(f"{question}  [{default}]")
    return sys.stdin.readline().strip() or default


def config_text(choice: Choice, found: Found) -> str:
    """About twenty lines, each with what it is for."""
    lines = [
        ("tenant: default", "part of the webhooks' addresses"),
        (f"intentProvider: {choice.tracker}", "where tickets are"),
        (f"clarificationChannel: {choice.chat}", "where people are asked"),
        (f"outputTarget: {choice.code}", "where pull requests are"),
        ("repositories:", ""),
        (f"  {choice.repo}:", ""),
        (f"    base: {_yaml(found.base)}", "where work starts, and where it is merged"),
        *(
            [(f"    setup: {_yaml(found.setup)}", "before the agent; may reach package registries")]
            if found.setup
            else []
        ),
        *([(f"    verify: {_yaml(found.verify)}", "run by the factory before a pull request")] if found.verify else []),
        ("routing:", "or byLabel, byProject, byKeyword; without a route nothing starts"),
        (f"  default: {choice.repo}", ""),
        ("agents:", ""),
        ("  engine: claude", "or codex; console needs nothing and only plays"),
        ("  maxUsd: 10", "one run is stopped there"),
        ("capacity:", ""),
        ("  agents: 2", "at work at once"),
        ("merge:", ""),
        ("  policy: never", "or on-green, on-green-with-review"),
        *_chat(choice),
    ]
    commented = (f"{text:32}# {why}" if why else text for text, why in lines)
    return "\n".join(["# Every key: docs/connect.md. Secrets are never in this file: factory connect", *commented, ""])


def _chat(choice: Choice) -> list[tuple[str, str]]:
    chat = VENDORS[choice.chat].settings()
    if not (key := chat.missing_key()):
        return []
    where = "" if choice.channel else chat.channel_hint
    return [(f"{choice.chat}:", ""), (f"  {key}: {_yaml(choice.channel)}", where)]


def _yaml(text: str) -> str:
    """One scalar, quoted where YAML wants it."""
    return str(yaml.safe_dump(text, default_flow_style=True, width=1000)).removesuffix("...\n").strip()


def _write(path: Path, text: str, args: argparse.Namespace, out: Output) -> bool:
    """Whether it was written; raise StoppedByRule where that would overwrite something else."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    if before == text:
        return False
    if before:
        old, new = before.splitlines(), text.splitlines()
        changed = list(difflib.unified_diff(old, new, FILE, "as init would write it", lineterm=""))
        out.say("\n".join(changed))
        if not args.force:
            count = max(sum(line[:1] == sign for line in changed[2:]) for sign in "+-")
            what = f"{FILE} exists and differs in {count} {'line' if count == 1 else 'lines'} (shown above)."
            raise StoppedByRule(what, why="init overwrites nothing; keep it, or force it", fix="factory init --force")
    path.write_text(text, encoding="utf-8")
    return True


def ignore(directory: Path, wanted: tuple[str, ...]) -> int:
    """Add lines to .gitignore; how many were new."""
    path = directory / ".gitignore"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    new = [line for line in wanted if line not in before.splitlines()]
    if new:
        gap = "" if not before or before.endswith("\n") else "\n"
        path.write_text(before + gap + "\n".join(new) + "\n", encoding="utf-8")
    return len(new)


def _words(wrote: bool, added: int, choice: Choice, text: str) -> str:
    files = [f"{FILE} ({len(text.splitlines())} lines)"] if wrote else []
    files += [f".gitignore (+{added} {'line' if added == 1 else 'lines'})"] if added else []
    first = f"Wrote: {'   '.join(files)}" if files else "Nothing to write: all is there already."
    then = [name for name in dict.fromkeys((choice.chat, choice.code)) if name != choice.tracker]
    steps = [
        ("factory demo", "see it work, no accounts needed"),
        (f"factory connect {choice.tracker}", f"then {', then '.join(then)}" if then else "and check it"),
        ("factory serve", ""),
    ]
    lines = "\n".join(f"{'Next:' if n == 0 else '':6} {step:26} {why}".rstrip() for n, (step, why) in enumerate(steps))
    return f"{first}\n\n{lines}\n\nSame again without questions: {_same(choice)}"


def _same(choice: Choice) -> str:
    """The command with public values alone: a channel that looks like an id, names that were checked."""
    channel = f" --channel {choice.channel}" if re.fullmatch(r"[A-Z0-9]{6,15}", choice.channel) else ""
    roles = f"--tracker {choice.tracker} --chat {choice.chat} --code {choice.code}"
    return f"factory init {roles} --repo {choice.repo}{channel} --yes"


def _document(wrote: bool, added: int, choice: Choice, found: Found) -> dict[str, object]:
    steps = [["factory", "demo"], ["factory", "connect", choice.tracker], ["factory", "serve"]]
    files = [FILE] * wrote + [".gitignore"] * bool(added)
    chosen, seen = choice._asdict(), found._asdict()
    return {"schema": "factory.init/1", "wrote": files, "choice": chosen, "found": seen, "next": steps}

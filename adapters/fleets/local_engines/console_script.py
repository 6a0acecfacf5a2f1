"""Plays an agent: reads the task from standard input, edits and commits in the current directory, prints JSON lines.

Lines of the task steer it:
    console: fail               ends with a failure; `fail once`: only the first time for this item
    console: ask Which one?     ends with the question, the first time for this item
    console: no change          ends well and touches nothing
    console: sleep 5            takes that many seconds, between turns
    console: hang               never says anything again
    console: write a/b = text   writes that file, inside the work tree only
Without any it writes down what was asked, in changes/<KEY>.md.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

STEER = re.compile(r"^\W*console: *(.+?)\s*$", re.MULTILINE)


def main() -> int:
    about = _arguments()
    task = sys.stdin.read()
    orders = STEER.findall(task)
    _say(type="started", session=about.session)
    _turn("reading the task")
    for order in orders:
        _wait(order)
    words, ok = _what_to_say(orders, Path(about.memory))
    if ok and not words:
        words = "Nothing had to be changed." if "no change" in orders else _work(about, task, orders)
    _say(type="done" if ok else "failed", words=words)
    return 0 if ok else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in ("memory", "key", "title", "session"):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def _say(**event: object) -> None:
    print(json.dumps(event), flush=True)


def _turn(doing: str) -> None:
    _say(type="turn", doing=doing, input_tokens=1200, output_tokens=80, usd="0.01")


def _wait(order: str) -> None:
    if order == "hang":
        time.sleep(86_400)
    seconds = re.fullmatch(r"sleep (\d+(?:\.\d+)?)", order)
    end = time.monotonic() + float(seconds[1] if seconds else 0)
    while time.monotonic() < end:
        time.sleep(min(0.5, max(0.0, end - time.monotonic())))
        _turn("thinking")


def _what_to_say(orders: list[str], memory: Path) -> tuple[str, bool]:
    """The words that end the run at once, and whether it ends well; no words: there is work to do."""
    if "fail" in orders or ("fail once" in orders and _first_time("failed", memory)):
        return "The task said that it fails.", False
    for order in orders:
        if order.startswith("ask ") and _first_time("asked", memory):
            return f"QUESTION: {order[4:]}", True
    return "", True


def _first_time(what: str, memory: Path) -> bool:
    """Has this not been done for the item before? The work tree may be made anew, so it is kept beside it."""
    memory.mkdir(parents=True, exist_ok=True)
    mark = memory / what
    seen = mark.exists()
    mark.touch()
    return not seen


def _work(about: argparse.Namespace, task: str, orders: list[str]) -> str:
    written = [_write(*order[6:].split("=", 1)) for order in orders if order.startswith("write ") and "=" in order]
    if not written:
        written = [_write_down(about, task)]
    _turn(f"writing {', '.join(written)}")
    _commit(f"Work on {about.key}", written)
    _turn("committed")
    return f"Changed {', '.join(written)}."


def _write(name: str, content: str) -> str:
    """Write a file of the work tree; a path that leads out of it is an error, and the run fails with it."""
    root = Path.cwd().resolve()
    path = (root / name.strip()).resolve()
    inside = path.relative_to(root)
    if inside.parts[:1] == (".git",):
        raise ValueError("not into .git")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content.strip() + "\n", encoding="utf-8")
    return str(inside)


def _write_down(about: argparse.Namespace, task: str) -> str:
    """Add what was asked this time to the item's own file; so every run changes something."""
    name = Path("changes") / (re.sub(r"[^\w.-]+", "-", about.key).strip("-.") + ".md")
    name.parent.mkdir(exist_ok=True)
    begun = name.exists()
    asked = "\n".join(line for line in task.split("\n") if not STEER.match(line)).strip()
    with name.open("a", encoding="utf-8") as file:
        file.write(f"\n## Then\n\n{asked}\n" if begun else f"# {about.title}\n\n{asked}\n")
    return str(name)


def _commit(message: str, files: list[str]) -> None:
    for command in (["add", "--", *files], ["commit", "--quiet", "--allow-empty", "-m", message]):
        subprocess.run(["git", *command], check=True, stdout=sys.stderr)  # noqa: S603, S607


if __name__ == "__main__":
    sys.exit(main())

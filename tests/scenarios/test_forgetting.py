"""What is forgotten is nowhere any more: one of its words is looked for in every file below the factory's folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from factory_core.dispatch.records import State

from .sandbox_thread import world
from .server_process import ROOT, Home, factory, until

WORD = "Zebulonine"
TICKET = f"The cart says `total`. {WORD} wants `amount`.\n\nAcceptance criteria:\n- [ ] `cart.py` has `amount()`\n"


def forget(home: Home, key: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "factory_cli", "forget", key, f"--config={home.config}", *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home.path)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)


def places_of(word: str, folder: Path) -> list[str]:
    """The files that hold it or are named by it, and what git says of the commits in the mirrors."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = [str(path) for path in files if word.lower() in path.name.lower() or _holds(path, word)]
    for mirror in folder.glob(".factory/fleet/*/repos/*.mirror"):
        objects = ["git", "-C", str(mirror), "cat-file", "--batch-all-objects", "--batch"]
        said = subprocess.run(objects, check=True, capture_output=True).stdout
        found += [str(mirror)] if word.lower().encode() in said.lower() else []
    return found


def _holds(path: Path, word: str) -> bool:
    try:
        return word.lower().encode() in path.read_bytes().lower()
    except FileNotFoundError:  # it went away meanwhile
        return False


def test_forgotten_words_stay_nowhere(tmp_path: Path) -> None:
    """By command, of a ticket that was never merged; and by the time that is documented, of one that was deleted."""
    with world() as w, factory(w, tmp_path, merge={"policy": "never"}, runner={"keepFinished": "1s"}) as (home, _):
        by_hand = w.ticket(f"Rename the total for Ms {WORD}", TICKET)
        deleted = w.ticket(f"Count the total for Ms {WORD}", TICKET)
        for key in (by_hand, deleted):
            home.in_state(key, State.IN_REVIEW)
        assert len(places_of(WORD, tmp_path)) > 5

        refused = forget(home, by_hand, "--yes")
        assert refused.returncode == 5 and f"factory pipeline abort {by_hand}" in refused.stderr
        w.call(w.sandbox.linear.remove_issue, deleted)
        until(lambda: home.record(deleted) is None)

        abort = [sys.executable, "-m", "factory_cli", "pipeline", "abort", by_hand, "--yes", f"--config={home.config}"]
        subprocess.run(abort, cwd=ROOT, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)}, check=True)
        home.in_state(by_hand, State.CANCELLED)
        assert "Nothing was changed." in forget(home, by_hand, "--dry-run").stdout
        done = forget(home, by_hand, "--yes", "--json")
        assert done.returncode == 0 and '"changed": true' in done.stdout
        until(lambda: home.record(by_hand) is None)
        until(lambda: not places_of(WORD, tmp_path))

"""What came of an item, counted in the world: at the sandbox, in git, and in the fleet's directories."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from typing import Any, NamedTuple

from .sandbox_thread import World
from .server_process import Home

CLEAR = (
    "The cart says `total` where the API says `amount`. Rename it in `cart.py`.\n\n"
    "Acceptance criteria:\n- [ ] `cart.py` has `amount()` and no `total()`\n- [ ] the test uses the new name\n"
)
VAGUE = "Can we make it nicer?"
ANSWER = "Only in the page: show `amount` instead of `total`."


class Count(NamedTuple):
    """Of one item: everything that must exist once, or not at all."""

    state: str
    states: tuple[
        str, ...
    ]  # of the ticket, in order, without "In Progress" after "Ready for Agent": see `surely_shown`
    questions: int
    thread_messages: int  # of the factory: the question and the end
    comments: int
    attachments: int
    pull_requests: int
    merged: int
    commits_on_main: int
    runs: int


DONE_CLEAR = Count("Done", ("Ready for Agent", "In Review", "Done"), 0, 0, 2, 1, 1, 1, 1, 1)
DONE_VAGUE = DONE_CLEAR._replace(questions=1, thread_messages=2)


def counted(world: World, home: Home, key: str) -> Count:
    state = world.state()
    issue = state["linear"]["issues"][key]
    place = state["github"]["repositories"]["acme/shop"]
    pulls = [pull for pull in place["pulls"] if _is_of(pull["head"], key)]
    threads = [thread for thread in state["slack"]["threads"].values() if f"{key}:" in thread[0]["text"]]
    subjects = _git(place["path"], "log", "--format=%s", "main").splitlines()
    return Count(
        state=issue["state"],
        states=surely_shown(issue["states"]),
        questions=len(threads),
        thread_messages=sum(message["user"] == "U0FACTORY" for thread in threads for message in thread),
        comments=len(issue["comments"]),
        attachments=len(issue["attachments"]),
        pull_requests=len(pulls),
        merged=sum(pull["merged"] for pull in pulls),
        commits_on_main=sum(subject.startswith(f"{key}:") for subject in subjects),
        runs=len([path for path in home.run_directories() if path.name.startswith(runs_begin(home, key))]),
    )


def surely_shown(states: list[str]) -> tuple[str, ...]:
    """A run may end before its ticket is moved to "In Progress", and the late move is rightly dropped."""
    late = ("Ready for Agent", "In Progress")
    return tuple(state for before, state in pairwise(["", *states]) if (before, state) != late)


def runs_begin(home: Home, key: str) -> str:
    """What the names of the item's runs begin with."""
    record = home.record(key)
    return f"{record.work_item_id if record else key}.".replace(":", ".")


def branches(world: World) -> list[str]:
    place = world.state()["github"]["repositories"]["acme/shop"]
    return _git(place["path"], "branch", "--format=%(refname:short)").splitlines()


def pulls_of(world: World, key: str) -> list[Any]:
    place = world.state()["github"]["repositories"]["acme/shop"]
    return [pull for pull in place["pulls"] if _is_of(pull["head"], key)]


def _is_of(branch: str, key: str) -> bool:
    return branch.startswith(f"factory/{key}-")


def _git(path: str, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=path, check=True, capture_output=True, text=True).stdout

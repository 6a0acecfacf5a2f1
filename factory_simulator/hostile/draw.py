"""What the hostile engine does, drawn from a number: several runs of several items in one home."""

from __future__ import annotations

from random import Random
from typing import Literal

from factory_core.work_item import Frozen

Engine = Literal["claude", "codex"]

WORK = (
    "write",
    "write",
    "append",
    "add_all",
    "commit_all",
    "commit_all",
    "remove_file",
    "merge_base",
    "rename",
    "revert",
)
TREE = (
    "markers", "secret_file", "key_file", "nested_repository", "gitlink", "symlink_out", "symlink_loop", "huge_file",
    "odd_names", "unreadable_directory", "submodule_file", "fifo", "deep_directories", "case_clash", "attributes",
)  # fmt: skip
GIT = (
    "merge_halfway", "rebase_halfway", "stash", "detach", "other_branch", "rename_branch", "reset_back", "orphan",
    "amend_root", "tags", "configuration", "hooks", "alias", "filter", "alternates", "replace_object", "grafts",
    "head_elsewhere", "commondir", "git_file", "worktree", "many_refs", "skip_worktree", "shallow",
)  # fmt: skip
DESTROY = (
    "remove_git", "remove_index", "empty_index", "broken_index", "remove_refs", "remove_objects", "broken_object",
    "broken_content", "remove_files", "remove_tree", "lock_files", "read_only", "broken_head",
)  # fmt: skip
REACH = ("write_above", "write_mirror", "write_owner", "write_other_tree", "forge_result", "write_home", "read_secret")
NEEDS_WALL = frozenset({*REACH, "symlink_out", "git_file", "worktree", "commondir", "configuration"})
"""Nothing but the wall keeps these from changing what is not the agent's: without one they are not played."""
PROCESSES = ("daemon", "double_fork", "deaf_daemon", "late_writer", "holds_stdout", "children")
OUTPUT = (
    "flood", "long_line", "unicode_lines", "bytes_that_are_no_text", "not_json", "odd_json", "wrong_session",
    "absurd_usage", "deep_json", "stderr_flood", "tool_without_end",
)  # fmt: skip
ENDINGS = (
    "done", "done", "done", "done", "done", "done", "silent", "asks", "error", "limit", "exit", "signal", "hang",
    "hang_after", "two_closings", "closes_stdout", "ends_supervisor_group",
)  # fmt: skip


class Act(Frozen):
    """One thing that the engine does, and a number for what it chooses."""

    kind: str
    number: int = 0


class HostileRun(Frozen):
    """One run: what is done, how it ends, and when somebody stops it or its supervisor is killed."""

    acts: tuple[Act, ...]
    ending: str = "done"
    stop_after: float = 0.0  # seconds; 0: nobody stops it
    kill_after: float = 0.0  # seconds until SIGKILL for its supervisor; 0: never
    fresh: bool = False  # a failed attempt is tried again: without the session


class HostileItem(Frozen):
    runs: tuple[HostileRun, ...]


class HostileDraw(Frozen):
    """`together`: the items' runs go on at the same time. `moves`: the base moves between the runs."""

    seed: int
    engine: Engine = "claude"
    items: tuple[HostileItem, ...]
    together: bool = False
    moves: bool = False
    restarts: bool = False  # the server is another one for each run
    another: bool = False  # at last an engine that does nothing wrong goes on with the first item, and takes a new one
    person: Literal["", "between", "meanwhile"] = ""  # when somebody pushes to the item's branch, as to its runs


def draw_hostile(seed: int) -> HostileDraw:
    chance = Random(f"hostile {seed}")  # noqa: S311 (the same number, the same play)
    two = chance.random() < 0.2
    items = tuple(
        HostileItem(
            runs=tuple(_run(chance) for _ in range(chance.choice((1, 1, 1, 1, 2) if two else (1, 1, 1, 2, 2, 3))))
        )
        for _ in range(2 if two else 1)
    )
    return HostileDraw(
        seed=seed,
        engine=chance.choice(("claude", "claude", "codex")),
        items=items,
        together=two and chance.random() < 0.6,
        moves=chance.random() < 0.4,
        restarts=chance.random() < 0.15 and not two,
        another=chance.random() < 0.35,
        person=chance.choice(("", "", "", "", "between", "meanwhile")),
    )


def _run(chance: Random) -> HostileRun:
    kinds = [*(chance.choice(WORK) for _ in range(chance.randint(0, 3)))]
    groups = chance.choices((TREE, GIT, DESTROY, REACH, PROCESSES, OUTPUT), (4, 4, 2, 2, 2, 3), k=chance.randint(1, 4))
    kinds += [chance.choice(group) for group in groups]
    kinds += [chance.choice(WORK) for _ in range(chance.randint(0, 2))]
    ending = chance.choice(ENDINGS)
    stopped = ending == "hang" and chance.random() < 0.6
    killed = not stopped and chance.random() < 0.05
    return HostileRun(
        acts=tuple(Act(kind=kind, number=chance.randrange(1000)) for kind in kinds),
        ending=ending,
        stop_after=round(chance.uniform(0.1, 0.8), 2) if stopped else 0.0,
        kill_after=round(chance.uniform(0.1, 1.0), 2) if killed else 0.0,
        fresh=chance.random() < 0.4,
    )

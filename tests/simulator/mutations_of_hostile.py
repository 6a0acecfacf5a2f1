"""Small mistakes where an agent's work becomes a branch: each breaks a law in a draw that is made for it."""

# ruff: noqa: E501 (a table)
from __future__ import annotations

from typing import Any, NamedTuple

from factory_simulator.hostile.draw import Act, HostileDraw, HostileItem, HostileRun

from .mutation import Mutation

FLEET = "adapters.fleets.local_engines."


class HostileMutation(NamedTuple):
    """`places` are changed at once: module and function, the old text, the new one."""

    name: str
    law: str
    draw: HostileDraw
    places: tuple[tuple[str, str, str], ...]

    @property
    def mutations(self) -> tuple[Mutation, ...]:
        return tuple(Mutation(self.name, self.law, FLEET + where, old, new) for where, old, new in self.places)


def made(*runs: str, **changes: Any) -> HostileDraw:
    """One item; each run in words: its acts, then its ending."""
    drawn = []
    for words in runs:
        *acts, ending = words.split()
        drawn.append(HostileRun(acts=tuple(Act(kind=kind, number=1) for kind in acts), ending=ending))
    return HostileDraw(seed=1, items=(HostileItem(runs=tuple(drawn)),), **changes)


WALLED = "self.errand.enclosure.wall.command(argv, self.reach, self.space.tree)"
NO_WALL = ("rounds:Rounds._call", WALLED, "list(argv)")
WORKS = made("commit_all done")

HOSTILE_MUTATIONS = (
    HostileMutation("an engine has no wall", "nothing-outside-changes", made("write_owner commit_all done"), (NO_WALL,)),
    HostileMutation("an engine can write the home of the fleet", "nothing-outside-changes",
                    made("commit_all done", "forge_result write_mirror done"),
                    (("rounds:Rounds._call", WALLED, WALLED.replace("self.reach,", "self.reach.plus(Reach(writable=(self.errand.home,))),")),)),
    HostileMutation("what leaves its parents lives on", "nothing-lives-on", made("double_fork commit_all done"),
                    (NO_WALL, ("processes:adopt_orphans", 'sys.platform == "linux"', "False"))),
    HostileMutation("marks of a conflict are passed over", "pushed-work-is-clean", made("markers done"),
                    (("examination:_contents", "marks > (", "False and ("),)),
    HostileMutation("files for secrets are passed over", "pushed-work-is-clean", made("key_file done"),
                    (("examination:_secret_names", "if is_secret_name(change.path) and", "if False and"),
                     ("examination:_contents", "secret[change.path] = ", "_ = "))),
    HostileMutation("a repository inside the tree is passed over", "pushed-work-is-clean", made("gitlink done"),
                    (("examination:_submodules", "== _GITLINK", "== 0"),)),
    HostileMutation("a change that is taken back is published", "pushed-work-is-clean", made("commit_all revert done"),
                    (("examination:_differs", "return False", "return True"),)),
    HostileMutation("the base is pushed", "only-its-branch-is-pushed", WORKS,
                    (("publish:_push", "refs/heads/{space.order.branch}", "refs/heads/{space.order.base}"),)),
    HostileMutation("what people pushed is overwritten", "people-keep-their-commits",
                    made("commit_all done", "write commit_all done", person="meanwhile"),
                    (("publish:_push_unless_behind", "_push(space, head)", '_push(space, head, "--force")'),)),
    HostileMutation("an end is reported to each server", "one-end-with-a-reason",
                    made("commit_all done", "commit_all done", restarts=True),
                    (("fleet:LocalFleet._until_reported", "run.save_reported()", "pass"),)),
    HostileMutation("a run that is ended has no reason", "one-end-with-a-reason", made("hang"),
                    (("supervise:_report", '"why": ending.why', '"why": ""'),)),
    HostileMutation("a damaged clone is gone on with", "the-next-one-works", made("broken_content done", another=True),
                    (("workspace:distrust", '(space.tree / ".git/index").unlink()', "pass"),)),
    HostileMutation("the supervisor stumbles over a clean tree", "the-fleet-survives", WORKS,
                    (("rounds:Rounds._publish", "examined.differs", "examined.change"),)),
)  # fmt: skip

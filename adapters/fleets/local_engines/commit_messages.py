"""What an agent wrote into its commits beside the tree, made safe before it is pushed: it goes where the work goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from factory_core.text.foreign_text import for_commit

from .environment import GIT
from .workspace import Workspace


class Commit(NamedTuple):
    """As git's log tells it; dates are seconds since 1970 and the zone."""

    sha: str
    tree: str
    parents: str
    people: str
    author_date: str
    committer_date: str
    encoding: str
    message: str


_LOG = "--format=%H%x00%T%x00%P%x00%an <%ae> %cn <%ce>%x00%ad%x00%cd%x00%e%x00%B"
_OURS = "{GIT_AUTHOR_NAME} <{GIT_AUTHOR_EMAIL}> {GIT_COMMITTER_NAME} <{GIT_COMMITTER_EMAIL}>".format_map(GIT)


def clean_messages(space: Workspace, head: str, excluded: Sequence[str]) -> str:
    """Write the commits that are not published again, from the first one on whose message acts somewhere, or that
    somebody else than the factory seems to have made; the new head.

    Trees and dates stay, so the same commits always become the same ones. Raises GitFailed.
    """
    own, written = space.order.name, dict[str, str]()
    for commit in _new_commits(space, head, excluded):
        parents = [written.get(parent, parent) for parent in commit.parents.split()]
        message = for_commit(commit.message, own).rstrip("\n")
        is_ours = commit.people == _OURS and not commit.encoding
        if message != commit.message.rstrip("\n") or parents != commit.parents.split() or not is_ours:
            written[commit.sha] = _write(space, commit, parents, message)
    return written.get(head, head)


def _new_commits(space: Workspace, head: str, excluded: Sequence[str]) -> list[Commit]:
    """Parents before children."""
    log = ("log", "-z", "--reverse", "--topo-order", "--date=raw", _LOG, head, *excluded)
    fields = space.text_in_tree(*log).split("\0")
    size = len(Commit._fields)
    return [Commit(*fields[first : first + size]) for first in range(0, len(fields) - size + 1, size)]


def _write(space: Workspace, commit: Commit, parents: Sequence[str], message: str) -> str:
    dates = {"GIT_AUTHOR_DATE": commit.author_date, "GIT_COMMITTER_DATE": commit.committer_date}
    above = [part for parent in parents for part in ("-p", parent)]
    return space.text_in_tree("commit-tree", commit.tree, *above, "-m", message, by=dates)

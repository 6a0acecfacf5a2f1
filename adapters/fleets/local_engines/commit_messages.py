"""What an agent wrote into the messages of its commits, made safe before it is pushed: it goes where the work goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from factory_core.dispatch.foreign_text import for_commit

from .git import git
from .workspace import Workspace, published_heads


class Commit(NamedTuple):
    """As git's log tells it; dates are seconds since 1970 and the zone."""

    sha: str
    tree: str
    parents: str
    author: str
    author_email: str
    author_date: str
    committer: str
    committer_email: str
    committer_date: str
    message: str


_LOG = "--format=%H%x00%T%x00%P%x00%an%x00%ae%x00%ad%x00%cn%x00%ce%x00%cd%x00%B"


def clean_messages(space: Workspace) -> None:
    """Write the commits that are not published again, from the first one on whose message acts somewhere.

    Trees, authors and dates stay, so the same commits always become the same ones. Raises GitFailed.
    """
    own, written = space.order.name, dict[str, str]()
    for commit in _new_commits(space):
        parents = [written.get(parent, parent) for parent in commit.parents.split()]
        message = for_commit(commit.message, own).rstrip("\n")
        if message != commit.message.rstrip("\n") or parents != commit.parents.split():
            written[commit.sha] = _write(space, commit, parents, message)
    head = space.commit_of(space.tree, "HEAD")
    if head in written:
        space.local(space.tree, "update-ref", "HEAD", written[head], head)


def _new_commits(space: Workspace) -> list[Commit]:
    """Parents before children."""
    log = ("log", "-z", "--reverse", "--topo-order", "--date=raw", _LOG, "HEAD", "--not", *published_heads(space))
    fields = space.local(space.tree, *log).split("\0")
    size = len(Commit._fields)
    return [Commit(*fields[first : first + size]) for first in range(0, len(fields) - size + 1, size)]


def _write(space: Workspace, commit: Commit, parents: Sequence[str], message: str) -> str:
    people = {
        "GIT_AUTHOR_NAME": commit.author, "GIT_AUTHOR_EMAIL": commit.author_email,
        "GIT_AUTHOR_DATE": commit.author_date, "GIT_COMMITTER_NAME": commit.committer,
        "GIT_COMMITTER_EMAIL": commit.committer_email, "GIT_COMMITTER_DATE": commit.committer_date,
    }  # fmt: skip
    above = [part for parent in parents for part in ("-p", parent)]
    return git(
        space.tree, "commit-tree", commit.tree, *above, "-m", message,
        environment={**space.environment, **people}, tick=space.tick,
    )  # fmt: skip

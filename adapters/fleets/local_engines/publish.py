"""Pushing a run's commits to its branch at the code host, with the factory's own credential."""

from __future__ import annotations

from factory_core.dispatch.run import RunOrder
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal

from .git import GitFailed
from .workspace import Workspace


def publish(space: Workspace, vendor: str = "") -> str:
    """Push the run's head to its branch and give its sha. Raises Terminal for a refusal, else Retryable.

    Only what we ourselves pushed last is ever replaced: a person's commits on the branch make the push fail instead.
    `vendor`: whose credential it is; that it is refused is no failure of the run's.
    """
    try:
        return _publish(space)
    except GitFailed as error:
        if vendor and error.unauthorised:
            raise ConnectionLost(vendor, str(error)[-300:]) from None
        raise _problem(space.order, str(error)) from None


def _publish(space: Workspace) -> str:
    with space.alone(space.mirror):
        space.local(space.mirror, "fetch", "--quiet", "--", str(space.clone), f"+{space.finished}:{space.finished}")
        head = space.commit_of(space.mirror, space.finished)
        last = space.commit_of(space.mirror, space.published)
        if last and _contains(space, last, head):
            _push_unless_behind(space, last)  # it stands there, unless somebody deleted the branch
            return last
        if not _push_unless_behind(space, head):
            _push(space, head, f"--force-with-lease=refs/heads/{space.order.branch}:{last}")
        space.local(space.mirror, "update-ref", space.published, head)
        return head


def _contains(space: Workspace, commit: str, ancestor: str) -> bool:
    try:
        space.local(space.mirror, "merge-base", "--is-ancestor", ancestor, commit)
    except GitFailed:
        return False
    return True


def _push_unless_behind(space: Workspace, head: str) -> bool:
    """Push; False when the branch holds other commits."""
    try:
        _push(space, head)
    except GitFailed as error:
        if any(mark in str(error) for mark in ("non-fast-forward", "fetch first")):
            return False
        raise
    return True


def _push(space: Workspace, head: str, *how: str) -> None:
    target = f"{head}:refs/heads/{space.order.branch}"
    space.remote("push", "--porcelain", *how, "--", space.order.clone_url, target)


_REFUSALS = (
    "[rejected]",
    "[remote rejected]",
    "Authentication failed",
    "could not read Username",
    "error: 403",
    "not found",
)


def _problem(order: RunOrder, said: str) -> Problem:
    """A refusal is final; whatever else keeps git from pushing may pass."""
    what = f"The branch {order.branch} cannot be pushed to {order.repository}"
    why = said[-500:]
    if any(mark in said for mark in _REFUSALS):
        return Terminal(what, why=why, fix="factory check")
    return Retryable(what, why=why, fix="factory check")

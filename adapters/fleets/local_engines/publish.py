"""Pushing a run's commits to its branch at the code host, with the factory's own credential."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterator

from adapters.logs.redaction import Redactor
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal, VendorUnavailable
from factory_core.runs.run import RunOrder

from .git import GitFailed
from .git_directory import restore
from .workspace import Workspace, heads_at_host

_NO_SECRETS = Redactor()


def publish(space: Workspace, vendor: str = "", secrets: Redactor = _NO_SECRETS) -> str:
    """Push the run's head to its branch and give its sha. Raises Terminal for a refusal, else Retryable.

    Only what we ourselves pushed last is ever replaced: a person's commits on the branch make the push fail instead.
    `vendor`: whose credential it is; that it is refused is no failure of the run's. `secrets`: what the commits must
    not hold.
    """
    try:
        return _publish(space, secrets)
    except GitFailed as error:
        if vendor and error.unauthorised:
            raise ConnectionLost(vendor, str(error)[-300:]) from None
        raise _problem(space.order, str(error), vendor) from None


def _publish(space: Workspace, secrets: Redactor) -> str:
    with space.alone(space.mirror):
        if space.mirror.is_dir():
            restore(space.mirror, bare=True)
        head = space.commit_in_mirror(space.finished) if space.mirror.is_dir() else ""
        if not head:
            why = "its commits are not in the mirror, which was made anew since the run ended"
            raise Terminal(f"The work of {space.order.name} is gone", why=why, fix=_retry(space.order))
        _refuse_secrets(space, head, secrets)
        last = space.commit_in_mirror(space.published)
        if last and _contains(space, last, head):
            _push_unless_behind(space, last)  # it stands there, unless somebody deleted the branch
            return last
        if not _push_unless_behind(space, head):
            _push(space, head, f"--force-with-lease=refs/heads/{space.order.branch}:{last}")
        space.in_mirror("update-ref", space.published, head)
        return head


def _contains(space: Workspace, commit: str, ancestor: str) -> bool:
    try:
        space.in_mirror("merge-base", "--is-ancestor", ancestor, commit)
    except GitFailed:
        return False
    return True


def _push_unless_behind(space: Workspace, head: str) -> bool:
    """Push; False when the branch holds other commits."""
    try:
        _push(space, head)
    except GitFailed as error:
        if any(mark in str(error) for mark in _BEHIND):
            return False
        raise
    return True


def _push(space: Workspace, head: str, *how: str) -> None:
    target = f"{head}:refs/heads/{space.order.branch}"
    space.remote("push", "--porcelain", *how, "--", space.order.clone_url, target)


def _refuse_secrets(space: Workspace, head: str, secrets: Redactor) -> None:
    """Raise Terminal when the new lines of a file, its name or a message hold the value of a known secret."""
    for _, part in itertools.groupby(_published(space, head), lambda one: one[0].rpartition(":")[0]):
        places, lines = zip(*part, strict=True)
        if secrets.holds("\n".join(lines)):
            last = bisect.bisect_left(range(1, len(lines)), True, key=lambda n: secrets.holds("\n".join(lines[:n])))
            what = f"The branch {space.order.branch} is not pushed: it holds a secret of the factory"
            where = secrets(places[last])
            why = f"the value of a secret that this machine knows stands in {where}; everybody who sees it could use it"
            raise Terminal(what, why=why, fix=_retry(space.order))


def _published(space: Workspace, head: str) -> Iterator[tuple[str, str]]:
    """Each line that a push of these commits would publish, and where it stands: `notes.txt:3`."""
    known = [f"^{one}" for one in heads_at_host(space) if one]
    for line in space.in_mirror("log", "--format=%an%n%ae%n%cn%n%ce%n%B", head, *known).split("\n"):
        yield "a commit's message", line
    patch = ("log", "--patch", "--unified=0", "--diff-merges=combined", "--text", "--no-ext-diff", "--no-textconv")
    name, number, marks = "", 0, 1  # number 0: no line of the file, but what stands above them
    for line in space.in_mirror(*patch, "--format=", head, *known).split("\n"):
        if line.startswith("diff --"):
            number = 0
        if hunk := _HUNK.match(line):
            number, marks = int(hunk["first"]), len(hunk["at"]) - 1
        elif not number:
            name = line[4:].removeprefix("b/") if line.startswith("+++ ") else name
            yield "the name of a file", line
        elif "-" not in line[:marks]:
            yield f"{name}:{number}", line if "+" in line[:marks] else ""
            number += 1


_HUNK = re.compile(r"(?P<at>@@+) (?:-\S+ )+\+(?P<first>\d+)(?:,\d+)? @@")


def _retry(order: RunOrder) -> str:
    return f'factory pipeline retry {order.name} --reason "its work could not be published"'


_REASON = re.compile(r"\[(?:remote )?rejected\]\s*\((.*?)\)(?=\s*!|\s*$)", re.MULTILINE)
_PASSING = re.compile(
    r"internal (server )?error|cannot lock ref(?!.*; cannot create)|unable to (lock|create|migrate)"
    r"|failed to (lock|update ref)|unpacker error"
    r"|tim(ed|e) ?out|unavailable|try again|temporar|too many|overloaded|^failure$|\b(429|5\d\d)\b",
    re.IGNORECASE,
)
_IN_THE_WAY = re.compile(r"'refs/heads/([^'\s]+)' exists; cannot create")
_BEHIND = ("non-fast-forward", "fetch first")
_REFUSED = ("Authentication failed", "could not read Username", "Permission denied (", "error: 403", "not found")


def _problem(order: RunOrder, said: str, vendor: str) -> Problem:
    """A refusal is final, unless its reason passes; whatever else keeps git from pushing may pass, too."""
    what = f"The branch {order.branch} cannot be pushed to {order.repository}"
    reasons = _REASON.findall(said)
    final = not all(map(_PASSING.search, reasons)) if reasons else any(mark in said for mark in _REFUSED)
    if any(mark in reason for reason in reasons for mark in ("stale info", *_BEHIND)):
        why = "commits that the factory did not push stand on it, and those are never replaced"
        fix = f"In {order.repository}: merge, rename or delete the branch {order.branch}; then {_retry(order)}"
        return Terminal(what, why=why, fix=fix)
    if found := _IN_THE_WAY.search(said):
        fix = f"In {order.repository}: rename or delete the branch {found[1]}; then {_retry(order)}"
        return Terminal(what, why=f"git cannot have it beside the branch {found[1]}", fix=fix)
    why, fix = _in_short(said), "factory check"
    if final:
        return Terminal(what, why=why, fix=fix)
    return VendorUnavailable(vendor, what, why=why, fix=fix) if vendor else Retryable(what, why=why, fix=fix)


def _in_short(said: str, most: int = 600) -> str:
    """The last words of the code host, without its decoration: rules and reasons end with the file or the address."""
    lines = (line.strip().removeprefix("remote:").strip(" -—") for line in said.splitlines())
    short = "\n".join(line for line in lines if line)
    return short if len(short) <= most else "…" + short[-most:]

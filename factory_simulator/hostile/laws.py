"""What must be true after each run of the hostile engine: in git, at the code host, among the processes."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping

from factory_core.runs.run import ENDED, RunReport, RunStatus

from .stage import Snapshot, Stage, branch, git

LAWS: Mapping[str, str] = {
    "nothing-outside-changes": "Nothing outside the item's own tree changes: files, refs, settings, other clones.",
    "only-its-branch-is-pushed": "At the code host nothing but the item's own branch moves, to the head that is named.",
    "pushed-work-is-whole": "What is pushed can be read by git, wholly, and follows the base that the run began from.",
    "pushed-work-is-its-own": "Nothing of another item, and nothing of the factory's, is in what is pushed.",
    "pushed-work-is-clean": "No conflict marker, no secret file, no gitlink and no empty change is pushed.",
    "people-keep-their-commits": "What a person pushed to an item's branch stays in it.",
    "one-end-with-a-reason": "A run has one end, which is reported once, with a reason unless it went well.",
    "nothing-lives-on": "No process of a run is alive after its end.",
    "the-fleet-survives": "Neither the server nor the supervisor meets a fault of its own.",
    "the-next-one-works": "Whatever a run left behind, another item's work is pushed, and its own attempts heal.",
}
SECRET = re.compile(rb"(^|/)(\.env(\..*)?|id_rsa|id_ed25519|.*\.pem)$")
MARKERS = re.compile(rb"^<<<<<<< .*^>>>>>>> ", re.MULTILINE | re.DOTALL)
WELL = frozenset({RunStatus.SUCCEEDED, RunStatus.NO_CHANGE, RunStatus.ASKED})
DIES_WITHIN = 5.0  # seconds


class Broken(Exception):
    """A law is broken."""

    def __init__(self, law: str, why: str) -> None:
        super().__init__(f"{law}: {why}")
        self.law, self.why = law, why


def changed(before: Snapshot, after: Snapshot, *allowed: str) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name) and not name.startswith(allowed):
            yield f"{name}: {before.get(name, 'absent')[:60]} → {after.get(name, 'absent')[:60]}"


def unchanged(what: str, before: Snapshot, after: Snapshot, *allowed: str) -> None:
    found = list(changed(before, after, *allowed)) if allowed else list(changed(before, after, "\0"))
    if found:
        raise Broken(
            "nothing-outside-changes", f"{what}: {found[0]}" + (f" and {len(found) - 1} more" if found[1:] else "")
        )


def ended_once(report: RunReport, reports: list[RunReport], *, killed: bool) -> None:
    same = [one for one in reports if one.run_id == report.run_id]
    if len(same) != 1:
        raise Broken("one-end-with-a-reason", f"{report.run_id} was reported {len(same)} times")
    if report.status not in ENDED or report.ended_at is None:
        raise Broken("one-end-with-a-reason", f"{report.run_id} was reported as {report.status}")
    if report.status not in WELL and not report.why.strip():
        raise Broken("one-end-with-a-reason", f"{report.run_id} is {report.status} without a reason")
    if "Traceback" in report.why:
        raise Broken("one-end-with-a-reason", f"the reason of {report.run_id} is a traceback")
    if "the supervisor failed" in report.why or (report.status is RunStatus.LOST and not killed):
        raise Broken("the-fleet-survives", f"{report.run_id}: {report.why}")


def nothing_lives(stage: Stage, run_id: str) -> None:
    """By what stands in their arguments and environment."""
    end = time.monotonic() + DIES_WITHIN
    while found := stage.alive(f"{stage.home}:{run_id}"):
        if time.monotonic() > end:
            raise Broken("nothing-lives-on", f"after {run_id}: {next(iter(found.values()))}")
        time.sleep(0.05)


def pushed_rightly(
    stage: Stage,
    item: str,
    sha: str,
    before: Mapping[str, str],
    base: str,
    tokens: Mapping[str, str],
    *,
    together: bool,
) -> None:
    """`base`: a commit of main that the work must follow; `tokens`: what stands in the work of each item."""
    ref, after = f"refs/heads/{branch(item)}", stage.heads()
    others = (f"refs/heads/{branch(other)}" for other in tokens if other != item) if together else ()
    moved = list(changed(before, after, ref, "refs/heads/main", *others))
    if moved or after.get(ref) != sha:
        raise Broken("only-its-branch-is-pushed", moved[0] if moved else f"{ref} is {after.get(ref)}, not {sha}")
    try:
        git(stage.bare, "rev-list", "--objects", "--quiet", sha)
        fork = git(stage.bare, "merge-base", base, sha)
    except subprocess.CalledProcessError as error:
        raise Broken(
            "pushed-work-is-whole", error.stderr.decode(errors="replace")[:300] or "no common ancestor"
        ) from None
    _clean(stage, item, sha, fork, tokens)


def keeps_commits(stage: Stage, item: str, commits: Iterable[str]) -> None:
    head = stage.heads().get(f"refs/heads/{branch(item)}", "")
    known = set(git(stage.bare, "rev-list", head).split()) if head else set()
    lost = [commit for commit in commits if commit not in known]
    if lost:
        raise Broken("people-keep-their-commits", f"{lost[0]} is not in the branch of {item} any more")


def _clean(stage: Stage, item: str, sha: str, fork: str, tokens: Mapping[str, str]) -> None:
    lines = _raw(stage, "diff-tree", "-r", "-z", "--no-renames", fork, sha).split(b"\0")
    entries = [(about.split(), name) for about, name in zip(lines[::2], lines[1::2], strict=False) if about]
    if not entries:
        raise Broken("pushed-work-is-clean", f"{item} changes nothing")
    foreign = [token.encode() for other, token in tokens.items() if other != item] + [stage.mark.encode() + b"\n"]
    for (_, mode, _, blob, status), name in entries:
        if status == b"D":
            continue
        if mode == b"160000":
            raise Broken("pushed-work-is-clean", f"{item} pushes the gitlink {name!r}")
        if SECRET.search(name):
            raise Broken("pushed-work-is-clean", f"{item} pushes {name!r}")
        content = _raw(stage, "cat-file", "blob", blob.decode())
        if MARKERS.search(content):
            raise Broken("pushed-work-is-clean", f"{item} pushes conflict markers in {name!r}")
        if any(token in content for token in foreign):
            raise Broken("pushed-work-is-its-own", f"{item} pushes what is not its own in {name!r}")


def _raw(stage: Stage, *arguments: str) -> bytes:
    command, environment = ["git", *arguments], {"PATH": os.environ["PATH"]}
    return subprocess.run(command, cwd=stage.bare, env=environment, check=True, capture_output=True).stdout  # noqa: S603

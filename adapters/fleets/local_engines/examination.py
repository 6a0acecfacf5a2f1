"""What keeps an agent's tree from being published, found by looking at it before anything leaves the machine."""

from __future__ import annotations

import contextlib
import itertools
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from adapters.logs.redaction import shaped_like_secrets

from .conflict_markers import conflict_markers
from .engine import short
from .git import GitFailed
from .proposal import CannotAdd, Proposal, matches, propose
from .secrets_in_files import is_secret_name
from .workspace import Start, Workspace

_GITLINK, _LINK = "160000", "120000"
_AT_ONCE = 64_000_000  # bytes of files that are read at a time
_NAMED, _LONGEST = 10, 200  # files in a finding's text, letters of a file's name
_NO_FILTER = (b"unspecified", b"unset", None)
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"
_OPERATIONS = {
    "MERGE_HEAD": "a merge", "CHERRY_PICK_HEAD": "a cherry-pick", "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase", "rebase-apply": "a rebase", "BISECT_LOG": "a bisect",
    "sequencer": "a cherry-pick or a revert",
}  # fmt: skip


class Finding(NamedTuple):
    """One reason not to publish. `text` is for the agent, or for the person that it goes to; it names the files."""

    name: str
    files: tuple[str, ...]
    text: str


class Examined(NamedTuple):
    """What may be published: nothing while there are findings, or when it does not differ from what is there."""

    findings: tuple[Finding, ...]
    proposal: Proposal | None = None
    differs: bool = False


class Change(NamedTuple):
    """A file that is added or changed; `before` is all zeros when it was not there."""

    mode: str
    sha: str
    before: str
    path: str


class _Work(NamedTuple):
    """What would be published: `new` are the changes of all new commits, `final` those from the fork to the head."""

    space: Workspace
    head: str
    start: Start
    new: list[Change]
    final: list[Change]


def examine(space: Workspace, start: Start) -> Examined:
    """Look at the whole tree and change nothing in it.

    Raises GitFailed for a clone that is damaged, which no agent can be asked to repair.
    """
    space.restore_tree()
    found = [*_operation(space), *_branch(space)] or _history(space, start)
    if found:
        return Examined(tuple(found))
    try:
        proposal = propose(space, start)
    except CannotAdd as error:
        text = f"git cannot add what you changed: {short(str(error), 300)}. Change that, or take it back."
        return Examined((Finding("cannot-be-added", (), text),))
    fork = space.text_in_tree("merge-base", proposal.head, start.base)
    commits = space.in_tree("rev-list", proposal.head, *start.excluded)
    if not commits or not _differs(space, proposal.head, start, fork):
        return Examined((), proposal)
    new = _changes(space, "--stdin", "-c", "--root", "--no-commit-id", given=commits)
    work = _Work(space, proposal.head, start, new, _changes(space, fork, proposal.head))
    looks = (_submodules, _links, _large, _secret_names, _contents, _messages, _filters)
    return Examined(tuple(finding for look in looks for finding in look(work)), proposal, differs=True)


def left_behind(proposal: Proposal) -> str:
    """A sentence for people about the files that were not published; empty without any."""
    return f"files that the agent did not add are not published: {_listed(proposal.left)}" if proposal.left else ""


def _operation(space: Workspace) -> Iterator[Finding]:
    begun = [words for name, words in _OPERATIONS.items() if (space.tree / ".git" / name).exists()]
    unmerged = sorted({line.partition(b"\t")[2] for line in space.in_tree("ls-files", "-u", "-z").split(b"\0") if line})
    files = tuple(name.decode(errors="surrogateescape") for name in unmerged)
    if begun or files:
        what = " and ".join(dict.fromkeys(begun)) or "a merge"
        at = f", with conflicts in {_listed(files)}" if files else ""
        text = f"You left {what} unfinished{at}. Finish it, or abort it."
        yield Finding("unfinished-operation", files, text)


def _branch(space: Workspace) -> Iterator[Finding]:
    wanted = space.order.branch
    with contextlib.suppress(GitFailed):
        if space.text_in_tree("symbolic-ref", "--quiet", "HEAD") == f"refs/heads/{wanted}":
            return
    text = f"HEAD is not on the branch `{wanted}`. Bring your work there, and leave it checked out."
    yield Finding("branch", (), text)


def _history(space: Workspace, start: Start) -> list[Finding]:
    """Does HEAD go on from where the work on this branch forked off, and from nothing else?"""
    head = space.commit_in_tree("HEAD")
    with contextlib.suppress(GitFailed):
        fork = space.text_in_tree("merge-base", start.head, start.base)
        space.in_tree("merge-base", "--is-ancestor", fork, head)
        if not space.in_tree("rev-list", "--max-parents=0", head, f"^{start.base}", f"^{start.head}"):
            return []
    origin = f"origin/{space.order.base}"
    text = f"The history of the branch does not go on from `{origin}` alone. Make your commits on top of it."
    return [Finding("history", (), text)]


def _differs(space: Workspace, head: str, start: Start, fork: str) -> bool:
    """From the base, and from what is published where the work goes on from that; merging the base counts, too."""

    def tree(commit: str) -> str:
        return space.text_in_tree("rev-parse", f"{commit}^{{tree}}")

    if tree(head) == tree(fork):
        return False
    if start.branch:
        with contextlib.suppress(GitFailed):  # it does not go on from there
            space.in_tree("merge-base", "--is-ancestor", start.branch, head)
            return tree(head) != tree(start.branch) or fork != space.text_in_tree(
                "merge-base", start.branch, start.base
            )
    return True


def _submodules(work: _Work) -> Iterator[Finding]:
    links = [change.path for change in work.final if change.mode == _GITLINK]
    if work.space.order.publish.submodules and links:
        listed = ("config", "-z", f"--blob={work.head}:.gitmodules", "--get-regexp", r"^submodule\..*\.path$")
        with contextlib.suppress(GitFailed):
            known = {entry.partition(b"\n")[2].decode() for entry in work.space.in_tree(*listed).split(b"\0")}
            links = [path for path in links if path not in known]
    if links := [*links, *_bare_repositories(change.path for change in work.final)]:
        text = (
            f"A repository inside the tree would be published with it: {_listed(links)}. Take it out of your commits."
        )
        yield Finding("repository", tuple(links), text)


def _bare_repositories(paths: Iterable[str]) -> list[str]:
    """Folders that git would take for a repository, with its settings and hooks, in every clone."""
    known = set(paths)
    heads = sorted(path.removesuffix("HEAD") for path in known if path == "HEAD" or path.endswith("/HEAD"))
    return [
        folder for folder in heads
        if all(any(path.startswith(f"{folder}{part}/") for path in known) for part in ("objects", "refs"))
    ]  # fmt: skip


def _links(work: _Work) -> Iterator[Finding]:
    links = [change for change in work.final if change.mode == _LINK]
    out = tuple(change.path for change, target in _read(work.space, links) if _leads_out(change.path, target))
    if out:
        text = f"These symbolic links lead out of the tree: {_listed(out)}."
        text += " Remove them, or let each point straight at a file of the tree."
        yield Finding("link-out-of-tree", out, text)


def _leads_out(path: str, target: bytes) -> bool:
    to = target.decode(errors="surrogateescape")
    turns = itertools.groupby(part for part in to.split("/") if part not in ("", "."))  # another link may make a detour
    if ".." in [part for part, _ in turns][1:]:
        return True
    ends = posixpath.normpath(posixpath.join(posixpath.dirname(path), to))
    return to.startswith("/") or ends == ".." or ends.startswith("../") or ".git" in ends.lower().split("/")


def _large(work: _Work) -> Iterator[Finding]:
    rules = work.space.order.publish
    large = [change.path for change, size in _sizes(work.space, work.new) if size > rules.max_file_size]
    if over := _once(path for path in large if not matches(path, rules.include)):
        text = f"These files are larger than {rules.max_file_size / 1e6:g} MB: {_listed(over)}. {_TAKE_OUT}"
        yield Finding("large-file", over, text)


def _secret_names(work: _Work) -> Iterator[Finding]:
    named = _once(
        change.path for change in work.new
        if is_secret_name(change.path) and not matches(change.path, work.space.order.publish.include)
    )  # fmt: skip
    old = {path for path in named if _is_in(work.space, work.start.base, path)}
    if secret := tuple(path for path in named if path not in old):
        text = f"These files are for secrets: {_listed(secret)}. {_TAKE_OUT}"
        yield Finding("secret-file", secret, text)


def _contents(work: _Work) -> Iterator[Finding]:
    """Secrets in any new commit, and marks of conflicts in the files as they are now."""
    now, marked, secret = set(work.final), list[str](), dict[str, int]()
    readable = [change for change, size in _sizes(work.space, {*work.new, *work.final}) if size <= _AT_ONCE]
    for change, content in _read(work.space, readable):
        new = (value for value in shaped_like_secrets(content) if not _holds(work.space, work.start.base, value))
        if value := next(new, b""):
            secret[change.path] = content.count(b"\n", 0, max(content.find(value), 0)) + 1
        if change in now and b"\0" not in content[:8000] and (marks := conflict_markers(content)):
            before = next(_read(work.space, [change._replace(sha=change.before)])) if change.before.strip("0") else None
            if marks > (conflict_markers(before[1]) if before else 0):
                marked.append(change.path)
    if files := _once(sorted(marked)):
        yield Finding("conflict-markers", files, f"Marks of a conflict stand in {_listed(files)}. Resolve it.")
    if secret:
        places = [f"{path}:{line}" for path, line in sorted(secret.items())]
        text = f"What looks like a secret stands in {_listed(places)}. {_TAKE_OUT}"
        yield Finding("secret", tuple(sorted(secret)), text)


def _messages(work: _Work) -> Iterator[Finding]:
    names = "\n".join(change.path for change in work.new).encode(errors="surrogateescape")
    if shaped_like_secrets(names):
        text = "What looks like a secret stands in the name of a file. Take it out of all commits of this branch."
        yield Finding("secret", (), text)
    if shaped_like_secrets(
        work.space.in_tree("log", "--format=%an%n%ae%n%cn%n%ce%n%B", work.head, *work.start.excluded)
    ):
        text = "What looks like a secret stands in the message of a commit. Write that commit again without it."
        yield Finding("secret", (), text)


def _filters(work: _Work) -> Iterator[Finding]:
    """Files that a filter turns into what is committed: the factory runs none. A pointer of Git LFS may be moved."""
    files = [change for change in work.final if change.mode not in (_GITLINK, _LINK)]
    given = "".join(f"{change.path}\0" for change in files).encode(errors="surrogateescape")
    said = work.space.in_tree("check-attr", "--stdin", "-z", "filter", given=given).split(b"\0") if files else []
    named = {path.decode(errors="surrogateescape"): value for path, value in zip(said[::3], said[2::3], strict=False)}
    there = set(re.findall(r"[0-9a-f]{40,64}(?=\t)", work.space.text_in_tree("ls-tree", "-r", work.start.base)))
    wrong = dict[str, list[str]]()
    for change, content in _read(work.space, [change for change in files if named.get(change.path) not in _NO_FILTER]):
        name = named[change.path].decode(errors="replace")
        is_moved = content.startswith(_POINTER) and change.sha in there
        if not (is_moved if name == "lfs" else matches(change.path, work.space.order.publish.include)):
            wrong.setdefault(name, []).append(change.path)
    for name, paths in wrong.items():
        what = (
            "Git LFS (git-lfs) stores these files"
            if name == "lfs"
            else f"The filter `{_shown(name)}` is for these files"
        )
        text = (
            f"{what}, and the factory does not run it: {_listed(paths)}. Bring them back to what they are on the base."
        )
        yield Finding("filter", tuple(paths), text)


_TAKE_OUT = "Take them out of all commits of this branch, not of the newest alone."


def _changes(space: Workspace, *arguments: str, given: bytes = b"") -> list[Change]:
    """Without what was deleted; of a merge, what differs from all its parents."""
    listing = space.in_tree("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", *arguments, given=given)
    tokens = listing.split(b"\0")
    found = []
    for head, path in zip(tokens[::2], tokens[1::2], strict=False):
        parents = len(head) - len(head.lstrip(b":"))
        fields = head.decode().lstrip(":").split()
        mode, before, sha = fields[parents], fields[parents + 1], fields[2 * parents + 1]
        if mode != "000000":
            found.append(Change(mode, sha, before, path.decode(errors="surrogateescape")))
    return found


def _sizes(space: Workspace, changes: Iterable[Change]) -> Iterator[tuple[Change, int]]:
    files = [change for change in changes if change.mode != _GITLINK]
    given = "".join(f"{change.sha}\n" for change in files).encode()
    said = space.in_tree("cat-file", "--batch-check=%(objectsize)", given=given).splitlines() if files else []
    yield from ((change, _size(change, line)) for change, line in zip(files, said, strict=True))


def _read(space: Workspace, changes: Sequence[Change]) -> Iterator[tuple[Change, bytes]]:
    """Their contents, some at a time."""
    some, total = list[Change](), 0
    for change, size in _sizes(space, changes):
        if some and total + size > _AT_ONCE:
            yield from _read_at_once(space, some)
            some, total = [], 0
        some.append(change)
        total += size
    yield from _read_at_once(space, some)


def _read_at_once(space: Workspace, changes: Sequence[Change]) -> Iterator[tuple[Change, bytes]]:
    given = "".join(f"{change.sha}\n" for change in changes).encode()
    rest = space.in_tree("cat-file", "--batch=%(objectsize)", given=given) if changes else b""
    for change in changes:
        size, _, rest = rest.partition(b"\n")
        end = _size(change, size)
        yield change, rest[:end]
        rest = rest[end + 1 :]


def _size(change: Change, said: bytes) -> int:
    """Raises GitFailed for what git cannot read: `SHA missing` is all that it says."""
    if not said.isdigit():
        raise GitFailed(f"the clone has lost the content of {_shown(change.path)}")
    return int(said)


def _is_in(space: Workspace, commit: str, path: str) -> bool:
    return bool(space.in_tree("--literal-pathspecs", "ls-tree", "-z", commit, "--", path))


def _holds(space: Workspace, commit: str, value: bytes) -> bool:
    """Does this text stand in a file of the commit already?"""
    line = max(value.splitlines(), key=len).decode(errors="replace")
    with contextlib.suppress(GitFailed):
        space.in_tree("grep", "--quiet", "--fixed-strings", "--text", "-e", line, commit)
        return True
    return False


def _once(files: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(files))


def _listed(files: Sequence[str]) -> str:
    shown = ", ".join(f"`{_shown(name)}`" for name in files[:_NAMED])
    return shown + (f" and {len(files) - _NAMED} more" if len(files) > _NAMED else "")


def _shown(name: str) -> str:
    """A file's name, in which an agent may have put anything, on one line."""
    plain = "".join(letter if letter.isprintable() and letter != "`" else "�" for letter in name)
    return plain if len(plain) <= _LONGEST else f"…{plain[-_LONGEST:]}"

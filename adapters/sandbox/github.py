"""One GitHub in memory over real bare repositories: pull requests, a scripted CI, a scripted reviewer, merging."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from factory_core.errors import NotFound, Refused

from . import git, merging
from .clock import Clock, iso_seconds
from .github_events import (
    BOT,
    Check,
    Comment,
    Pull,
    Repository,
    Review,
    check_json,
    comment_json,
    event,
    issue_comment_event,
    node_id,
    pull_event,
    pull_json,
    repository_json,
    review_json,
    suite_json,
)
from .linear_events import slug
from .node import Changed, Node

CI_STARTS, CI_TAKES, REVIEW_TAKES = 10.0, 20.0, 25.0  # seconds, scaled
FILES = {
    "README.md": "# A small shop\n\nA cart with a total.\n",
    "cart.py": "def total(prices: list[int]) -> int:\n    return sum(prices)\n",
    "test_cart.py": "from cart import total\n\n\ndef test_total() -> None:\n    assert total([1, 2]) == 3\n",
}
Verdict = Literal["approved", "changes_requested", "commented"]


class GitHubRefusal(Exception):
    """An answer that is not 2xx: its status, its message and further fields."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"message": message, **more}


@dataclass
class GitHub:
    """`start` runs the scripted people and machines in the background."""

    clock: Clock
    changed: Changed
    address: Callable[[], str]
    start: Callable[[Coroutine[Any, Any, None]], None]
    directory: Path
    repositories: dict[str, Repository] = field(default_factory=dict)
    next_checks: list[str] = field(default_factory=list)
    next_reviews: list[tuple[Verdict, str, str]] = field(default_factory=list)
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(9_007_199_254_740_993, 2))

    # What a person does.

    async def create_repository(self, name: str, files: dict[str, str] | None = None, branch: str = "main") -> Node:
        """A new repository `owner/name` with one commit; one that is there already is left as it is."""
        if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
            raise Refused(f"{name!r} is no repository", why="it is not owner/name", fix="factory sandbox --help")
        if name not in self.repositories:
            path = self.directory / f"{name}.git"
            sha = await git.create_bare(path, files or FILES, branch)
            number = len(self.repositories) + 1
            self.repositories[name] = Repository(number, name, path, self.address(), branch, {branch: sha})
        return repository_json(self.repositories[name])

    def plan_checks(self, conclusion: str = "success", times: int = 1, never: bool = False) -> Node:
        """How the CI ends for the next heads; `never` lets it hang. Without a plan it succeeds."""
        self.next_checks += ["never" if never else conclusion] * times
        return {"coming": self.next_checks}

    def plan_reviews(self, state: Verdict, times: int = 1, body: str = "", user: str = "grace") -> Node:
        """The next heads are reviewed by somebody. Without a plan nobody looks."""
        self.next_reviews += [(state, body, user)] * times
        return {"coming": [state for state, _, _ in self.next_reviews]}

    def add_review(self, repository: str, number: int, state: Verdict, body: str = "", user: str = "grace") -> Node:
        place, pull = self.pull(repository, number)
        review = Review(next(self.ids), user, state, body, pull.head_sha, self._now())
        pull.reviews.append(review)
        shown = review_json(place, pull, review)
        payload = event(place, "submitted", user, review=shown, pull_request=pull_json(place, pull))
        self._tell(place, pull, "pull_request_review", payload)
        return shown

    def add_comment(self, repository: str, number: int, body: str, user: str = "grace") -> Node:
        place, pull = self.pull(repository, number)
        comment = Comment(next(self.ids), user, body, self._now())
        pull.comments.append(comment)
        self._tell(place, pull, "issue_comment", issue_comment_event(place, pull, comment))
        return comment_json(place, pull, comment)

    async def close_pull(self, repository: str, number: int, user: str = "grace") -> Node:
        """A person closes it without merging."""
        place, pull = self.pull(repository, number)
        pull.state, pull.updated_at = "closed", self._now()
        self._tell(place, pull, "pull_request", pull_event(place, pull, "closed", user))
        return pull_json(place, pull)

    # What the API and git do.

    async def open_pull(self, repository: str, head: str, base: str, title: str, body: str, draft: bool) -> Node:
        place = self.repository(repository)
        async with place.lock:
            await self._look(place)
            branch = head.removeprefix(repository.split("/")[0] + ":")
            await self._refuse_pull(place, branch, base)
            pull = Pull(
                len(place.pulls) + 1,
                title,
                body,
                branch,
                base,
                place.branches[branch],
                place.branches[base],
                self._now(),
                draft,
            )
            place.pulls.append(pull)
            await self._weigh(place, pull)
            self._tell(place, pull, "pull_request", pull_event(place, pull, "opened"))
            self._new_head(place, pull)
            return pull_json(place, pull)

    async def refresh(self, repository: str) -> Repository:
        """Look at the bare repository: moved branches are `synchronize`, and conflicts are computed anew."""
        place = self.repository(repository)
        async with place.lock:
            await self._look(place)
        return place

    async def merge(
        self,
        repository: str,
        number: int,
        sha: str | None = None,
        method: str = "merge",
        title: str = "",
        message: str = "",
        by: str = BOT,
    ) -> Node:
        """https://docs.github.com/rest/pulls/pulls#merge-a-pull-request: 405 not mergeable, 409 another head."""
        place, pull = self.pull(repository, number)
        async with place.lock:
            await self._look(place)
            _refuse_merge(pull, sha, method)
            pull.base_sha = place.branches[pull.base]
            text = "\n\n".join(part for part in (title or f"{pull.title} (#{number})", message) if part)
            squash = method == "squash"
            commit = await merging.merge(place.path, pull.base, pull.base_sha, pull.head_sha, text, squash=squash)
            if commit is None:
                raise GitHubRefusal(409, "Base branch was modified. Review and try the merge again.")
            pull.state, pull.merged_at, pull.merge_commit_sha, pull.merged_by = "closed", self._now(), commit, by
            pull.updated_at, pull.mergeable, place.branches[pull.base] = self._now(), None, commit
            self._tell(place, pull, "pull_request", pull_event(place, pull, "closed", by))
        return {"sha": commit, "merged": True, "message": "Pull Request successfully merged"}

    def make_ready(self, place: Repository, pull: Pull) -> None:
        """A draft no more; relayfile does not pass this event on."""
        if pull.draft:
            pull.draft, pull.updated_at = False, self._now()
            self.changed("github", "pull_request", pull_event(place, pull, "ready_for_review"), ())

    def disable_auto_merge(self, place: Repository, pull: Pull) -> None:
        pull.auto_merge = None

    def enable_auto_merge(self, place: Repository, pull: Pull, method: str, expected: str | None) -> None:
        """Merge when all is green; refused for what could be merged at once, and for another head."""
        if pull.state != "open" or pull.draft:
            raise GitHubRefusal(422, "Pull request is not in a mergeable state")
        if expected and expected != pull.head_sha:
            raise GitHubRefusal(422, "Head branch was modified. Review and try the merge again.")
        if pull.mergeable and is_green(place, pull):
            raise GitHubRefusal(422, "Pull request Pull request is in clean status")
        pull.auto_merge = {"enabled_at": self._now(), "merge_method": method.lower()}
        body = pull_event(place, pull, "auto_merge_enabled")
        self._tell(place, pull, "pull_request", body)

    def repository(self, name: str) -> Repository:
        found = self.repositories.get(name)
        if found is None:
            raise NotFound(f"repository {name!r}", why="the sandbox has no such one", fix="factory sandbox --help")
        return found

    def pull(self, repository: str, number: int) -> tuple[Repository, Pull]:
        place = self.repository(repository)
        for pull in place.pulls:
            if pull.number == number:
                return place, pull
        raise NotFound(f"{repository}#{number}", why="no such pull request", fix="factory sandbox --help")

    def pull_of_node(self, id: str) -> tuple[Repository, Pull]:
        for place in self.repositories.values():
            for pull in place.pulls:
                if node_id(place, pull) == id:
                    return place, pull
        raise NotFound(f"node {id!r}", why="no such pull request", fix="factory sandbox --help")

    # The scripted machines and people.

    def _new_head(self, place: Repository, pull: Pull) -> None:
        conclusion = self.next_checks.pop(0) if self.next_checks else "success"
        self.start(self._check(place, pull, pull.head_sha, conclusion))
        if self.next_reviews:
            self.start(self._review(place, pull, *self.next_reviews.pop(0)))

    async def _check(self, place: Repository, pull: Pull, sha: str, conclusion: str) -> None:
        await self.clock.wait(CI_STARTS)
        check = Check(next(self.ids), sha, pull.head, self._now())
        place.checks.append(check)
        self._tell_check(place, pull, check, "created")
        if conclusion == "never":
            return
        await self.clock.wait(CI_TAKES)
        check.status, check.conclusion, check.completed_at = "completed", conclusion, self._now()
        self._tell_check(place, pull, check, "completed")
        suite = event(place, "completed", BOT, check_suite=suite_json(place, check))
        self.changed("github", "check_suite", suite, ())
        await self._auto_merge(place, pull)

    async def _review(self, place: Repository, pull: Pull, state: Verdict, body: str, user: str) -> None:
        await self.clock.wait(REVIEW_TAKES)
        if pull.state == "open":
            self.add_review(place.full_name, pull.number, state, body, user)

    async def _auto_merge(self, place: Repository, pull: Pull) -> None:
        if pull.auto_merge and pull.state == "open" and is_green(place, pull):
            try:
                method = str(pull.auto_merge["merge_method"])
                await self.merge(place.full_name, pull.number, pull.head_sha, method)
            except GitHubRefusal:
                pull.auto_merge = None

    async def _look(self, place: Repository) -> None:
        place.branches = await git.branches(place.path)
        for pull in place.pulls:
            if pull.state == "open":
                await self._follow(place, pull)

    async def _follow(self, place: Repository, pull: Pull) -> None:
        before, after = pull.head_sha, place.branches.get(pull.head, pull.head_sha)
        base = place.branches.get(pull.base, pull.base_sha)
        moved = (after, base) != (before, pull.base_sha)
        pull.head_sha, pull.base_sha = after, base
        if moved or pull.mergeable is None:
            await self._weigh(place, pull)
        if after != before:
            pull.updated_at = self._now()
            body = pull_event(place, pull, "synchronize", before=before, after=after)
            self._tell(place, pull, "pull_request", body)
            self._new_head(place, pull)

    async def _weigh(self, place: Repository, pull: Pull) -> None:
        pull.mergeable = await merging.merged_tree(place.path, pull.base_sha, pull.head_sha) is not None

    async def _refuse_pull(self, place: Repository, head: str, base: str) -> None:
        for name, branch in (("head", head), ("base", base)):
            if branch not in place.branches:
                raise _invalid({"resource": "PullRequest", "field": name, "code": "invalid"})
        owner = place.full_name.split("/")[0]
        if any(pull.state == "open" and (pull.head, pull.base) == (head, base) for pull in place.pulls):
            raise _invalid(_custom(f"A pull request already exists for {owner}:{head}."))
        if await merging.is_merged(place.path, place.branches[base], place.branches[head]):
            raise _invalid(_custom(f"No commits between {base} and {head}"))

    def _tell_check(self, place: Repository, pull: Pull, check: Check, action: str) -> None:
        body = event(place, action, BOT, check_run=check_json(place, check))
        self.changed("github", "check_run", body, pull_paths(place, pull) if action == "completed" else ())

    def _tell(self, place: Repository, pull: Pull, name: str, body: Node) -> None:
        self.changed("github", name, body, pull_paths(place, pull))

    def _now(self) -> str:
        return iso_seconds(self.clock.now())


def is_green(place: Repository, pull: Pull) -> bool:
    """Has the head at least one check, and are all of them successful?"""
    checks = place.checks_of(pull.head_sha)
    return bool(checks) and all(check.conclusion == "success" for check in checks)


def pull_paths(place: Repository, pull: Pull) -> tuple[str, ...]:
    """The canonical file of a pull request in relayfile, and the one by its number."""
    owner, name = place.full_name.split("/")
    return (
        f"/github/repos/{owner}/{name}/pulls/{pull.number}__{slug(pull.title)}/meta.json",
        f"/github/repos/{owner}__{name}/pulls/by-id/{pull.number}.json",
    )


def _refuse_merge(pull: Pull, sha: str | None, method: str) -> None:
    if pull.state != "open":
        raise GitHubRefusal(405, "Pull Request is not mergeable")
    if pull.draft:
        raise GitHubRefusal(405, "Pull Request is still a draft")
    if sha is not None and sha != pull.head_sha:
        raise GitHubRefusal(409, "Head branch was modified. Review and try the merge again.")
    if not pull.mergeable:
        raise GitHubRefusal(405, "Pull Request has merge conflicts")
    if method not in ("squash", "merge"):
        raise GitHubRefusal(405, f"{method.title()} merges are not allowed on this repository.")


def _custom(message: str) -> Node:
    return {"resource": "PullRequest", "code": "custom", "message": message}


def _invalid(error: Node) -> GitHubRefusal:
    return GitHubRefusal(422, "Validation Failed", errors=[error])

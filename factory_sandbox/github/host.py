"""One GitHub in memory over real bare repositories: pull requests, what people do to them, and merging."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from factory_core.errors import NotFound, Refused

from ..clock import Clock, iso_seconds
from ..node import Changed, Node
from . import git, merging, people, shapes
from .ci import Ci, JobPlan, WorkflowPlan
from .merge_queue import QUEUE_BOT, MergeQueue
from .mergeability import is_ready, merge_refusal, mergeable_state, missing_of
from .records import BOT, Comment, Membership, Person, Pull, Repository, Review, ReviewComment, Role, Status
from .rules import Rules

REVIEW_TAKES = 25.0  # seconds, scaled
FILES = {
    "README.md": "# A small shop\n\nA cart with a total.\n",
    "cart.py": "def total(prices: list[int]) -> int:\n    return sum(prices)\n",
    "test_cart.py": "from cart import total\n\n\ndef test_total() -> None:\n    assert total([1, 2]) == 3\n",
}
PLAIN = WorkflowPlan(run_events=False)
Verdict = Literal["approved", "changes_requested", "commented"]
Method = Literal["merge", "squash", "rebase"]


class GitHubRefusal(Exception):
    """An answer that is not 2xx: its status, its message and further fields."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.body = status, {"message": message, **more}


class Moved(Exception):
    """The repository has another name now; `id` is the one it keeps."""

    def __init__(self, id: int) -> None:
        super().__init__(f"repository {id}")
        self.id = id


class InlineComment(BaseModel):
    """What a reviewer writes at a line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    line: int
    body: str


class ReviewPlan(BaseModel):
    """How a head is reviewed, some time after it was pushed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Verdict
    body: str = ""
    user: str = "grace"
    comments: tuple[InlineComment, ...] = ()


@dataclass
class GitHub:
    """`start` runs the scripted people and machines in the background."""

    clock: Clock
    changed: Changed
    address: Callable[[], str]
    start: Callable[[Coroutine[Any, Any, None]], None]
    directory: Path
    repositories: dict[str, Repository] = field(default_factory=dict)
    former_names: dict[str, int] = field(default_factory=dict)  # in lower case, of repositories that have another now
    next_workflows: list[tuple[WorkflowPlan, ...]] = field(default_factory=list)
    next_reviews: list[ReviewPlan] = field(default_factory=list)
    suspended: bool = False  # the App's installation
    lacking: set[str] = field(default_factory=set)  # permissions that the token does not have: "actions", "checks"
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(9_007_199_254_740_993, 2))

    def __post_init__(self) -> None:
        self.ci = Ci(self.clock, self.ids, self._announce_commit, self.start, self._settle)
        self.queue = MergeQueue(self.clock, self.ids, self.announce, self.start, self._land)

    # Settings of a repository.

    async def create_repository(self, name: str, files: dict[str, str] | None = None, branch: str = "main") -> Node:
        """A new repository `owner/name` with one commit; one that is there already is left as it is."""
        if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
            raise Refused(f"{name!r} is no repository", why="it is not owner/name", fix="factory sandbox --help")
        if name not in self.repositories:
            number = 1 + max((repo.id for repo in self.repositories.values()), default=0)
            path = self.directory / str(number) / f"{name}.git"
            sha = await git.create_bare(path, files or FILES, branch)
            self.former_names.pop(name.casefold(), None)
            self.repositories[name] = Repository(number, name, path, self.address(), branch, branches={branch: sha})
        return shapes.repository_json(self.repositories[name])

    def protect(self, repository: str, rules: Rules) -> Node:
        """What the default branch requires from now on. Rules without any requirement end the plain world as well."""
        self.repository(repository).rules = rules
        return rules.model_dump(mode="json")

    def configure(
        self,
        repository: str,
        methods: Sequence[Method] | None = None,
        auto_merge: bool | None = None,
        archived: bool | None = None,
        unknown_reads: int | None = None,
    ) -> Node:
        """`unknown_reads`: as many of the next reads of a pull request do not know yet whether it can be merged."""
        repo = self.repository(repository)
        repo.methods = repo.methods if methods is None else set(methods)
        repo.auto_merge = repo.auto_merge if auto_merge is None else auto_merge
        repo.archived = repo.archived if archived is None else archived
        repo.unknown_reads = repo.unknown_reads if unknown_reads is None else unknown_reads
        return shapes.repository_json(repo)

    def set_person(
        self,
        repository: str,
        user: str,
        role: Role = "write",
        kind: Literal["User", "Bot"] = "User",
        membership: Membership = "none",
        committed: bool = False,
    ) -> Node:
        """A person's role and account. By default everybody is a collaborator who may write."""
        repo = self.repository(repository)
        repo.people[user] = Person(user, kind, membership, committed)
        if kind == "User":
            repo.roles[user] = role
        return {"login": user, "role": role, "author_association": people.association(repo, user)}

    def lack_permissions(self, permissions: Sequence[str]) -> Node:
        """The token may not read these any more (`actions`, `checks`, `administration`, …); none: it may read all."""
        self.lacking = set(permissions)
        return {"lacking": sorted(self.lacking)}

    def change_installation(self, action: Literal["deleted", "suspend", "unsuspend"], owner: str = "acme") -> None:
        """The App's installation in an organisation; its tokens are dealt with elsewhere."""
        self.suspended = action == "suspend"
        account = {"login": owner, "id": sum(owner.encode()), "type": "Organization"}
        mine = [shapes.repository_json(repo) for repo in self.repositories.values() if repo.owner == owner]
        installation = {"id": 1, "account": account, "app_slug": "factory", "repository_selection": "selected"}
        body = {"action": action, "installation": installation, "repositories": mine, "sender": account}
        self.changed("github", "installation", body, ())

    # What is planned for the next heads.

    def plan_checks(self, conclusion: str = "success", times: int = 1, never: bool = False) -> Node:
        """How the plain CI ends for the next heads; `never` lets it hang. Without a plan it succeeds."""
        plan = PLAIN.model_copy(update={"jobs": (JobPlan(conclusion=conclusion, ends=not never),)})
        self.next_workflows += [(plan,)] * times
        return {"coming": len(self.next_workflows)}

    def plan_workflows(self, workflows: Sequence[WorkflowPlan], times: int = 1) -> Node:
        """All that reports on the next heads, instead of the plain CI."""
        self.next_workflows += [tuple(workflows)] * times
        return {"coming": len(self.next_workflows)}

    def plan_reviews(
        self,
        state: Verdict,
        times: int = 1,
        body: str = "",
        user: str = "grace",
        comments: Sequence[InlineComment] = (),
    ) -> Node:
        """The next heads are reviewed. Without a plan there is no review."""
        self.next_reviews += [ReviewPlan(state=state, body=body, user=user, comments=tuple(comments))] * times
        return {"coming": [plan.state for plan in self.next_reviews]}

    # What a person or an app does.

    def add_review(
        self,
        repository: str,
        number: int,
        state: Verdict,
        body: str = "",
        user: str = "grace",
        comments: Sequence[InlineComment] = (),
    ) -> Node:
        """A review, and the comments at lines that belong to it; the body may well be empty then."""
        repo, pull = self.pull(repository, number)
        review = Review(next(self.ids), user, state, body, pull.head_sha, self._now())
        written = [self._inline(pull, review, comment) for comment in comments]
        pull.reviews.append(review)
        pull.review_comments += written
        shown = shapes.review_json(repo, pull, review)
        self._announce_review(repo, pull, review, "submitted")
        for comment in written:
            self._announce_inline(repo, pull, comment)
        self.start(self._settle(repo, pull.head_sha))
        return shown

    def _inline(self, pull: Pull, review: Review, comment: InlineComment) -> ReviewComment:
        where = (comment.path, comment.line, pull.head_sha)
        return ReviewComment(next(self.ids), review.user, comment.body, *where, self._now(), review.id)

    def reply_inline(self, repository: str, number: int, comment: int, body: str, user: str = "grace") -> Node:
        """A reply below a comment at a line; it comes with a review of its own, which has no body."""
        repo, pull = self.pull(repository, number)
        first = self._inline_comment(pull, comment)
        review = Review(next(self.ids), user, "commented", "", pull.head_sha, self._now())
        where = (first.path, first.line, first.sha)
        reply = ReviewComment(next(self.ids), user, body, *where, self._now(), review.id, first.id, first.outdated)
        pull.reviews.append(review)
        pull.review_comments.append(reply)
        self._announce_review(repo, pull, review, "submitted")
        self._announce_inline(repo, pull, reply)
        return shapes.review_comment_json(repo, pull, reply)

    def resolve(self, repository: str, number: int, comment: int, user: str = "grace") -> Node:
        """The conversation that the comment began is over."""
        repo, pull = self.pull(repository, number)
        first = self._inline_comment(pull, comment)
        first.resolved = True
        thread = {"node_id": f"PRRT_{first.id}", "comments": [shapes.review_comment_json(repo, pull, first)]}
        body = shapes.event(repo, "resolved", user, thread=thread, pull_request=shapes.pull_json(repo, pull))
        self.announce(repo, pull, "pull_request_review_thread", body)
        return {"resolved": first.id}

    def dismiss_review(self, repository: str, number: int, review: int, user: str = "grace") -> Node:
        """A review counts no more."""
        repo, pull = self.pull(repository, number)
        found = next((one for one in pull.reviews if one.id == review), None)
        if found is None:
            raise NotFound(f"review {review}", why="there is no such one", fix="factory sandbox --help")
        found.state = "dismissed"
        self._announce_review(repo, pull, found, "dismissed", user)
        return shapes.review_json(repo, pull, found)

    def add_comment(self, repository: str, number: int, body: str, user: str = "grace") -> Node:
        """An ordinary comment on the pull request."""
        repo, pull = self.pull(repository, number)
        comment = Comment(next(self.ids), user, body, self._now())
        pull.comments.append(comment)
        self.announce(repo, pull, "issue_comment", shapes.issue_comment_event(repo, pull, comment))
        return shapes.comment_json(repo, pull, comment)

    def edit_pull(
        self, repository: str, number: int, title: str | None = None, body: str | None = None, user: str = "grace"
    ) -> Node:
        """A person changes the title or the body."""
        repo, pull = self.pull(repository, number)
        new = {name: text for name, text in (("title", title), ("body", body)) if text is not None}
        changes = {name: {"from": getattr(pull, name)} for name in new}
        for name, text in new.items():
            setattr(pull, name, text)
        pull.updated_at = self._now()
        self._announce_pull(repo, pull, "edited", user, changes=changes)
        return shapes.pull_json(repo, pull)

    async def close_pull(self, repository: str, number: int, user: str = "grace") -> Node:
        """A person closes it without merging."""
        repo, pull = self.pull(repository, number)
        if pull.queued:
            self.queue.dequeue(repo, pull, "MANUAL", user)
        pull.state, pull.updated_at, pull.auto_merge = "closed", self._now(), None
        self._announce_pull(repo, pull, "closed", user)
        return shapes.pull_json(repo, pull)

    def set_status(
        self,
        repository: str,
        number: int,
        context: str,
        state: Literal["error", "failure", "pending", "success"],
        description: str = "",
        user: str = "ci-app[bot]",
    ) -> Node:
        """A commit status of the older API at the pull request's head."""
        repo, pull = self.pull(repository, number)
        status = Status(next(self.ids), pull.head_sha, context, state, description, self._now())
        repo.statuses.append(status)
        self.announce(repo, pull, "status", shapes.status_event(repo, status, pull.head, user))
        self.start(self._settle(repo, pull.head_sha))
        return shapes.status_json(repo, status)

    async def run_workflow(
        self, repository: str, number: int, workflow: WorkflowPlan, how: Literal["event", "rerun"] = "event"
    ) -> Node:
        """The workflow runs once more at this head: for another event (a title was edited), or by Re-run all jobs."""
        repo, pull = self.pull(repository, number)
        start = self.ci.rerun if how == "rerun" else self.ci.again
        return shapes.suite_json(repo, start(repo, pull, workflow))

    # What the API and git do.

    async def open_pull(self, repository: str, head: str, base: str, title: str, body: str, draft: bool) -> Node:
        repo = self.repository(repository)
        self.refuse_archived(repo)
        async with repo.lock:
            await self._look(repo)
            branch = head.removeprefix(repo.owner + ":")
            await self._refuse_pull(repo, branch, base)
            number, tips = len(repo.pulls) + 1, repo.branches
            pull = Pull(number, title, body, branch, base, tips[branch], tips[base], self._now(), draft)
            repo.pulls.append(pull)
            await self._weigh(repo, pull)
            self._announce_pull(repo, pull, "opened")
            self._new_head(repo, pull)
            return self.pull_json(repo, pull)

    async def refresh(self, repository: str) -> Repository:
        """Look at the bare repository: moved branches are `synchronize`, and conflicts are computed anew."""
        repo = self.repository(repository)
        async with repo.lock:
            await self._look(repo)
        return repo

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
        repo, pull = self.pull(repository, number)
        self.refuse_archived(repo)
        async with repo.lock:
            await self._look(repo)
            refused = merge_refusal(repo, pull, sha, method)
            if refused is not None:
                raise GitHubRefusal(*refused)
            commit = await self._merge(repo, pull, method, title, message, by)
        if commit is None:
            raise GitHubRefusal(405, "Base branch was modified. Review and try the merge again.")
        return {"sha": commit, "merged": True, "message": "Pull Request successfully merged"}

    async def _merge(self, repo: Repository, pull: Pull, method: str, title: str, message: str, by: str) -> str | None:
        pull.base_sha = repo.branches[pull.base]
        text = "\n\n".join(part for part in (title or f"{pull.title} (#{pull.number})", message) if part)
        commit = await merging.merge(repo.path, pull.base, pull.base_sha, pull.head_sha, text, method)
        if commit is not None:
            pull.state, pull.merged_at, pull.merge_commit_sha, pull.merged_by = "closed", self._now(), commit, by
            pull.updated_at, pull.mergeable, repo.branches[pull.base] = self._now(), None, commit
            self._announce_pull(repo, pull, "closed", by)
        return commit

    async def update_branch(self, repository: str, number: int, expected: str | None = None) -> Node:
        """https://docs.github.com/rest/pulls/pulls#update-a-pull-request-branch: base is merged into the branch."""
        repo, pull = self.pull(repository, number)
        self.refuse_archived(repo)
        async with repo.lock:
            await self._look(repo)
            if expected is not None and expected != pull.head_sha:
                raise GitHubRefusal(422, "expected head sha didn’t match current head ref.")
            if not pull.behind:
                raise GitHubRefusal(422, "There are no new commits on the base branch.")
            text = f"Merge branch '{pull.base}' into {pull.head}"
            if not await merging.merge(repo.path, pull.head, pull.head_sha, pull.base_sha, text, "merge"):
                raise GitHubRefusal(422, "merge conflict between base and head")
            await self._look(repo)
        return {"message": "Updating pull request branch.", "url": f"{repo.html}/pull/{number}"}

    def make_ready(self, repo: Repository, pull: Pull) -> None:
        """A draft no more; relayfile does not pass this event on."""
        self.refuse_archived(repo)
        if pull.draft:
            pull.draft, pull.updated_at = False, self._now()
            self.changed("github", "pull_request", shapes.pull_event(repo, pull, "ready_for_review"), ())

    def disable_auto_merge(self, repo: Repository, pull: Pull) -> None:
        """Disarm it; where it has brought the pull request into the queue, take it out of there."""
        if pull.queued:
            self.queue.dequeue(repo, pull, "MANUAL")
        elif pull.auto_merge:
            pull.auto_merge = None
            self._announce_pull(repo, pull, "auto_merge_disabled", reason="Auto-merge was disabled by user")

    def enable_auto_merge(self, repo: Repository, pull: Pull, method: str, expected: str | None) -> None:
        """Merge when nothing is missing any more; refused for what could be merged at once, and for another head."""
        self.refuse_archived(repo)
        if pull.state != "open" or pull.draft:
            raise GitHubRefusal(422, "Pull request is not in a mergeable state")
        if expected and expected != pull.head_sha:
            raise GitHubRefusal(422, "Head branch was modified. Review and try the merge again.")
        if not repo.auto_merge:
            raise GitHubRefusal(422, "Pull request Auto merge is not allowed for this repository")
        if repo.rules is not None and not repo.rules.any:
            raise GitHubRefusal(422, "Pull request Protected branch rules not configured for this branch")
        if is_ready(repo, pull):
            state = "unstable" if mergeable_state(repo, pull) == "unstable" else "clean"
            raise GitHubRefusal(422, f"Pull request Pull request is in {state} status")
        pull.auto_merge = {"enabled_at": self._now(), "merge_method": method.lower()}
        self._announce_pull(repo, pull, "auto_merge_enabled")

    def enqueue(self, repo: Repository, pull: Pull, expected: str | None) -> None:
        """Into the merge queue; refused for what may not be merged yet."""
        self.refuse_archived(repo)
        if not (repo.rules and repo.rules.merge_queue):
            raise GitHubRefusal(422, "Merge queue is not enabled for this branch")
        if pull.queued:
            raise GitHubRefusal(422, "Pull request is already in the queue")
        if pull.state != "open" or pull.draft:
            raise GitHubRefusal(422, "Pull request is not in a mergeable state")
        if expected and expected != pull.head_sha:
            raise GitHubRefusal(422, "Head branch was modified. Review and try the merge again.")
        missing = missing_of(repo, pull)
        if missing or not pull.mergeable:
            raise GitHubRefusal(422, " ".join(missing) or "Pull request has merge conflicts")
        self.queue.enqueue(repo, pull)

    # What is known.

    def pull_json(self, repo: Repository, pull: Pull) -> Node:
        """The pull request as it is read; GitHub may not have computed yet whether it can be merged."""
        if repo.unknown_reads and pull.state == "open":
            repo.unknown_reads -= 1
            return {**shapes.pull_json(repo, pull, "unknown"), "mergeable": None}
        return shapes.pull_json(repo, pull, mergeable_state(repo, pull))

    def repository(self, name: str) -> Repository:
        """By its name of today, in any case; Moved for a former one."""
        known = {key.casefold(): repo for key, repo in self.repositories.items()}
        found = known.get(name.casefold())
        if found is None and name.casefold() in self.former_names:
            raise Moved(self.former_names[name.casefold()])
        if found is None:
            raise NotFound(f"repository {name!r}", why="the sandbox has no such one", fix="factory sandbox --help")
        return found

    def repository_of_id(self, id: int) -> Repository:
        found = next((repo for repo in self.repositories.values() if repo.id == id), None)
        if found is None:
            raise NotFound(f"repository {id}", why="the sandbox has no such one", fix="factory sandbox --help")
        return found

    def pull(self, repository: str, number: int) -> tuple[Repository, Pull]:
        repo = self.repository(repository)
        for pull in repo.pulls:
            if pull.number == number:
                return repo, pull
        raise NotFound(f"{repository}#{number}", why="no such pull request", fix="factory sandbox --help")

    def pull_of_node(self, id: str) -> tuple[Repository, Pull]:
        for repo in self.repositories.values():
            for pull in repo.pulls:
                if shapes.node_id(repo, pull) == id:
                    return repo, pull
        raise NotFound(f"node {id!r}", why="no such pull request", fix="factory sandbox --help")

    def refuse_archived(self, repo: Repository) -> None:
        if repo.archived:
            raise GitHubRefusal(403, "Repository was archived so is read-only.")

    # The scripted machines and people.

    def _new_head(self, repo: Repository, pull: Pull) -> None:
        plans = self.next_workflows.pop(0) if self.next_workflows else (PLAIN,)
        for plan in plans:
            self.ci.begin(repo, pull.head, pull.head_sha, plan)
        if self.next_reviews:
            self.start(self._review(repo, pull, self.next_reviews.pop(0)))

    async def _review(self, repo: Repository, pull: Pull, plan: ReviewPlan) -> None:
        await self.clock.wait(REVIEW_TAKES)
        if pull.state == "open":
            self.add_review(repo.full_name, pull.number, plan.state, plan.body, plan.user, plan.comments)

    async def _settle(self, repo: Repository, sha: str) -> None:
        """Something that auto-merge waits for may have come."""
        for pull in repo.pulls:
            if pull.auto_merge and pull.state == "open" and pull.head_sha == sha and is_ready(repo, pull):
                await self._auto_merge(repo, pull)

    async def _auto_merge(self, repo: Repository, pull: Pull) -> None:
        if repo.rules and repo.rules.merge_queue:
            self.queue.enqueue(repo, pull)
            return
        try:
            method = str((pull.auto_merge or {})["merge_method"])
            await self.merge(repo.full_name, pull.number, pull.head_sha, method)
        except GitHubRefusal:
            pull.auto_merge = None

    async def _land(self, repo: Repository, pull: Pull) -> bool:
        async with repo.lock:
            await self._look(repo)
            return await self._merge(repo, pull, "squash", "", "", QUEUE_BOT) is not None

    async def _look(self, repo: Repository) -> None:
        repo.branches = await git.branches(repo.path)
        for pull in repo.pulls:
            if pull.state == "open":
                await self._follow(repo, pull)

    async def _follow(self, repo: Repository, pull: Pull) -> None:
        before, after = pull.head_sha, repo.branches.get(pull.head, pull.head_sha)
        base = repo.branches.get(pull.base, pull.base_sha)
        moved = (after, base) != (before, pull.base_sha)
        pull.head_sha, pull.base_sha = after, base
        if moved or pull.mergeable is None:
            await self._weigh(repo, pull)
        if after != before:
            pull.updated_at = self._now()
            for comment in pull.review_comments:
                if not comment.outdated:
                    comment.outdated = await merging.has_changed(repo.path, comment.sha, after, comment.path)
            if pull.queued:
                self.queue.dequeue(repo, pull, "BRANCH_PROTECTIONS")
            self._announce_pull(repo, pull, "synchronize", before=before, after=after)
            self._new_head(repo, pull)

    async def _weigh(self, repo: Repository, pull: Pull) -> None:
        pull.mergeable = await merging.merged_tree(repo.path, pull.base_sha, pull.head_sha) is not None
        pull.behind = not await merging.is_merged(repo.path, pull.head_sha, pull.base_sha)

    async def _refuse_pull(self, repo: Repository, head: str, base: str) -> None:
        for name, branch in (("head", head), ("base", base)):
            if branch not in repo.branches:
                raise _invalid({"resource": "PullRequest", "field": name, "code": "invalid"})
        if any(pull.state == "open" and (pull.head, pull.base) == (head, base) for pull in repo.pulls):
            raise _invalid(_custom(f"A pull request already exists for {repo.owner}:{head}."))
        if await merging.is_merged(repo.path, repo.branches[base], repo.branches[head]):
            raise _invalid(_custom(f"No commits between {base} and {head}"))

    # Events.

    def announce(self, repo: Repository, pull: Pull, name: str, body: Node) -> None:
        self.changed("github", name, body, shapes.pull_paths(repo, pull))

    def _announce_pull(self, repo: Repository, pull: Pull, action: str, by: str = BOT, **more: Any) -> None:
        self.announce(repo, pull, "pull_request", shapes.pull_event(repo, pull, action, by, **more))

    def _announce_commit(self, repo: Repository, name: str, body: Node, sha: str) -> None:
        paths = [path for pull in repo.pulls if pull.head_sha == sha for path in shapes.pull_paths(repo, pull)]
        self.changed("github", name, body, paths)

    def _announce_review(self, repo: Repository, pull: Pull, review: Review, action: str, by: str = "") -> None:
        parts = {"review": shapes.review_json(repo, pull, review), "pull_request": shapes.pull_json(repo, pull)}
        self.announce(repo, pull, "pull_request_review", shapes.event(repo, action, by or review.user, **parts))

    def _announce_inline(self, repo: Repository, pull: Pull, comment: ReviewComment) -> None:
        shown = shapes.review_comment_json(repo, pull, comment)
        body = shapes.event(repo, "created", comment.user, comment=shown, pull_request=shapes.pull_json(repo, pull))
        self.announce(repo, pull, "pull_request_review_comment", body)

    def _inline_comment(self, pull: Pull, id: int) -> ReviewComment:
        found = next((comment for comment in pull.review_comments if comment.id == id), None)
        if found is None:
            raise NotFound(f"review comment {id}", why="there is no such one", fix="factory sandbox --help")
        return found

    def _now(self) -> str:
        return iso_seconds(self.clock.now())


def _custom(message: str) -> Node:
    return {"resource": "PullRequest", "code": "custom", "message": message}


def _invalid(error: Node) -> GitHubRefusal:
    return GitHubRefusal(422, "Validation Failed", errors=[error])

"""The tracker, the channel and the code host of one simulated tenant: each call is one moment, and is done or not."""

from __future__ import annotations

from dataclasses import dataclass, field

from factory_core.dispatch.pull_request import Check, PullRequest, Review, item_of_branch
from factory_core.ports import Thread
from factory_core.work_item import ItemState, WorkItem

from .schedule import HOUR
from .world import OURS, Truth, World

QUESTION = "Answer in this thread; the ticket waits for it."
OVERLAP = 45.0  # seconds: what a person did so shortly before our write may be overwritten, as trackers have no swap


class SimulatedTracker:
    """Tickets. `stale` makes the next read show the ticket of one change ago."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._done: set[str] = set()
        self.stale = False
        self.late_by = 0.0  # seconds that the call under way was held up between its caller and us

    async def read_item(self, item_id: str) -> WorkItem | None:
        truth = self._world.truths.get(item_id)
        if truth is None:
            return None
        if self.stale and truth.before:
            truth.lied = True
            truth.caused(self._world.now())
            return truth.before
        return truth.item

    def is_ready_for_dispatch(self, item: WorkItem) -> bool:
        return item.state is ItemState.READY

    async def set_state(self, item: WorkItem, state: ItemState) -> None:
        world, truth = self._world, self._world.truths[item.id]
        assert truth.item is not None
        now = truth.item.state
        if now is state:
            return
        if now not in OURS and truth.last_by == "person":
            seen = item.state is now or world.now() - truth.moved_at > OVERLAP + self.late_by
            if seen and not truth.lied:
                world.broken("people-win", f"{item.id} was moved to {state} although a person had put it to {now}")
            world.overwritten(truth, now)
        world.change(item.id, "factory", state=state)

    async def post_comment(self, item_id: str, body: str, key: str) -> None:
        if key in self._done:
            return
        self._done.add(key)
        world, truth = self._world, self._world.truths[item_id]
        world.tell(item_id, f"factory comments: {body[:80]}")
        if body in truth.comments and truth.says_again(truth.comments[body]):
            world.broken("said-once", f"the same comment stands twice on {item_id}: {body[:80]}")
        truth.comments[body] = world.now()

    async def link_pull_request(self, item_id: str, url: str, key: str) -> None:
        self._done.add(f"{item_id} {url}")

    async def acknowledge_session(self, session_id: str, key: str) -> None:
        self._done.add(key)


class SimulatedChannel:
    """Threads; their names are the same in every tenant, so that a mix-up shows."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._threads: dict[str, str] = {}  # key → thread
        self._said: set[str] = set()
        self.about: dict[str, str] = {}  # thread → item

    async def open_thread(self, title: str, body: str, key: str) -> Thread:
        if key not in self._threads:
            thread = self._threads[key] = f"C1:{len(self.about) + 1}.0"
            self.about[thread] = title.partition(":")[0]
            self._stands(thread, body)
        return Thread(self._threads[key], f"https://chat.example/{self._threads[key]}")

    async def reply(self, thread_id: str, text: str, key: str) -> None:
        if key not in self._said:
            self._said.add(key)
            self._stands(thread_id, text)

    def _stands(self, thread: str, text: str) -> None:
        world, key = self._world, self.about[thread]
        world.tell(key, f"factory writes in {thread}: {text[:80]}")
        if not text.endswith(QUESTION):
            return
        truth = world.truths[key]
        if truth.questions and truth.says_again(truth.asked_last):
            world.broken("asked-once", f"{key} was asked twice, and nothing had happened between")
        truth.questions += 1
        world.asked(key, thread)


@dataclass
class Branch:
    """A pushed branch: its head, how often it moved, and the commits that were ever green."""

    item: str
    head: str = ""
    moves: int = 0
    green: set[str] = field(default_factory=set)
    red: set[str] = field(default_factory=set)
    reviews: tuple[Review, ...] = ()


class SimulatedTarget:
    """Branches and pull requests. Checks come an hour after a push, a reviewer's word an hour after the checks."""

    def __init__(self, world: World, policy: str) -> None:
        self._world, self._policy = world, policy
        self._branches: dict[str, Branch] = {}
        self._reds: dict[str, int] = {}
        self._requests: dict[str, int] = {}
        self.pulls: dict[int, PullRequest] = {}
        self.merged: dict[int, str] = {}  # number → who
        self.merged_at: dict[str, float] = {}  # item → when
        self.stale, self._unsure = False, 0
        world.act_on_code = self._act

    def push(self, branch: str, item: str) -> str:
        """A new head, whose checks will run."""
        known = self._branches.setdefault(branch, Branch(item))
        known.moves += 1
        known.head = sha = f"{branch.rpartition('/')[2][-12:]}.{known.moves}"
        self._world.tell(item, f"{branch} is pushed: {sha}")
        self._world.later(HOUR, lambda: self._checked(known, sha))
        self._hint(item, "synchronize")
        return sha

    async def find_pull_request(self, repository: str, branch: str) -> PullRequest | None:
        return next((self._shown(pull) for pull in reversed(self.pulls.values()) if pull.branch == branch), None)

    async def read_pull_request(self, repository: str, number: int) -> PullRequest | None:
        pull = self.pulls.get(number)
        shown = self._shown(pull) if pull else None
        if shown and self.stale:  # the host has not computed it yet
            self._unsure += 1
            return shown.model_copy(update={("mergeable", "checks", "reviews")[self._unsure % 3]: None})
        return shown

    async def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        for pull in self.pulls.values():
            if pull.branch == branch and pull.state == "open":
                return self._shown(pull)
        item, number = item_of_branch(branch), len(self.pulls) + 1
        if any(pull.state == "open" and item_of_branch(pull.branch) == item for pull in self.pulls.values()):
            truth = self._world.truths[item]
            if truth.reopened_at < 0:
                self._world.broken("one-pull-request", f"{item} has two open pull requests")
        url = f"https://code.example/{repository}/pull/{number}"
        self.pulls[number] = PullRequest(
            repository=repository,
            number=number,
            branch=branch,
            base=base,
            url=url,
            draft=False,
            merged=False,
            mergeable=True,
        )
        self._world.tell(item, f"pull request #{number} is opened: {title}")
        self._hint(item, "opened")
        return self._shown(self.pulls[number])

    async def merge(self, pull_request: PullRequest, sha: str, method: str) -> str:
        current = self._shown(self.pulls[pull_request.number])
        if current.merged:
            return ""
        if current.state == "closed" or current.head_sha != sha:
            return "the head moved" if current.state == "open" else "it is closed"
        self._check_merge(current)
        self._merge(current, "factory")
        return ""

    async def enable_auto_merge(self, pull_request: PullRequest, sha: str, method: str) -> None:
        """Noted only: the factory merges by itself as well."""

    async def disable_auto_merge(self, pull_request: PullRequest) -> None:
        """Noted only."""

    async def is_pr_complete(self, work_item_id: str, repository: str, branch: str) -> bool:
        found = await self.find_pull_request(repository, branch)
        return found is not None and (bool(found.merged) or found.state == "open")

    def clone_address(self, repository: str) -> str:
        return f"https://code.example/{repository}.git"

    def _check_merge(self, pull: PullRequest) -> None:
        branch, item = self._branches[pull.branch], item_of_branch(pull.branch)
        if self._policy == "never":
            self._world.broken("merges-by-policy", f"#{pull.number} of {item} was merged, and only people may")
        if pull.head_sha not in branch.green:
            self._world.broken("merges-green-heads", f"{pull.head_sha} of {item} was merged before its checks passed")

    def _merge(self, pull: PullRequest, by: str) -> None:
        item = item_of_branch(pull.branch)
        if pull.number in self.merged:
            self._world.broken("merged-once", f"#{pull.number} of {item} was merged twice")
        self.merged[pull.number] = by
        self.merged_at[item] = self._world.now()
        self._world.truths[item].caused(self._world.now())
        self.pulls[pull.number] = self.pulls[pull.number].model_copy(update={"merged": True, "state": "closed"})
        self._world.tell(item, f"{by} merges #{pull.number} at {pull.head_sha}")
        self._hint(item, "merged")

    def _shown(self, pull: PullRequest) -> PullRequest:
        branch = self._branches[pull.branch]
        seen = branch.head in branch.green or branch.head in branch.red
        check = Check(
            name="ci",
            status="completed" if seen else "pending",
            conclusion="success" if branch.head in branch.green else "failure" if seen else "",
        )
        return pull.model_copy(update={"head_sha": branch.head, "checks": (check,), "reviews": branch.reviews})

    def _checked(self, branch: Branch, sha: str) -> None:
        truth = self._world.truths[branch.item]
        failed = self._reds.get(branch.item, 0) < truth.plan.red
        if failed:
            self._reds[branch.item] = self._reds.get(branch.item, 0) + 1
        (branch.red if failed else branch.green).add(sha)
        self._world.tell(branch.item, f"the checks of {sha} {'failed' if failed else 'passed'}")
        truth.caused(self._world.now())
        self._hint(branch.item, "check_run.completed")
        if not failed and branch.head == sha:
            self._world.later(HOUR, lambda: self._reviewed(branch, sha))

    def _reviewed(self, branch: Branch, sha: str) -> None:
        pull = next((p for p in self.pulls.values() if self._branches[p.branch] is branch and p.state == "open"), None)
        if pull is None or branch.head != sha:
            return
        truth, given = self._world.truths[branch.item], self._requests.get(branch.item, 0)
        wants = given < truth.plan.requested
        self._requests[branch.item] = given + wants
        verdict = Review(
            id=f"review-{self._world.fresh()}",
            author="Reva",
            commit=sha,
            state="changes_requested" if wants else "approved",
            body=f"Please mend case {given}." if wants else "",
        )
        branch.reviews = (*branch.reviews, verdict)
        truth.caused(self._world.now())
        self._world.tell(branch.item, f"a reviewer of {sha}: {verdict.state}")
        self._hint(branch.item, "review")
        if not wants and self._policy == "never":
            self._merge(self._shown(pull), "person")

    def _act(self, truth: Truth, kind: str) -> None:
        pull = next(
            (p for p in self.pulls.values() if item_of_branch(p.branch) == truth.plan.key and p.state == "open"), None
        )
        if pull is None:
            return
        truth.caused(self._world.now())
        if kind == "push":
            self.push(pull.branch, truth.plan.key)
        elif kind == "merge":
            self._merge(self._shown(pull), "person")
        else:
            self._world.tell(truth.plan.key, f"a person closes #{pull.number}")
            self.pulls[pull.number] = pull.model_copy(update={"state": "closed"})
            self._hint(truth.plan.key, "closed")

    def _hint(self, item: str, what: str) -> None:
        self._world.pull_hint(item, what)

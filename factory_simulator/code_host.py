"""The code host of one simulated tenant: branches, checks, reviewers, and merges, some of which it does by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from adapters.providers.github.refusals import of_merge
from factory_core.dispatch.pull_request import FileChange, PullRequest, Review, item_of_branch
from factory_core.dispatch.refusal import Refusal
from factory_core.errors import Terminal
from factory_core.ports import Redelivered

from .checks import checks, moments
from .schedule import HOUR, Refused
from .world import Truth, World

MOST_REFUSALS = 10  # of one head within an hour
MOST_UPDATES = 3  # of one branch in a row, and as many again for each thing that a person does
REFUSALS = (
    "a rule of the code host says no",
    "At least 1 approving review is required by reviewers with write access.",
)
MOVED, QUEUED = "the head moved", "The pull request is already queued to merge."
RULES: Mapping[Refused, str] = {
    **dict.fromkeys(("behind", "outrun"), "Head branch is out of date. Review and try the merge again."),
    **dict.fromkeys(("queue", "dequeued", "clogged"), "Changes must be made through the merge queue."),
    "owners": "Waiting on code owner review from acme/owners.",
    "method": "Squash merges are not allowed on this repository.",
}
PROTECTED = ".github/workflows/ci.yml"
UPDATES_WITHIN, QUEUE_TAKES, OWNERS_TAKE = 20.0, 2_700.0, 9 * HOUR  # seconds


@dataclass
class Branch:
    """A pushed branch: its head, how often it moved, and the commits that were ever green."""

    item: str
    head: str = ""
    moves: int = 0
    green: set[str] = field(default_factory=set)
    red: set[str] = field(default_factory=set)
    by_people: set[str] = field(default_factory=set)
    clashing: set[str] = field(default_factory=set)
    flagged: set[str] = field(default_factory=set)  # heads with a check that failed when the factory ran it
    change: str = ""  # of the protected file: git's id of its content
    updated: list[str] = field(default_factory=list)  # heads since the last push: the branch with its base merged in
    pushed: datetime | None = None
    reviews: tuple[Review, ...] = ()


class SimulatedTarget:
    """Branches and pull requests. Checks end an hour after a push, a reviewer's word comes an hour after the checks."""

    provider = "github"

    def __init__(self, world: World, policy: str, again: Callable[[int], None]) -> None:
        self._world, self._policy, self._again = world, policy, again
        self.read_at: dict[int, float] = {}  # by number, when somebody last read it
        self.failed: list[tuple[datetime, int]] = []  # deliveries that never got through
        self.armed: dict[int, str] = {}  # pull request → the head that it was armed for
        self.queued: dict[int, str] = {}  # pull request → the head that is in the merge queue
        self.late_by = 0.0
        self._branches: dict[str, Branch] = {}
        self._reds: dict[str, int] = {}
        self._requests: dict[str, int] = {}
        self.pulls: dict[int, PullRequest] = {}
        self.merged: dict[int, str] = {}  # number → who
        self.merged_at: dict[str, float] = {}  # item → when
        self.stale, self._unsure = False, 0
        self._refused: dict[str, list[float]] = {}  # head → when it was asked to merge it and would not
        self._updating: set[str] = set()  # heads
        self._left_queue: set[str] = set()  # items
        self._owners: dict[str, bool] = {}  # item → did a code owner approve it?
        world.act_on_code = self._act

    def push(self, branch: str, item: str, by: str = "factory", *, flagged: bool = False, change: str = "") -> str:
        """A new head, whose checks will run."""
        known = self._branches.setdefault(branch, Branch(item))
        known.moves, known.pushed = known.moves + 1, self._world.clock()
        known.head = sha = f"{item}.{branch.rpartition('/')[2][-12:]}.{known.moves}"
        known.change = change or known.change
        if flagged:
            known.flagged.add(sha)
        if by != "host":
            known.updated.clear()
        if by == "person":
            known.by_people.add(sha)
        elif by == "host":
            known.updated.append(sha)
        elif len(known.clashing) < self._world.truths[item].plan.clashes:
            known.clashing.add(sha)
        self._world.tell(item, f"{branch} is pushed: {sha}")
        for number in [number for number in self.queued if self.pulls[number].branch == branch]:
            del self.queued[number]
        for after in moments(self._world.truths[item].plan.ci):
            self._world.later(after, lambda: self._tell_of_check(known, sha))
        self._world.later(HOUR, lambda: self._checked(known, sha))
        self._hint(item, "synchronize")
        return sha

    async def find_pull_request(self, repository: str, branch: str) -> PullRequest | None:
        """Its lists may lag: a stale one does not hold the newest yet."""
        listed = list(self.pulls.values())[: -1 if self.stale else None]
        return next((self._shown(pull) for pull in reversed(listed) if pull.branch == branch), None)

    async def read_pull_request(self, repository: str, number: int) -> PullRequest | None:
        pull = self.pulls.get(number)
        self.read_at[number] = self._world.now()
        shown = self._shown(pull) if pull else None
        if shown and self.stale:  # the host has not computed it yet
            self._unsure += 1
            return shown.model_copy(update={("mergeable", "checks", "reviews")[self._unsure % 3]: None})
        return shown

    async def compare(self, repository: str, base: str, head: str) -> tuple[FileChange, ...] | None:
        branch = next((one for one in self._branches.values() if one.head == head), None)
        return (FileChange(path=PROTECTED, sha=branch.change),) if branch and branch.change else ()

    async def required_checks(self, repository: str, base: str) -> tuple[str, ...] | None:
        return ()

    async def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        for pull in self.pulls.values():
            if pull.branch == branch and pull.state == "open":
                return self._shown(pull)
        item, number = self.item_of(branch), len(self.pulls) + 1
        standing = sum(pull.state == "open" and self.item_of(pull.branch) == item for pull in self.pulls.values())
        if standing > self._world.truths[item].reopened:
            self._world.broken("one-pull-request", f"{item} has {standing + 1} open pull requests")
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

    async def request_review(self, pull_request: PullRequest, app: str) -> None:
        """No app reviews here."""

    async def merge(self, pull_request: PullRequest, sha: str, method: str) -> str:
        current = self._shown(self.pulls[pull_request.number])
        if current.merged:
            return ""
        if current.state == "closed" or current.head_sha != sha:
            return MOVED if current.state == "open" else "it is closed"
        self._check_merge(current)
        words = QUEUED if current.number in self.queued else self._forbidden(current)
        if words:
            self._ask(sha)
            self._call_owner(current)
            return words
        self._merge(current, "factory")
        return ""

    def refuse(self, pull_request: PullRequest, sha: str, method: str) -> str:
        """A rule says no, whatever the checks say; it is not asked for the same head over and over."""
        self._ask(sha)
        return REFUSALS[sum(map(ord, item_of_branch(pull_request.branch))) % len(REFUSALS)]

    async def update_branch(self, pull_request: PullRequest, sha: str) -> str:
        """It answers at once, and merges the base into the branch a while later."""
        current = self._shown(self.pulls[pull_request.number])
        if current.state == "closed" or current.head_sha != sha:
            return MOVED
        branch, item = self._branches[current.branch], self.item_of(current.branch)
        if self._forbidden(current) != RULES["behind"]:
            return "There are no new commits on the base branch."
        if sha not in self._updating:
            self._updating.add(sha)
            self._world.later(UPDATES_WITHIN, lambda: self._update(branch, current.branch, item, sha))
        return ""

    async def enqueue(self, pull_request: PullRequest, sha: str) -> str:
        """It is tested there for a while, and then merged, or taken out again."""
        current = self._shown(self.pulls[pull_request.number])
        if current.merged or self.queued.get(current.number) == sha:
            return ""
        if current.state == "closed" or current.head_sha != sha:
            return MOVED
        self._check_merge(current)
        self._ask(sha)
        self.queued[current.number] = sha
        self._world.tell(self.item_of(current.branch), f"#{current.number} is in the merge queue: {sha}")
        self._world.later(QUEUE_TAKES, lambda: self._leave_queue(current.number, sha))
        return ""

    def refusal(self, words: str) -> Refusal:
        return of_merge(words)

    async def enable_auto_merge(self, pull_request: PullRequest, sha: str, method: str) -> None:
        """It merges when the checks pass. Where they have passed there is nothing to wait for, and it does not."""
        pull = self.pulls[pull_request.number]
        branch, item = self._branches[pull.branch], self.item_of(pull.branch)
        if self._policy == "never":
            self._world.broken("merges-by-policy", f"#{pull.number} of {item} was armed, and only people may merge")
        if sha in branch.flagged:
            self._world.broken("published-was-checked", f"#{pull.number} of {item} was armed, and a check had failed")
        if branch.change:
            self._world.broken("protected-waits-for-people", f"#{pull.number} of {item} was armed, and is protected")
        if not sha or sha in branch.by_people:
            self._world.broken("arms-its-own-heads", f"#{pull.number} of {item} was armed for {sha or 'any head'}")
        if branch.head != sha:
            raise Terminal(f"#{pull.number} is not armed", why="its head moved", fix="factory status")
        if pull.state == "open" and sha not in branch.green:
            self._world.tell(item, f"#{pull.number} is armed for {sha}")
            self.armed[pull.number] = sha

    async def disable_auto_merge(self, pull_request: PullRequest) -> None:
        if self.queued.pop(pull_request.number, ""):
            self._world.tell(
                self.item_of(pull_request.branch), f"#{pull_request.number} is taken out of the merge queue"
            )
        if self.armed.pop(pull_request.number, ""):
            self._world.tell(self.item_of(pull_request.branch), f"#{pull_request.number} is armed no more")

    async def redeliver_failed(self, since: datetime, cursor: str, calls: int) -> Redelivered:
        """The longest waiting first, from the cursor on; each is asked for once."""
        waiting = [(at, number) for at, number in self.failed if at >= since and number > int(cursor or 0)]
        for at, number in waiting[:calls]:
            self.failed.remove((at, number))
            self._again(number)
        return Redelivered(len(waiting[:calls]), str(waiting[calls - 1][1]) if len(waiting) > calls else "")

    async def is_pr_complete(self, work_item_id: str, repository: str, branch: str) -> bool:
        found = await self.find_pull_request(repository, branch)
        return found is not None and (bool(found.merged) or found.state == "open")

    def clone_address(self, repository: str) -> str:
        return f"https://code.example/{repository}.git"

    def item_of(self, branch: str) -> str:
        return self._world.by_key(item_of_branch(branch))

    def _check_merge(self, pull: PullRequest) -> None:
        branch, item = self._branches[pull.branch], self.item_of(pull.branch)
        if self._policy == "never":
            self._world.broken("merges-by-policy", f"#{pull.number} of {item} was merged, and only people may")
        if pull.head_sha in branch.flagged:
            self._world.broken("published-was-checked", f"{pull.head_sha} of {item} was merged, and a check had failed")
        approved = any(one.state == "approved" and one.commit == pull.head_sha for one in branch.reviews)
        if branch.change and not approved:
            self._world.broken("protected-waits-for-people", f"{pull.head_sha} of {item} was merged without a person")
        if pull.head_sha not in branch.green:
            self._world.broken("merges-green-heads", f"{pull.head_sha} of {item} was merged before its checks passed")

    def _merge(self, pull: PullRequest, by: str) -> None:
        item = self.item_of(pull.branch)
        self.merged[pull.number] = by
        self.merged_at[item] = self._world.now()
        self.pulls[pull.number] = self.pulls[pull.number].model_copy(update={"merged": True, "state": "closed"})
        self.armed.pop(pull.number, "")
        self.queued.pop(pull.number, "")
        self._world.tell(item, f"{by} merges #{pull.number} at {pull.head_sha}")
        self._world.merged(item)
        self._hint(item, "merged")

    def _shown(self, pull: PullRequest) -> PullRequest:
        branch = self._branches[pull.branch]
        now = self._world.clock()
        pushed = branch.pushed or now
        ended = "success" if branch.head in branch.green else "failure" if branch.head in branch.red else ""
        shown = checks(self._world.truths[branch.item].plan.ci, pushed, (now - pushed).total_seconds(), ended)
        return pull.model_copy(update={
            "head_sha": branch.head, "head_since": pushed, "checks": shown, "reviews": branch.reviews, "read_at": now,
            "mergeable": branch.head not in branch.clashing, "files": (PROTECTED,) if branch.change else (),
        })  # fmt: skip

    def _ask(self, sha: str) -> None:
        """It is asked to merge this head and does not; nobody does that over and over."""
        now, asked = self._world.now(), self._refused.setdefault(sha, [])
        asked.append(now)
        often = sum(now - at < HOUR for at in asked)
        if often > MOST_REFUSALS:
            self._world.broken("refusals-are-not-hammered", f"{sha} was to be merged {often} times in an hour")

    def _forbidden(self, pull: PullRequest) -> str:
        """What a rule of the base says against a merge of its head just now; empty when none forbids it."""
        branch, item = self._branches[pull.branch], self.item_of(pull.branch)
        kind = self._world.truths[item].plan.refused
        passed = (kind == "behind" and pull.head_sha in branch.updated) or self._owners.get(item, False)
        return "" if passed else RULES.get(kind, "")

    def _update(self, branch: Branch, name: str, item: str, sha: str) -> None:
        if branch.head != sha:
            return
        self.push(name, item, by="host")
        if len(branch.updated) > MOST_UPDATES * (1 + len(self._world.truths[item].did)):
            why = f"{name} was updated {len(branch.updated)} times, and falls behind each time"
            self._world.broken("refusals-are-not-hammered", why)

    def _leave_queue(self, number: int, sha: str) -> None:
        if self.queued.get(number) != sha:
            return
        pull, item = self.pulls[number], self.item_of(self.pulls[number].branch)
        kind = self._world.truths[item].plan.refused
        if kind == "clogged" or (kind == "dequeued" and item not in self._left_queue):
            self._left_queue.add(item)
            del self.queued[number]
            self._world.tell(item, f"#{number} leaves the merge queue unmerged")
            self._hint(item, "dequeued")
        elif pull.state == "open":
            self._merge(self._shown(pull), "host")

    def _call_owner(self, pull: PullRequest) -> None:
        """A code owner looks hours after the merge was refused for the first time."""
        item = self.item_of(pull.branch)
        if self._world.truths[item].plan.refused == "owners" and item not in self._owners:
            self._owners[item] = False
            self._world.later(OWNERS_TAKE, lambda: self._approve(item, self._branches[pull.branch]))

    def _approve(self, item: str, branch: Branch) -> None:
        self._owners[item] = True
        approval = Review(id=f"review-{self._world.fresh()}", author="Olga", commit=branch.head, state="approved")
        branch.reviews = (*branch.reviews, approval)
        self._world.tell(item, f"a code owner approves {branch.head}")
        self._hint(item, "review")
        self._merge_armed(branch)

    def _merge_armed(self, branch: Branch) -> None:
        for number in [n for n in self.armed if self._branches[self.pulls[n].branch] is branch]:
            pull = self._shown(self.pulls[number])
            green = branch.head in branch.green - branch.clashing
            if green and pull.state == "open" and not self._forbidden(pull):
                self._merge(pull, "host")

    def _tell_of_check(self, branch: Branch, sha: str) -> None:
        if branch.head == sha:
            self._hint(branch.item, "check_run.completed")

    def _checked(self, branch: Branch, sha: str) -> None:
        truth = self._world.truths[branch.item]
        clashes = sha in branch.clashing
        failed = not clashes and self._reds.get(branch.item, 0) < truth.plan.red
        if failed:
            self._reds[branch.item] = self._reds.get(branch.item, 0) + 1
        (branch.red if failed else branch.green).add(sha)
        self._world.tell(branch.item, f"the checks of {sha} {'failed' if failed else 'passed'}")
        self._hint(branch.item, "check_run.completed")
        self._merge_armed(branch)
        if not failed and not clashes and branch.head == sha:
            self._world.later(HOUR, lambda: self._reviewed(branch, sha))

    def _reviewed(self, branch: Branch, sha: str, waited: int = 0) -> None:
        """Reviewers look once an hour, for half a day, whether there is a pull request at all."""
        pulls = [pull for pull in self.pulls.values() if self._branches[pull.branch] is branch]
        if not pulls and waited < 12:
            self._world.later(HOUR, lambda: self._reviewed(branch, sha, waited + 1))
        pull = next((pull for pull in pulls if pull.state == "open"), None)
        if pull is None or branch.head != sha or self._world.truths[branch.item].plan.ignored:
            return
        truth, given = self._world.truths[branch.item], self._requests.get(branch.item, 0)
        wants = given < truth.plan.requested
        self._requests[branch.item] = given + wants
        verdict = Review(
            id=f"review-{self._world.fresh()}",
            author="Reva",
            commit=sha,
            state="changes_requested" if wants else "approved",
            body=f"Please mend case {self._world.mark()}." if wants else "",
        )
        branch.reviews = (*branch.reviews, verdict)
        self._world.tell(branch.item, f"a reviewer of {sha}: {verdict.state}")
        self._hint(branch.item, "review")
        if not wants and (self._policy == "never" or sha in branch.flagged):
            self._merge(self._shown(pull), "person")

    def _act(self, truth: Truth, kind: str) -> None:
        pull = next(
            (p for p in self.pulls.values() if self.item_of(p.branch) == truth.plan.key and p.state == "open"), None
        )
        if pull is None:
            return
        if kind == "push":
            self.push(pull.branch, truth.plan.key, by="person")
        elif kind == "merge":
            self._merge(self._shown(pull), "person")
        else:
            self._world.tell(truth.plan.key, f"a person closes #{pull.number}")
            self.pulls[pull.number] = pull.model_copy(update={"state": "closed"})
            self._hint(truth.plan.key, "closed")

    def _hint(self, item: str, what: str) -> None:
        self._world.pull_hint(item, what)

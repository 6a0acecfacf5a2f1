"""The outside world in memory: a tracker, a channel, a code host and a fleet that keep their promises and count.

For tests and simulations of the whole factory; the vendors' real shapes are in factory_sandbox.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

from adapters.providers.github.refusals import of_merge
from factory_core.connections import ConnectionStatus, ProviderConnection
from factory_core.dispatch.activity import Activity, Link, PlanStep
from factory_core.dispatch.comments import thread_title
from factory_core.dispatch.events import ReplyReceived
from factory_core.dispatch.pull_request import Check, Comment, FileChange, PullRequest, Review
from factory_core.dispatch.records import Summary
from factory_core.dispatch.refusal import Refusal
from factory_core.errors import Problem, Terminal
from factory_core.ports import ItemPage, Thread
from factory_core.runs.run import RunOrder, RunReport, RunStatus
from factory_core.work_item import ItemState, WorkItem


class _Recording:
    """Counts every call, and fails the next ones when a test says so."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self.calls: Counter[str] = Counter()
        self.faults: dict[str, list[Problem]] = {}

    def _called(self, call: str) -> None:
        self.calls[call] += 1
        waiting = self.faults.get(call)
        if waiting:
            raise waiting.pop(0)

    async def check_connection(self) -> ProviderConnection:
        return ProviderConnection(provider=self._provider, status=ConnectionStatus.CONNECTED)


class RecordingTracker(_Recording):
    """Tickets, their states and comments. A person edits `items` directly."""

    def __init__(self) -> None:
        super().__init__("tracker")
        self.items: dict[str, WorkItem] = {}
        self.moves: list[tuple[str, ItemState]] = []
        self.comments: dict[str, tuple[str, str]] = {}  # by key: the same key twice is one comment
        self.links: set[tuple[str, str]] = set()
        self.sessions: set[str] = set()
        self.activities: dict[str, dict[str, Activity]] = {}  # of each agent session, by key
        self.plans: dict[str, tuple[PlanStep, ...]] = {}
        self.session_links: dict[str, tuple[Link, ...]] = {}
        self.claimed: set[str] = set()

    async def read_item(self, item_id: str) -> WorkItem | None:
        """By its id, its key or the vendor's own id."""
        self._called("read_item")
        return self.items.get(self._name(item_id))

    def _name(self, item_id: str) -> str:
        """What the item is kept under."""
        if item_id in self.items:
            return item_id
        names = ((name, {item.id, item.key, item.source.identity}) for name, item in self.items.items())
        return next((name for name, known in names if item_id in known), item_id)

    def is_ready_for_dispatch(self, item: WorkItem) -> bool:
        return item.state is ItemState.READY

    async def set_state(self, item: WorkItem, state: ItemState) -> None:
        self._called("set_state")
        self.items[self._name(item.id)] = item.model_copy(update={"state": state})
        self.moves.append((item.id, state))

    async def post_comment(self, item_id: str, body: str, key: str) -> None:
        self._called("post_comment")
        self.comments.setdefault(key, (self._name(item_id), body))

    async def link_pull_request(self, item_id: str, url: str, key: str) -> None:
        self._called("link_pull_request")
        self.links.add((self._name(item_id), url))

    async def claim(self, item: WorkItem) -> None:
        self._called("claim")
        self.claimed.add(self._name(item.id))

    async def post_activity(self, session_id: str, activity: Activity, key: str) -> None:
        self._called("post_activity")
        self.sessions.add(session_id)
        self.activities.setdefault(session_id, {}).setdefault(key, activity)

    async def update_session(self, session_id: str, plan: Sequence[PlanStep], links: Sequence[Link]) -> None:
        self._called("update_session")
        self.plans[session_id], self.session_links[session_id] = tuple(plan), tuple(links)

    async def ready_items(self, since: datetime, cursor: str, limit: int) -> ItemPage:
        """By id; one without a time of change counts as just changed."""
        self._called("ready_items")
        rest = sorted(
            (item for item in self.items.values() if item.state is ItemState.READY and item.id > cursor),
            key=lambda item: item.id,
        )
        fresh = [item for item in rest if item.updated_at is None or item.updated_at >= since]
        return ItemPage(tuple(fresh[:limit]), fresh[limit - 1].id if len(fresh) > limit else "")


class RecordingChannel(_Recording):
    """Threads and what was said in them."""

    def __init__(self) -> None:
        super().__init__("channel")
        self.threads: dict[str, list[str]] = {}
        self.people: list[ReplyReceived] = []  # what people said; a test adds to it
        self._by_key: dict[str, str] = {}

    async def ask(
        self,
        item: Summary | WorkItem,
        person: str,
        text: str,
        key: str,
        thread_id: str = "",
        session_id: str = "",
    ) -> Thread:
        """A person is mentioned as `@name`, or by the mention that the configuration has."""
        called = person if person.startswith(("@", "<")) or not person else f"@{person}"
        body = f"{called} {text}".strip()
        if not thread_id:
            return await self.open_thread(thread_title(item), body, key)
        await self.reply(thread_id, body, key)
        return Thread(thread_id, "")

    async def open_thread(self, title: str, body: str, key: str) -> Thread:
        self._called("open_thread")
        if key not in self._by_key:
            self._by_key[key] = f"C1:{len(self.threads) + 1}.0"
            self.threads[self._by_key[key]] = [body]
        return Thread(self._by_key[key], f"https://chat.example/{self._by_key[key]}")

    async def reply(self, thread_id: str, text: str, key: str) -> None:
        self._called("reply")
        if key not in self._by_key:
            self._by_key[key] = thread_id
            self.threads[thread_id].append(text)

    async def replies(self, thread_id: str) -> tuple[ReplyReceived, ...]:
        self._called("replies")
        return tuple(said for said in self.people if said.thread_id == thread_id)


class RecordingTarget(_Recording):
    """Pull requests; a test sets their checks and reviews with change()."""

    def __init__(self) -> None:
        super().__init__("target")
        self.pull_requests: dict[int, PullRequest] = {}
        self.bodies: dict[int, str] = {}
        self.merges: list[tuple[int, str]] = []
        self.refusals: list[str] = []  # what it answers to the next merges
        self.requested: list[tuple[int, str]] = []  # reviews by apps
        self.armed: set[int] = set()  # pull requests that the host would merge by itself
        self.queue: dict[int, str] = {}  # pull request → the head that is in the merge queue
        self.compared: dict[str, tuple[FileChange, ...] | None] = {}  # head → what it changes; otherwise nothing
        self.updated: list[tuple[int, str]] = []  # heads that were merged with their base

    def change(self, number: int, **changes: object) -> None:
        self.pull_requests[number] = self.pull_requests[number].model_copy(update=changes)

    def green(self, number: int) -> None:
        self.change(number, checks=(Check(name="ci", status="completed", conclusion="success"),), mergeable=True)

    def red(self, number: int, name: str = "ci", summary: str = "") -> None:
        failed = Check(name=name, status="completed", conclusion="failure", summary=summary)
        self.change(number, checks=(failed,), mergeable=True)

    def review(self, number: int, review: Review) -> None:
        self.change(number, reviews=(*(self.pull_requests[number].reviews or ()), review))

    def comment(self, number: int, comment: Comment) -> None:
        self.change(number, comments=(*(self.pull_requests[number].comments or ()), comment))

    async def find_pull_request(self, repository: str, branch: str) -> PullRequest | None:
        self._called("find_pull_request")
        return next((found for found in self.pull_requests.values() if found.branch == branch), None)

    async def read_pull_request(self, repository: str, number: int) -> PullRequest | None:
        self._called("read_pull_request")
        return self.pull_requests.get(number)

    async def compare(self, repository: str, base: str, head: str) -> tuple[FileChange, ...] | None:
        self._called("compare")
        return self.compared.get(head, ())

    async def required_checks(self, repository: str, base: str) -> tuple[str, ...] | None:
        self._called("required_checks")
        return ()

    async def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        self._called("open_pull_request")
        for found in self.pull_requests.values():
            if found.branch == branch and found.state == "open":
                return found
        number = len(self.pull_requests) + 1
        self.bodies[number] = body
        self.pull_requests[number] = PullRequest(
            repository=repository, number=number, branch=branch, base=base, head_sha=f"sha{number}", draft=False,
            merged=False, url=f"https://code.example/{repository}/pull/{number}", mergeable=None, checks=(), reviews=(),
            files=(),
        )  # fmt: skip
        return self.pull_requests[number]

    async def request_review(self, pull_request: PullRequest, app: str) -> None:
        self._called("request_review")
        self.requested.append((pull_request.number, app))

    async def merge(self, pull_request: PullRequest, sha: str, method: str) -> str:
        self._called("merge")
        current = self.pull_requests[pull_request.number]
        if current.merged:
            return ""
        if current.head_sha != sha:
            return "the head moved"
        if self.refusals:
            return self.refusals.pop(0)
        self.change(current.number, merged=True, state="closed")
        self.merges.append((current.number, sha))
        return ""

    async def update_branch(self, pull_request: PullRequest, sha: str) -> str:
        """The head moves; what had been seen of it stays."""
        self._called("update_branch")
        if self.pull_requests[pull_request.number].head_sha != sha:
            return "the head moved"
        self.updated.append((pull_request.number, sha))
        self.change(pull_request.number, head_sha=f"{sha}+base")
        return ""

    async def enqueue(self, pull_request: PullRequest, sha: str) -> str:
        self._called("enqueue")
        self.queue[pull_request.number] = sha
        return ""

    def refusal(self, words: str) -> Refusal:
        """The words that tests play are GitHub's."""
        return of_merge(words)

    async def enable_auto_merge(self, pull_request: PullRequest, sha: str, method: str) -> None:
        self._called("enable_auto_merge")
        self.armed.add(pull_request.number)

    async def disable_auto_merge(self, pull_request: PullRequest) -> None:
        self._called("disable_auto_merge")
        self.armed.discard(pull_request.number)
        self.queue.pop(pull_request.number, "")

    async def is_pr_complete(self, work_item_id: str, repository: str, branch: str) -> bool:
        found = await self.find_pull_request(repository, branch)
        return found is not None and (bool(found.merged) or (found.state == "open" and found.draft is False))

    def clone_address(self, repository: str) -> str:
        return f"https://code.example/{repository}.git"


class RecordingFleet(_Recording):
    """Runs that end when a test says so."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__("fleet")
        self._clock = clock
        self.orders: dict[str, RunOrder] = {}
        self.reports: dict[str, RunReport] = {}
        self.stopped: list[str] = []
        self.line = False  # runs wait in a line until take()

    async def start(self, order: RunOrder) -> RunReport:
        self._called("start")
        if order.run_id not in self.orders and order.run_id in self.stopped:
            return RunReport(
                run_id=order.run_id, work_item_id=order.work_item_id, status=RunStatus.STOPPED, ended_at=self._clock()
            )
        if order.run_id not in self.orders:
            self.orders[order.run_id] = order
            self.reports[order.run_id] = RunReport(
                run_id=order.run_id, work_item_id=order.work_item_id, status=RunStatus.WAITING,
                session=f"session-{order.run_id}",
            )  # fmt: skip
            if not self.line:
                self.take(order.run_id)
        return self.reports[order.run_id]

    def take(self, run_id: str) -> RunReport:
        """The report of a run that begins now."""
        begun = {"status": RunStatus.RUNNING, "started_at": self._clock(), "alive_at": self._clock()}
        self.reports[run_id] = self.reports[run_id].model_copy(update=begun)
        return self.reports[run_id]

    def end(self, run_id: str, status: RunStatus, **changes: object) -> RunReport:
        """The report of a run that ends now."""
        if self.reports[run_id].ended_at is None:
            ended = {"status": status, "ended_at": self._clock(), **changes}
            self.reports[run_id] = self.reports[run_id].model_copy(update=ended)
        return self.reports[run_id]

    @property
    def live(self) -> list[str]:
        return [run_id for run_id, report in self.reports.items() if report.ended_at is None]

    async def look(self, run_id: str) -> RunReport | None:
        self._called("look")
        return self.reports.get(run_id)

    async def tail(self, run_id: str, lines: int = 20) -> tuple[str, ...]:
        return ()

    async def stop(self, run_id: str) -> None:
        self._called("stop")
        self.stopped.append(run_id)
        if run_id in self.reports:
            self.end(run_id, RunStatus.STOPPED)

    async def forget(self, work_item_id: str) -> None:
        self._called("forget")

    async def publish(self, run_id: str) -> str:
        self._called("publish")
        order = self.orders.get(run_id)
        if order is None:
            raise Terminal(f"run {run_id} is unknown", why="the fleet has no such run", fix="factory check")
        return f"sha-{run_id}"

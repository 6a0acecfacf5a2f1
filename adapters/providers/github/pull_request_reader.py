"""Reads everything that bears on a pull request, in as few requests as its state allows.

Merged: one request. Closed: what was said. While checks run: the checks and what was said. Otherwise suites, workflow
runs and the rules of the branch tell what is still to come; and what looks green is confirmed, for all this took time:
the head and the base are read once more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from factory_core.dispatch.merge_gate import FAILED, counted, missing_check
from factory_core.dispatch.pull_request import FileChange, PullRequest, paths_of
from factory_core.errors import Terminal
from factory_core.payload import at, number, text, truth

from .checks import Result, required_checks, results_of, since
from .client import GithubClient
from .job_log import JobLogs
from .permissions import Permissions
from .reviews import People, comments_of, reviews_of, to_be_asked_about
from .snapshot import pull_request
from .together import together

MOST_READS = 3  # of one that moves while it is read
MOST_LOGS = 3
MOST_KNOWN = 200  # pull requests whose files are remembered
MOST_FILES, MOST_PATCH = 300, 200_000  # files that GitHub lists; characters of one's changed lines


class Checked(NamedTuple):
    """The results at a head, and where the base stood when they were in; None where nothing needs to be confirmed."""

    results: tuple[Result, ...] | None
    suites: list[Any] | None = None
    tip: str | None = None
    required: tuple[str, ...] | None = None


class PullRequestReader:
    """Of one client. It remembers for minutes who may write, and the logs of jobs."""

    def __init__(self, client: GithubClient) -> None:
        self._client, self._permissions, self._logs = client, Permissions(client), JobLogs(client)
        self._files: dict[tuple[str, ...], tuple[str, ...] | None] = {}

    async def read(self, repository: str, number: int) -> PullRequest | None:
        """None when it is gone while the repository is not."""
        pull = await self._pull(repository, number)
        for _ in range(MOST_READS):
            if pull is None:
                return None
            shown, tip = await self._look(repository, pull)
            if tip is None:
                return shown
            again, now = await together(self._pull(repository, number), self._tip(f"/repos/{repository}", shown.base))
            if again is not None and _place(again) == _place(pull) and now == tip:
                return pull_request(repository, again, **_read_elsewhere(shown))
            pull = again
        return shown.model_copy(update={"moved": True})

    async def _pull(self, repository: str, number: int) -> Any:
        pull = await self._client.read(f"/repos/{repository}/pulls/{number}")
        if pull is None:
            await self._client.call("GET", f"/repos/{repository}")  # raises when it is the repository that is not seen
        return pull

    async def _look(self, repository: str, pull: Any) -> tuple[PullRequest, str | None]:
        """The snapshot, and the tip of its base if the snapshot may open the gate."""
        read_at, here = self._client.clock(), f"/repos/{repository}"
        if truth(pull, "merged"):
            return pull_request(repository, pull, read_at=read_at), None
        its, is_open = number(pull, "number"), text(pull, "state") == "open"
        checked, files, reviews, inline, comments = await together(
            self._checked(here, pull, is_open),
            self._files_of(repository, pull, is_open),
            self._client.read_all(f"{here}/pulls/{its}/reviews"),
            self._comments(f"{here}/pulls/{its}/comments", number(pull, "review_comments")),
            self._comments(f"{here}/issues/{its}/comments", number(pull, "comments")),
        )
        asked = to_be_asked_about(reviews, [*(inline or ()), *(comments or ())])
        people = People(text(pull, "user", "login"), await self._permissions.standings(repository, asked))
        results = await self._with_logs(repository, checked.results)
        shown = pull_request(
            repository, pull, read_at=read_at,
            checks=None if results is None else tuple(result.check for result in results),
            head_since=since(results or (), checked.suites),
            files=files,
            required=checked.required,
            reviews=reviews_of(reviews, inline or [], people),
            comments=None if inline is None or comments is None else comments_of(comments, inline, people),
        )  # fmt: skip
        return shown, None if missing_check(counted(shown), ()) else checked.tip

    async def _checked(self, here: str, pull: Any, is_open: bool) -> Checked:
        if not is_open:
            return Checked(None)
        commit = f"{here}/commits/{text(pull, 'head', 'sha')}"
        runs, statuses = await together(
            self._client.read_all(f"{commit}/check-runs", "check_runs", filter="all"),
            self._client.read_all(f"{commit}/status", "statuses"),
        )
        first = results_of(runs, statuses)
        if first is None or _only_runs(first):
            return Checked(first)
        branch = f"branches/{quote(text(pull, 'base', 'ref'), safe='')}"
        suites, workflows, rules, base = await together(
            self._may_list(f"{commit}/check-suites", "check_suites"),
            self._may_list(f"{here}/actions/runs", "workflow_runs", head_sha=text(pull, "head", "sha")),
            self._may_list(f"{here}/rules/{branch}"),
            self._may_read(f"{here}/{branch}"),
        )
        protection = await self._protection(f"{here}/{branch}", base)
        results = results_of(runs, statuses, suites, workflows, required_checks(rules, protection), rules)
        return Checked(results, suites, text(base, "commit", "sha"), _required(rules, protection, base))

    async def required(self, repository: str, base: str) -> tuple[str, ...] | None:
        """The checks that the branch requires; None where neither its rules nor its protection can be read."""
        branch = f"branches/{quote(base, safe='')}"
        here = f"/repos/{repository}"
        rules, shown = await together(self._may_list(f"{here}/rules/{branch}"), self._may_read(f"{here}/{branch}"))
        protection = await self._protection(f"{here}/{branch}", shown)
        return _required(rules, protection, shown)

    async def _protection(self, branch: str, shown: object) -> object:
        """`required_status_checks` of the branch: as the branch shows it, else where only administrators may look."""
        protection = at(shown, "protection", "required_status_checks")
        if shown is None or (protection is None and at(shown, "protected") is not False):
            return await self._may_read(f"{branch}/protection/required_status_checks")
        return protection

    async def _files_of(self, repository: str, pull: Any, is_open: bool) -> tuple[str, ...] | None:
        """Under every name that they have or had. By the commits, which tell the same whatever is pushed meanwhile."""
        head, _, base = _place(pull)
        if not is_open or not head or not base:
            return None
        place = (repository, base, head)
        if place not in self._files:
            try:
                found = await self.compare(repository, base, head)
            except Terminal:
                return None
            if len(self._files) >= MOST_KNOWN:
                self._files.clear()
            self._files[place] = None if found is None else paths_of(found)
        return self._files[place]

    async def compare(self, repository: str, base: str, head: str) -> tuple[FileChange, ...] | None:
        """What the head changes since it left the base; None when that is not known, or more than GitHub lists.

        https://docs.github.com/rest/commits/commits#compare-two-commits: at most 300 files, all on the first page.
        """
        path = f"/repos/{repository}/compare/{quote(base, safe='')}...{quote(head, safe='')}"
        files = at(await self._client.read(path, per_page=1, page=1), "files")
        if not isinstance(files, list) or len(files) >= MOST_FILES or not all(text(one, "filename") for one in files):
            return None
        return tuple(
            FileChange(
                path=text(one, "filename"),
                former=text(one, "previous_filename") if text(one, "status") == "renamed" else "",
                sha="" if text(one, "status") == "removed" else text(one, "sha"),
                patch=text(one, "patch")[:MOST_PATCH] or None,
            )
            for one in files
        )

    async def _tip(self, here: str, base: str) -> str:
        return text(await self._may_read(f"{here}/branches/{quote(base, safe='')}"), "commit", "sha")

    async def _comments(self, path: str, count: int | None) -> list[Any] | None:
        """All of them; None when there are some and they are not shown."""
        if count == 0:
            return []
        listed = await self._may_list(path)
        return [] if listed is None and count is None else listed

    async def _with_logs(self, repository: str, results: Sequence[Result] | None) -> tuple[Result, ...] | None:
        if results is None:
            return None
        jobs = [result.failed_job for result in results if result.failed_job][:MOST_LOGS]
        logs = dict(zip(jobs, await together(*(self._logs.excerpt(repository, job) for job in jobs)), strict=True))
        return tuple(result.with_log(logs.get(result.failed_job, "")) for result in results)

    async def _may_read(self, path: str) -> Any:
        """None also where this token may not read it: that is not known then, and no failure."""
        try:
            return await self._client.read(path)
        except Terminal:
            return None

    async def _may_list(self, path: str, *key: str, **params: Any) -> list[Any] | None:
        try:
            return await self._client.read_all(path, *key, **params)
        except Terminal:
            return None


def _only_runs(results: Sequence[Result]) -> bool:
    """Does something run while nothing has failed? Then nothing else matters yet."""
    checks = [result.check for result in results]
    return any(check.status == "pending" for check in checks) and not any(
        check.conclusion in FAILED for check in checks
    )


def _required(rules: list[Any] | None, protection: object, branch: object) -> tuple[str, ...] | None:
    """None where nothing tells what the branch requires."""
    if rules is None and protection is None and at(branch, "protected") is not False:
        return None
    return tuple(dict.fromkeys(check.name for check in required_checks(rules, protection)))


def _place(pull: object) -> tuple[str, ...]:
    """What it would merge, and into what."""
    return text(pull, "head", "sha"), text(pull, "base", "ref"), text(pull, "base", "sha")


def _read_elsewhere(shown: PullRequest) -> dict[str, Any]:
    names = ("checks", "reviews", "comments", "head_since", "read_at", "files", "required")
    return {name: getattr(shown, name) for name in names}

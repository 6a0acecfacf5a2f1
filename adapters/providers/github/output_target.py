"""GitHub as the place where work ends: find, open, read and merge pull requests."""

from __future__ import annotations

from typing import Any

from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.comments import commit_subject
from factory_core.dispatch.pull_request import FileChange, PullRequest
from factory_core.dispatch.refusal import Refusal
from factory_core.errors import Problem, Retryable, Terminal
from factory_core.payload import at, number, rows, text, truth

from ..http_call import later, never
from ..refusal_table import Known
from . import refusals
from .client import GithubClient, document
from .connection import check_connection
from .deliveries import GithubDeliveries
from .pull_request_reader import PullRequestReader
from .settings import GithubSettings
from .snapshot import pull_request

RAISED = frozenset({"limit", "passing", "lost", "permission"})  # kinds that are no answer to whether this can be merged
UNSUPPORTED = frozenset({"unsupported", "unknown-field"})  # rows of what an older Enterprise Server does not know
METHODS = {"squash": "allow_squash_merge", "merge": "allow_merge_commit", "rebase": "allow_rebase_merge"}


class GithubOutputTarget:
    """ports.OutputTarget for GitHub. `repository` is `owner/name` as the configuration has it."""

    def __init__(self, client: GithubClient, config: FactoryConfig) -> None:
        self._client, self._config, self._reader = client, config, PullRequestReader(client)
        self._site = config.section("github", GithubSettings).git_url
        self.redeliver_failed = GithubDeliveries(client, config).redeliver_failed

    async def check_connection(self) -> ProviderConnection:
        return await check_connection(self._client)

    async def find_pull_request(self, repository: str, branch: str) -> PullRequest | None:
        """The newest of exactly this branch, in any state; those from forks are nobody's."""
        owner = self._client.name_today(repository).partition("/")[0]  # without its owner GitHub ignores the filter
        listed = await self._client.read_all(f"/repos/{repository}/pulls", state="all", head=f"{owner}:{branch}")
        if owner != self._client.name_today(repository).partition("/")[0]:  # this very call was redirected
            return await self.find_pull_request(repository, branch)
        if listed is None:
            await self._client.call(
                "GET", f"/repos/{repository}"
            )  # raises when it is the repository that we cannot see
            raise later("GitHub", "its list of pull requests cannot be read")
        numbers = [number(pull, "number") for pull in listed if _is_of(pull, branch)]
        newest = max((number for number in numbers if number is not None), default=None)
        return None if newest is None else await self.read_pull_request(repository, newest)

    async def read_pull_request(self, repository: str, number: int) -> PullRequest | None:
        """With the checks of its head, and all that was said; None when it is gone while the repository is not."""
        return await self._reader.read(repository, number)

    async def compare(self, repository: str, base: str, head: str) -> tuple[FileChange, ...] | None:
        try:
            return await self._reader.compare(repository, base, head)
        except Terminal:  # it does not show that to this token, or cannot
            return None

    async def required_checks(self, repository: str, base: str) -> tuple[str, ...] | None:
        return await self._reader.required(repository, base)

    async def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        """The branch is the key: when it already has one, open or merged, that is the answer."""
        order = {"title": title, "head": branch, "base": base, "body": body}
        answer = await self._client.call("POST", f"/repos/{repository}/pulls", body=order, accept=(403, 404, 422))
        if answer.is_success:
            return pull_request(repository, document(answer))
        there = await self.find_pull_request(repository, branch) if answer.status_code == 422 else None
        if there and (there.state == "open" or there.merged):
            return there
        raise self._client.refusal(answer, repository=repository, branch=branch, base=base)

    async def request_review(self, pull_request: PullRequest, app: str) -> None:
        """docs.github.com/rest/pulls/review-requests; most apps review by themselves, and cannot be asked."""
        order = {"reviewers": [f"{app}[bot]"]}
        await self._client.call("POST", f"{_path(pull_request)}/requested_reviewers", body=order, accept=(404, 422))

    async def merge(self, pull_request: PullRequest, sha: str, method: str) -> str:
        """Merge exactly this head; after a refusal or an unknown outcome, what GitHub shows decides.

        The commit's message is ours: GitHub's own would quote the agent's commits, closing keywords and all. A rebase
        takes them as they are: https://docs.github.com/rest/pulls/pulls#merge-a-pull-request
        """
        if not sha:
            return "no head commit was named to merge"
        order = {"sha": sha, "merge_method": method}
        if method != "rebase":
            order |= {"commit_title": commit_subject(pull_request), "commit_message": pull_request.url}
        try:
            answer = await self._client.call(
                "PUT", f"{_path(pull_request)}/merge", body=order, accept=(403, 405, 409, 422)
            )
        except Retryable:
            if truth(await self._read(pull_request), "merged"):
                return ""
            raise
        if answer.is_success and truth(document(answer), "merged"):
            return ""
        known = self._client.known(answer)
        if known.row.kind in RAISED:
            raise known.problem(f"{pull_request.repository}#{pull_request.number} is not merged")
        pull = await self._read(pull_request)
        return "" if truth(pull, "merged") else await self._why_not_merged(pull_request, pull, known)

    def refusal(self, words: str) -> Refusal:
        return refusals.of_merge(words)

    async def update_branch(self, pull_request: PullRequest, sha: str) -> str:
        """Merge the base into the branch, if this is its head still. GitHub does it after it has answered.

        https://docs.github.com/rest/pulls/pulls#update-a-pull-request-branch
        """
        order = {"expected_head_sha": sha}
        answer = await self._client.call("PUT", f"{_path(pull_request)}/update-branch", body=order, accept=(422,))
        return "" if answer.is_success else _unless_under_way(self._client.known(answer))

    async def enqueue(self, pull_request: PullRequest, sha: str) -> str:
        """Put exactly this head into the merge queue of its base; empty when it is in it, or was merged meanwhile.

        A token that may not do that can arm auto-merge, which enters the queue by itself.
        https://docs.github.com/graphql/reference/mutations#enqueuepullrequest
        """
        pull = await self._read(pull_request)
        if truth(pull, "merged"):
            return ""
        done = await self._client.graphql("Enqueue", id=text(pull, "node_id"), head=sha)
        if isinstance(done, Known) and (done.row.kind == "permission" or done.row.name in UNSUPPORTED):
            done = await self._client.graphql("EnableAutoMerge", id=text(pull, "node_id"), head=sha)
        return _unless_under_way(done) if isinstance(done, Known) else ""

    async def enable_auto_merge(self, pull_request: PullRequest, sha: str, method: str) -> None:
        """Arm it for exactly this head. Where nothing is left to wait for GitHub refuses: merge() is the way then."""
        pull = await self._read(pull_request)
        if truth(pull, "merged") or at(pull, "auto_merge") is not None:
            return
        node, order = text(pull, "node_id"), {"head": sha, "method": method.upper()}
        if method != "rebase":
            named = pull_request.model_copy(update={"title": text(pull, "title")})
            order |= {"headline": commit_subject(named), "body": pull_request.url}
        try:
            done = await self._client.graphql("EnableAutoMerge", id=node, **order)
        except Retryable:
            # GitHub answers so, too, when a method is named and the base has a merge queue, which has its own.
            shown = await self._client.graphql("MergeQueue", id=node)
            if isinstance(shown, Known) or not truth(shown, "node", "isMergeQueueEnabled"):
                raise
            done = await self._client.graphql("EnableAutoMerge", id=node, head=sha)
        if isinstance(done, Known) and done.row.kind not in ("unneeded", "under-way"):
            raise _not_done(pull_request, "does not merge by itself", done)

    async def disable_auto_merge(self, pull_request: PullRequest) -> None:
        """Disarm it, and take it out of the merge queue. Returns only when GitHub merges it no more by itself.

        A refusal says nothing about that, so the pull request is read again; Terminal is for one that stays armed.
        """
        pull = await self._read_if_there(pull_request)
        if at(pull, "auto_merge") is not None and not truth(pull, "merged"):
            refused = await self._client.graphql("DisableAutoMerge", id=text(pull, "node_id"))
            if isinstance(refused, Known):
                pull = await self._read_if_there(pull_request)
                if at(pull, "auto_merge") is not None and not truth(pull, "merged"):
                    raise _not_done(pull_request, "still merges by itself", refused, "disable its auto-merge")
        if text(pull, "state") == "open":
            await self._dequeue(pull_request, text(pull, "node_id"))

    async def mark_ready(self, pull_request: PullRequest) -> None:
        """Draft → ready for review."""
        pull = await self._read(pull_request)
        if truth(pull, "draft") is False:
            return
        done = await self._client.graphql("MarkReady", id=text(pull, "node_id"))
        if isinstance(done, Known):
            raise _not_done(pull_request, "stays a draft", done)

    async def is_pr_complete(self, work_item_id: str, repository: str, branch: str) -> bool:
        found = await self.find_pull_request(repository, branch)
        return found is not None and (found.merged is True or (found.state == "open" and found.draft is False))

    def clone_address(self, repository: str) -> str:
        described = self._config.repositories.get(repository)
        return (described and described.clone_url) or f"{self._site}/{repository}.git"

    async def _read(self, pull_request: PullRequest) -> Any:
        return document(await self._client.call("GET", _path(pull_request)))

    async def _read_if_there(self, pull_request: PullRequest) -> Any:
        """None when it is gone while its repository is not: then nothing of it can be merged."""
        pull = await self._client.read(_path(pull_request))
        if pull is None:
            await self._client.call("GET", f"/repos/{pull_request.repository}")
        return pull

    async def _dequeue(self, pull_request: PullRequest, node: str) -> None:
        """An armed pull request is in the queue as soon as its checks have passed, and is shown as armed no more."""
        shown = await self._client.graphql("MergeQueue", id=node)
        if isinstance(shown, Known):
            if shown.row.name in UNSUPPORTED:  # an Enterprise Server without merge queues knows no such field
                return
            raise _not_done(pull_request, "may be in the merge queue", shown, "take it out of the merge queue")
        if truth(shown, "node", "isInMergeQueue"):
            refused = await self._client.graphql("Dequeue", id=node)
            if isinstance(refused, Known) and await self._is_queued(node):
                raise _not_done(pull_request, "stays in the merge queue", refused, "take it out of the merge queue")

    async def _is_queued(self, node: str) -> bool:
        shown = await self._client.graphql("MergeQueue", id=node)
        return isinstance(shown, Known) or truth(shown, "node", "isInMergeQueue") is True

    async def _why_not_merged(self, pull_request: PullRequest, pull: Any, known: Known) -> str:
        """GitHub's words, and what it shows beside them where they alone do not tell what is to be done."""
        words = known.read.words or "it gave no reason"
        if known.row.name == "method":
            allowed = await self._allowed_methods(pull_request)
            return f"{words} (allowed: {', '.join(allowed)})" if allowed else words
        state = text(pull, "mergeable_state")
        return f"{words} (mergeable_state: {state})" if known.row.name == "not-mergeable" and state else words

    async def _allowed_methods(self, pull_request: PullRequest) -> list[str]:
        """Of the repository's settings and its rules for the base, as far as the token may see them."""
        here = f"/repos/{pull_request.repository}"
        try:
            shown = await self._client.read(here)
            rules = await self._client.read(f"{here}/rules/branches/{pull_request.base}") if pull_request.base else None
        except Problem:  # only the advice is poorer without them
            return []
        narrowed = [rows(rule, "parameters", "allowed_merge_methods") for rule in rules or () if isinstance(rule, dict)]
        return [
            method
            for method, key in METHODS.items()
            if truth(shown, key) and all(method in allowed for allowed in narrowed if allowed)
        ]


def _path(pull_request: PullRequest) -> str:
    return f"/repos/{pull_request.repository}/pulls/{pull_request.number}"


def _is_of(pull: object, branch: str) -> bool:
    """Exactly this branch, and of the repository itself: a fork's may have the same name.

    Both are as GitHub shows them, so that the name in the configuration does not matter after a rename.
    """
    head, base = at(pull, "head", "repo"), at(pull, "base", "repo")
    ids = number(head, "id"), number(base, "id")
    names = text(head, "full_name").casefold(), text(base, "full_name").casefold()
    here = ids[0] == ids[1] if None not in ids else bool(names[0]) and names[0] == names[1]
    return here and text(pull, "head", "ref") == branch


def _unless_under_way(known: Known) -> str:
    """Why GitHub would not; empty when what was asked for is in progress or was done before."""
    if known.row.kind in RAISED:
        raise known.problem(known.row.name)
    return "" if known.row.kind == "under-way" else known.read.words or "it gave no reason"


def _not_done(pull_request: PullRequest, what: str, known: Known, by_hand: str = "") -> Terminal:
    name = f"{pull_request.repository}#{pull_request.number}"
    look = f"In GitHub: look at the settings of {pull_request.repository}"
    fix = f"In GitHub: open {name} and {by_hand}" if by_hand else known.fix if known.fix.startswith("In ") else look
    return never("GitHub", f"{name} {what}", known.why, fix)

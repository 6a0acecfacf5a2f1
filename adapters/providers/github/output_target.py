"""GitHub as the place where work ends: find, open, read and merge pull requests."""

from __future__ import annotations

from typing import Any

from adapters.providers.door import later, never
from factory_core.config import FactoryConfig
from factory_core.connections import ProviderConnection
from factory_core.dispatch.comments import commit_subject
from factory_core.dispatch.pull_request import PullRequest
from factory_core.errors import Retryable, Terminal
from factory_core.intake.payload import at, number, text, truth

from .client import GithubClient, document, message
from .connection import check_connection
from .deliveries import GithubDeliveries
from .pull_request_reader import PullRequestReader
from .snapshot import pull_request

NOTHING_TO_WAIT_FOR = ("clean status", "unstable status")  # GitHub's words for: merge it now, there is nothing to arm


class GithubOutputTarget:
    """ports.OutputTarget for GitHub. `repository` is `owner/name` as the configuration has it."""

    def __init__(self, client: GithubClient, config: FactoryConfig) -> None:
        self._client, self._config, self._reader = client, config, PullRequestReader(client)
        self.redeliver_failed = GithubDeliveries(client, config).redeliver_failed

    async def check_connection(self) -> ProviderConnection:
        return await check_connection(self._client)

    async def find_pull_request(self, repository: str, branch: str) -> PullRequest | None:
        """The newest of exactly this branch, in any state; those from forks are nobody's."""
        head = f"{repository.partition('/')[0]}:{branch}"  # without its owner GitHub ignores the filter
        listed = await self._client.read_all(f"/repos/{repository}/pulls", state="all", head=head)
        if listed is None:
            await self._client.call(
                "GET", f"/repos/{repository}"
            )  # raises when it is the repository that we cannot see
            raise later("GitHub", "its list of pull requests cannot be read")
        numbers = [number(pull, "number") for pull in listed if _is_of(pull, repository, branch)]
        newest = max((number for number in numbers if number is not None), default=None)
        return None if newest is None else await self.read_pull_request(repository, newest)

    async def read_pull_request(self, repository: str, number: int) -> PullRequest | None:
        """With the checks of its head, and all that was said; None when it is gone while the repository is not."""
        return await self._reader.read(repository, number)

    async def open_pull_request(self, repository: str, branch: str, base: str, title: str, body: str) -> PullRequest:
        """The branch is the key: when it already has one, open or merged, that is the answer."""
        order = {"title": title, "head": branch, "base": base, "body": body}
        answer = await self._client.call("POST", f"/repos/{repository}/pulls", body=order, accept=(422,))
        if answer.is_success:
            return pull_request(repository, document(answer))
        there = await self.find_pull_request(repository, branch)
        if there and (there.state == "open" or there.merged):
            return there
        raise self._client.refusal(answer)

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
            answer = await self._client.call("PUT", f"{_path(pull_request)}/merge", body=order, accept=(405, 409, 422))
        except Retryable:
            if await self._is_merged(pull_request):
                return ""
            raise
        if (answer.is_success and truth(document(answer), "merged")) or await self._is_merged(pull_request):
            return ""
        return message(answer) or f"GitHub answered {answer.status_code}"

    async def enable_auto_merge(self, pull_request: PullRequest, sha: str, method: str) -> None:
        """Arm it for exactly this head. Where nothing is left to wait for GitHub refuses: merge() is the way then."""
        pull = await self._read(pull_request)
        if truth(pull, "merged") or at(pull, "auto_merge") is not None:
            return
        order = {"id": text(pull, "node_id"), "head": sha, "method": method.upper()}
        if method != "rebase":
            named = pull_request.model_copy(update={"title": text(pull, "title")})
            order |= {"headline": commit_subject(named), "body": pull_request.url}
        why = await self._client.mutate("EnableAutoMerge", **order)
        if why and not any(words in why[0] for words in NOTHING_TO_WAIT_FOR):
            raise _not_done(pull_request, "does not merge by itself", why[0])

    async def disable_auto_merge(self, pull_request: PullRequest) -> None:
        """Disarm it, unless it is not armed, or merged already."""
        pull = await self._read(pull_request)
        if truth(pull, "merged") or at(pull, "auto_merge") is None:
            return
        why = await self._client.mutate("DisableAutoMerge", id=text(pull, "node_id"))
        if why:
            raise _not_done(pull_request, "still merges by itself", why[0])

    async def mark_ready(self, pull_request: PullRequest) -> None:
        """Draft → ready for review."""
        pull = await self._read(pull_request)
        if truth(pull, "draft") is False:
            return
        why = await self._client.mutate("MarkReady", id=text(pull, "node_id"))
        if why:
            raise _not_done(pull_request, "stays a draft", why[0])

    async def is_pr_complete(self, work_item_id: str, repository: str, branch: str) -> bool:
        found = await self.find_pull_request(repository, branch)
        return found is not None and (found.merged is True or (found.state == "open" and found.draft is False))

    def clone_address(self, repository: str) -> str:
        described = self._config.repositories.get(repository)
        return (described and described.clone_url) or f"{self._config.github.git_url}/{repository}.git"

    async def _read(self, pull_request: PullRequest) -> Any:
        return document(await self._client.call("GET", _path(pull_request)))

    async def _is_merged(self, pull_request: PullRequest) -> bool:
        return truth(await self._read(pull_request), "merged") is True


def _path(pull_request: PullRequest) -> str:
    return f"/repos/{pull_request.repository}/pulls/{pull_request.number}"


def _is_of(pull: object, repository: str, branch: str) -> bool:
    """Exactly this branch, and of the repository itself: a fork's may have the same name."""
    here = text(pull, "head", "repo", "full_name").casefold() == repository.casefold()
    return here and text(pull, "head", "ref") == branch


def _not_done(pull_request: PullRequest, what: str, why: str) -> Terminal:
    name = f"{pull_request.repository}#{pull_request.number}"
    return never("GitHub", f"{name} {what}", why, f"In GitHub: look at the settings of {pull_request.repository}")

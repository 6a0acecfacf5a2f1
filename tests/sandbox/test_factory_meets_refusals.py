"""Our tables against the imitation's refusals: two independent readings of the vendors' words agree on their kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from adapters.providers.github.client import GithubClient
from adapters.providers.github.output_target import GithubOutputTarget
from adapters.providers.linear.client import LinearClient
from adapters.providers.refusal_table import Known
from adapters.providers.slack.client import SlackClient
from adapters.registry import config_model
from factory_core.config import FactoryConfig, read_config
from factory_core.dispatch.pull_request import PullRequest
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal, VendorUnavailable
from factory_sandbox.refusals import GITHUB, LINEAR
from tests.sandbox.stand import HEAD, Served, open_pull, push_branch, served

PASSES, LOST, FINAL = VendorUnavailable, ConnectionLost, Terminal
CONNECT = "factory connect"

OF_GITHUB: dict[str, tuple[type[Problem], float | None, str]] = {
    "secondary-limit": (PASSES, 90, ""),
    "secondary-limit-429": (PASSES, 90, ""),
    "secondary-limit-bare": (PASSES, 60, ""),
    "secondary-limit-429-bare": (PASSES, 60, ""),
    "content-limit": (PASSES, 300, ""),
    "abuse-detection": (PASSES, 60, ""),
    "abuse-detection-content": (PASSES, 300, ""),
    "primary-limit": (PASSES, 90, ""),
    "primary-limit-429": (PASSES, 90, ""),
    "graphql-rate-limit": (PASSES, 90, ""),
    "graphql-rate-limit-400": (PASSES, 90, ""),
    "graphql-rate-limited": (PASSES, 90, ""),
    "graphql-rate-limited-400": (PASSES, 90, ""),
    "graphql-timeout": (PASSES, None, ""),
    "graphql-forbidden": (FINAL, None, CONNECT),
    "graphql-too-quickly": (PASSES, 60, ""),
    "too-quickly": (PASSES, 60, ""),
    "bad-credentials": (LOST, None, CONNECT),
    "no-credentials": (LOST, None, CONNECT),
    "archived": (FINAL, None, "unarchive acme/shop"),
    "lacks-permission": (FINAL, None, CONNECT),
    "suspended": (LOST, None, CONNECT),
    "sso": (FINAL, None, "single sign-on"),
    "ip-allow-list": (FINAL, None, "IP allow list"),
    "blocked-repository": (FINAL, None, "why it is blocked"),
    "unicorn": (PASSES, None, ""),
    "unavailable": (PASSES, None, ""),
}
OF_MERGES = {
    "base-modified": "later",
    "head-modified": "later",
    "behind-409": "update-branch",
    "merge-in-progress": "later",
}
OF_LINEAR: dict[str, tuple[type[Problem], float | None, str]] = {
    "ratelimited": (PASSES, 90, ""),
    "ratelimited-complexity": (PASSES, 90, ""),
    "ratelimited-bare": (PASSES, None, ""),
    "authentication": (LOST, None, CONNECT),
    "authentication-400": (LOST, None, CONNECT),
    "forbidden": (FINAL, None, CONNECT),
    "internal": (PASSES, None, ""),
    "usage-limit": (FINAL, None, "In Linear"),
    "maintenance": (PASSES, None, ""),
}
OF_SLACK: dict[str, tuple[type[Problem], float | None, str]] = {
    "ratelimited": (PASSES, 90, ""),
    "rate_limited": (PASSES, None, ""),
    "is_archived": (FINAL, None, "In Slack"),
    "account_inactive": (LOST, None, CONNECT),
    "token_expired": (LOST, None, CONNECT),
    "missing_scope": (FINAL, None, CONNECT),
    "fatal_error": (PASSES, None, ""),
    "a_word_of_tomorrow": (FINAL, None, ""),
}


class Stage(NamedTuple):
    served: Served
    github: GithubClient
    output: GithubOutputTarget

    async def rules(self, **rules: Any) -> None:
        await self.served.command("github/rules", repository="acme/shop", rules=rules)

    async def settings(self, **settings: Any) -> None:
        await self.served.command("github/settings", repository="acme/shop", **settings)

    async def pull(self) -> PullRequest:
        found = await self.output.find_pull_request("acme/shop", HEAD)
        assert found is not None
        return found

    async def kind(self, method: str = "squash") -> tuple[str, str]:
        """Of the refusal to merge what is there now, with its fix; `merged` when it is."""
        pull = await self.pull()
        words = await self.output.merge(pull, pull.head_sha, method)
        refusal = self.output.refusal(words)
        return (refusal.kind, refusal.fix) if words else ("merged", "")


def config() -> FactoryConfig:
    document = {
        "intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github",
        "repositories": {"acme/shop": {}}, "slack": {"channel": "C0SANDBOX"},
    }  # fmt: skip
    return read_config(document, file="test", model=config_model())


def on(play: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        async with served() as stage:
            github = GithubClient(
                stage.client, "a-token", f"{stage.client.base_url}/github", clock=stage.sandbox.clock.now
            )
            await play(Stage(stage, github, GithubOutputTarget(github, config())))

    asyncio.run(run())


async def problem_of(call: Awaitable[Any]) -> Problem:
    try:
        refused = await call
    except Problem as problem:
        return problem
    assert isinstance(refused, Known), f"it was not refused: {refused}"
    return refused.problem("it was refused")


def agrees(problem: Problem, expected: tuple[type[Problem], float | None, str]) -> None:
    kind, after, fix = expected
    assert type(problem) is kind, problem
    assert after is None or abs(getattr(problem, "after", 0) - after) <= 1
    assert fix in problem.fix


@pytest.mark.parametrize("reason", sorted(GITHUB))
def test_github(reason: str) -> None:
    """REST to a read, GraphQL to a mutation, and what only a merge is answered with to a merge."""

    async def play(stage: Stage) -> None:
        if reason in OF_MERGES:
            await open_pull(stage.served)
            pull = await stage.pull()
            await stage.served.command("faults", vendor="github", mode="refuse", operation="pulls.merge", reason=reason)
            words = await stage.output.merge(pull, pull.head_sha, "squash")
            assert stage.output.refusal(words).kind == OF_MERGES[reason]
            return
        await stage.served.command("faults", vendor="github", mode="refuse", reason=reason, seconds=90)
        graphql = reason.startswith("graphql-")
        call = stage.github.graphql("MarkReady", id="PR_1") if graphql else stage.github.read("/repos/acme/shop/pulls")
        agrees(await problem_of(call), OF_GITHUB[reason])

    on(play)


@pytest.mark.parametrize("reason", sorted(LINEAR))
def test_linear(reason: str) -> None:
    """With the pause that stands in its headers, if one does."""

    async def play(stage: Stage) -> None:
        await stage.served.command("faults", vendor="linear", mode="refuse", reason=reason, seconds=90)
        client = LinearClient(
            stage.served.client,
            "a-token",
            f"{stage.served.client.base_url}/linear",
            clock=stage.served.sandbox.clock.now,
        )
        agrees(await problem_of(client.post("Viewer", {})), OF_LINEAR[reason])

    on(play)


@pytest.mark.parametrize("reason", sorted(OF_SLACK))
def test_slack(reason: str) -> None:
    """Each is a word in a 200, but one."""

    async def play(stage: Stage) -> None:
        await stage.served.command("faults", vendor="slack", mode="refuse", reason=reason, seconds=90)
        client = SlackClient(stage.served.client, "a-token", f"{stage.served.client.base_url}/slack")
        agrees(await problem_of(client.call("auth.test")), OF_SLACK[reason])

    on(play)


async def conflict(stage: Stage) -> None:
    await push_branch(stage.served.sandbox.github.repository("acme/shop").path, "main", "cart.py", "TOTAL = 9\n")


async def behind(stage: Stage) -> None:
    await stage.rules(source="protection", required_checks=["ci"], up_to_date=True)
    await stage.served.time.advance(60)
    await push_branch(stage.served.sandbox.github.repository("acme/shop").path, "main", "other.py", "OTHER = 1\n")


async def requested_changes(stage: Stage) -> None:
    await stage.rules(source="protection", approvals=1)
    order = {"repository": "acme/shop", "number": 1}
    await stage.served.command("github/reviews", **order, state="approved", user="grace")
    await stage.served.command("github/reviews", **order, state="changes_requested", user="linus")


async def red(stage: Stage) -> None:
    await stage.rules(required_checks=["ci", "scan"])
    await stage.served.time.advance(60)
    order = {"repository": "acme/shop", "number": 1, "context": "scan"}
    await stage.served.command("github/statuses", **order, state="failure")


def ruled(**rules: Any) -> Callable[[Stage], Awaitable[None]]:
    return lambda stage: stage.rules(**rules)


WORLDS: dict[str, tuple[Callable[[Stage], Awaitable[None]], str, str]] = {
    "a check is expected": (ruled(source="protection", required_checks=["ci"]), "later", ""),
    "a ruleset expects checks": (ruled(required_checks=["ci", "scan"]), "later", ""),
    "a check has failed": (red, "wait-for-people", ""),
    "an approval is missing": (ruled(source="protection", approvals=1), "wait-for-people", "review"),
    "a ruleset asks for approvals": (ruled(approvals=2), "wait-for-people", "review"),
    "a reviewer asks for changes": (requested_changes, "wait-for-people", "review"),
    "a code owner is awaited": (ruled(code_owners={"acme/checkout": ["ada"]}), "wait-for-people", "code owner"),
    "an approval and a check are missing": (ruled(approvals=1, required_checks=["ci"]), "wait-for-people", "review"),
    "a merge queue is required": (ruled(merge_queue=True), "enqueue", "merge queue"),
    "it conflicts": (conflict, "fix-conflict", "solve the conflicts"),
    "it is behind": (behind, "update-branch", ""),
    "the method is not allowed": (
        lambda stage: stage.settings(methods=["rebase"]),
        "never",
        "set merge.method to rebase",
    ),
    "nothing is missing": (ruled(approvals=0), "merged", ""),
}


@pytest.mark.parametrize("name", WORLDS)
def test_a_merge_is_refused_by_its_kind(name: str) -> None:
    """Whatever stands in the way, in branch protection or in rulesets."""
    prepare, kind, fix = WORLDS[name]

    async def play(stage: Stage) -> None:
        await open_pull(stage.served)
        await prepare(stage)
        found = await stage.kind()
        assert (found[0], fix in found[1]) == (kind, True), found

    on(play)


def test_a_branch_that_is_behind_is_updated_and_merged() -> None:
    """A head that moved meanwhile is not updated, a conflict is said, and nothing to update is no refusal."""

    async def play(stage: Stage) -> None:
        await open_pull(stage.served)
        await behind(stage)
        old = await stage.pull()
        assert stage.output.refusal(await stage.output.update_branch(old, "0" * 40)).after == 0
        assert await stage.output.update_branch(old, old.head_sha) == ""
        new = await stage.pull()
        assert new.head_sha != old.head_sha
        assert await stage.output.update_branch(new, new.head_sha) == ""
        await stage.served.time.advance(60)
        assert await stage.kind() == ("merged", "")

    on(play)


def test_an_update_that_conflicts_is_a_conflict() -> None:
    async def play(stage: Stage) -> None:
        await open_pull(stage.served)
        await conflict(stage)
        pull = await stage.pull()
        assert stage.output.refusal(await stage.output.update_branch(pull, pull.head_sha)).kind == "fix-conflict"

    on(play)


def test_what_is_in_the_queue_is_under_way_and_is_merged_there() -> None:
    """To be put there twice is once; the merge button waits for the queue."""

    async def play(stage: Stage) -> None:
        await stage.rules(source="protection", required_checks=["ci"], merge_queue=True)
        await open_pull(stage.served)
        pull = await stage.pull()
        assert stage.output.refusal(await stage.output.enqueue(pull, pull.head_sha)).kind == "later"
        await stage.served.time.advance(60)
        assert [await stage.output.enqueue(pull, pull.head_sha) for _ in range(2)] == ["", ""]
        assert (await stage.kind())[0] == "later"
        await stage.served.time.advance(60)
        assert await stage.kind() == ("merged", "")

    on(play)


@pytest.mark.parametrize("armed", [True, False])
def test_disarming_takes_it_out_of_the_queue(armed: bool) -> None:
    """Armed while its checks run, or in the queue already: nothing merges it afterwards, and once more is no error."""

    async def play(stage: Stage) -> None:
        await stage.rules(source="protection", required_checks=["ci"], merge_queue=True)
        await open_pull(stage.served)
        pull = await stage.pull()
        await stage.output.enable_auto_merge(pull, pull.head_sha, "squash")
        if not armed:
            await stage.served.time.advance(31)
        for _ in range(2):
            await stage.output.disable_auto_merge(pull)
        await stage.served.time.advance(600)
        assert (await stage.pull()).merged is False

    on(play)


def test_an_opened_pull_request_is_refused_with_what_to_change() -> None:
    """A base that is not there, a branch that was not pushed or has nothing new, an archived repository."""

    async def play(stage: Stage) -> None:
        path = stage.served.sandbox.github.repository("acme/shop").path
        await push_branch(path, HEAD, "a.py", "A = 1\n")
        found = {}
        for what, branch, base in (
            ("base", HEAD, "develop"),
            ("head", "factory/DEMO-9-x", "main"),
            ("none", "main", "main"),
        ):
            found[what] = await problem_of(stage.output.open_pull_request("acme/shop", branch, base, "DEMO-1", "Words"))
        await stage.settings(archived=True)
        found["archived"] = await problem_of(
            stage.output.open_pull_request("acme/shop", HEAD, "main", "DEMO-1", "Words")
        )
        assert "repositories.acme/shop.base" in found["base"].fix
        assert isinstance(found["head"], Retryable) and "not pushed" in found["head"].why
        assert type(found["none"]) is Terminal
        assert "unarchive acme/shop" in found["archived"].fix

    on(play)


def test_a_renamed_repository_is_read_and_merged_under_its_old_name() -> None:
    """The sandbox redirects as GitHub does: 301 to a read, 307 to a write, by the repository's number."""

    async def play(stage: Stage) -> None:
        await open_pull(stage.served)
        await stage.served.command("github/renames", repository="acme/shop", name="store")
        assert await stage.kind() == ("merged", "")
        assert stage.github.name_today("acme/shop") == "acme/store"

    on(play)

"""What a branch requires: read by its rules, enforced at the merge, in GitHub's words; and how it is met."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from factory_sandbox.github.git import git
from factory_sandbox.github.rules import Rules, missing_checks
from tests.sandbox.stand import HEAD, PULLS, Served, graphql, open_pull, push, push_branch, served

REPO = "/github/repos/acme/shop"
ENQUEUE = (
    "mutation E($id: ID!, $head: GitObjectID) { enqueuePullRequest(input: {pullRequestId: $id, expectedHeadOid: $head})"
    " { mergeQueueEntry { id state position } } }"
)
DEQUEUE = "mutation D($id: ID!) { dequeuePullRequest(input: {id: $id}) { mergeQueueEntry { id } } }"
QUEUED = (
    'query Q { repository(owner: "acme", name: "shop") { pullRequest(number: 1) { isInMergeQueue isMergeQueueEnabled'
    " mergeStateStatus merged mergeQueueEntry { state position } } } }"
)
ARM = (
    "mutation A($id: ID!) { enablePullRequestAutoMerge(input: {pullRequestId: $id, mergeMethod: SQUASH})"
    " { pullRequest { number } } }"
)
DISARM = "mutation D($id: ID!) { disablePullRequestAutoMerge(input: {pullRequestId: $id}) { pullRequest { number } } }"


async def merge(stage: Served, number: int = 1, method: str = "squash") -> tuple[int, str]:
    answer = await stage.client.put(f"{PULLS}/{number}/merge", json={"merge_method": method})
    return answer.status_code, answer.json()["message"]


async def state(stage: Served, number: int = 1) -> str:
    return str((await stage.get(f"{PULLS}/{number}"))["mergeable_state"])


async def refused(stage: Served, query: str, **variables: Any) -> str:
    answer = await stage.client.post("/github/graphql", json={"query": query, "variables": variables})
    message: str = answer.json()["errors"][0]["message"]
    return message


async def protect(stage: Served, **rules: Any) -> None:
    await stage.command("github/rules", repository="acme/shop", rules=rules)


def test_a_required_check_is_expected_then_running_then_passed() -> None:
    """405 until it has passed, in the words of the moment; the state is blocked meanwhile."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, source="protection", required_checks=["ci"])
            await open_pull(stage)
            assert await merge(stage) == (405, 'Required status check "ci" is expected.')
            assert await state(stage) == "blocked"
            await stage.time.advance(10)
            assert await merge(stage) == (405, 'Required status check "ci" is in progress.')
            await stage.time.advance(20)
            assert await state(stage) == "clean"
            assert (await merge(stage))[0] == 200

    asyncio.run(run())


def test_rulesets_have_a_heading_above_their_reasons() -> None:
    """The same refusal, as a ruleset words it; only rulesets are among the branch's rules, with pages."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, required_checks=["ci", "scan"], up_to_date=True)
            await open_pull(stage)
            assert await merge(stage) == (
                405, "Repository rule violations found\n\n2 of 2 required status checks are expected.\n\n",
            )  # fmt: skip
            (rule,) = await stage.get(f"{REPO}/rules/branches/main")
            assert (rule["type"], rule["ruleset_source_type"]) == ("required_status_checks", "Repository")
            asked = rule["parameters"]
            assert asked["strict_required_status_checks_policy"] is True
            assert [check["context"] for check in asked["required_status_checks"]] == ["ci", "scan"]
            assert await stage.get(f"{REPO}/rules/branches/other") == []
            protection = await stage.client.get(f"{REPO}/branches/main/protection/required_status_checks")
            assert (protection.status_code, protection.json()["message"]) == (404, "Branch not protected")

    asyncio.run(run())


def test_classic_protection_is_read_where_it_stands() -> None:
    """Required contexts and whether the branch must be up to date; 404 where none are required; no ruleset."""

    async def run() -> None:
        async with served() as stage:
            path = f"{REPO}/branches/main/protection/required_status_checks"
            await protect(stage, source="protection", approvals=1)
            none = await stage.client.get(path)
            assert (none.status_code, none.json()["message"]) == (404, "Required status checks not enabled")
            await protect(stage, source="protection", required_checks=["ci"], up_to_date=True)
            shown = await stage.get(path)
            assert (shown["strict"], shown["contexts"], shown["checks"][0]["context"]) == (True, ["ci"], "ci")
            assert await stage.get(f"{REPO}/rules/branches/main") == []
            branch = await stage.get(f"{REPO}/branches/main")
            assert branch["protection"]["required_status_checks"]["contexts"] == ["ci"]
            ref = await stage.get(f"{REPO}/git/ref/heads/main")
            assert ref["object"]["sha"] == branch["commit"]["sha"]

    asyncio.run(run())


@pytest.mark.pure
@pytest.mark.parametrize(
    ("states", "said"),
    [
        ({"ci": "success", "scan": "failing"}, ['Required status check "scan" is failing.']),
        ({"ci": "failing"}, ["2 of 2 required status checks have not succeeded: 1 expected, 1 failing."]),
        ({"ci": "success", "scan": "success"}, []),
    ],
)
def test_several_missing_checks_are_one_sentence(states: dict[str, str], said: list[str]) -> None:
    """One is named; several are counted by what they are."""
    assert missing_checks(Rules(required_checks=("ci", "scan")), states) == said


def test_reviews_that_are_required_are_those_of_people_who_may_write() -> None:
    """A reader's approval changes nothing; a request for changes holds until it is dismissed."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, source="protection", approvals=1)
            await stage.command("github/people", repository="acme/shop", user="guest", role="read")
            await open_pull(stage)
            needed = "At least 1 approving review is required by reviewers with write access."
            for user in ("guest", "coderabbitai[bot]"):
                await stage.command("github/reviews", repository="acme/shop", number=1, state="approved", user=user)
            assert await merge(stage) == (405, needed)
            order = {"repository": "acme/shop", "number": 1}
            made = await stage.command("github/reviews", **order, state="changes_requested", user="linus")
            assert await merge(stage) == (
                405, f"1 review requesting changes by reviewers with write access. {needed}",
            )  # fmt: skip
            await stage.command("github/dismissals", **order, review=made["id"])
            await stage.command("github/reviews", **order, state="approved", user="grace")
            await stage.time.settle()
            told = [body["action"] for body in stage.receiver.bodies("pull_request_review")]
            assert told == ["submitted", "submitted", "submitted", "dismissed", "submitted"]
            assert (await merge(stage))[0] == 200

    asyncio.run(run())


def test_a_code_owner_is_waited_for_by_name() -> None:
    """Somebody else's approval is not theirs; with theirs the state is clean."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, source="protection", code_owners={"acme/checkout": ["linus"]})
            await open_pull(stage)
            order = {"repository": "acme/shop", "number": 1, "state": "approved"}
            await stage.command("github/reviews", **order, user="grace")
            assert await merge(stage) == (405, "Waiting on code owner review from acme/checkout.")
            assert await state(stage) == "blocked"
            await stage.command("github/reviews", **order, user="linus")
            assert (await merge(stage))[0] == 200

    asyncio.run(run())


def test_a_branch_that_is_behind_is_updated_by_a_real_merge() -> None:
    """405 and `behind`; 202 merges the base into the branch, which is a new head with checks of its own."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, required_checks=["ci"], up_to_date=True)
            pull = await open_pull(stage)
            await stage.time.advance(60)
            place = stage.sandbox.github.repository("acme/shop")
            base = await push_branch(place.path, "main", "other.py", "OTHER = 1\n")
            assert await state(stage) == "behind"
            assert await merge(stage) == (405, "Head branch is out of date. Review and try the merge again.")
            wrong = await stage.client.put(f"{PULLS}/1/update-branch", json={"expected_head_sha": "0" * 40})
            assert (wrong.status_code, wrong.json()["message"][:17]) == (422, "expected head sha")
            old = pull["head"]["sha"]
            done = await stage.client.put(f"{PULLS}/1/update-branch", json={"expected_head_sha": old})
            assert done.status_code == 202
            shown = await stage.get(f"{PULLS}/1")
            parents = (await git(place.path, "log", "-1", "--format=%P", HEAD)).split()
            assert (parents, shown["mergeable_state"]) == ([old, base], "blocked")
            again = await stage.client.put(f"{PULLS}/1/update-branch")
            assert again.json()["message"] == "There are no new commits on the base branch."
            await stage.time.advance(60)
            moved = next(b for b in stage.receiver.bodies("pull_request") if b["action"] == "synchronize")
            assert (moved["before"], moved["after"]) == (old, shown["head"]["sha"])
            assert (await merge(stage))[0] == 200

    asyncio.run(run())


def test_a_conflict_cannot_be_updated_away() -> None:
    """422, and nothing moved."""

    async def run() -> None:
        async with served() as stage:
            pull = await open_pull(stage)
            await push_branch(stage.sandbox.github.repository("acme/shop").path, "main", "cart.py", "TOTAL = 9\n")
            answer = await stage.client.put(f"{PULLS}/1/update-branch")
            assert (answer.status_code, answer.json()["message"]) == (422, "merge conflict between base and head")
            shown = await stage.get(f"{PULLS}/1")
            assert (shown["head"]["sha"], shown["mergeable_state"]) == (pull["head"]["sha"], "dirty")

    asyncio.run(run())


def test_only_the_methods_of_the_repository_merge() -> None:
    """405 names the method; what is allowed stands in the repository; a rebase keeps each commit."""

    async def run() -> None:
        async with served() as stage:
            await stage.command("github/settings", repository="acme/shop", methods=["rebase"])
            await open_pull(stage)
            await push(stage, "TOTAL = 2\n")
            assert await merge(stage, method="squash") == (405, "Squash merges are not allowed on this repository.")
            assert await merge(stage, method="merge") == (405, "Merge commits are not allowed on this repository.")
            shown = await stage.get(REPO)
            assert (shown["allow_squash_merge"], shown["allow_rebase_merge"]) == (False, True)
            path = stage.sandbox.github.repository("acme/shop").path
            await push_branch(path, "main", "other.py", "OTHER = 1\n")
            assert (await merge(stage, method="rebase"))[0] == 200
            subjects = (await git(path, "log", "--format=%s", "main")).splitlines()
            assert subjects[:3] == ["Change cart.py", "Change cart.py", "Change other.py"]
            assert await git(path, "show", "main:cart.py") == "TOTAL = 2"

    asyncio.run(run())


def test_an_archived_repository_is_read_only() -> None:
    """403 for every change, by REST and by git; reading goes on."""

    async def run() -> None:
        async with served() as stage:
            await open_pull(stage)
            await stage.command("github/settings", repository="acme/shop", archived=True)
            words = (403, "Repository was archived so is read-only.")
            comment = await stage.client.post(f"{REPO}/issues/1/comments", json={"body": "x"})
            assert [await merge(stage), (comment.status_code, comment.json()["message"])] == [words, words]
            order = {"head": "other", "base": "main", "title": "x"}
            assert (await stage.client.post(PULLS, json=order)).status_code == 403
            push_to = await stage.client.get("/git/acme/shop.git/info/refs?service=git-receive-pack")
            fetch = await stage.client.get("/git/acme/shop.git/info/refs?service=git-upload-pack")
            assert (push_to.status_code, fetch.status_code) == (403, 200)
            assert (await stage.get(REPO))["archived"] is True

    asyncio.run(run())


def test_mergeability_may_not_be_known_yet() -> None:
    """As many reads as asked for say null and unknown, then GitHub has computed it."""

    async def run() -> None:
        async with served() as stage:
            await open_pull(stage)
            await stage.command("github/settings", repository="acme/shop", unknown_reads=2)
            seen = [await stage.get(f"{PULLS}/1") for _ in range(3)]
            assert [(one["mergeable"], one["mergeable_state"]) for one in seen] == [
                (None, "unknown"), (None, "unknown"), (True, "clean"),
            ]  # fmt: skip

    asyncio.run(run())


def test_the_merge_queue_merges_by_itself() -> None:
    """The merge button is refused; enqueued it waits, is checked, and is merged by GitHub's own bot."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, source="protection", required_checks=["ci"], merge_queue=True)
            pull = await open_pull(stage)
            assert await refused(stage, ENQUEUE, id=pull["node_id"]) == 'Required status check "ci" is expected.'
            await stage.time.advance(60)
            assert await merge(stage) == (405, "Changes must be made through the merge queue")
            entry = await graphql(stage.client, "github", ENQUEUE, id=pull["node_id"], head=pull["head"]["sha"])
            entry = entry["enqueuePullRequest"]["mergeQueueEntry"]
            assert (entry["state"], entry["position"]) == ("QUEUED", 1)
            assert await refused(stage, ENQUEUE, id=pull["node_id"]) == "Pull request is already in the queue"
            assert await merge(stage) == (405, "Pull Request is in the merge queue")
            await stage.time.advance(5)
            node = (await graphql(stage.client, "github", QUEUED))["repository"]["pullRequest"]
            assert node == {
                "isInMergeQueue": True, "isMergeQueueEnabled": True, "mergeStateStatus": "CLEAN", "merged": False,
                "mergeQueueEntry": {"state": "AWAITING_CHECKS", "position": 1},
            }  # fmt: skip
            await stage.time.advance(20)
            shown = await stage.get(f"{PULLS}/1")
            assert (shown["merged"], shown["merged_by"]["login"]) == (True, "github-merge-queue[bot]")
            told = [(b["action"], b.get("reason")) for b in stage.receiver.bodies("pull_request")]
            assert told == [("opened", None), ("enqueued", None), ("closed", None), ("dequeued", "MERGE")]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("outcome", "reason"), [("failure", "CI_FAILURE"), ("timeout", "CI_TIMEOUT"), ("conflict", "MERGE_CONFLICT")]
)
def test_the_queue_puts_out_what_does_not_pass(outcome: str, reason: str) -> None:
    """The event says why; the pull request is open as before, and may be enqueued again."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, merge_queue=True)
            await stage.command("github/queue", outcome=outcome)
            pull = await open_pull(stage)
            await graphql(stage.client, "github", ENQUEUE, id=pull["node_id"])
            await stage.time.advance(60)
            last = stage.receiver.bodies("pull_request")[-1]
            assert (last["action"], last["reason"]) == ("dequeued", reason)
            await graphql(stage.client, "github", ENQUEUE, id=pull["node_id"])
            await stage.time.advance(60)
            assert (await stage.get(f"{PULLS}/1"))["merged"] is True

    asyncio.run(run())


@pytest.mark.parametrize("how", ["dequeue", "disarm", "push"])
def test_a_pull_request_leaves_the_queue_by_hand_or_by_a_push(how: str) -> None:
    """Nothing merges it then; a newer head has to be enqueued again."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, merge_queue=True)
            pull = await open_pull(stage)
            await graphql(stage.client, "github", ENQUEUE, id=pull["node_id"])
            if how == "push":
                await push(stage, "TOTAL = 2\n")
            else:
                query = DEQUEUE if how == "dequeue" else DISARM
                await graphql(stage.client, "github", query, id=pull["node_id"])
            await stage.time.advance(120)
            assert (await stage.get(f"{PULLS}/1"))["merged"] is False
            reasons = [b["reason"] for b in stage.receiver.bodies("pull_request") if b["action"] == "dequeued"]
            assert reasons == ["BRANCH_PROTECTIONS" if how == "push" else "MANUAL"]

    asyncio.run(run())


def test_auto_merge_waits_for_what_the_rules_ask() -> None:
    """Armed while something is missing; merged, or enqueued, when the last of it comes."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, required_checks=["ci"], approvals=1)
            pull = await open_pull(stage)
            await graphql(stage.client, "github", ARM, id=pull["node_id"])
            await stage.time.advance(60)
            assert (await stage.get(f"{PULLS}/1"))["merged"] is False
            await stage.command("github/reviews", repository="acme/shop", number=1, state="approved")
            await stage.time.settle()
            assert (await stage.get(f"{PULLS}/1"))["merged"] is True
            await protect(stage, required_checks=["ci"], merge_queue=True)
            second = await open_pull(stage, "factory/DEMO-2-x", "b.py")
            await graphql(stage.client, "github", ARM, id=second["node_id"])
            await stage.time.advance(30)
            actions = [b["action"] for b in stage.receiver.bodies("pull_request") if b["number"] == 2]
            assert actions == ["opened", "auto_merge_enabled", "enqueued"]
            await stage.time.advance(60)
            assert (await stage.get(f"{PULLS}/2"))["merged"] is True

    asyncio.run(run())


@pytest.mark.parametrize(
    ("rules", "settings", "said"),
    [
        ({}, {}, "Pull request Protected branch rules not configured for this branch"),
        ({"approvals": 1}, {"auto_merge": False}, "Pull request Auto merge is not allowed for this repository"),
        ({"required_checks": ["ci"]}, {}, "Pull request Pull request is in clean status"),
    ],
)
def test_auto_merge_is_refused_where_there_is_nothing_to_wait_for(
    rules: dict[str, Any], settings: dict[str, Any], said: str
) -> None:
    """A branch without rules, a repository that does not allow it, a pull request that could be merged at once."""

    async def run() -> None:
        async with served() as stage:
            await protect(stage, **rules)
            await stage.command("github/settings", repository="acme/shop", **settings)
            pull = await open_pull(stage)
            await stage.time.advance(60)
            assert await refused(stage, ARM, id=pull["node_id"]) == said

    asyncio.run(run())

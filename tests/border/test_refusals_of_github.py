"""Every row of GitHub's table, each through the real client: what it means, and what a person can do about it."""

# ruff: noqa: E501 (a table)
from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import httpx2
import pytest

from adapters.providers.github.refusals import CONNECT, MERGE, TABLE
from adapters.providers.refusal_table import Known, Read
from factory_core.dispatch.pull_request import PullRequest
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal, VendorUnavailable

from .canned import NOW, SHA, Vendor, github, pull, response, target

pytestmark = pytest.mark.pure

PULL = PullRequest(
    repository="acme/shop", number=1, url="https://github.com/acme/shop/pull/1", base="main", head_sha=SHA
)
RESET = str(int(NOW.timestamp()) + 900)
LEFT = {"x-ratelimit-remaining": "4321"}


class Example(NamedTuple):
    """A response, the row that it must meet, and a part of that row's advice."""

    row: str
    answer: httpx2.Response
    fix: str
    after: float | None = None


def said(row: str, words: str, fix: str, status: int = 403, after: float | None = None, **headers: str) -> Example:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Example(row, response(status, {"message": words, "status": str(status)}, named), fix, after)


def merging(row: str, words: str, fix: str, after: float | None = None, status: int = 405) -> Example:
    return said(row, words, fix, status, after)


def graphql(
    row: str, fix: str, status: int = 200, after: float | None = None, headers: Any = None, **error: Any
) -> Example:
    return Example(row, response(status, {"data": None, "errors": [error]}, headers), fix, after)


def invalid(row: str, fix: str, after: float | None = None, **error: str) -> Example:
    answer = response(
        422, {"message": "Validation Failed", "errors": [{"resource": "PullRequest", **error}], "status": "422"}
    )
    return Example(row, answer, fix, after)


HTTP = (
    said("used-up", "API rate limit exceeded for user ID 1.", "check", after=900.0, x_ratelimit_remaining="0", x_ratelimit_reset=RESET),
    said("used-up", "API rate limit exceeded", "check", after=60.0, x_ratelimit_remaining="0"),
    said("pause", "Forbidden", "check", after=37.0, retry_after="37"),
    Example("pause", response(403, b"<html>busy</html>", {"retry-after": "37"}), "check", 37.0),
    said("content-limit", "You have exceeded a secondary rate limit and have been temporarily blocked from content creation.", "check", after=300.0),
    said("secondary-limit", "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.", "check", after=60.0, **LEFT),
    said("secondary-limit", "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.", "check", after=60.0),
    said("rate-limit", "API rate limit exceeded for installation ID 9.", "check", after=60.0),
    invalid("too-quickly", "check", 60.0, code="custom", message="was submitted too quickly"),
    said("sign-in-attempts", "Maximum number of login attempts exceeded. Please try again later.", CONNECT, after=600.0),
    said("migration", "Repository has been locked for migration.", "check", after=600.0),
    said("fault", "Locked", "check", status=423),
    said("fault", "Request Timeout", "check", status=408),
    said("query-failed", "Sorry, your request timed out. It's likely that your input was too large.", "check", status=422),
    said("token", "Bad credentials", CONNECT, status=401),
    said("token", "Requires authentication", CONNECT, status=401),
    said("suspended", "Sorry. Your account was suspended.", CONNECT),
    said("suspended", "This installation has been suspended", CONNECT),
    said("archived", "Repository was archived so is read-only.", "In GitHub: unarchive acme/shop"),
    Example("blocked", response(451, {"message": "Repository access blocked", "block": {"reason": "dmca"}}), "In GitHub: open acme/shop"),
    said("access-blocked", "Repository access blocked", "In GitHub: open acme/shop"),
    Example("moved", response(301, {"message": "Moved Permanently"}, {"location": "https://elsewhere.example/repositories/7"}), "In factory.config.yaml: name the repository"),
    said("sso", "Resource protected.", "single sign-on", x_github_sso="required; url=https://github.com/orgs/acme/sso"),
    said("saml", "Resource protected by organization SAML enforcement. You must grant your token access.", "single sign-on"),
    said("ip-allow-list", "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow list enabled, and your IP address is not permitted to access this resource.", "IP allow list"),
    said("app-restrictions", "Although you appear to have the correct authorization credentials, the `acme` organization has enabled OAuth App access restrictions.", "approve the factory's app"),
    said("token-kind", "`acme` forbids access via a personal access token (classic).", "make a token of the kind"),
    said("workflow-scope", "refusing to allow a Personal Access Token to create or update workflow `.github/workflows/ci.yml` without `workflow` scope", "change workflows"),
    said("not-accessible", "Resource not accessible by integration", CONNECT, x_accepted_github_permissions="contents=write"),
    said("not-accessible", "Resource not accessible by personal access token", CONNECT),
    said("not-accessible", "Must have admin rights to Repository.", CONNECT),
    said("collaborators-only", "Pull request creation is limited to collaborators.", CONNECT, status=422),
    invalid("base-gone", "set repositories.acme/shop.base to a branch that exists", field="base", code="invalid"),
    invalid("not-pushed", "check", 60.0, field="head", code="invalid"),
    invalid("nothing-to-merge", "In GitHub: compare factory/ACME-1-x with main", code="custom", message="No commits between main and factory/ACME-1-x"),
    invalid("exists", "In GitHub: look at the pull requests of branch factory/ACME-1-x", code="custom", message="A pull request already exists for acme:factory/ACME-1-x."),
    said("missing", "Not Found", "give the factory's account access to /repos/acme/shop", status=404, x_ratelimit_remaining="0"),
    said("missing", "This resource is gone", "give the factory's account access", status=410),
    said("permission", "no", CONNECT, x_accepted_github_permissions="checks=read"),
    said("forbidden", "You may not do that.", CONNECT),
    Example("forbidden", response(403, b"<html>no</html>"), CONNECT),
    said("too-large", "Payload too large", "factory doctor github", status=413),
    said("refused", "Unsupported Media Type", "factory doctor github", status=415),
    invalid("refused", "factory doctor github", field="title", code="too_long"),
    Example("refused", response(400, b"not json"), "factory doctor github"),
)  # fmt: skip

GRAPHQL = (
    graphql("limit", "check", after=900.0, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}, type="RATE_LIMITED", message="API rate limit exceeded"),
    graphql("limit", "check", after=60.0, type="RATE_LIMIT", code="graphql_rate_limit", message="API rate limit already exceeded for user ID 1."),
    graphql("limit", "check", status=400, after=60.0, type="RATE_LIMITED", message="API rate limit exceeded"),
    graphql("limit", "check", status=403, after=60.0, type="RATE_LIMIT", message="API rate limit exceeded"),
    graphql("secondary-limit", "check", after=60.0, message="You have exceeded a secondary rate limit."),
    graphql("too-quickly", "check", after=60.0, type="UNPROCESSABLE", message="was submitted too quickly"),
    graphql("outage", "check", type="SERVICE_UNAVAILABLE", message="Try again."),
    graphql("outage", "check", extensions={"code": "INTERNAL"}, message="An internal error occurred"),
    graphql("query-failed", "check", message="Something went wrong while executing your query. Please include `C1:2` when reporting this issue."),
    graphql("query-failed", "check", message="We couldn't respond to your request in time. Sorry about that."),
    graphql("unauthenticated", CONNECT, type="UNAUTHENTICATED", message="This endpoint requires you to be authenticated."),
    graphql("bad-credentials", CONNECT, message="Bad credentials"),
    graphql("scopes", CONNECT, type="INSUFFICIENT_SCOPES", message="Your token has not been granted the required scopes."),
    graphql("forbidden-query", CONNECT, type="FORBIDDEN", message="You may not do that"),
    graphql("not-found", "In GitHub: give the factory's account access", type="NOT_FOUND", message="Could not resolve to a node with the global id of 'PR_1'"),
    graphql("unsupported", "In GitHub: update the Enterprise Server", extensions={"code": "undefinedField"}, message="No such thing"),
    graphql("unknown-field", "In GitHub: update the Enterprise Server", message="Field 'mergeQueueEntry' doesn't exist on type 'PullRequest'"),
    graphql("auto-merge-unneeded", "rules of branch", type="UNPROCESSABLE", message="Pull request Pull request is in clean status"),
    graphql("auto-merge-unneeded", "rules of branch", type="UNPROCESSABLE", message="Pull request is in unstable status"),
    graphql("auto-merge-unneeded", "rules of branch", type="UNPROCESSABLE", message="Pull request Protected branch rules not configured for this branch"),
    graphql("no-auto-merge", "set merge.auto to false", type="UNPROCESSABLE", message="Auto merge is not allowed for this repository"),
)  # fmt: skip

MERGING = (
    merging("not-queued", "Pull request cannot be added to the merge queue: a required check is failing", "look at the merge queue"),
    merging("not-queued", "Required checks must pass before entering the merge queue", "look at the merge queue"),
    merging("queued", "Pull Request is in the merge queue", "merge queue", 1800.0),
    merging("queued", "Pull request is already in the queue", "merge queue", 1800.0),
    merging("queued", "A pull request for this branch has been added to a merge queue. Branches that are queued for merging cannot be updated. To modify this branch, dequeue the associated pull request.", "merge queue", 1800.0, 422),
    merging("queue-required", "Repository rule violations found\n\nChanges must be made through the merge queue", "add the pull request to the merge queue"),
    merging("queue-required", "The merge strategy for main is set by the merge queue", "merge queue"),
    merging("queue-required", "This repository uses a merge queue.", "merge queue"),
    merging("queue", "Merge queue only", "merge queue"),
    merging("up-to-date", "There are no new commits on the base branch.", "rules", 1800.0, 422),
    merging("behind", "Head branch is out of date. Review and try the merge again.", "update the branch"),
    merging("behind", "Repository rule violations found\n\nThe head branch is not up to date with the base branch", "update the branch"),
    merging("behind", "Pull Request is not mergeable (mergeable_state: behind)", "update the branch"),
    merging("head-moved", "Head branch was modified. Review and try the merge again.", "check", 0.0, 409),
    merging("head-moved", "expected head sha didn’t match current head ref.", "check", 0.0, 422),
    merging("head-moved", "the head moved", "check", 0.0),
    merging("over", "Pull Request is closed", "check", 0.0),
    merging("over", "Pull Request is not open", "check", 0.0),
    merging("base-moved", "Base branch was modified. Review and try the merge again.", "check"),
    merging("base-moved", "Merge already in progress", "check"),
    merging("no-rebase", "This branch can't be rebased", "set merge.method to squash"),
    merging("conflict", "Pull Request has merge conflicts", "solve the conflicts"),
    merging("conflict", "merge conflict between base and head", "solve the conflicts", None, 422),
    merging("conflict", "Pull Request is not mergeable (mergeable_state: dirty)", "solve the conflicts"),
    merging("method-allowed", "Merge commits are not allowed on this repository. (allowed: rebase, squash)", "set merge.method to rebase"),
    merging("method", "Merge commits are not allowed on this repository.", "set merge.method to one"),
    merging("method", "Squash merges are not allowed on this repository.", "set merge.method to one"),
    merging("method", "Rebase merges are not allowed on this repository.", "set merge.method to one"),
    merging("merge-commits", "Repository rule violations found\n\nThis branch must not contain merge commits.", "set merge.method to squash"),
    merging("signatures", "Commits must have verified signatures.", "set merge.method to squash"),
    merging("code-owner", "Waiting on code owner review from acme/checkout.", "code owner"),
    merging("review", "At least 1 approving review is required by reviewers with write access.", "review the pull request"),
    merging("review", 'Required status check "build" is in progress. At least 1 approving review is required by reviewers with write access.', "review the pull request"),
    merging("review", "New changes require approval from someone other than the last pusher.", "review the pull request"),
    merging("review", "Changes were requested by a reviewer.", "review the pull request"),
    merging("conversation", "Repository rule violations found\n\nA conversation must be resolved before this pull request can be merged.\n\n", "resolve the conversations"),
    merging("deployment", "The pull request must be successfully deployed to production", "approve the deployments"),
    merging("draft", "Pull Request is still a draft", "mark the pull request as ready"),
    merging("checks-failed", 'Required status check "build" is failing.', "review the pull request"),
    merging("checks-failed", "Pull Request is not mergeable (mergeable_state: blocked)", "review the pull request"),
    merging("checks-pending", 'Required status check "code owner review" is expected.', "rules"),
    merging("checks-pending", "2 of 2 required status checks are expected.", "rules"),
    merging("checks-pending", 'Required status check "ci" is pending.', "rules"),
    merging("checks-pending", "Waiting for results from code scanning", "rules"),
    merging("protected", "Cannot change this locked branch", "rules"),
    merging("protected", "You're not authorized to push to this branch.", "rules", None, 403),
    merging("protected", "Repository rule violations found", "rules"),
    merging("not-mergeable", "Pull Request is not mergeable", "rules"),
    merging("not-mergeable", "Pull Request is not mergeable (mergeable_state: unknown)", "rules"),
    merging("unknown-merge", "The moon is in the wrong phase.", "rules"),
)  # fmt: skip


def known(answer: httpx2.Response) -> Known:
    """What the client makes of this response to opening a pull request."""
    vendor = Vendor({"POST /repos/acme/shop/pulls": answer})

    async def use(client: Any) -> Known:
        with suppress(ConnectionLost):
            await client.ask("POST", "/repos/acme/shop/pulls")
        content, headers, asked = answer.content, answer.headers, vendor.asked[0]
        read = httpx2.Response(answer.status_code, content=content, headers=headers, request=asked)
        found: Known = client.known(read, branch="factory/ACME-1-x", base="main")
        return found

    return github(vendor, use)


def test_every_row_of_the_table_is_shown_here() -> None:
    assert {example.row for example in (*HTTP, *GRAPHQL, *MERGING)} == {row.name for row in TABLE.rows}
    assert len({row.name for row in TABLE.rows}) == len(TABLE.rows)


@pytest.mark.parametrize("example", (*HTTP, *GRAPHQL), ids=lambda example: example.row)
def test_a_refusal_meets_its_row_with_its_delay_and_its_fix(example: Example) -> None:
    """Limits and faults pass, an ended credential is the connection's, everything else names its fix."""
    found = known(example.answer)
    problem = found.problem("it was not done")
    assert (found.row.name, found.after) == (example.row, example.after)
    assert example.fix in (found.fix or problem.fix)
    passing = dict.fromkeys(("limit", "passing", "later"), VendorUnavailable)
    kinds: dict[str, type[Problem]] = {**passing, "lost": ConnectionLost}
    assert type(problem) is kinds.get(found.row.kind, Terminal)
    assert isinstance(problem, ConnectionLost) or getattr(problem, "after", None) == example.after


@pytest.mark.parametrize("example", GRAPHQL, ids=lambda example: example.row)
def test_a_mutation_raises_what_may_pass_and_gives_back_what_was_refused(example: Example) -> None:
    """The same rows for GraphQL, whatever the status."""
    vendor = Vendor({"POST /graphql": example.answer})

    async def use(client: Any) -> str:
        try:
            refused = await client.graphql("MarkReady", id="PR_1")
        except Retryable as problem:
            return type(problem).__name__
        return str(refused.row.name)

    row = next(row for row in TABLE.rows if row.name == example.row)
    expected = {"limit": "VendorUnavailable", "passing": "VendorUnavailable", "lost": "ConnectionLost"}.get(
        row.kind, example.row
    )
    assert github(vendor, use) == expected


@pytest.mark.parametrize("example", MERGING, ids=lambda example: example.row)
def test_the_words_of_a_refused_merge_say_what_follows(example: Example) -> None:
    """merge() gives the words, and the words their kind, their delay and their fix; nothing else is looked at."""
    vendor = Vendor({
        "PUT /repos/acme/shop/pulls/1/merge": example.answer,
        "GET /repos/acme/shop/pulls/1": response(200, pull(mergeable_state="")),
    })  # fmt: skip
    row = next(row for row in TABLE.rows if row.name == example.row)

    async def use(output: Any) -> Any:
        return output.refusal(await output.merge(PULL, SHA, "squash"))

    refusal = target(vendor, use)
    kinds = {"limit": "later", "passing": "later", "under-way": "later", "permission": "never", "unneeded": "later"}
    assert refusal.kind == kinds.get(row.kind, row.kind)
    assert example.fix in refusal.fix
    assert refusal.after == example.after
    assert TABLE.look_up(Read(refusal.why, codes=frozenset((MERGE,)))).row.name == example.row
    assert refusal.why in " ".join(example.answer.json()["message"].split())


@pytest.mark.parametrize(
    ("state", "kind"),
    [("dirty", "fix-conflict"), ("behind", "update-branch"), ("blocked", "wait-for-people"), ("unknown", "later"),
     ("unstable", "later"), ("draft", "wait-for-people")],
)  # fmt: skip
def test_where_the_words_do_not_tell_the_shown_state_does(state: str, kind: str) -> None:
    """`Pull Request is not mergeable` is said for five reasons; the state beside it tells which."""
    vendor = Vendor({
        "PUT /repos/acme/shop/pulls/1/merge": response(405, {"message": "Pull Request is not mergeable"}),
        "GET /repos/acme/shop/pulls/1": response(200, pull(mergeable_state=state)),
    })  # fmt: skip
    words = target(vendor, lambda output: output.merge(PULL, SHA, "squash"))
    assert target(vendor, lambda output: _refusal(output, words)).kind == kind


async def _refusal(output: Any, words: str) -> Any:
    return output.refusal(words)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (response(401, {"message": "Bad credentials"}), ConnectionLost),
        (response(403, {"message": "You have exceeded a secondary rate limit."}), VendorUnavailable),
        (response(403, {"message": "Resource not accessible by integration"}), Terminal),
        (response(404, {"message": "Not Found"}), Terminal),
        (response(429, {"message": "Too many"}), VendorUnavailable),
        (response(502, b"<html>"), VendorUnavailable),
    ],
)
def test_what_says_nothing_about_the_pull_request_is_no_refusal_to_merge_it(answer: Any, kind: type[Problem]) -> None:
    """Limits, lost credentials and missing permissions are raised: the merge stays planned, or names its fix."""
    vendor = Vendor({
        "PUT /repos/acme/shop/pulls/1/merge": answer, "GET /repos/acme/shop/pulls/1": response(200, pull()),
    })  # fmt: skip
    with pytest.raises(Problem) as caught:
        target(vendor, lambda output: output.merge(PULL, SHA, "squash"))
    assert type(caught.value) is kind


def test_a_missing_permission_is_named() -> None:
    """A person reads which one, and that connecting again is the way."""
    problem = known(HTTP[[example.row for example in HTTP].index("permission")].answer).problem("x")
    assert (problem.why, problem.fix) == ("the token lacks checks=read", CONNECT)


def test_a_base_that_is_gone_is_told_with_its_key() -> None:
    """GitHub says `field base invalid` and no more; the pull request that is there already is looked for first."""
    refused = HTTP[[example.row for example in HTTP].index("base-gone")].answer
    vendor = Vendor({"POST /repos/acme/shop/pulls": refused, "GET /repos/acme/shop/pulls": response(200, [])})
    with pytest.raises(Terminal) as caught:
        target(vendor, lambda output: output.open_pull_request("acme/shop", "factory/ACME-1-x", "trunk", "t", "b"))
    assert caught.value.why == "the base branch trunk does not exist in acme/shop"
    assert caught.value.fix == "In factory.config.yaml: set repositories.acme/shop.base to a branch that exists"


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[" * 100_000, b'{"errors": 7}', b'{"message": 5}', b"null", b'"no"']
)
@pytest.mark.parametrize("status", [200, 400, 403, 405, 422, 451, 500])
def test_no_shape_of_a_response_escapes_the_table(status: int, body: bytes) -> None:
    """Whatever it is, it becomes a Problem, or words that have a kind."""
    vendor = Vendor({"POST /graphql": response(status, body)})

    async def use(client: Any) -> Any:
        return await client.graphql("MarkReady", id="PR_1")

    try:
        refused = github(vendor, use)
    except Problem:
        return
    assert isinstance(refused, Known) and isinstance(refused.problem("x"), Problem)

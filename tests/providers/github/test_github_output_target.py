"""Pull requests at GitHub: found by branch, read without guessing, merged by their exact head."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from fake_github import SHA, FakeGithub, unprocessable, with_client
from github_payloads import BRANCH, CONFIG, FORK, NOW

from adapters.providers.github import client
from adapters.providers.github.output_target import GithubOutputTarget
from factory_core.dispatch.pull_request import Check, PullRequest, Review
from factory_core.errors import Retryable, Terminal

pytestmark = pytest.mark.pure


@pytest.fixture(params=["2022-11-28", "2026-03-10"], autouse=True)
def version(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test here holds for the version that is pinned and for the one after it."""
    monkeypatch.setattr(client, "API_VERSION", request.param)
    return str(request.param)


REPO = "acme/api"
OURS = PullRequest(repository=REPO, number=1, head_sha=SHA)
MERGE = "PUT /repos/acme/api/pulls/1/merge"


def at(fake: FakeGithub, call: str, *arguments: Any) -> Any:
    """The result of one of the output target's methods against this GitHub."""
    return with_client(fake.answer, lambda client: getattr(GithubOutputTarget(client, CONFIG), call)(*arguments))


def github(**fields: Any) -> FakeGithub:
    """A GitHub with one pull request of ours."""
    fake = FakeGithub()
    fake.add(BRANCH, **fields)
    return fake


def test_the_newest_pull_request_of_exactly_this_branch_is_found() -> None:
    """Older ones, other branches and forks with the same branch name are passed over."""
    fake = github(state="closed")
    fake.add(BRANCH)
    fake.add(f"{BRANCH}-2")
    fake.add(BRANCH, head={"ref": BRANCH, "sha": SHA, "repo": FORK})
    found = at(fake, "find_pull_request", REPO, BRANCH)
    assert found == PullRequest(
        repository=REPO, repository_id="7", number=2, url="https://github.com/acme/api/pull/2", branch=BRANCH,
        base="main", head_sha=SHA, state="open", draft=False, merged=False, mergeable=True, checks=(), reviews=(),
        read_at=NOW,
    )  # fmt: skip
    assert fake.asked[0].url.params["head"] == f"acme:{BRANCH}"


def test_a_branch_without_a_pull_request_has_none() -> None:
    """Nothing found is None; a repository that cannot be seen is a problem, not an absence."""
    assert at(FakeGithub(), "find_pull_request", REPO, BRANCH) is None
    with pytest.raises(Terminal, match="404"):
        at(FakeGithub(), "find_pull_request", "acme/secret", BRANCH)


def test_a_pull_request_is_gone_only_if_its_repository_is_not() -> None:
    """None means gone; when the whole repository is out of sight nothing is known."""
    assert at(FakeGithub(), "read_pull_request", REPO, 5) is None
    with pytest.raises(Terminal, match="404"):
        at(FakeGithub(), "read_pull_request", "acme/secret", 5)


@pytest.mark.parametrize("field", ["draft", "merged", "mergeable"])
@pytest.mark.parametrize("value", [None, "true", 1, {}])
def test_what_github_does_not_say_is_not_known(field: str, value: object) -> None:
    """A missing or ill-typed field is None in the snapshot, never a default."""
    fake = github(**{field: value})
    assert getattr(at(fake, "read_pull_request", REPO, 1), field) is None
    del fake.pulls[1][field]
    assert getattr(at(fake, "read_pull_request", REPO, 1), field) is None


@pytest.mark.parametrize("field", ["number", "state"])
def test_an_answer_that_is_no_pull_request_is_read_again_later(field: str) -> None:
    """Without number or state there is no snapshot to judge."""
    with pytest.raises(Retryable):
        at(github(**{field: None}), "read_pull_request", REPO, 1)


def test_checks_are_runs_and_statuses_of_the_head_the_newest_of_each() -> None:
    """A re-run replaces its earlier run in the same suite; a job of the same name in another suite does not."""
    fake = github()
    suite, other = {"id": 1}, {"id": 2}
    fake.check_runs = [
        {"id": 11, "name": "test", "status": "completed", "conclusion": "SUCCESS", "check_suite": suite,
         "output": {"title": "42 passed", "summary": None}, "html_url": "https://github.com/x"},
        {"id": 10, "name": "test", "status": "completed", "conclusion": "failure", "check_suite": suite},
        {"id": 12, "name": "lint", "status": "in_progress", "conclusion": None, "check_suite": suite},
        {"id": 13, "name": "test", "status": "completed", "conclusion": "failure", "check_suite": other},
    ]  # fmt: skip
    fake.statuses = [
        {"context": "ci/deploy", "state": "success", "updated_at": "2026-11-20T11:00:00Z", "description": "Ready"},
        {"context": "ci/deploy", "state": "pending", "updated_at": "2026-11-20T10:00:00Z"},
        {"context": "ci/e2e", "state": "error", "updated_at": "2026-11-20T10:00:00Z", "target_url": "https://ci.test"},
    ]
    assert at(fake, "read_pull_request", REPO, 1).checks == (
        Check(name="test", status="completed", conclusion="success", summary="42 passed", url="https://github.com/x"),
        Check(name="lint", status="pending"),
        Check(name="test", status="completed", conclusion="failure"),
        Check(name="ci/deploy", status="completed", conclusion="success", summary="Ready"),
        Check(name="ci/e2e", status="completed", conclusion="failure", url="https://ci.test"),
    )


@pytest.mark.parametrize("broken", [{"id": 1}, {"name": "test"}, {"status": "completed"}, "text", None])
def test_one_unreadable_check_makes_all_unknown(broken: object) -> None:
    """A check that cannot be read might be the red one: the list as a whole is None."""
    fake = github()
    fake.check_runs = [{"id": 2, "name": "ok", "status": "completed", "conclusion": "success"}, broken]  # type: ignore[list-item]
    assert at(fake, "read_pull_request", REPO, 1).checks is None


@pytest.mark.parametrize("path", ["check-runs", "status"])
def test_half_of_the_checks_is_not_enough(path: str) -> None:
    """Checks are known only if the runs and the statuses both are."""
    fake = github()
    fake.instead[f"GET /repos/acme/api/commits/{SHA}/{path}"] = httpx2.Response(200, json={"total_count": 0})
    assert at(fake, "read_pull_request", REPO, 1).checks is None


def review(review_id: int, author: str, state: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": review_id, "user": {"login": author, "type": "User"}, "state": state, "body": "words", "commit_id": SHA,
        "submitted_at": f"2026-11-20T10:{review_id:02}:00Z", **fields,
    }  # fmt: skip


def test_reviews_come_with_what_their_author_may_do() -> None:
    """Drafts are left out; the rest comes in order, newest last, in lower case. A label says nothing."""
    fake = github()
    fake.may = {"ann": "write", "eve": "read", "cat": "admin"}
    fake.reviews = [
        review(3, "ann", "APPROVED"), review(1, "ann", "CHANGES_REQUESTED"),
        review(2, "eve", "APPROVED", author_association="MEMBER"), review(4, "bob", "PENDING"),
        review(5, "cat", "COMMENTED", author_association="NONE"),
    ]  # fmt: skip

    def said(review_id: str, author: str, state: Any, standing: Any = "writer") -> Review:
        return Review(id=review_id, author=author, state=state, body="words", commit=SHA, standing=standing)

    assert at(fake, "read_pull_request", REPO, 1).reviews == (
        said("1", "ann", "changes_requested"), said("2", "eve", "approved", "outsider"), said("3", "ann", "approved"),
        said("5", "cat", "commented"),
    )  # fmt: skip


@pytest.mark.parametrize("broken", [review(1, "a", "BLESSED"), {"state": "APPROVED"}, "text"])
def test_one_unreadable_review_makes_all_unknown(broken: Any) -> None:
    """A review that cannot be read might be the one that asks for changes."""
    fake = github()
    fake.reviews = [broken]
    assert at(fake, "read_pull_request", REPO, 1).reviews is None


def test_opening_twice_gives_one_pull_request() -> None:
    """The branch is the key: the second order finds what the first one made."""
    fake = FakeGithub()
    first = at(fake, "open_pull_request", REPO, BRANCH, "main", "Title", "Body")
    second = at(fake, "open_pull_request", REPO, BRANCH, "main", "Title", "Body")
    assert (first.number, second.number, len(fake.pulls)) == (1, 1, 1)
    assert (first.mergeable, first.checks, first.reviews) == (None, None, None)


@pytest.mark.parametrize("lost", [httpx2.ReadTimeout("after acting"), httpx2.Response(502)])
def test_opening_after_a_lost_answer_finds_what_was_made(lost: Any) -> None:
    """When GitHub acts and the answer is lost, the repeat gives the same pull request."""
    fake = FakeGithub()
    fake.afterwards["POST /repos/acme/api/pulls"] = lost
    with pytest.raises(Retryable):
        at(fake, "open_pull_request", REPO, BRANCH, "main", "Title", "Body")
    assert at(fake, "open_pull_request", REPO, BRANCH, "main", "Title", "Body").number == 1
    assert len(fake.pulls) == 1


def test_opening_for_a_branch_that_is_already_merged_gives_the_merged_one() -> None:
    """A person may merge between the order and its repeat; closed without a merge is GitHub's refusal instead."""
    fake = github(state="closed", merged=True)
    assert at(fake, "open_pull_request", REPO, BRANCH, "main", "Title", "Body").merged is True
    refusal = {"message": "Validation Failed", "errors": [{"message": "No commits between main and it"}]}
    fake.instead["POST /repos/acme/api/pulls"] = httpx2.Response(422, json=refusal)
    fake.pulls[1]["merged"] = False
    with pytest.raises(Terminal) as caught:
        at(fake, "open_pull_request", REPO, BRANCH, "main", "Title", "Body")
    assert caught.value.why == "Validation Failed: No commits between main and it"


def test_exactly_this_head_is_merged() -> None:
    """Merging gives nothing to say, twice too; GitHub was told the head and the method."""
    fake = github()
    assert at(fake, "merge", OURS, SHA, "squash") == ""
    assert at(fake, "merge", OURS, SHA, "squash") == ""
    assert (fake.pulls[1]["merged"], fake.pulls[1]["merge_method"]) == (True, "squash")


def test_a_moved_head_is_not_merged() -> None:
    """A push between the gate and the merge makes GitHub refuse, and its reason is the answer."""
    fake = github()
    assert "Head branch was modified" in at(fake, "merge", OURS, "c" * 40, "squash")
    assert at(fake, "merge", OURS, "", "squash") == "no head commit was named to merge"
    assert fake.pulls[1]["merged"] is False


@pytest.mark.parametrize("status", [405, 409, 422])
def test_a_refusal_is_told_in_githubs_words(status: int) -> None:
    """Refusals to merge are answers, not errors."""
    fake = github()
    fake.instead[MERGE] = httpx2.Response(status, json={"message": "Required status check is expected."})
    assert at(fake, "merge", OURS, SHA, "squash") == "Required status check is expected."


@pytest.mark.parametrize(
    "lost", [httpx2.ReadTimeout("after acting"), httpx2.Response(500), httpx2.Response(200, json=[])]
)
def test_a_merge_whose_answer_is_lost_is_looked_up(lost: Any) -> None:
    """After an unknown outcome what GitHub shows decides: it was merged, so it is merged."""
    fake = github()
    fake.afterwards[MERGE] = lost
    assert at(fake, "merge", OURS, SHA, "squash") == ""


def test_a_merge_that_did_not_happen_is_retried() -> None:
    """The same silence without an act stays Retryable."""
    fake = github()
    fake.instead[MERGE] = httpx2.ReadTimeout("before acting")
    with pytest.raises(Retryable):
        at(fake, "merge", OURS, SHA, "squash")
    assert fake.pulls[1]["merged"] is False


def test_a_merge_that_the_token_may_not_do_names_the_permission() -> None:
    """403 is no reason of the pull request's: a person must widen the token."""
    fake = github()
    lacking = {"x-accepted-github-permissions": "contents=write"}
    fake.instead[MERGE] = httpx2.Response(403, json={"message": "no"}, headers=lacking)
    with pytest.raises(Terminal) as caught:
        at(fake, "merge", OURS, SHA, "squash")
    assert "contents=write" in caught.value.why


def test_auto_merge_is_armed_once_for_this_head() -> None:
    """It is pinned to the head, repeats are harmless, and another head is refused."""
    fake = github()
    with pytest.raises(Terminal):
        at(fake, "enable_auto_merge", OURS, "c" * 40, "squash")
    at(fake, "enable_auto_merge", OURS, SHA, "squash")
    at(fake, "enable_auto_merge", OURS, SHA, "rebase")
    assert fake.pulls[1]["auto_merge"] == {"merge_method": "squash"}
    at(fake, "disable_auto_merge", OURS)
    at(fake, "disable_auto_merge", OURS)
    assert fake.pulls[1]["auto_merge"] is None


def test_nothing_to_wait_for_leaves_the_merge_to_merge() -> None:
    """GitHub arms nothing where it could merge at once; that is no failure."""
    fake = github()
    refusal = {"errors": [{"type": "UNPROCESSABLE", "message": "Pull request Pull request is in clean status"}]}
    fake.instead["POST /graphql"] = httpx2.Response(200, json=refusal)
    at(fake, "enable_auto_merge", OURS, SHA, "squash")
    assert fake.pulls[1]["auto_merge"] is None


def test_the_version_is_named_in_every_request(version: str) -> None:
    fake = github()
    at(fake, "merge", OURS, SHA, "squash")
    assert {request.headers["x-github-api-version"] for request in fake.asked} == {version}


def test_a_lost_race_to_merge_is_read_again_and_not_repeated() -> None:
    """Somebody else merged it while our answer got lost: what GitHub shows decides, and there is one order to merge."""
    fake = github()
    fake.instead[MERGE] = httpx2.Response(405, json={"message": "Pull Request is not mergeable"})
    fake.pulls[1].update(merged=True, state="closed")
    assert at(fake, "merge", OURS, SHA, "squash") == ""
    assert [request.method for request in fake.asked] == ["PUT", "GET"]


def test_a_base_with_a_merge_queue_is_entered_and_left() -> None:
    """Entering twice is entering once; disarming takes it out, and leaving twice is leaving once."""
    fake = github()
    fake.has_queue = True
    assert "through the merge queue" in at(fake, "merge", OURS, SHA, "squash")
    assert at(fake, "enqueue", OURS, SHA) == "" == at(fake, "enqueue", OURS, SHA)
    assert at(fake, "merge", OURS, SHA, "squash") == "Pull Request is in the merge queue"
    assert "does not match" in at(github(), "enqueue", OURS, "c" * 40)
    at(fake, "disable_auto_merge", OURS)
    at(fake, "disable_auto_merge", OURS)
    assert fake.queue == set()


def test_who_may_not_enqueue_arms_auto_merge_with_the_queues_own_method() -> None:
    """The method is the queue's: none is named."""
    fake = github()
    fake.has_queue = True
    refused = {"errors": [{"type": "FORBIDDEN", "message": "Resource not accessible by integration"}]}
    fake.instead["POST /graphql"] = httpx2.Response(200, json=refused)
    assert at(fake, "enqueue", OURS, SHA) == ""
    assert fake.pulls[1]["auto_merge"] == {"merge_method": "merge"}


def test_auto_merge_before_a_queue_names_no_method() -> None:
    """GitHub answers as if it were down to whoever names one; where it has no queue that is an outage."""
    fake = github()
    fake.has_queue = True
    at(fake, "enable_auto_merge", OURS, SHA, "squash")
    assert fake.pulls[1]["auto_merge"] == {"merge_method": "merge"}
    down = github()
    down.instead["POST /graphql"] = httpx2.Response(200, json={"errors": [{"message": "Something went wrong"}]})
    with pytest.raises(Retryable):
        at(down, "enable_auto_merge", OURS, SHA, "squash")


def test_a_branch_that_is_behind_is_updated_at_exactly_its_head() -> None:
    """Done once; nothing new on the base is done already, and a conflict or another head is GitHub's refusal."""
    fake = github()
    fake.behind.add(1)
    assert "out of date" in at(fake, "merge", OURS, SHA, "squash")
    assert "didn’t match" in at(fake, "update_branch", OURS, "c" * 40)
    assert at(fake, "update_branch", OURS, SHA) == ""
    assert fake.pulls[1]["head"]["sha"] == "d" * 40
    assert at(fake, "update_branch", OURS, "d" * 40) == ""
    clashing = github(mergeable=False)
    clashing.behind.add(1)
    assert at(clashing, "update_branch", OURS, SHA) == "merge conflict between base and head"


@pytest.mark.parametrize(
    ("armed", "refused", "left", "stays"),
    [
        (True, "Can't disable auto-merge for this pull request", None, False),
        (True, "You're not allowed to do that", {"merge_method": "squash"}, True),
    ],
)
def test_a_refusal_to_disarm_is_verified_by_reading(armed: bool, refused: str, left: Any, stays: bool) -> None:
    """Nothing armed is disarmed, whatever GitHub says; what stays armed names what a person has to do."""
    fake = github(auto_merge={"merge_method": "squash"})

    class Racing(type(fake)):  # type: ignore[misc]
        def _graphql(self, request: httpx2.Request, body: dict[str, Any]) -> httpx2.Response:
            if "disablePullRequestAutoMerge" in body["query"]:
                self.pulls[1]["auto_merge"] = left
                return unprocessable(refused)
            return super()._graphql(request, body)

    fake.__class__ = Racing
    if not stays:
        at(fake, "disable_auto_merge", OURS)
        return
    with pytest.raises(Terminal) as caught:
        at(fake, "disable_auto_merge", OURS)
    assert caught.value.fix == "In GitHub: open acme/api#1 and disable its auto-merge"


def test_the_methods_that_are_allowed_are_named_where_ours_is_not() -> None:
    """By the repository's settings, narrowed by the rules of its base; unseen settings leave GitHub's words alone."""
    fake = github()
    words = "Merge commits are not allowed on this repository."
    fake.instead[MERGE] = httpx2.Response(405, json={"message": words})
    shown = {"full_name": REPO, "allow_squash_merge": True, "allow_merge_commit": False, "allow_rebase_merge": True}
    fake.instead["GET /repos/acme/api"] = httpx2.Response(200, json=shown)
    rules = [{"type": "pull_request", "parameters": {"allowed_merge_methods": ["rebase"]}}, {"type": "deletion"}]
    fake.instead["GET /repos/acme/api/rules/branches/main"] = httpx2.Response(200, json=rules)
    ours = OURS.model_copy(update={"base": "main"})
    assert at(fake, "merge", ours, SHA, "merge") == f"{words} (allowed: rebase)"
    fake.instead[MERGE] = httpx2.Response(405, json={"message": words})
    assert at(fake, "merge", ours, SHA, "merge") == words


def test_a_draft_is_made_ready() -> None:
    """Marking ready twice is as once."""
    fake = github(draft=True)
    at(fake, "mark_ready", OURS)
    at(fake, "mark_ready", OURS)
    assert fake.pulls[1]["draft"] is False
    assert sum(request.url.path == "/graphql" for request in fake.asked) == 1


@pytest.mark.parametrize(
    ("fields", "complete"),
    [
        ({}, True),
        ({"state": "closed", "merged": True}, True),
        ({"draft": True}, False),
        ({"draft": None}, False),
        ({"state": "closed"}, False),
        ({"state": "closed", "merged": None}, False),
    ],
)
def test_complete_is_merged_or_open_and_ready(fields: dict[str, Any], complete: bool) -> None:
    """Drafts, closed ones and those of which GitHub says too little are not complete."""
    assert at(github(**fields), "is_pr_complete", "ACME-142", REPO, BRANCH) is complete


def test_the_clone_address_is_the_configured_or_githubs_own() -> None:
    """No token is in it."""
    target = GithubOutputTarget(None, CONFIG)  # type: ignore[arg-type]
    assert target.clone_address("acme/api") == "https://github.com/acme/api.git"
    assert target.clone_address("acme/web") == "https://git.acme.test/web.git"

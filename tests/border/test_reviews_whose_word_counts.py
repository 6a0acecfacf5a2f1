"""A verdict counts by what its author may do in the repository, and by nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from factory_core.dispatch.pull_request import PullRequest
from factory_core.errors import Retryable

from .github_of_lists import NOW, REPO, Github, refused, review

pytestmark = pytest.mark.pure

WITH_REVIEW = {"policy": "on-green-with-review"}
NO = "CHANGES_REQUESTED"


@pytest.mark.parametrize("label", ["OWNER", "MEMBER", "COLLABORATOR", "CONTRIBUTOR", "NONE"])
@pytest.mark.parametrize(
    ("may", "writes"),
    [("admin", True), ("maintain", True), ("write", True), ("triage", False), ("read", False), ("none", False)],
)
def test_who_may_write_approves_and_objects_and_nobody_else(label: str, may: str, writes: bool) -> None:
    """Whatever label GitHub puts beside the name: a private member's is NONE, a reader's may be MEMBER."""
    approved = Github(reviews=[review(1, "sam", author_association=label)], may={"sam": may})
    objected = Github(reviews=[review(1, "sam", NO, "No.", author_association=label)], may={"sam": may})
    assert approved.judged(**WITH_REVIEW).verdict == ("open" if writes else "wait")
    assert objected.judged().verdict == ("mend" if writes else "open")


def test_a_role_of_an_organisations_own_counts_by_what_it_may() -> None:
    """Its name says nothing; the older field, or the list of permissions, does."""
    role: dict[str, Any] = {"permission": "write", "role_name": "release-captain"}
    listed = {"permission": "", "role_name": "release-captain", "user": {"permissions": {"push": True}}}
    reader = {"permission": "read", "role_name": "release-captain", "user": {"permissions": {"push": False}}}
    for answer, verdict in ((role, "open"), (listed, "open"), (reader, "wait"), ({}, "wait")):
        path = {"/collaborators/sam/permission": httpx2.Response(200, json=answer)}
        assert Github(reviews=[review(1, "sam")], instead=path).judged(**WITH_REVIEW).verdict == verdict


def test_where_permissions_are_not_shown_nobody_approves_and_every_objection_holds() -> None:
    """A token without push access is refused them. A person is not given as an order what a stranger may have said."""
    hidden = {"/collaborators/sam/permission": refused(403)}
    member = {"author_association": "MEMBER"}
    approved = Github(reviews=[review(1, "sam", **member)], instead=hidden)
    objected = Github(reviews=[review(1, "sam", NO, "No.", **member)], instead=hidden)
    assert approved.judged(**WITH_REVIEW).verdict == "wait"
    judged = objected.judged()
    assert (judged.verdict, judged.feedback) == ("wait", ())
    assert judged.why == "sam asks for changes, and the code host did not say whether sam may write"


def test_a_permission_that_cannot_be_asked_now_is_asked_again() -> None:
    """An outage decides nothing."""
    down = {"/collaborators/sam/permission": httpx2.Response(502)}
    with pytest.raises(Retryable):
        Github(reviews=[review(1, "sam")], instead=down).read()


def test_a_deleted_accounts_objection_holds_and_its_approval_does_not_count() -> None:
    """GitHub names nobody then, and there is nobody to ask about."""
    ghost = {"user": None}
    assert Github(reviews=[review(1, "sam", **ghost)]).judged(**WITH_REVIEW).verdict == "wait"
    assert Github(reviews=[review(1, "sam", NO, **ghost)]).judged().verdict == "wait"


def test_the_author_of_a_pull_request_is_no_reviewer_of_it() -> None:
    """Whoever that is: anybody may open one from a branch that is there, and who may write has no second voice."""
    for may, standing in (("admin", "author"), ("read", "outsider")):
        own = Github(reviews=[review(1, "Factory-Bot")], may={"Factory-Bot": may})
        assert own.judged(**WITH_REVIEW).verdict == "wait"
        assert [seen.standing for seen in own.read().reviews or ()] == [standing]
    app = Github(reviews=[review(1, "helper[bot]")], pull={"user": {"login": "helper[bot]", "type": "Bot"}})
    assert app.judged(**WITH_REVIEW, reviewApps=["helper"]).verdict == "wait"


def test_each_person_is_asked_about_once_in_some_minutes() -> None:
    """Only those with a verdict, or with words; not apps, and not for a verdict that was dismissed."""
    reviews = [
        review(1, "sam"), review(2, "sam", NO), review(3, "SAM", "COMMENTED", "ok"), review(4, "ann", "DISMISSED"),
        review(5, "helper[bot]"), review(6, "kim", "PENDING"),
    ]  # fmt: skip
    github = Github(reviews=reviews, may={"sam": "write", "SAM": "write"})

    async def three_times(target: Any) -> None:
        for moment in (NOW, NOW + timedelta(minutes=4), NOW + timedelta(minutes=6)):
            github.now = moment
            await target.read_pull_request(REPO, 1)

    github.use(three_times)
    asked = [path.split("/")[2].casefold() for path in github.paths() if "collaborators" in path]
    assert asked == ["sam"] * len(asked) and 2 <= len(asked) <= 4


def test_a_person_who_lost_the_permission_lost_the_word() -> None:
    """Minutes later the approval counts no more."""
    github = Github(reviews=[review(1, "sam")], may={"sam": "write"})

    async def twice(target: Any) -> list[PullRequest]:
        first = await target.read_pull_request(REPO, 1)
        github.may, github.now = {"sam": "read"}, NOW + timedelta(minutes=6)
        return [first, await target.read_pull_request(REPO, 1)]

    standings = [seen.reviews[0].standing for seen in github.use(twice) if seen.reviews]
    assert standings == ["writer", "outsider"]


@pytest.mark.parametrize("page", [100, 20])
def test_verdicts_count_on_every_page_and_by_the_newest_of_each_person(page: int) -> None:
    """A dismissed one leaves no opinion; a mere comment takes none away; another person's stays."""
    talk = [review(n, "kim", "COMMENTED", f"word {n}") for n in range(3, 40)]
    for last, verdict in ((NO, "mend"), ("DISMISSED", "wait"), ("COMMENTED", "open"), ("APPROVED", "open")):
        reviews = [review(1, "sam"), *talk, review(50, "sam", last)]
        may = {"sam": "write", "kim": "write"}
        assert Github(reviews=reviews, may=may, page=page).judged(**WITH_REVIEW).verdict == verdict


def test_an_objection_that_quotes_the_factory_is_an_objection() -> None:
    """What carries the factory's mark is its own only where it is no verdict."""
    quoted = review(1, "sam", NO, "> Merged soon. <!-- factory -->\n\nNot yet.")
    assert Github(reviews=[quoted], may={"sam": "write"}).judged().verdict == "mend"


def test_an_approval_counts_at_exactly_this_head() -> None:
    """Not of the commit before, nor of one that GitHub does not name any more."""
    for commit in ("c" * 40, None):
        old = Github(reviews=[review(1, "sam", commit_id=commit)], may={"sam": "write"})
        assert old.judged(**WITH_REVIEW).verdict == "wait"


def test_a_review_apps_objection_is_never_merged_over() -> None:
    """Not listed, it waits for a person; listed, the agent is given it, as the app's."""
    objected = Github(reviews=[review(1, "coderabbitai[bot]", NO, "The audit row is dropped.")])
    judged = objected.judged()
    assert (judged.verdict, judged.feedback) == ("wait", ())
    assert judged.why == "the review app coderabbitai asks for changes; a person must dismiss that review"
    for name in ("coderabbitai", "CodeRabbitAI[bot]"):
        listed = objected.judged(reviewApps=[name])
        words = "The review app coderabbitai asked for changes: The audit row is dropped."
        assert (listed.verdict, listed.feedback) == ("mend", (("review:1", words),))
    gone = Github(reviews=[review(1, "coderabbitai[bot]", "DISMISSED")])
    assert gone.judged().verdict == "open"


def test_a_review_apps_approval_counts_where_it_is_listed() -> None:
    """A person of the same name is not that app."""
    github = Github(reviews=[review(1, "helper[bot]")])
    assert github.judged(**WITH_REVIEW).verdict == "wait"
    assert github.judged(**WITH_REVIEW, reviewApps=["helper"]).verdict == "open"
    person = Github(reviews=[review(1, "helper")])
    assert person.judged(**WITH_REVIEW, reviewApps=["helper"]).verdict == "wait"


def test_an_apps_review_is_waited_for_until_its_time_is_up() -> None:
    """Since GitHub has known of the head. Any review of this head will do; then, or in time, it goes on."""
    rules = {"waitForReviewBy": ["helper"], "waitForReviewAtMost": "15m"}
    github = Github(runs=[{**Github().runs[0], "started_at": "2026-11-30T11:50:00Z"}])
    waits = github.judged(**rules)
    assert (waits.verdict, waits.why, waits.until) == (
        "wait", "it waits for the review of helper", NOW + timedelta(minutes=5),
    )  # fmt: skip
    github.reviews = [review(1, "helper[bot]", "COMMENTED", commit_id="c" * 40)]
    assert github.judged(**rules).verdict == "wait"
    github.now = NOW + timedelta(minutes=5)
    assert github.judged(**rules).why == "all green (left out: the review of helper)"
    github.now, github.reviews = NOW, [review(1, "helper[bot]", "COMMENTED")]
    assert github.judged(**rules).why == "all green"


def test_an_app_is_asked_for_its_review_and_need_not_be_one_that_can_be_asked() -> None:
    """Most review by themselves, and GitHub refuses to ask them."""
    for answer in (httpx2.Response(201, json={}), refused(422), refused(404)):
        github = Github(instead={"/pulls/1/requested_reviewers": answer})
        github.use(lambda target: target.request_review(PullRequest(repository=REPO, number=1), "helper"))
        (asked,) = github.asked
        assert (asked.method, asked.content) == ("POST", b'{"reviewers":["helper[bot]"]}')

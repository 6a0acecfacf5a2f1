"""GitHub's webhooks: who is believed, and what each event means for us."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from github_payloads import BRANCH, CONFIG, FORK, HERE, NOW, SECRET, comment, delivery, pull
from hypothesis import given
from hypothesis import strategies as st

from adapters.providers.github.webhook import GithubWebhook
from factory_core.dispatch.events import PullRequestChanged
from factory_core.errors import BadSignature, Problem, Refused
from factory_core.http import HttpRequest
from factory_core.ports import Inbound

pytestmark = pytest.mark.pure

WEBHOOK = GithubWebhook([SECRET], CONFIG)
SUITE = {"head_branch": BRANCH, "pull_requests": [{"head": {"repo": {"id": 7}}, "base": {"repo": {"id": 7}}}]}
ABOUT_US: dict[str, tuple[str, dict[str, Any]]] = {
    **{
        f"pull_request.{action}": ("pull_request", {"action": action, "pull_request": pull()})
        for action in (
            "reopened", "ready_for_review", "converted_to_draft", "synchronize", "closed", "edited",
            "auto_merge_enabled", "auto_merge_disabled", "enqueued", "dequeued",
        )
    },
    "pull_request_review.submitted": ("pull_request_review", {"action": "submitted", "pull_request": pull()}),
    "pull_request_review.dismissed": ("pull_request_review", {"action": "dismissed", "pull_request": pull()}),
    "pull_request_review.edited": ("pull_request_review", {"action": "edited", "pull_request": pull()}),
    "pull_request_review_comment.created": (
        "pull_request_review_comment",
        {"action": "created", "pull_request": pull()},
    ),
    "check_run.completed": ("check_run", {"action": "completed", "check_run": {"check_suite": SUITE}}),
    "check_suite.completed": ("check_suite", {"action": "completed", "check_suite": SUITE}),
    "workflow_run.completed": (
        "workflow_run",
        {
            "action": "completed",
            "workflow_run": {"head_branch": BRANCH, "head_repository": HERE},
            "repository": HERE,
        },
    ),
    "status": ("status", {"state": "success", "branches": [{"name": "main"}, {"name": BRANCH}], "repository": HERE}),
}  # fmt: skip


def changed(payload: object, what: str, *aliases: str) -> PullRequestChanged:
    """The event of this payload, which is known by what GitHub has signed."""
    event_id = f"github:{hashlib.sha256(json.dumps(payload).encode()).hexdigest()}"
    return PullRequestChanged(id=event_id, work_item_id="ACME-142", aliases=aliases, at=NOW, what=what)


@pytest.mark.parametrize("action", ["opened", "edited", "labeled", "closed", "reopened", "assigned"])
def test_the_issue_that_a_ticket_mirrors_is_no_event(action: str) -> None:
    """One piece of work has one identity, the ticket's: whatever its twin on the code host says starts nothing."""
    issue = {
        "number": 211,
        "title": "ACME-142: Rename total",
        "body": "Closes ACME-142",
        "labels": [{"name": "factory"}],
    }
    heard = WEBHOOK.events_in(delivery("issues", {"action": action, "issue": issue, "repository": HERE}))
    assert heard.events == () and heard.pointers == ()


@pytest.mark.parametrize("what", ABOUT_US)
def test_what_may_change_our_pull_request_is_one_event_of_its_item(what: str) -> None:
    """Every listed event on a factory branch becomes exactly one hint for the branch's item."""
    event, payload = ABOUT_US[what]
    number = what.startswith("pull_request")
    names = [name for place in ("7", "acme/api") for name in (f"pull:{place}#12", f"branch:{place}:{BRANCH}")]
    aliases = names if number else [name for name in names if name.startswith("branch:")]
    told = {**payload, "repository": HERE}
    assert WEBHOOK.events_in(delivery(event, told)) == Inbound(
        delivery_id="72d3162e-cc78-11e3-81ab-4c9367dc0958",
        what=f"{what} ACME-142",
        events=(changed(told, what, *aliases),),
    )


@pytest.mark.parametrize("what", ABOUT_US)
def test_other_peoples_branches_are_nothing(what: str) -> None:
    """The same events on a branch that the factory did not make give no events."""
    event, payload = ABOUT_US[what]
    other = json.loads(json.dumps(payload).replace(BRANCH, "feature/ACME-142"))
    assert WEBHOOK.events_in(delivery(event, other)).events == ()


@pytest.mark.parametrize("head_repo", [FORK, {"id": 8}, {"full_name": 5}, {"full_name": None}, "text"])
@pytest.mark.parametrize("what", [what for what in ABOUT_US if what.startswith("pull_request")])
def test_a_fork_may_not_speak_for_our_branch(what: str, head_repo: object) -> None:
    """A pull request from another repository is never ours, however its branch is called."""
    event, payload = ABOUT_US[what]
    assert WEBHOOK.events_in(delivery(event, {**payload, "pull_request": pull(head_repo=head_repo)})).events == ()


@pytest.mark.parametrize("repository", [FORK, {"id": 666, "full_name": "evil/api"}, {"full_name": "acme-evil/api"}])
@pytest.mark.parametrize("what", ABOUT_US)
def test_other_owners_events_are_nothing_though_the_same_secret_signs_them(what: str, repository: object) -> None:
    """Whoever installs the App may call a branch like ours: that costs no look at any item, let alone a call."""
    event, payload = ABOUT_US[what]
    theirs = json.loads(json.dumps(payload).replace(json.dumps(HERE), json.dumps(repository)))
    assert WEBHOOK.events_in(delivery(event, {**theirs, "repository": repository})).events == ()
    said = {**comment(), "repository": repository}
    assert WEBHOOK.events_in(delivery("issue_comment", said)).events == ()


def test_another_repository_of_our_owner_is_found_by_its_id_alone() -> None:
    """It may be one of ours under a new name; the key that a branch spells there says nothing of our items."""
    suite = {"action": "completed", "check_suite": SUITE, "repository": {"id": 7, "full_name": "Acme/Renamed"}}
    (event,) = WEBHOOK.events_in(delivery("check_suite", suite)).events
    assert (event.work_item_id, event.aliases[0]) == ("", f"branch:7:{BRANCH}")


def dated(said: str) -> list[tuple[str, dict[str, Any]]]:
    """Events whose body tells of nothing newer than this."""
    suite = {**SUITE, "created_at": "2020-01-01T00:00:00Z", "updated_at": said}
    run = {"completed_at": "2020-01-01T00:00:00Z", "check_suite": suite}
    review = {"submitted_at": said, "commit": {"committer": {"date": "2199-01-01T00:00:00Z"}}}
    return [
        ("issue_comment", comment(created_at=said)),
        ("pull_request", {"action": "closed", "pull_request": {**pull(), "updated_at": said}}),
        ("pull_request_review", {"action": "submitted", "pull_request": pull(), "review": review}),
        ("check_suite", {"action": "completed", "check_suite": suite}),
        ("check_run", {"action": "completed", "check_run": run}),
        ("status", {"branches": [{"name": BRANCH}], "created_at": said, "updated_at": said}),
    ]  # fmt: skip


def test_an_old_recording_is_refused_and_a_late_delivery_counts() -> None:
    """GitHub signs no time stamp, but every body tells when something happened; it delivers again for three days."""
    for event, payload in dated("2026-11-20T11:59:58Z"):
        first = delivery(event, {**payload, "repository": HERE})
        for late, taken in ((0, True), (71, True), (73, False), (24 * 300, False)):
            came = first.model_copy(update={"received_at": NOW + timedelta(hours=late)})
            inbound = WEBHOOK.events_in(came)
            assert (len(inbound.events), "old recording" in inbound.ignored) == (taken, not taken), (event, late)


def test_a_recording_under_another_delivery_id_is_the_same_event() -> None:
    """The id of a delivery is not signed: whoever plays one again may choose it."""
    one, other = (WEBHOOK.events_in(delivery("issue_comment", comment(), guid=guid)).events for guid in ("1", "2"))
    assert one == other != ()


def test_a_forks_checks_are_not_ours() -> None:
    """Check suites and workflow runs that belong to forks alone give no events."""
    fork = {"head": {"repo": {"id": 8}}, "base": {"repo": {"id": 7}}}
    suite = {"action": "completed", "check_suite": {"head_branch": BRANCH, "pull_requests": [fork]}}
    run = {"head_branch": BRANCH, "head_repository": FORK}
    assert WEBHOOK.events_in(delivery("check_suite", suite)).events == ()
    payload = {"action": "completed", "workflow_run": run, "repository": HERE}
    assert WEBHOOK.events_in(delivery("workflow_run", payload)).events == ()


@pytest.mark.parametrize("pulls", [[], [{"head": {"ref": BRANCH}, "base": {"ref": "main"}}], None])
def test_a_suite_that_does_not_tell_its_repository_is_a_hint(pulls: object) -> None:
    """Checks may run before there is a pull request; only a suite that is known to be a fork's is dropped."""
    suite = {"action": "completed", "check_suite": {"head_branch": BRANCH, "pull_requests": pulls}}
    assert WEBHOOK.events_in(delivery("check_suite", suite)).events == (changed(suite, "check_suite.completed"),)


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("ping", None), ("pull_request", "opened"), ("pull_request", "labeled"),
        ("pull_request_review_comment", "deleted"), ("check_run", "created"), ("check_suite", "requested"),
        ("workflow_run", "in_progress"), ("push", None), ("invented", "tomorrow"),
    ],
)  # fmt: skip
def test_everything_else_is_accepted_and_is_nothing(event: str, action: str | None) -> None:
    """Events that cannot change a decision are answered with success and dropped."""
    payload = {"action": action, "pull_request": pull(), "check_run": {"check_suite": SUITE}, "check_suite": SUITE}
    assert WEBHOOK.events_in(delivery(event, payload)).events == ()


def test_one_commit_on_two_of_our_branches_is_news_for_both() -> None:
    """A status names every branch that holds its commit; each item hears of it once."""
    names = [BRANCH, "factory/ACME-7-x", BRANCH]
    events = WEBHOOK.events_in(delivery("status", {"branches": [{"name": name} for name in names]})).events
    assert [event.work_item_id for event in events] == ["ACME-142", "ACME-7"]


@pytest.mark.parametrize("body", ["/factory rename it", "Please rename it.", "😀"])
def test_a_comment_on_our_pull_request_is_a_hint_to_read_it(body: str) -> None:
    """Whoever wrote it, and whatever it says: words and permissions are read, never taken from an event."""
    for association in ("MEMBER", "NONE", None):
        payload = comment(body, author_association=association)
        events = WEBHOOK.events_in(delivery("issue_comment", payload)).events
        hint = changed(payload, "issue_comment.created", "pull:7#12", "pull:acme/api#12")
        assert events == (hint.model_copy(update={"work_item_id": ""}),)


@pytest.mark.parametrize(
    "payload",
    [
        comment(user={"login": "acme-factory[bot]", "type": "Bot"}),
        {**comment(), "action": "edited"},
        {**comment(), "issue": {"number": 3, "body": "<!-- factory:item=ACME-142 -->"}},
        {**comment(), "issue": {"number": 3, "pull_request": {}, "body": "somebody else's"}},
    ],
    ids=["bot", "edited", "plain-issue", "not-ours"],
)
def test_other_comments_are_nothing(payload: object) -> None:
    """An app's comment, an edit, a comment on an issue or on somebody else's pull request."""
    assert WEBHOOK.events_in(delivery("issue_comment", payload)).events == ()


def test_the_form_encoding_means_the_same() -> None:
    """A webhook set up to send a form carries the same JSON in its payload field, under a signature of the form."""
    event, payload = ABOUT_US["pull_request.closed"]
    body = urlencode({"payload": json.dumps(payload)}).encode()
    form = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert WEBHOOK.events_in(delivery(event, None, body=body, headers=form)) == WEBHOOK.events_in(
        delivery(event, payload)
    )


def test_either_secret_is_believed_while_one_is_replaced() -> None:
    """During a rotation the old and the new secret are both good, and a third is not."""
    webhook = GithubWebhook(["new", "old"], CONFIG)
    for secret in ("new", "old"):
        assert webhook.events_in(delivery("ping", {}, secret=secret)).events == ()
    with pytest.raises(BadSignature):
        webhook.events_in(delivery("ping", {}, secret="other"))


def _sha1(body: bytes) -> str:
    return "sha1=" + hmac.new(SECRET.encode(), body, "sha1").hexdigest()


@pytest.mark.parametrize(
    "header",
    ["", "sha256=", "sha256=" + "0" * 64, "sha256=ü", "0" * 64, _sha1(b"{}")],
)
def test_what_is_not_signed_by_us_is_not_read(header: str) -> None:
    """A wrong, empty, garbled or SHA-1 signature is a BadSignature."""
    with pytest.raises(BadSignature):
        WEBHOOK.events_in(delivery("ping", {}, headers={"x-hub-signature-256": header}))


def test_the_older_signature_header_never_counts() -> None:
    """A good SHA-1 signature in the older header does not replace the missing one."""
    headers = {"x-github-event": "ping", "x-github-delivery": "1", "x-hub-signature": _sha1(b"{}")}
    with pytest.raises(BadSignature, match="not signed"):
        WEBHOOK.events_in(HttpRequest(headers=headers, body=b"{}", received_at=NOW))


def test_without_a_secret_nobody_is_believed() -> None:
    """No secret means that nothing verifies, not that everything does."""
    for secrets in ([], [""]):
        with pytest.raises(BadSignature):
            GithubWebhook(secrets, CONFIG).events_in(delivery("ping", {}, secret=""))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'"text"', b"1" * 5000])
def test_a_signed_body_that_is_no_object_is_refused(body: bytes) -> None:
    """Unreadable bodies are the sender's mistake, in both encodings."""
    form = {"content-type": "application/x-www-form-urlencoded"}
    for headers in ({}, form):
        with pytest.raises(Refused):
            WEBHOOK.events_in(delivery("ping", None, body=body, headers=headers))


@pytest.mark.parametrize("missing", ["x-github-event", "x-github-delivery"])
def test_a_delivery_without_name_or_id_is_refused(missing: str) -> None:
    """Without the event's name nothing can be read, without the delivery's id nothing can be deduplicated."""
    with pytest.raises(Refused):
        WEBHOOK.events_in(delivery("ping", {}, headers={missing: ""}))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=5,
)


def _paths(value: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, part in below for path in _paths(part, (*at, key)))]


def _put(value: Any, path: tuple[Any, ...], new: object) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _put(value[path[0]], path[1:], new)
    return copy


@given(st.data())
def test_no_mutation_of_a_payload_does_more_than_refuse(data: st.DataObject) -> None:
    """Whatever stands in whichever place: events of a known kind, nothing, or a Problem."""
    event, payload = data.draw(st.sampled_from([*ABOUT_US.values(), ("issue_comment", comment())]))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(_paths(payload)))
        payload = _put(payload, path, data.draw(ANYTHING | st.just("\ud800")))
    try:
        inbound = WEBHOOK.events_in(delivery(event, payload))
    except Problem:
        return
    assert all(isinstance(found, PullRequestChanged) for found in inbound.events)
    assert inbound.model_dump_json()

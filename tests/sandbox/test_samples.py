"""`factory trigger`'s samples: each is signed as its vendor signs, fresh, and can be bent."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from factory_core.errors import Refused
from factory_sandbox.samples import Sample, names, sample

pytestmark = pytest.mark.pure

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECRET = "a shared secret"
EVERY_EVENT = {
    "linear": "issue.ready issue.updated issue.cancelled comment.created session.created session.prompted session.stop"
    " issue.moved app.revoked",
    "slack": "message.reply message.file channel_id_changed tokens_revoked url_verification",
    "github": "pull_request.opened pull_request.synchronize pull_request.closed.merged pull_request.ready_for_review"
    " pull_request_review.submitted.approved pull_request_review.submitted.changes_requested check_run.completed"
    " check_suite.completed workflow_run.completed issue_comment.created pull_request_review_comment.created status"
    " repository.renamed repository.transferred organization.renamed installation.deleted ping",
    "relayfile": "linear.issue slack.reply github.pull",
}


def make(name: str, **overrides: str) -> Sample:
    counter = itertools.count(1)
    return sample(name, overrides, SECRET, NOW, lambda: str(uuid.UUID(int=next(counter))))


def body(given: Sample) -> Any:
    return json.loads(given.body)


def _hex(content: bytes) -> str:
    return hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()


def test_every_event_has_a_sample() -> None:
    """None of the events that the factory knows is missing."""
    known = {f"{vendor}.{event}" for vendor, events in EVERY_EVENT.items() for event in events.split()}
    assert known <= set(names())


@pytest.mark.parametrize("name", names())
def test_a_sample_is_signed_as_its_vendor_signs(name: str) -> None:
    """An independent calculation over the very bytes comes to the same signature, also after an override."""
    given = make(name, **{"data.note" if name.startswith("linear") else "note": "éà"})
    seconds = str(int(NOW.timestamp()))
    expected = {
        "linear": ("Linear-Signature", _hex(given.body)),
        "slack": ("X-Slack-Signature", "v0=" + _hex(f"v0:{seconds}:".encode() + given.body)),
        "github": ("X-Hub-Signature-256", "sha256=" + _hex(given.body)),
        "relayfile": ("x-relay-signature", _hex(f"{seconds}.".encode() + given.body)),
    }
    header, signature = expected[name.split(".")[0]]
    assert given.provider == name.split(".")[0]
    assert given.headers[header] == signature
    assert "éà" in given.body.decode()


def test_two_samples_are_two_deliveries() -> None:
    """Fresh ids each time, so that the second is no repeat of the first."""
    new = lambda: str(uuid.uuid4())  # noqa: E731
    for name, header in (("linear.issue.ready", "Linear-Delivery"), ("github.ping", "X-GitHub-Delivery")):
        assert len({sample(name, {}, SECRET, NOW, new).headers[header] for _ in range(2)}) == 2
    events = [json.loads(sample("slack.message.reply", {}, SECRET, NOW, new).body)["event_id"] for _ in range(2)]
    assert len(set(events)) == 2


def test_overrides_reach_into_objects_and_lists() -> None:
    """Dotted paths; JSON where it is JSON, else text; new keys are made."""
    given = make(
        "linear.issue.ready",
        **{"data.title": "Other", "data.priority": "4", "data.labels.0.name": "exec:tdd", "data.extra.deep": "[1]"},
    )
    data = body(given)["data"]
    assert (data["title"], data["priority"], data["labels"][0]["name"]) == ("Other", 4, "exec:tdd")
    assert data["extra"] == {"deep": [1]}


@pytest.mark.parametrize("path", ["data.title.deep", "data.labels.9.name", "data.labels.x", "data.priority.a.b"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    """A text has no parts and a list no ninth one."""
    with pytest.raises(Refused, match="to override"):
        make("linear.issue.ready", **{path: "1"})


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """A slip of the finger gets the right command as its fix."""
    with pytest.raises(Refused) as refused:
        make("linear.issue.redy")
    assert refused.value.fix == "factory trigger linear.issue.ready"


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("linear.issue.ready", ("data", "state", "name"), "Ready for Agent"),
        ("linear.issue.cancelled", ("data", "state", "type"), "canceled"),
        ("linear.issue.removed", ("action",), "remove"),
        ("linear.session.prompted", ("agentActivity", "content", "body"), "Use ten percent."),
        ("linear.session.stop", ("agentActivity", "signal"), "stop"),
        ("slack.url_verification", ("type",), "url_verification"),
        ("github.pull_request.closed.merged", ("pull_request", "merged"), True),
        ("github.pull_request.closed", ("pull_request", "merged"), False),
        ("github.pull_request_review.submitted.approved", ("review", "state"), "approved"),
        ("github.check_run.completed", ("check_run", "conclusion"), "success"),
        ("github.workflow_run.completed", ("workflow_run", "head_branch"), "factory/DEMO-1-add-a-discount-to-the-cart"),
        ("relayfile.linear.issue", ("type",), "file.updated"),
    ],
)
def test_a_sample_says_what_its_name_says(name: str, path: tuple[str, ...], expected: object) -> None:
    """The field that the name promises is in the body."""
    value = body(make(name))
    for part in path:
        value = value[part]
    assert value == expected


def test_a_ready_issue_came_from_elsewhere() -> None:
    """The sample is a change of state, with the state before."""
    payload = body(make("linear.issue.ready"))
    assert payload["updatedFrom"]["stateId"] not in ("", payload["data"]["stateId"])


def test_a_reply_stands_in_a_thread_and_is_no_bots() -> None:
    """What a person says under the factory's question."""
    event = body(make("slack.message.reply"))["event"]
    assert event["thread_ts"] != event["ts"]
    assert "bot_id" not in event

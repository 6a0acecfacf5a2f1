"""Vendors that say yes and mean no, tell half, or repeat themselves under another sign."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from adapters.providers.http_call import is_refusal
from adapters.providers.linear.items import LinearWorkItemProvider
from adapters.providers.slack.webhook import SlackWebhook
from factory_core.errors import BadSignature, Problem, Retryable
from factory_core.work_item import ItemState

from .linear import test_linear_client as linear
from .linear import test_linear_webhook as linear_hook
from .slack import test_slack_client as slack
from .slack import test_slack_webhook as slack_hook

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("body", "no"),
    [
        (b'{"ok": false, "error": "token_revoked"}', True),
        (b'{"errors": [{"message": "no"}], "data": null}', True),
        (b'{"ok": true}', False),
        (b'{"data": {"issue": null}, "errors": []}', False),
        (b"[1]", False),
        (b"<html>", False),
        (b"[" * 100_000, False),
    ],
)
def test_a_refusal_with_a_200_is_no_success(body: bytes, no: bool) -> None:
    """Health shows the last good answer: one that refuses is none, whatever its status."""
    assert is_refusal(body) is no


@pytest.mark.parametrize("page", [b"<html>Sign in to the hotel's network</html>", b"", b'"ok"', b'{"status":"ok"}'])
def test_a_proxys_page_with_a_200_is_no_answer_of_any_vendor(page: bytes) -> None:
    """The outcome is unknown, so it is tried again under the same key; it is never taken for done."""
    tracker, chat = linear.SmallLinear(), slack.SmallSlack()
    tracker.faults = [httpx2.Response(200, content=page)]
    chat.faults = [httpx2.Response(200, content=page)]
    with pytest.raises(Retryable):
        linear.with_items(tracker, lambda items: items.post_comment("GENT-774", "Merged.", linear.KEY))
    with pytest.raises(Retryable):
        slack.open_thread(chat)
    linear.with_items(tracker, lambda items: items.post_comment("GENT-774", "Merged.", linear.KEY))
    slack.open_thread(chat)
    assert (len(tracker.made), len(chat.messages)) == (1, 1)


def test_a_move_that_was_acknowledged_and_not_made_is_made_again() -> None:
    """`success: true`, and the issue where it was: what Linear shows decides, not what it says."""

    class Forgetful(linear.SmallLinear):
        forgets = True

        def act(self, operation: str, given: dict[str, Any]) -> Any:
            before = self.issue["state"]
            answer = super().act(operation, given)
            if operation == "IssueSetState" and self.forgets:
                self.issue["state"], self.forgets = before, False
                return {"issueUpdate": {"success": True, "issue": self.issue}}
            return answer

    tracker = Forgetful()

    def move() -> None:
        linear.with_items(tracker, lambda items: items.set_state(linear.ITEM, ItemState.DISPATCHED))

    with pytest.raises(Retryable, match="Linear"):
        move()
    move()
    assert tracker.issue["state"]["id"] == "s-doing"


@pytest.mark.parametrize(
    "poison", [None, 7, {}, {"identifier": "../../x"}, {"priority": 99}, {"updatedAt": "yesterday"}, {"labels": 5}]
)
def test_one_unreadable_issue_in_a_list_hides_none_of_the_others(poison: Any) -> None:
    """It stands in the middle; the ready ones before and behind it are found."""
    bad = {**linear.ISSUE, **poison} if isinstance(poison, dict) and poison else poison
    first, last = ({**linear.ISSUE, "identifier": key, "previousIdentifiers": []} for key in ("GENT-1", "GENT-3"))

    class Listing(linear.SmallLinear):
        def act(self, operation: str, given: dict[str, Any]) -> Any:
            return {"issues": {"nodes": [first, bad, last], "pageInfo": {"hasNextPage": False}}}

    page = linear.with_client(
        Listing(), lambda client: LinearWorkItemProvider(client, linear.CONFIG).ready_items(linear.NOW, "", 50)
    )
    assert [item.key for item in page.items] == ["GENT-1", "GENT-3"]


def test_a_retry_that_slack_marks_as_one_is_heard() -> None:
    """It may be the only copy that arrived: the mark is no reason to drop it, and its id is that of the first."""
    raw = slack_hook.SAMPLES["message.thread_reply"]
    headers = {
        "x-slack-request-timestamp": str(slack_hook.SENT),
        "x-slack-signature": slack_hook.sign(raw),
        "x-slack-retry-num": "2",
        "x-slack-retry-reason": "http_timeout",
    }
    again = SlackWebhook((slack_hook.SECRET,), slack_hook.config()).events_in(slack_hook.request(raw, headers))
    assert again.events == slack_hook.deliver(raw).events != ()


def test_a_delivery_whose_secret_was_replaced_between_two_tries_is_heard_once_it_is_known() -> None:
    """Refused while only the new secret is here; with both it is the same happening, under the same id."""
    raw = linear_hook.SAMPLES["Issue.update.state-changed"]
    first = linear_hook.deliver(raw)
    with pytest.raises(BadSignature):
        linear_hook.deliver(raw, secrets=("new",))
    assert linear_hook.deliver(raw, secrets=("new", linear_hook.SECRET)).events == first.events != ()


def test_ids_of_different_senders_never_meet() -> None:
    """Each begins with its vendor's name, so that equal numbers of two vendors are two happenings."""
    seen = {}
    for vendor, hook in (("linear", linear_hook), ("slack", slack_hook)):
        seen[vendor] = [event.id for raw in hook.SAMPLES.values() for event in _events(hook, raw)]
    assert all(event.startswith(f"{vendor}:") for vendor, ids in seen.items() for event in ids)
    assert all(seen.values())


def _events(hook: Any, raw: bytes) -> tuple[Any, ...]:
    try:
        events: tuple[Any, ...] = hook.deliver(raw).events
    except Problem:
        return ()
    return events


def test_no_secret_is_no_door() -> None:
    """Without a secret nobody is believed, by whatever signature."""
    raw = slack_hook.SAMPLES["message.thread_reply"]
    with pytest.raises(BadSignature):
        slack_hook.deliver(raw, secrets=())
    with pytest.raises(BadSignature):
        linear_hook.deliver(next(iter(linear_hook.SAMPLES.values())), secrets=())

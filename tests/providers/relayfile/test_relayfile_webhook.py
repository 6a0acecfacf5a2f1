"""relayfile's webhooks: who is believed, and what a path alone tells."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from relayfile_samples import CANONICAL, CONFIG, NOW, PULL_PATH, REPLY_PATH, SECRET, STAMP, UUID, change, delivery

from adapters.providers.relayfile.webhook import RelayfileWebhook
from factory_core.dispatch.events import ItemChanged
from factory_core.errors import BadSignature, Problem, Refused
from factory_core.ports import Inbound, Pointer

pytestmark = pytest.mark.pure

WEBHOOK = RelayfileWebhook([SECRET], CONFIG)
VECTOR_BODY = (
    b'{"type":"file.updated","path":"/linear/issues/PROJ-123/metadata.json","revision":"rev_123","eventId":"evt_123",'
    b'"contentHash":"hash_123","provider":"linear","correlationId":"corr_123","timestamp":"2026-06-15T12:00:00.000Z"}'
)
VECTOR_SIGNATURE = "30339d3e0d753f47073aceacc416f2b0a4ca12289f7034fb58ee592cacf319b6"


def inbound(path: str, **fields: Any) -> Inbound:
    return WEBHOOK.events_in(delivery(change(path, **fields)))


def test_the_published_vector_verifies() -> None:
    """The signature is hex HMAC-SHA256 over the time stamp, a dot and the body."""
    headers = {"x-relay-signature": VECTOR_SIGNATURE}
    assert WEBHOOK.events_in(delivery(VECTOR_BODY, headers=headers)) == Inbound(
        delivery_id="evt_123",
        what="file.updated /linear/issues/PROJ-123/metadata.json",
        events=(ItemChanged(id="relayfile:PROJ-123@rev_123", work_item_id="PROJ-123", at=NOW),),
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"x-relay-signature": ""},
        {"x-relay-signature": "sha256=" + VECTOR_SIGNATURE},
        {"x-relay-signature": VECTOR_SIGNATURE[:-1] + "7"},
        {"x-relay-signature": VECTOR_SIGNATURE, "x-relay-timestamp": str(STAMP + 1)},
        {"x-relay-timestamp": ""},
        {"x-relay-timestamp": "2026-06-15T12:00:00Z"},
        {"x-relay-timestamp": "٣"},
        {"x-relay-timestamp": "9" * 40},
    ],
)
def test_what_is_not_signed_by_us_is_not_read(headers: dict[str, str]) -> None:
    """A wrong signature, another time stamp than the signed one, and garbage in either are BadSignature."""
    with pytest.raises(BadSignature):
        WEBHOOK.events_in(delivery(VECTOR_BODY, headers=headers))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_an_old_recording_is_refused(seconds: int) -> None:
    """A good signature counts for 300 s around its time stamp, which each attempt renews."""
    request = delivery(change(CANONICAL), at=NOW + timedelta(seconds=seconds))
    with pytest.raises(BadSignature, match="from 2026"):
        WEBHOOK.events_in(request)
    near = request.model_copy(update={"received_at": NOW + timedelta(seconds=seconds * 300 // 301)})
    assert WEBHOOK.events_in(near).events


def test_the_largest_time_stamp_is_stale_and_no_more() -> None:
    """A signed time stamp in the far future cannot break the arithmetic."""
    with pytest.raises(BadSignature):
        WEBHOOK.events_in(delivery(change(CANONICAL), stamp="9" * 11))


def test_either_secret_is_believed_and_none_is_not() -> None:
    """Secrets rotate; without any nobody is believed."""
    assert RelayfileWebhook(["new", SECRET], CONFIG).events_in(delivery(change(CANONICAL))).events
    with pytest.raises(BadSignature):
        RelayfileWebhook([], CONFIG).events_in(delivery(change(CANONICAL)))


def test_the_id_is_the_one_that_is_signed() -> None:
    """The event id in the header is not covered by the signature and is not used."""
    assert inbound(REPLY_PATH).delivery_id == "evt_1"


def test_the_aliases_that_tell_the_key_are_one_event() -> None:
    """Webhooks about one change of one issue: one event id, one item; the canonical path names its own id, too."""
    paths = [CANONICAL, "/linear/issues/by-id/AR-9.json", "/linear/issues/by-state/ready-for-agent/AR-9.json"]
    events = [event for n, path in enumerate(paths) for event in inbound(path, eventId=f"evt_{n}").events]
    assert {(event.id, event.work_item_id) for event in events} == {("relayfile:AR-9@rev_88", "AR-9")}
    assert [event.identity for event in events] == [f"linear:{UUID}", "", ""]
    assert inbound(CANONICAL, revision="rev_89").events[0].id != inbound(CANONICAL).events[0].id


@pytest.mark.parametrize(
    "path",
    [
        f"/linear/issues/by-uuid/{UUID}.json",
        "/linear/issues/by-title/covid-19.json",
        "/linear/issues/by-title/add-retry/AR-9.json",
        "/linear/issues/by-edited/2026-06-15/AR-9.json",
        REPLY_PATH,
        "/slack/channels/C1/messages/1711540277_000200/meta.json",
        PULL_PATH,
        "/github/repos/acme__api/pulls/by-id/42.json",
        "/github/repos/acme/api/checks/9.json",
    ],
)
def test_what_the_path_does_not_tell_is_a_pointer(path: str) -> None:
    """Where only the content says what happened, the event says where to look; a title is never taken for a key."""
    found = inbound(path)
    assert (found.events, found.pointers) == ((), (Pointer(path=path, event_id="evt_1", at=NOW),))


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/linear/issues/_index.json", {}),
        ("/linear/issues/by-state/done/_index.json", {}),
        (f"/linear/issues/AR-9__{UUID}/comments/factory-AR-9.json", {}),
        (f"/linear/comments/x__{UUID}/meta.json", {}),
        ("/notion/pages/1.json", {}),
        ("/slack/users/U1/messages/1.json", {}),
        ("/linear/issues/by-id/AR-9.json", {"type": "file.deleted"}),
        ("/linear/issues/by-state/ready-for-agent/AR-9.json", {"type": "file.deleted"}),
        (f"/linear/issues/by-uuid/{UUID}.json", {"type": "file.deleted"}),
        (REPLY_PATH, {"type": "file.deleted"}),
        (PULL_PATH, {"type": "file.deleted"}),
        (CANONICAL, {"type": "sync.stale"}),
        (CANONICAL, {"type": "dir.created"}),
    ],
)
def test_the_rest_is_nothing(path: str, fields: dict[str, Any]) -> None:
    """Indexes, drafts, other objects, aliases that vanish and news of the sync itself are accepted and dropped."""
    found = inbound(path, **fields)
    assert (found.events, found.pointers) == ((), ())


def test_the_end_of_the_canonical_file_is_news() -> None:
    """A deleted issue is a change of it, and another one than the write before."""
    (gone,) = inbound(CANONICAL, type="file.deleted").events
    assert gone == ItemChanged(
        id="relayfile:AR-9@rev_88:deleted", work_item_id="AR-9", identity=f"linear:{UUID}", at=NOW
    )


def test_vendors_without_a_role_are_passed_over() -> None:
    """Whose tracker is not Linear hears nothing of Linear's files."""
    jira = CONFIG.model_copy(update={"intent_provider": "jira"})
    found = RelayfileWebhook([SECRET], jira).events_in(delivery(change(CANONICAL)))
    assert (found.events, found.pointers) == ((), ())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"{}", b'{"eventId":"e"}', b'{"path":"/p"}', b"\xff", b"[" * 99_999]
)
def test_a_signed_body_that_cannot_be_read_is_refused(body: bytes) -> None:
    """Without a JSON object with event id and path there is nothing to do but say so."""
    with pytest.raises(Refused):
        WEBHOOK.events_in(delivery(body))


ANYTHING = st.none() | st.booleans() | st.integers() | st.text() | st.just("\ud800") | st.lists(st.text(), max_size=2)
PATHS = st.sampled_from([CANONICAL, REPLY_PATH, PULL_PATH, "/linear/issues/by-id/AR-9.json"])


@given(PATHS, st.integers(0, 90), st.text(max_size=4), st.dictionaries(st.sampled_from(sorted(change(""))), ANYTHING))
def test_no_mutation_of_a_body_does_more_than_refuse(path: str, cut: int, put: str, fields: dict[str, Any]) -> None:
    """Whatever stands in whichever field, however the path is cut: an event, a pointer, nothing or a Problem."""
    body = {**change(path[:cut] + put + path[cut:]), **fields}
    try:
        found = WEBHOOK.events_in(delivery(json.dumps(body).encode()))
    except Problem:
        return
    assert len(found.events) + len(found.pointers) <= 1
    assert found.model_dump_json()

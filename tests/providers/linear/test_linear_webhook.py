"""Linear's webhooks: whole values from every sample, and nothing but Problems from whatever else comes signed."""

from __future__ import annotations

import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from adapters.providers.linear.settings import LinearSettings
from adapters.providers.linear.webhook import LinearWebhook
from adapters.registry import config_model
from factory_core.config import FactoryConfig
from factory_core.dispatch.events import CommentAdded, Event, ItemChanged, Reply, ReplyReceived, StopRequested
from factory_core.errors import BadSignature, Problem, Refused
from factory_core.http import HttpRequest
from factory_core.ports import Inbound
from factory_core.runs.run import RunStatus
from factory_core.work_item import ItemState, Source, WorkItem
from tests.core.world import World, run, ticket

from ..mutations import junk, mutated

pytestmark = pytest.mark.pure

SAMPLES = {path.stem: path.read_bytes() for path in sorted((Path(__file__).parent / "samples").glob("*.json"))}
SECRET, USER, APP = "one-secret", "dc7f24a6-f24e-47dc-b865-e1b9e9afd69a", "125ac554-2838-4963-acbf-f1c42454fca3"
ISSUE, SESSION = "28b8ecd1-008e-4aa3-8f5c-6cc6f4de3a18", "c710e27a-7833-40d9-8cad-62f58cb35bf2"
IDENTITY, WORKSPACE = f"linear:{ISSUE}", "77df41e4-76cd-4310-9d25-b59481c02a74"
SENT = datetime.fromtimestamp(1767520800.123, UTC)
AT = datetime(2026, 1, 4, 10, 0, tzinfo=UTC)
PROMPTED = datetime(2026, 1, 4, 9, 10, 0, 100_000, tzinfo=UTC)


def config(**linear: Any) -> FactoryConfig:
    return config_model()(
        intent_provider="linear", clarification_channel="slack", output_target="github", linear=LinearSettings(**linear)
    )


def sign(raw: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), raw, "sha256").hexdigest()


def deliver(
    raw: bytes, now: datetime = SENT, settings: FactoryConfig | None = None, secrets: tuple[str, ...] = (SECRET,)
) -> Inbound:
    headers = {"linear-signature": sign(raw), "linear-delivery": "234d1a4e"}
    webhook = LinearWebhook(secrets, settings or config())
    return webhook.events_in(HttpRequest(headers=headers, body=raw, received_at=now))


def changed(name: str, *path: str | int, to: object) -> bytes:
    """The sample with one field replaced."""
    document = json.loads(SAMPLES[name])
    at = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return json.dumps(document).encode()


HINT = "Move it to the state “Ready for Agent”. Or delegate it to the factory's user."


def item(state: ItemState, name: str, number: int, **more: str) -> WorkItem:
    return WorkItem(
        id=f"linear:{ISSUE}",
        key="GENT-774",
        title="a test issue",
        description="Steps to reproduce...",
        state=state,
        labels=("factory",),
        priority=2,
        project="Checkout",
        reporter="User One",
        reporter_id=USER,
        source=Source(provider="linear", external_id=ISSUE, url="https://linear.app/acme/issue/GENT-774/a-test-issue"),
        updated_at=AT,
        metadata={
            "team": "GENT",
            "state": name,
            "state_id": f"5d3f0000-0000-4000-8000-00000000000{number}",
            "creator_email": "user@example.com",
            **more,
        },
        hint=HINT if state is ItemState.OTHER else "",
    )


def issue_event(digest: str, seen: WorkItem | None) -> tuple[Event, ...]:
    event_id = f"linear:{ISSUE}@2026-01-04T10:00:00+00:00:{digest}"
    return (ItemChanged(id=event_id, work_item_id="GENT-774", identity=IDENTITY, at=AT, item=seen),)


def reply(said: str, text: str, at: datetime) -> Reply:
    return Reply(id=said, author=USER, text=text, at=at)


COMMENTED, ACTIVITY = datetime(2026, 1, 4, 10, 0, 0, 50_000, tzinfo=UTC), "0b4f0e0e-8f0b-4a56-9d0c-2b7a4a1c9f11"
COMMENT = "566f68c1-1d17-46ec-9bde-b8eeeb22af55"
EXPECTED: dict[str, tuple[str, tuple[Event, ...]]] = {
    "Issue.create": ("Issue.create GENT-774", issue_event("DIGEST", item(ItemState.OTHER, "Todo", 1))),
    "Issue.update.state-changed": (
        "Issue.update GENT-774",
        issue_event("DIGEST", item(ItemState.READY, "Ready for Agent", 3)),
    ),
    "Issue.update.by-own-app": (
        "Issue.update GENT-774",
        issue_event("DIGEST", item(ItemState.DISPATCHED, "In Progress", 4)),
    ),
    "Issue.update.delegated": (
        "Issue.update GENT-774",
        issue_event("DIGEST", item(ItemState.READY, "Todo", 1, delegate=APP)),
    ),
    "Issue.remove": ("Issue.remove GENT-774", issue_event("removed", None)),
    "Comment.create": (
        "Comment.create GENT-774",
        (
            CommentAdded(
                id=f"linear:comment:{COMMENT}",
                work_item_id="GENT-774",
                identity=IDENTITY,
                at=COMMENTED,
                reply=reply(COMMENT, "Use the staging database.", COMMENTED),
            ),
        ),
    ),
    "AgentSessionEvent.created": (
        "AgentSessionEvent.created GENT-774",
        (
            ItemChanged(
                id=f"linear:session:{SESSION}",
                work_item_id="GENT-774",
                identity=IDENTITY,
                aliases=(f"session:{SESSION}",),
                at=datetime(2026, 1, 4, 9, 0, 0, 100_000, tzinfo=UTC),
                session_id=SESSION,
            ),
        ),
    ),
    "AgentSessionEvent.prompted": (
        "AgentSessionEvent.prompted GENT-774",
        (
            ReplyReceived(
                id=f"linear:prompt:{ACTIVITY}",
                work_item_id="GENT-774",
                identity=IDENTITY,
                aliases=(f"session:{SESSION}",),
                at=PROMPTED,
                thread_id=f"linear-session:{SESSION}",
                session_id=SESSION,
                reply=reply("8a2f6a20-36b4-4e6c-8a0d-0a6f7b8c9d10", "Use the staging database, please.", PROMPTED),
            ),
        ),
    ),
    "AgentSessionEvent.prompted.stop": (
        "AgentSessionEvent.prompted GENT-774",
        (
            StopRequested(
                id=f"linear:stop:{ACTIVITY}",
                work_item_id="GENT-774",
                identity=IDENTITY,
                aliases=(f"session:{SESSION}",),
                at=PROMPTED,
                by="User One",
                session_id=SESSION,
            ),
        ),
    ),
    "OAuthApp.revoked": ("OAuthApp.revoked", ()),
}


LOST = {"OAuthApp.revoked": "Linear says that its access was revoked (OAuthApp.revoked)"}


def without_digest(inbound: Inbound) -> Inbound:
    """The digest in an issue event's id is checked by the laws about ids, not by its value."""
    head = "linear:" + ISSUE
    events = tuple(
        event.model_copy(update={"id": event.id.rpartition(":")[0] + ":DIGEST"})
        if event.id.startswith(head) and not event.id.endswith(":removed")
        else event
        for event in inbound.events
    )
    return inbound.model_copy(update={"events": events})


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_becomes_exactly_these_events(name: str) -> None:
    """What Linear says of an item, a comment or a session is told whole, and nothing is added."""
    what, events = EXPECTED[name]
    inbound = deliver(SAMPLES[name], settings=config(app_user_id=APP))
    assert without_digest(inbound) == Inbound(
        delivery_id="234d1a4e", what=what, organisation=WORKSPACE, events=events, lost=LOST.get(name, "")
    )


SIGNED = SAMPLES["Issue.create"]


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "no Linear-Signature"),
        ({"linear-signature": ""}, "does not match"),
        ({"linear-signature": sign(SIGNED, "another")}, "does not match"),
        ({"linear-signature": sign(SIGNED)[:-1]}, "does not match"),
        ({"linear-signature": "sha256=" + sign(SIGNED)}, "does not match"),
        ({"linear-signature": "ÿ\x00☃" * 40}, "does not match"),
        ({"linear-timestamp": "1767520800123"}, "no Linear-Signature"),
    ],
)
def test_who_does_not_know_the_secret_is_refused(headers: dict[str, str], why: str) -> None:
    """A missing, wrong or garbage signature is a 401, and never anything else."""
    with pytest.raises(BadSignature) as caught:
        LinearWebhook([SECRET], config()).events_in(HttpRequest(headers=headers, body=SIGNED, received_at=SENT))
    assert why in caught.value.why
    assert SECRET not in repr(caught.value.document())


def test_every_configured_secret_is_valid() -> None:
    """During a rotation the old and the new secret both count; an empty one never does."""
    assert deliver(SIGNED, secrets=("new", SECRET)).events
    with pytest.raises(BadSignature):
        LinearWebhook([""], config()).events_in(
            HttpRequest(headers={"linear-signature": sign(SIGNED, "")}, body=SIGNED, received_at=SENT)
        )


@pytest.mark.parametrize("late", [timedelta(hours=-71), timedelta(0), timedelta(hours=7), timedelta(hours=71)])
def test_a_delivery_that_comes_hours_late_counts(late: timedelta) -> None:
    """Linear's last retry comes six hours later: what is inside the memory of applied ids is accepted."""
    assert deliver(SIGNED, now=SENT + late).events


@pytest.mark.parametrize("name", SAMPLES)
def test_a_recording_that_is_played_again_has_no_effect(name: str) -> None:
    """Within the window a repeat is believed, and known: nothing is saved, and no agent starts once more."""

    async def story() -> None:
        world = World(linear={"appUserId": APP})
        await world.add(ticket("GENT-774"))
        await world.hear(*deliver(SAMPLES[name], settings=world.config).events)
        if world.fleet.live and name.startswith("Issue"):
            await world.agent_ends(RunStatus.NO_CHANGE)
        known, orders = (dict(world.store._in_flight), dict(world.store._clarifications)), len(world.fleet.orders)
        world.now += timedelta(hours=71)
        await world.hear(*deliver(SAMPLES[name], now=SENT + timedelta(hours=71), settings=world.config).events)
        assert (world.store._in_flight, world.store._clarifications) == known and len(world.fleet.orders) == orders

    run(story())


@pytest.mark.parametrize("late", [timedelta(hours=-73), timedelta(hours=73), timedelta(days=900)])
def test_an_old_recording_is_refused(late: timedelta) -> None:
    """Outside the memory of applied ids a repeat could not be recognised."""
    with pytest.raises(BadSignature):
        deliver(SIGNED, now=SENT + late)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"type":"Issue","action":"create"}',
        changed("Issue.create", "webhookTimestamp", to="soon"),
        changed("Issue.create", "webhookTimestamp", to=1e300),
        changed("Issue.create", "data", to=[]),
        changed("Issue.create", "data", "identifier", to="../../etc-1"),
        changed("Issue.create", "data", "title", to={"a": 1}),
        changed("Issue.create", "data", "labels", to="factory"),
        changed("Issue.create", "data", "priority", to=5),
        changed("Issue.create", "data", "priority", to=float("nan")),
        changed("Comment.create", "data", "id", to=None),
        b"[" * 100_000,
    ],
)
def test_an_unreadable_body_is_refused(raw: bytes) -> None:
    """Signed garbage is the sender's mistake: a 400 that quotes nothing of it."""
    with pytest.raises(Refused) as caught:
        deliver(raw)
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    ("name", "path", "to"),
    [
        ("Comment.create", ("action",), "update"),
        ("Comment.create", ("action",), "remove"),
        ("Comment.create", ("data", "botActor"), {"type": "integration"}),
        ("Comment.create", ("actor", "type"), "oauthClient"),
        ("Comment.create", ("actor", "type"), "integration"),
        ("Comment.create", ("data", "userId"), APP),
        ("Comment.create", ("data", "body"), "Started.\n\n<!-- factory -->"),
        ("Comment.create", ("data", "body"), "> quoted\n<!-- factory:item=GENT-774 -->"),
        ("Comment.create", ("data", "body"), " \n"),
        ("AgentSessionEvent.created", ("agentSession", "creatorId"), APP),
        ("AgentSessionEvent.prompted", ("agentActivity", "userId"), APP),
        ("AgentSessionEvent.prompted", ("agentActivity", "content", "body"), ""),
        ("AgentSessionEvent.prompted", ("agentActivity",), None),
        ("Issue.create", ("type",), "Project"),
        ("Issue.create", ("action",), "set"),
    ],
)
def test_what_no_person_said_is_no_event(name: str, path: tuple[str, ...], to: object) -> None:
    """Bots, apps, our own words, edits and other entities change nothing."""
    assert deliver(changed(name, *path, to=to), settings=config(app_user_id=APP)).events == ()


def test_a_comment_without_its_issue_is_placed_by_the_address() -> None:
    """Older payloads name the issue's key only in the url; without any name of an issue it is a project's."""
    document = json.loads(SAMPLES["Comment.create"])
    document["data"] |= {"issue": None, "issueId": None}
    (event,) = deliver(json.dumps(document).encode()).events
    assert (event.work_item_id, event.identity) == ("GENT-774", "")
    document["url"] = "https://linear.app/acme/project/checkout"
    assert deliver(json.dumps(document).encode()).events == ()


def test_a_session_is_placed_by_the_id_of_its_issue() -> None:
    """The issue itself may be left out of the payload; without any name of an issue it is on something else."""
    document = json.loads(SAMPLES["AgentSessionEvent.created"])
    document["agentSession"]["issue"] = None
    (event,) = deliver(json.dumps(document).encode()).events
    assert (event.identity, event.work_item_id) == (IDENTITY, "")
    document["agentSession"]["issueId"] = None
    assert deliver(json.dumps(document).encode()).events == ()


def test_the_prompt_is_read_where_the_vendor_says_too() -> None:
    """The text stands at content.body, and at body where content has none."""
    document = json.loads(SAMPLES["AgentSessionEvent.prompted"])
    del document["agentActivity"]["content"]
    document["agentActivity"]["body"] = "The other place"
    (event,) = deliver(json.dumps(document).encode()).events
    assert isinstance(event, ReplyReceived)
    assert event.reply.text == "The other place"


def test_the_same_change_has_the_same_id_and_another_change_another() -> None:
    """A retry is recognised by its id even with a new stamp; a second change within the same millisecond is not one."""

    def event_id(raw: bytes) -> str:
        return deliver(raw).events[0].id

    first = event_id(SAMPLES["Issue.create"])
    assert event_id(changed("Issue.create", "webhookTimestamp", to=1767520860123)) == first
    assert event_id(SAMPLES["Issue.update.state-changed"]) != first
    assert event_id(SAMPLES["Issue.remove"]) != first


def test_a_moved_item_keeps_its_identity() -> None:
    """Moving a ticket to another team does not make a second item of it; what it was called still leads to it."""
    raw = changed("Issue.create", "data", "previousIdentifiers", to=["OLD-7", "GENT-1"])
    (event,) = deliver(raw, settings=config(team="OLD")).events
    assert isinstance(event, ItemChanged)
    assert event.item is not None
    assert (event.identity, event.item.id, event.item.key) == (IDENTITY, IDENTITY, "GENT-774")
    assert event.aliases == event.item.former_keys == ("OLD-7", "GENT-1")
    assert event.item.state is ItemState.OTHER  # it left our team


def test_other_teams_are_not_heard() -> None:
    """With a team configured, the items of others are none of our business; but sessions are the factory's own, and a
    person who opened one or presses stop in it is answered, wherever the ticket is by now."""
    for name in EXPECTED:
        heard = deliver(SAMPLES[name], settings=config(team="OPS")).events
        assert heard == (EXPECTED[name][1] if name.startswith("AgentSession") else ())
        assert deliver(SAMPLES[name], settings=config(team="gent")).events == deliver(SAMPLES[name]).events


@pytest.mark.parametrize("missing", ["title", "state", "labels"])
def test_a_sparse_stub_is_a_bare_pointer(missing: str) -> None:
    """An item of which too little is said is never judged by that little."""
    document = json.loads(SAMPLES["Issue.update.state-changed"])
    del document["data"][missing]
    (event,) = deliver(json.dumps(document).encode()).events
    assert isinstance(event, ItemChanged)
    assert (event.work_item_id, event.item) == ("GENT-774", None)


def test_what_goes_to_the_trash_is_gone() -> None:
    (event,) = deliver(changed("Issue.update.state-changed", "data", "trashed", to=True)).events
    assert isinstance(event, ItemChanged)
    assert event.item is None


@pytest.mark.parametrize(
    ("name", "kind", "state"),
    [
        ("READY FOR agent", "backlog", ItemState.READY),
        ("in progress", "started", ItemState.DISPATCHED),
        ("In Review", "started", ItemState.IN_REVIEW),
        ("Done", "started", ItemState.DONE),
        ("Ready for Agent", "completed", ItemState.DONE),
        ("Shipped", "completed", ItemState.DONE),
        ("Won't do", "canceled", ItemState.CANCELLED),
        ("Duplicate", "duplicate", ItemState.CANCELLED),
        ("Todo", "unstarted", ItemState.OTHER),
        ("Triage", "triage", ItemState.OTHER),
    ],
)
def test_names_and_types_of_states_are_translated(name: str, kind: str, state: ItemState) -> None:
    """The type says what is over; for the rest the configured name decides, whatever its case."""
    raw = changed("Issue.create", "data", "state", to={"id": "s", "name": name, "type": kind})
    (event,) = deliver(raw).events
    assert isinstance(event, ItemChanged)
    assert event.item is not None
    assert event.item.state is state


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("backlog", ItemState.READY),
        ("unstarted", ItemState.READY),
        ("triage", ItemState.OTHER),
        ("started", ItemState.OTHER),
        ("completed", ItemState.DONE),
    ],
)
def test_what_is_delegated_to_us_and_not_begun_is_ready(kind: str, state: ItemState) -> None:
    document = json.loads(SAMPLES["Issue.update.delegated"])
    document["data"]["state"] = {"id": "s", "name": "Somewhere", "type": kind}
    (event,) = deliver(json.dumps(document).encode(), settings=config(app_user_id=APP)).events
    assert isinstance(event, ItemChanged)
    assert event.item is not None
    assert event.item.state is state


@given(mutated(SAMPLES, junk({"nodes": 1}, "9999-12-31T23:59:59-23:59", "0001-01-01")))
def test_no_signed_body_raises_anything_but_a_problem(raw: bytes) -> None:
    """Whatever is signed is parsed, refused or passed over; what is parsed can be stored."""
    try:
        inbound = deliver(raw, settings=config(app_user_id=APP))
    except Problem:
        return
    for event in inbound.events:
        assert event.work_item_id or event.identity
        assert event.at.tzinfo is not None
        assert type(event).model_validate_json(event.model_dump_json()) == event

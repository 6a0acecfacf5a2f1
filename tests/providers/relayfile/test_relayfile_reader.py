"""What a pointed-at file becomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from relayfile_samples import (
    CANONICAL,
    CONFIG,
    NOW,
    PULL_PATH,
    REPLY_PATH,
    UUID,
    change,
    file_answer,
    issue,
    pull,
    reply,
    with_client,
)

from adapters.providers.relayfile.objects import RelayFile, events_of
from adapters.providers.relayfile.reader import RelayfileReader
from factory_core.dispatch.events import Event, ItemChanged, PullRequestChanged, Reply, ReplyReceived
from factory_core.errors import Retryable
from factory_core.ports import Change, Pointer, Redelivered

pytestmark = pytest.mark.pure

BY_UUID = f"/linear/issues/by-uuid/{UUID}.json"


def pointer(path: str, event_id: str = "evt_1") -> Pointer:
    return Pointer(path=path, event_id=event_id, at=NOW)


def read(path: str, content: dict[str, Any], revision: str = "rev_88") -> tuple[Event, ...]:
    return events_of(pointer(path), RelayFile(revision=revision, content=content), CONFIG)


def test_the_reader_asks_for_the_file_and_tells_what_it_holds() -> None:
    """One read of the pointed-at path; a file that is gone by then says nothing."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return file_answer(issue()) if request.url.params["path"] == BY_UUID else httpx2.Response(404)

    def events(path: str) -> tuple[Event, ...]:
        return with_client(answer, lambda client: RelayfileReader(client, CONFIG, lambda: NOW).read(pointer(path)))

    changed = ItemChanged(
        id="relayfile:AR-9@2026-06-15T11:59:00.000Z", work_item_id="AR-9", identity=f"linear:{UUID}", at=NOW
    )
    assert events(BY_UUID) == (changed,)
    assert events("/linear/issues/by-uuid/gone.json") == ()


def test_all_aliases_of_a_change_are_one_event() -> None:
    """Files of one change have revisions of their own, but one key and one time of change: one id."""
    paths = [
        BY_UUID,
        "/linear/issues/by-title/add-retry/AR-9.json",
        "/linear/issues/by-priority/2/AR-9.json",
        CANONICAL,
    ]
    ids = {event.id for n, path in enumerate(paths) for event in read(path, issue(), revision=f"rev_{n}")}
    assert ids == {"relayfile:AR-9@2026-06-15T11:59:00.000Z"}
    assert read(BY_UUID, issue(updatedAt="2026-06-15T12:00:00.000Z"))[0].id not in ids


@pytest.mark.parametrize("missing", ["title", "state", "labels"])
def test_a_stub_is_a_change_without_an_item(missing: str) -> None:
    """What says too little to judge by is only a hint to read the issue itself."""
    (changed,) = read(BY_UUID, issue(**{missing: None}))
    assert changed == ItemChanged(
        id="relayfile:AR-9@2026-06-15T11:59:00.000Z", work_item_id="AR-9", identity=f"linear:{UUID}", at=NOW
    )


def test_a_patch_that_was_just_written_still_names_its_issue() -> None:
    """After a partial write the file holds the patch alone: key from the path, change from the revision."""
    assert read(CANONICAL, {"stateId": "s2"}) == (
        ItemChanged(id="relayfile:AR-9@rev_88", work_item_id="AR-9", identity=f"linear:{UUID}", at=NOW),
    )
    assert read(BY_UUID, {"stateId": "s2"}) == ()


def test_a_tombstone_is_a_change_without_an_item() -> None:
    """A deleted issue is told as such, under an id of its own."""
    (changed,) = read(BY_UUID, {**issue(), "deleted": True})
    assert isinstance(changed, ItemChanged)
    assert (changed.item, changed.id.endswith(":deleted")) == (None, True)


def test_an_issue_that_moved_keeps_its_identity() -> None:
    """The item is named by the issue's own id; its keys are what else leads to it."""
    (changed,) = read(BY_UUID, issue(identifier="WEB-3", previousIdentifiers=["AR-9", "OPS-1"]))
    assert (changed.identity, changed.work_item_id, changed.aliases) == (f"linear:{UUID}", "WEB-3", ("AR-9", "OPS-1"))


REPLIED = ReplyReceived(
    id="slack:C1:1711540300.000300",
    at=NOW,
    thread_id="C1:1711540277.000200",
    reply=Reply(
        id="slack:C1:1711540300.000300", author="U42", text="use the api & web repos",
        at=datetime(2024, 3, 27, 11, 51, 40, tzinfo=UTC),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    "content",
    [
        reply(),
        reply(channel=None, channelId="C1", user_is_bot=False),
        reply(channel=None, ts=None, thread_ts=None),
        reply(subtype="thread_broadcast", bot_id=None, parent_user_id="U0BOT"),
        reply()["payload"],
    ],
    ids=["webhook-fed", "sync-fed", "from-the-path", "broadcast", "bare"],
)
def test_a_persons_reply_has_the_ids_that_slack_itself_gives(content: dict[str, Any]) -> None:
    """Both spellings, missing fields from the path: one and the same reply as by Slack's own webhook."""
    assert read(REPLY_PATH, content) == (REPLIED,)


@pytest.mark.parametrize(
    "path",
    [
        "/slack/channels/C1/threads/1711540277.000200/replies/1711540300.000300.json",
        "/slack/channels/C1__general/messages/1711540277_000200/replies/1711540300_000300.json",
        "/slack/channels/C1__general/messages/need-answer--1711540277_000200/replies/1711540300_000300/meta.json",
    ],
)
def test_the_older_paths_tell_channel_and_thread_too(path: str) -> None:
    """Every known layout of a reply's path is understood when the file leaves the fields out."""
    assert read(path, reply(channel=None, ts=None, thread_ts=None)) == (REPLIED,)


@pytest.mark.parametrize(
    "content",
    [
        reply(thread_ts="1711540300.000300"),
        reply(user_is_bot=True),
        reply(bot_id="B1"),
        reply(subtype="bot_message"),
        reply(subtype="message_changed"),
        reply(hidden=True),
        reply(user="U0BOT"),
        reply(user=None),
        reply(parent_user_id="U7"),
        reply(ts="yesterday"),
        {**reply(), "deleted": True},
    ],
    ids=[
        "root",
        "bot-flag",
        "bot-id",
        "bot-subtype",
        "edit",
        "hidden",
        "us",
        "nobody",
        "their-thread",
        "no-ts",
        "deleted",
    ],
)
def test_what_no_person_answered_is_nothing(content: dict[str, Any]) -> None:
    """Roots, bots, our own words, edits and other people's threads are nobody's answer."""
    assert read(REPLY_PATH, content) == ()


def test_a_pull_request_of_ours_is_a_hint() -> None:
    """The head branch names the item; the canonical file and its alias tell the same."""
    about = "pull_request:42"
    event_id = f"relayfile:acme/api:{about}@rev_88:2026-06-15T11:59:30Z"
    names = ("branch:acme/api:factory/AR-9-add-retry",)
    expected = (PullRequestChanged(id=event_id, work_item_id="AR-9", aliases=names, at=NOW, what=about),)
    assert read(PULL_PATH, pull()) == expected
    assert read("/github/repos/acme__api/pulls/by-id/42.json", pull()) == expected


def test_a_check_that_ended_is_news_though_the_pull_request_was_not_touched() -> None:
    """A pull request's time of change does not move with its checks: another revision is another event."""
    assert read(PULL_PATH, pull(), revision="rev_89") != read(PULL_PATH, pull())


@pytest.mark.parametrize(
    "payload",
    [
        {"pull_request": pull()["payload"], "state": "approved"},
        {"check_suite": {"head_branch": "factory/AR-9-add-retry"}, "conclusion": "success"},
    ],
)
def test_reviews_and_checks_that_name_our_branch_are_hints(payload: dict[str, Any]) -> None:
    """Not only the pull request's own file tells that something about it changed."""
    (changed,) = read(
        "/github/repos/acme/api/reviews/7.json", {"objectType": "review", "objectId": "7", "payload": payload}
    )
    assert changed.work_item_id == "AR-9"


OURS = "factory/AR-9-add-retry"


@pytest.mark.parametrize(
    "head",
    [
        {"ref": "ar-9-add-retry"},
        {"ref": OURS, "repo": {"full_name": "mallory/api"}},
        {"ref": OURS, "repo": {"fullName": "mallory/api"}},
        {"ref": OURS, "label": f"mallory:{OURS}", "repo": {}},
        {},
    ],
)
def test_other_branches_and_forks_are_not_ours(head: dict[str, Any]) -> None:
    """A fork may call its branch like ours and stays a fork."""
    assert read(PULL_PATH, pull(head=head)) == ()


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from([(BY_UUID, issue()), (REPLY_PATH, reply()), (PULL_PATH, pull())]), st.data())
def test_no_mutation_of_a_file_raises(sample: tuple[str, dict[str, Any]], data: st.DataObject) -> None:
    """Whatever a file holds in whichever place: an event that can be stored, or nothing."""
    path, content = sample
    field = data.draw(st.sampled_from(sorted(content["payload"])))
    content = {**content, "payload": {**content["payload"], field: data.draw(ANYTHING)}}
    outer = data.draw(st.sampled_from(["payload", "objectType", "deleted", "other"]))
    for event in (*read(path, content), *read(path, {**content, outer: data.draw(ANYTHING)})):
        assert event.model_dump_json()


def test_the_feed_tells_issues_by_their_path_and_points_at_replies_alone() -> None:
    """Aliases and pull requests cost no call; a change that says nothing still moves the cursor."""
    lines = [
        change(path, eventId=f"evt_{n}") for n, path in enumerate((CANONICAL, BY_UUID, REPLY_PATH, PULL_PATH, "/x"), 2)
    ]

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.params.get("direction") == "desc":
            return httpx2.Response(200, json={"events": lines[:1], "nextCursor": None})
        assert request.url.params["cursor"] == "evt_1"
        return httpx2.Response(200, json={"events": lines, "nextCursor": "evt_6"})

    def changes(cursor: str) -> tuple[Change, ...]:
        return with_client(answer, lambda client: RelayfileReader(client, CONFIG, lambda: NOW).changes(cursor, NOW))

    heard = ItemChanged(id="relayfile:AR-9@rev_88", work_item_id="AR-9", identity=f"linear:{UUID}", at=NOW)
    assert changes("") == (Change(cursor="evt_2"),)
    assert changes("evt_1") == (
        Change(cursor="evt_2", events=(heard,)),
        Change(cursor="evt_3"),
        Change(cursor="evt_4", pointers=(pointer(REPLY_PATH, "evt_4"),)),
        Change(cursor="evt_5"),
        Change(cursor="evt_6"),
    )


class Letters:
    """The workspace's dead letters in pages of two; `refused`: with what a replay is answered, by the letter's id."""

    def __init__(self, *letters: dict[str, Any]) -> None:
        self.letters, self.replayed, self.refused = letters, list[str](), dict[str, httpx2.Response]()

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self.replayed.append(request.url.path.split("/")[-2])
            return self.refused.get(self.replayed[-1]) or httpx2.Response(202, json={})
        start = int(request.url.params.get("cursor", "0"))
        following = str(start + 2) if start + 2 < len(self.letters) else None
        return httpx2.Response(200, json={"items": self.letters[start : start + 2], "nextCursor": following})

    def look(self, cursor: str = "", calls: int = 20) -> Redelivered:
        """By a process of its own."""
        return with_client(
            self.answer,
            lambda client: RelayfileReader(client, CONFIG, lambda: NOW).redeliver_failed(NOW, cursor, calls),
        )


def letter(name: str, hours_ago: float = 1, url: str = "https://f.test/hooks/default/relayfile") -> dict[str, Any]:
    failed = (NOW - timedelta(hours=hours_ago)).isoformat()
    return {"deliveryId": name, "status": "dead_lettered", "failedAt": failed, "url": url}


def test_letters_that_stay_dead_let_the_others_pass() -> None:
    """However many there are and however few calls: all are asked for before any of them is asked for once more."""
    box = Letters(*(letter(f"d{n}") for n in (3, 1, 2, 7, 5, 4, 6)))
    box.refused["d2"] = httpx2.Response(404)  # forgotten meanwhile
    done, looks = Redelivered(0), 0
    while done.cursor or not looks:
        done, looks = box.look(done.cursor, 3), looks + 1
        assert done.asked <= 2 and looks < 20
    assert box.replayed == ["d1", "d3", "d2", "d7", "d4", "d5", "d6"]


def test_a_letter_that_cannot_be_replayed_now_lets_the_others_pass_and_a_pause_ends_the_turn() -> None:
    """5xx: it is asked for with the next walk. 429: the place stays, and a turn that begins with one says so."""
    box = Letters(letter("d1"), letter("d2"), letter("d3"))
    box.refused["d1"] = httpx2.Response(503)
    done = box.look()
    assert (done.asked, box.replayed) == (3, ["d1", "d2", "d3"])
    box.refused["d2"] = httpx2.Response(429, headers={"retry-after": "60"})
    done = box.look(done.cursor)
    assert (done.asked, box.replayed[3:]) == (1, ["d1", "d2"]) and done.cursor
    with pytest.raises(Retryable) as pause:
        box.look(done.cursor)
    assert pause.value.after == 60
    box.refused.clear()
    assert box.look(done.cursor).asked == 2 and box.replayed[6:] == ["d2", "d3"]


def test_only_our_own_letters_are_replayed_and_no_old_ones() -> None:
    """Another's address is theirs. What is older than half of what is remembered might begin an item once more."""
    box = Letters(
        letter("ours", url="https://proxy.test/prefix/hooks/default/relayfile"),
        letter("theirs", url="https://f.test/hooks/staging/relayfile"),
        letter("another program's", url="https://elsewhere.test/inbox"),
        letter("odd", url="https://[oops/inbox"),
        letter("young", hours_ago=83),
        letter("old", hours_ago=85),
        {"deliveryId": "silent", "status": "dead_lettered"},
    )
    assert box.look() == Redelivered(3)
    assert box.replayed == ["ours", "young", "silent"]

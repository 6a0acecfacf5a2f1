"""The report: what needs a person, in which order, in which words; what is unknown is null."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from factory_core.dispatch.batch import Batch, QueueEntry, Slot
from factory_core.dispatch.pull_request import Check
from factory_core.dispatch.records import Block, InFlightRecord, State, Summary
from factory_core.dispatch.spending import next_day
from factory_core.status import Line, StatusReport, item_report, item_words, report, rows, words
from factory_core.status.formatting import clock, duration, link, money
from factory_core.status.schema import Today, Vitals
from factory_core.status.verdict import verdict

from . import sample
from .golden import matches
from .sample import NOW, before

pytestmark = pytest.mark.pure


def of(*records: InFlightRecord, lines: list[Line] | None = None, **config: object) -> StatusReport:
    return report(
        records, Batch(), sample.runs(), lines or [], sample.config(**config), NOW, before(seconds=4), sample.VERSION
    )


def test_a_factory_in_every_state_gives_exactly_this_document() -> None:
    """The whole status.json of a factory with an item in every state."""
    assert {record.state for record in sample.records()} == set(State)
    assert matches("status.json", sample.status().model_dump_json(indent=1) + "\n")


def test_the_document_is_typed_as_it_says() -> None:
    """Money is a decimal string, times are RFC 3339 in UTC, durations whole seconds, fixes argument lists."""
    document = json.loads(sample.status().model_dump_json())
    first = document["items"][0]
    assert document["schema"] == "factory.status/1"
    assert (first["spent_usd"], first["cap_usd"], first["since"]) == ("8.90", "10.00", "2026-11-20T02:06:06Z")
    assert (first["since_s"], first["try"], first["stage_index"]) == (3960, 2, 5)
    assert first["fix"] == ["factory", "pipeline", "retry", "ACME-131", "--reason", "…"]


def test_nothing_is_invented() -> None:
    """What needs a history of runs is null, not a guess."""
    status = sample.status()
    assert {(item.usual_s, item.p90_s, item.samples) for item in status.items} == {(None, None, None)}
    assert {(line.usual_gap_s, line.per_hour) for line in status.lines} == {(None, None)}
    vitals = status.vitals
    assert (vitals.hands_off_24h, vitals.lead_time_p50_s) == (None, None)


def test_the_order_is_by_urgency() -> None:
    """Needs a person: oldest first. Moving: slowest first. In line: as it is served. Finished: newest first."""
    status = sample.status()
    assert [item.key for item in status.needs] == ["ACME-131", "ACME-142", "ACME-143"]
    assert [item.key[5:] for item in status.moving] == ["140", "147", "144", "139", "150", "153", "154"]
    assert [item.key for item in status.queue] == ["ACME-151", "ACME-152"]
    assert [item.key for item in status.finished] == ["ACME-138", "ACME-135", "ACME-130", "ACME-133"]


def test_a_run_that_goes_on_is_added_to_what_was_spent_and_an_old_one_is_not() -> None:
    """The record counts a run when it ends; until then its report does."""
    running = next(record for record in sample.records() if record.key == "ACME-147")
    waiting = running.but(state=State.BLOCKED)
    assert [of(record).items[0].spent_usd for record in (running, waiting)] == [Decimal("4.70"), Decimal("2.31")]


VERDICTS = [
    ("intake-down", "Intake is down: no signed Linear event can be accepted."),
    ("needs-person", "2 items need a person."),
    ("needs-person", "1 item needs a person."),
    ("moving", "All is moving. Nothing needs you."),
    ("idle", "Nothing to do. Intake is open."),
]


def test_the_first_sentence_that_fits_is_the_verdict() -> None:
    """Intake before people, people before what moves, what moves before nothing."""
    stopped = [sample.record(131, State.BLOCKED, before(hours=1)), sample.record(143, State.BLOCKED, before(hours=2))]
    moving, down = sample.record(153, State.TRIAGING, before(seconds=9)), Line(name="linear", status="down")
    given = (
        of(*stopped, moving, lines=[down]), of(*stopped, moving), of(stopped[0], moving), of(moving), of(),
    )  # fmt: skip
    assert [(status.verdict.level, status.verdict.sentence) for status in given] == VERDICTS
    assert given[0].verdict.fix == ("factory", "doctor", "linear")
    assert given[1].verdict.detail == "The other one is moving. The longest wait is 2 h 00: ACME-143."


def test_a_line_that_waits_for_a_place_in_review_does_not_move() -> None:
    """The page names what holds it up; it says that all is moving where nobody in line could start anyway."""
    reviewing = sample.record(153, State.IN_REVIEW, before(hours=1), pull_request=sample.pull_request(491))
    queued = sample.record(154, State.QUEUED, before(minutes=9))
    slot = Slot(repository="acme/shop", state="in-review", since=before(hours=1))
    entry = QueueEntry(work_item_id=queued.work_item_id, repository="acme/shop", since=before(minutes=9))
    batch = Batch(slots={reviewing.work_item_id: slot}, queue=(entry,))

    def judged(places: int) -> str:
        config = sample.config(capacity={"perState": {"in-review": places}})
        told = report((reviewing, queued), batch, {}, [], config, NOW, NOW, sample.VERSION).verdict
        return f"{told.sentence} {told.detail}"

    assert judged(1) == (
        f"Nothing starts: 1 review fills the review column. In review: {reviewing.key}. 1 in line. It goes on when one"
        " of them is merged or closed, or with a larger capacity.perState.in-review."
    )
    assert judged(2).startswith("All is moving.")


def test_new_work_is_stopped_when_the_budget_is_spent() -> None:
    """A budget that is reached comes before what moves."""
    vitals = Vitals(
        in_flight=0, agents_busy=0, agents_max=2, queue=0, queue_oldest_s=None, spent_usd=Decimal(600), merged_24h=0,
        budget_usd=Decimal(60),
        today=Today(
            spent_usd=Decimal(50), reserved_usd=Decimal(10), left_usd=Decimal(0), reached=True, resumes_at=next_day(NOW)
        ),
    )  # fmt: skip
    judged = verdict((), (), (), vitals, sample.config(), NOW)
    assert judged.sentence == "New work is stopped: budget reached."
    assert judged.detail.startswith("$50 spent and $10 reserved of $60. It goes on at 00:00 UTC")


def test_a_store_that_is_down_closes_intake() -> None:
    """What cannot be recorded cannot be accepted; the store is no provider, so the command is the check of all."""
    said = of(lines=[Line(name="store", status="down", note="the disk is full")]).verdict
    assert (said.level, said.detail, said.fix_in_words) == (
        "intake-down", "Store: the disk is full.", "factory check"
    )  # fmt: skip


def test_a_green_pull_request_that_only_a_person_may_merge_needs_one() -> None:
    """Under the policy never it waits for a merge; with checks running it does not wait for anybody yet."""
    green = sample.record(
        140, State.IN_REVIEW, before(hours=2), route=sample.API, pull_request=sample.pull_request(491)
    )
    running = green.but(pull_request=sample.pull_request(491, checks=(Check(name="tests", status="pending"),)))
    reasons = [of(record, merge={"policy": "never"}).items[0].reason for record in (green, running)]
    assert [*reasons, of(green).items[0].reason] == ["approval", None, None]


def test_what_cannot_be_done_is_said_with_the_next_time() -> None:
    """An effect that failed and is tried again shows on its item, though the item moves."""
    item = next(item for item in sample.status().moving if item.key == "ACME-150")
    assert item.then == "Open pull request failed 2 times: GitHub answered 502. Again at 03:14."


def test_hidden_titles_hide_every_word_of_the_ticket() -> None:
    """Keys, times and money stay; title, question, quotes, branch and the ticket's address go."""
    status = sample.status(server={"titles": "hidden"})
    config = sample.config(server={"titles": "hidden"})
    items = [item_report(one, sample.runs().get(f"{one.key}:1"), config, NOW, "1") for one in sample.records()]
    said = "".join([status.model_dump_json(), words(status, all=True), *(item.model_dump_json() for item in items)])
    secrets = [*sample.TITLES.values(), "per user", "How many times", "retry-failed", "linear.app", "2 tests fail"]
    assert [secret for secret in secrets if secret in said] == []
    assert "ACME-131" in said


def test_text_of_others_cannot_steer_a_terminal() -> None:
    """Escapes, bidi overrides, lone surrogates and line breaks do not pass; a title ends at 140 characters."""
    hostile = "\x1b[2J\u202eevil\u2066\x9b1m\r\n\ud800" + "x" * 10_000
    record = sample.record(147, State.TRIAGING, before(minutes=1), item=Summary(key="ACME-147", title=hostile[:300]))
    title = of(record).items[0].title
    assert (title[:11], len(title)) == ("[2Jevil1m x", 140)
    assert title.isprintable()


def test_links_lead_only_to_vendors_in_use() -> None:
    """https to a configured vendor, http only on this machine; nothing that a browser could read otherwise."""
    config = sample.config(github={"url": "http://127.0.0.1:9001", "git_url": "https://git.acme.dev"})
    good = ["https://linear.app/acme/issue/A-1", "https://acme.slack.com/x", "http://127.0.0.1:9001/pull/1",
            "https://git.acme.dev/x"]  # fmt: skip
    bad = ["javascript:alert(1)", "http://linear.app/x", "https://evil.example/linear.app", "https://linear.app.evil.example",
           "https://evil.example\\@linear.app", "https://linear.app@evil.example",
           "https://evil.example@linear.app", "//linear.app", "https://linear.app/\nx",
           "https://notlinear.app", "https://[", "http://127.0.0.2:80/x", "data:text/html,x"]  # fmt: skip
    assert [link(url, config) for url in good] == good
    assert [url for url in bad if link(url, config)] == []


def test_spelling() -> None:
    """Durations, clock times and money have one spelling."""
    seconds = (0, 59, 60, 3599, 3960, 86_400, 172_800 + 4 * 3600)
    assert [duration(each) for each in seconds] == ["0 s", "59 s", "1 min", "59 min", "1 h 06", "24 h 00", "2 d 4 h"]
    moments = (NOW, NOW - timedelta(hours=4), datetime(2026, 11, 3, 9, 5, tzinfo=UTC))
    assert [clock(moment, NOW) for moment in moments] == ["03:12", "Thu 23:12", "3 Nov 09:05"]
    assert [money(Decimal(amount)) for amount in ("10.00", "4.7", "0", "100")] == ["$10", "$4.70", "$0.00", "$100"]


def test_the_words_are_exactly_these() -> None:
    """`factory status`, `--all`, and the empty factory, word for word."""
    texts = (words(sample.status()), words(sample.status(), all=True), words(sample.empty()))
    assert matches("status.txt", "\n\n----\n\n".join(texts) + "\n")


def test_a_pipe_gets_one_whole_row_an_item() -> None:
    """No header, no cut, full times: every open item and every item in line, in the page's order."""
    status = sample.status()
    table = [row.split("\t") for row in rows(status).splitlines()]
    assert [row[0] for row in table] == [item.key for item in (*status.items, *status.queue)]
    assert {len(row) for row in table} == {11}
    assert table[0][3] == "2026-11-20T02:06:06Z"
    assert rows(sample.empty()) == ""


@pytest.mark.parametrize("record", sample.records(), ids=lambda record: f"{record.state}-{record.key}")
def test_every_item_says_where_it_stands_and_what_comes_next(record: InFlightRecord) -> None:
    """No state is without its sentence, and its history is told newest first."""
    found = item_report(record, sample.runs().get(f"{record.key}:1"), sample.config(), NOW, "1")
    assert found.sentence.endswith((".", "?"))
    assert [line.at for line in found.log] == sorted((entry.at for entry in record.log), reverse=True)
    assert item_words(found).startswith(record.key)


def test_an_item_in_words_is_exactly_this() -> None:
    """`factory status KEY` of a running item and of one that waits for an answer."""
    by_key = {record.key: record for record in sample.records()}
    runs, config = sample.runs(), sample.config()
    texts = [
        item_words(item_report(by_key[key], runs.get(f"{key}:1"), config, NOW, "1")) for key in ("ACME-147", "ACME-142")
    ]
    assert matches("item.txt", "\n\n----\n\n".join(texts) + "\n")


def test_a_record_without_anything_is_no_reason_to_fail() -> None:
    """A page must come at 3 am whatever the record holds."""
    bare = [InFlightRecord(work_item_id=f"X-{n}", state=state) for n, state in enumerate(State)]
    odd = InFlightRecord(
        work_item_id="X-99", state=State.BLOCKED, block=Block(reason="x", why="", fix="factory status 'X")
    )
    status = of(*bare, odd)
    assert len(status.items) + len(status.queue) + len(status.finished) == len(bare) + 1
    assert all(item_report(record, None, sample.config(), NOW, "1") for record in (*bare, odd))


KNOWN = {"status", "pipeline retry", "pipeline abort", "doctor", "check", "trigger"}


def test_every_command_shown_exists() -> None:
    """What the page tells a person to type is one of the commands there are."""
    by_item = [item_report(record, None, sample.config(), NOW, "1").commands for record in sample.records()]
    shown = [item.fix_in_words for item in sample.status().items] + [step.command for step in sample.empty().start]
    shown += [command for commands in by_item for command in commands] + [
        of(lines=[Line(name="linear", status="down")]).verdict.fix_in_words
    ]
    commands = [line.split() for line in shown if line.startswith("factory ")]
    assert {" ".join(line[1:3]) if line[1] == "pipeline" else line[1] for line in commands} <= KNOWN

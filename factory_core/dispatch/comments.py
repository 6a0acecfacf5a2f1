"""What the factory says to people, and the words that it must not say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..work_item import WorkItem
from .foreign_text import MOST_TITLE, for_body, for_chat, for_comment, for_title
from .foreign_text import harmless as harmless
from .pull_request import PullRequest, carries_key, item_mark
from .records import Block, InFlightRecord

MARK = "<!-- factory -->"
"""Ends every comment that the factory writes on a ticket; what carries it is never taken for input."""


def never_closes(record: InFlightRecord, config: FactoryConfig) -> bool:
    """Does a label say that only a person may close this ticket?"""
    labels = {label.casefold() for label in (record.item.labels if record.item else ())}
    return bool(labels & {label.casefold() for label in config.merge.never_close_labels})


def duration(span: timedelta) -> str:
    """`41 s`, `38 min`, `1 h 06`, `3 d`: short, and it never breaks over lines."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d}"
    return f"{seconds // 86400} d"


def moment(at: datetime, now: datetime) -> str:
    """`14:30 UTC`, with its day where that is not today."""
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at.day} {at:%b %H:%M} UTC"


def thread_title(record: InFlightRecord) -> str:
    """One line above the question."""
    return " ".join(f"{record.key}: {for_chat(record.item.title if record.item else '', MOST_TITLE)}".split())


def question(record: InFlightRecord, text: str, config: FactoryConfig) -> str:
    """The question as it is asked, addressed to the reporter where the channel knows that person."""
    reporter = config.clarification.people.get(record.item.reporter, "") if record.item else ""
    hello = f"<@{reporter}> " if reporter else ""
    return f"{hello}{for_chat(text)}\n\nAnswer in this thread; the ticket waits for it."


def reminder(record: InFlightRecord) -> str:
    asked = record.clarification.question if record.clarification else ""
    return f"Still waiting for an answer: {for_chat(asked)}"


def escalation(record: InFlightRecord, config: FactoryConfig) -> str:
    to = config.clarification.escalate_to
    return f"{to} nobody has answered yet. {reminder(record)}".strip()


def words_needed(names: Sequence[str]) -> str:
    """The answer to a reply that is only a picture, a file, a link or an emoji."""
    came = f"{for_chat(', '.join(names))} came without words, and" if names else "That reply has no words in it:"
    return f"{came} the factory reads nothing else. Please answer in words; the question still waits for it."


def gave_up(config: FactoryConfig) -> str:
    after = duration(config.clarification.give_up_after)
    return f"Nobody answered within {after}, so this is given up. An answer here takes it up again."


def not_ready(item: WorkItem) -> str:
    """The answer to somebody who called the factory to a ticket that is not its own."""
    return (
        f"The factory does nothing here: the ticket is not ready for it ({item.state}).\n\n"
        "What to do: move it to the state that is mapped to ready, or delegate it to the factory's user, which"
        " linear.appUserId in factory.config.yaml must name."
    )


def retry_fix(record: InFlightRecord) -> str:
    """What a person can do when nothing else is left to do."""
    return f'factory pipeline retry {record.key} --reason "…"'


def blocked(block: Block) -> str:
    return f"The factory stops here: {for_comment(block.why)}\n\nWhat to do: {block.fix}"


def still_blocked(block: Block, waited: str) -> str:
    return f"This has waited for a person for {waited}: {for_comment(block.why)}\n\nWhat to do: {block.fix}"


def still_armed(why: str, fix: str) -> str:
    return f"The code host may still merge the pull request by itself: {why}\n\nWhat to do: {fix}"


def summary(record: InFlightRecord, at: datetime, config: FactoryConfig) -> str:
    """The one comment at the end, for people."""
    pull_request = record.pull_request
    took = duration(at - record.log[0].at) if record.log else "?"
    tries = f"{record.attempt} {'try' if record.attempt == 1 else 'tries'}"
    follow_ups = f", {record.round} follow-up{'s' if record.round > 1 else ''}" if record.round else ""
    lines = [f"Merged: {pull_request.url or f'#{pull_request.number}'}" if pull_request else "Done."]
    lines.append(f"From ready to merged in {took}; {tries}{follow_ups}, ${record.spent.usd:.2f}.")
    if record.answers:
        lines.append(
            "Answers used: " + "; ".join(f"“{for_comment(answer.text, record.key, 200)}”" for answer in record.answers)
        )
    if never_closes(record, config):
        lines.append("A label says that only a person closes this ticket, so it stays open.")
    return "\n".join(lines)


def pull_request_title(record: InFlightRecord) -> str:
    """One line."""
    key = f"{record.key}: "
    return (key + for_title(record.item.title if record.item else "", record.key, MOST_TITLE - len(key))).strip()


def pull_request_body(record: InFlightRecord, words: str, config: FactoryConfig) -> str:
    """What reviewers read. `Closes KEY` moves the ticket with the merge, unless a label forbids that.

    A tracker links a pull request by the key in its branch and title, too, and moves the ticket for that alone; the
    word `skip` in the description keeps it from that: https://linear.app/docs/github
    """
    never = never_closes(record, config)
    url = f" ({record.item.url})" if record.item and record.item.url else ""
    parts = [f"{'For' if never else 'Closes'} {record.key}{url}"]
    if never:
        keys = dict.fromkeys((record.key, *(record.item.former_keys if record.item else ())))
        parts.append(f"Only a person closes this ticket: {', '.join(f'skip {key}' for key in keys)}.")
    parts.append(for_body(words, record.key))
    if record.answers:
        given = (f"- {for_body(answer.text, record.key, 300)}" for answer in record.answers)
        parts.append("\n".join(["Answers that were given:", *given]))
    return "\n\n".join((*filter(None, parts), item_mark(record.work_item_id))) + "\n"


def commit_subject(pull_request: PullRequest) -> str:
    """The first line of the commit that a merge or a squash makes: the title as the code host shows it now, and the
    number. A code host of its own accord may take an agent's message."""
    title = pull_request.title or pull_request.branch
    key = title.partition(":")[0]
    own = key if carries_key(pull_request.branch, key) else ""
    return f"{for_title(title, own)} (#{pull_request.number})"

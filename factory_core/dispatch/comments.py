"""What the factory says to people, and the words that it must not say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..work_item import WorkItem
from .foreign_text import MOST_TITLE, for_body, for_chat, for_comment, for_title
from .foreign_text import harmless as harmless
from .labels import first_of
from .pull_request import PullRequest, carries_key, item_mark
from .records import Block, Clarification, InFlightRecord, State, Summary

MARK = "<!-- factory -->"
"""Ends every comment that the factory writes on a ticket; what carries it is never taken for input."""


def never_closes(record: InFlightRecord, config: FactoryConfig) -> bool:
    """Does a label say that only a person may close this ticket?"""
    return bool(record.item and first_of(config.merge.never_close_labels, record.item.labels))


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


def thread_title(item: Summary | WorkItem) -> str:
    """One line above the question."""
    return " ".join(f"{item.key}: {for_chat(item.title, MOST_TITLE)}".split())


def question(record: InFlightRecord, text: str, config: FactoryConfig) -> str:
    """The question as it is asked; the channel addresses it."""
    return f"{for_chat(text)}\n\nAnswer in this thread; the ticket waits for it."


def question_elsewhere(asked: Clarification) -> str:
    """The question as the tracker's agent session shows it, where it was asked in another place."""
    where = f" It was also asked here: {asked.url}" if asked.url and not asked.in_session else ""
    return f"{for_comment(asked.question)}\n\nAnswer here; the ticket waits for it.{where}"


def reminder(record: InFlightRecord) -> str:
    asked = record.clarification.question if record.clarification else ""
    return f"Still waiting for an answer: {for_chat(asked)}"


def escalation(record: InFlightRecord, config: FactoryConfig) -> str:
    return f"Nobody has answered yet. {reminder(record)}"


def words_needed(names: Sequence[str]) -> str:
    """The answer to a reply that is only a picture, a file, a link or an emoji."""
    came = f"{for_chat(', '.join(names))} came without words, and" if names else "That reply has no words in it:"
    return f"{came} the factory reads nothing else. Please answer in words; the question still waits for it."


def gave_up(config: FactoryConfig) -> str:
    after = duration(config.clarification.give_up_after)
    return f"Nobody answered within {after}, so this is given up. An answer here takes it up again."


def not_ready(item: WorkItem) -> str:
    """The answer to somebody who called the factory to a ticket that is not its own."""
    advice = item.hint or "Move it to the state that is mapped to ready."
    return f"The factory does nothing here: the ticket is not ready for it ({item.state}).\n\nWhat to do: {advice}"


def retry_fix(record: InFlightRecord) -> str:
    """What a person can do when nothing else is left to do."""
    return f'factory pipeline retry {record.key} --reason "…"'


def blocked(block: Block) -> str:
    return f"The factory stops here: {for_comment(block.why)}\n\nWhat to do: {block.fix}"


def still_blocked(block: Block, waited: str) -> str:
    return f"This has waited for a person for {waited}: {for_comment(block.why)}\n\nWhat to do: {block.fix}"


def still_armed(why: str, fix: str) -> str:
    return f"The code host may still merge the pull request by itself: {for_comment(why)}\n\nWhat to do: {fix}"


def stopped(record: InFlightRecord) -> str:
    """What an agent session shows of an item that was cancelled."""
    pull_request = record.pull_request
    left = f" Its pull request stays as it is: {pull_request.url or f'#{pull_request.number}'}" if pull_request else ""
    why = for_comment(record.ended_because or "it is no longer needed", record.key)
    return f"Stopped: {why}. No agent works on this ticket, and nothing more is done for it.{left}"


NEWER_SESSION = "The work on this ticket is shown in a newer session."
NOTHING_TO_STOP = "No agent was at work, so there was nothing to stop."
NOT_KNOWN = "The factory is not working on this ticket."


def advice(record: InFlightRecord) -> str:
    """How to go on, for people who write in an agent session of an item that does not take their words."""
    if record.state is State.MERGING:
        return "It is too late to change this pull request."
    if record.state is State.DONE:
        return "To have more done, move the ticket back to ready, or open a new one."
    return f"To have it taken up again: {retry_fix(record)}" if record.state is State.CANCELLED else ""


def became_of_words(*, kept: bool, counted: bool) -> str:
    """The answer to what a person wrote in an agent session."""
    if kept:
        return "Noted: the agent gets this with its next run."
    return "" if counted else "Not passed on: only people whom clarification.whoMayAnswer admits may say so."


def review_waits(waited: timedelta, where: str) -> str:
    """The reminder that nobody has reviewed or merged it."""
    return f"The pull request has waited for {duration(waited)}: {where}"


def ready_for_review(record: InFlightRecord, pull_request: PullRequest, words: str, config: FactoryConfig) -> str:
    """The one comment that tells people what was made of the ticket: after it, only how it ended is said."""
    described = config.repositories.get(record.route.repository) if record.route else None
    verify = f"\n\nThe agent was told that `{described.verify}` must pass." if described and described.verify else ""
    done = for_comment(words, record.key).strip() or "The agent left no summary."
    answers = "; ".join(f"“{for_comment(answer.text, record.key, 200)}”" for answer in record.answers)
    used = f"\n\nAnswers used: {answers}" if answers else ""
    return f"Ready for review: {pull_request.url or f'#{pull_request.number}'}\n\n{done}{verify}{used}"


def summary(record: InFlightRecord, at: datetime, config: FactoryConfig) -> str:
    """How it ended: what was done stands in the comment that came with the pull request."""
    pull_request = record.pull_request
    took = duration(at - record.log[0].at) if record.log else "?"
    tries = f"{record.attempt} {'try' if record.attempt == 1 else 'tries'}"
    follow_ups = f", {record.round} follow-up{'s' if record.round > 1 else ''}" if record.round else ""
    lines = [f"Merged: {pull_request.url or f'#{pull_request.number}'}" if pull_request else "Done."]
    lines.append(f"From ready to merged in {took}; {tries}{follow_ups}, ${record.spent.usd:.2f}.")
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

"""What the factory says to people, and the words that it must not say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..runs.run_checks import CheckResult
from ..text.foreign_text import MOST_TITLE, for_body, for_chat, for_code, for_comment, for_instruction, for_title
from ..work_item import WorkItem
from .events import PullRequestOpened
from .labels import first_of
from .pull_request import PullRequest, carries_key, item_mark
from .question_text import close_question
from .records import Block, Clarification, InFlightRecord, State, Summary
from .triage import Verdict

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
    came = f"{for_instruction(', '.join(names))} came without words, and" if names else "That reply has no words in it:"
    return f"{came} the factory reads nothing else. Please answer in words; the question still waits for it."


def how_to_stop(record: InFlightRecord) -> str:
    """To somebody who writes in the thread that it is not to be done while it is being done."""
    return (
        f"The work on {record.key} goes on: words in this thread do not stop it. To stop it, cancel the ticket, or run"
        f" `factory pipeline abort {record.key}`."
    )


def how_to_take_up(record: InFlightRecord) -> str:
    """To somebody who writes about what was refused, and not what is to be done."""
    return (
        f"Nothing starts on {record.key}: somebody wrote that it is not to be done. Write what should be done, or that"
        " it is wanted after all; or answer yes to close it."
    )


def close_it(record: InFlightRecord) -> str:
    """The question to people who wrote that it is not to be done."""
    language = record.verdict.language if record.verdict else ""
    last = record.answers[-1].text if record.answers else ""
    return close_question(record.key, language, last)


def counter_question(record: InFlightRecord, written: str) -> str:
    """To the person who can answer a question that came in return."""
    asked = record.clarification.question if record.clarification else ""
    return f"“{for_chat(' '.join(written.split()), 200)}” was asked in return to:\n{for_chat(asked)}"


NOT_PASSED_ON = (
    "That is not passed on: it asks for secrets of the machine, or for something that the factory lets nobody order"
    " in an answer. The question still waits."
)


def not_for_an_agent(item: WorkItem, verdict: Verdict) -> str:
    """What a person can do with a ticket that must not start."""
    tracker = item.source.provider.title()
    if verdict.hold:
        return f"In {tracker}: read the ticket's source text, take that out, or do it by hand"
    if verdict.stop:
        return f"In {tracker}: change the labels, or do it by hand"
    return f"In {tracker}: {_FIXES[verdict.kind].replace('KEY', item.key)}"


_FIXES = {
    "question": "answer it there; if something should change, say what in the title and the description",
    "epic": "make its parts ready, each as a ticket of its own",
    "spike": "do it by hand, and open a ticket for the change that comes of it",
    "blocked": "finish what it waits for, take that note or label away, then: factory pipeline retry KEY",
    "duplicate": "close it, and work on the original",
    "disclosure": "answer the reporter in private, and say nothing of it in public",
    "withdrawn": "close it; or write what should be done",
    "person": "do it by hand; if something should change in a repository, say what and where",
}


def gave_up(config: FactoryConfig) -> str:
    after = duration(config.clarification.give_up_after)
    return f"Nobody answered within {after}, so this is given up. An answer here takes it up again."


def not_ready(item: WorkItem) -> str:
    """The answer to somebody who called the factory to a ticket that is not its own."""
    advice = item.hint or "Move it to the state that is mapped to ready."
    return f"The factory does nothing here: the ticket is not ready for it ({item.state}).{_to_do(advice)}"


def retry_fix(record: InFlightRecord) -> str:
    """What a person can do when nothing else is left to do."""
    return f'factory pipeline retry {record.key} --reason "…"'


def raise_fix(record: InFlightRecord, usd: str, config: FactoryConfig) -> str:
    """What lets a ticket go on whose budget is used."""
    words = f", or write on the ticket: raise budget to ${usd}" if config.budget.may_raise else ""
    return f"factory pipeline retry {record.key} --budget {usd}{words}"


def waits_for_day(record: InFlightRecord, why: str, config: FactoryConfig) -> str:
    """Said once a day of a ticket that the budget of the day, or its own runs of the day, hold up."""
    return f"This waits: {for_comment(why)}. It goes on by itself then, and waiting costs no attempt."


BUDGET_KEPT = "The budget was not raised: only people whom budget.mayRaise names may do that, and you at the factory."


START_FIX = "factory doctor"


def worker_fix(config: FactoryConfig) -> str:
    """What brings a worker that takes runs."""
    home = config.server.public_url
    return f"factory worker --url {home} --tenant {config.tenant}" if home else "factory worker --help"


def not_begun(waited: str, why: str, fix: str) -> str:
    return (
        f"This needs a person: after {waited}, {for_comment(why)}. It starts by itself when that is solved, and waiting"
        f" costs no attempt.{_to_do(fix)}"
    )


TAKEN_UP_AGAIN = (
    "The factory put this ticket in progress and has lost its record of it. Nothing runs for it any more, so it is"
    " taken up again, from what was pushed."
)


def _to_do(fix: str) -> str:
    return f"\n\nWhat to do: {for_instruction(fix)}"


def blocked(block: Block) -> str:
    return f"The factory stops here: {for_comment(block.why)}{_to_do(block.fix)}"


def still_blocked(block: Block, waited: str) -> str:
    return f"This has waited for a person for {waited}: {for_comment(block.why)}{_to_do(block.fix)}"


def still_armed(why: str, fix: str) -> str:
    return f"The code host may still merge the pull request by itself: {for_comment(why)}{_to_do(fix)}"


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


def ready_for_review(record: InFlightRecord, opened: PullRequestOpened) -> str:
    """The one comment that tells people what was made of the ticket: after it, only how it ended is said, and what is
    published flagged."""
    pull_request = opened.pull_request
    flagged = any(not result.passed for result in opened.checks)
    what = "A check fails, and a person decides" if flagged else "Ready for review"
    done = for_comment(opened.summary, record.key).strip() or "The agent left no summary."
    checked = checks_text(opened.checks, pull_request.head_sha, record.key)
    answers = "; ".join(f"“{for_comment(answer.text, record.key, 200)}”" for answer in record.answers)
    used = f"Answers used: {answers}" if answers else ""
    return "\n\n".join(filter(None, (f"{what}: {pull_request.url or f'#{pull_request.number}'}", done, checked, used)))


def held_patch(patch: str, own: str) -> str:
    """What is not pushed before a person allows it."""
    return f"The agent's changes of protected files, as far as they are short:\n\n{_code_block(patch, own)}"


def checks_line(results: Sequence[CheckResult]) -> str:
    """What came of the checks that the factory ran, in one line."""
    return f"Checked by the factory: {for_comment(', '.join(map(_check_text, results)))}."


def checks_text(results: Sequence[CheckResult], sha: str, own: str) -> str:
    """The same, at which commit, and the end of what a failing one wrote."""
    if not results:
        return ""
    failed = [result for result in results if not result.passed]
    parts = [f"{checks_line(results)[:-1]}, at {sha[:7]}." if sha else checks_line(results)]
    if failed:
        parts.append("The factory does not merge this: a person decides.")
    parts += [
        f"The end of the output of {for_comment(result.shown)}:\n\n{_code_block(result.output, own)}"
        for result in failed
    ]
    return "\n\n".join(parts)


def _check_text(result: CheckResult) -> str:
    if result.passed:
        return f"{result.shown} passed in {duration(timedelta(seconds=result.seconds))}"
    return f"{result.shown} **failed** ({result.end})"


def _code_block(output: str, own: str) -> str:
    return f"```text\n{for_code(output.strip(), own) or '(nothing)'}\n```"


def summary(record: InFlightRecord, at: datetime, config: FactoryConfig) -> str:
    """How it ended: what was done stands in the comment that came with the pull request."""
    pull_request = record.pull_request
    took = duration(at - record.log[0].at) if record.log else "?"
    tries = f"{record.attempt} {'try' if record.attempt == 1 else 'tries'}"
    follow_ups = f", {record.round} follow-up{'s' if record.round > 1 else ''}" if record.round else ""
    lines = [f"Merged: {pull_request.url or f'#{pull_request.number}'}" if pull_request else "Done."]
    lines.append(f"From ready to merged in {took}; {tries}{follow_ups}, {record.spent.cost}.")
    if never_closes(record, config):
        lines.append("A label says that only a person closes this ticket, so it stays open.")
    return "\n".join(lines)


LOOK_AT_TESTS = "Worth a look, because it changes what the tests find:"


def tests_weakened(weakened: Sequence[str], own: str) -> str:
    """Of commits that came to a pull request later, whose description stays as it is."""
    listed = (f"- {for_comment(one, own)}" for one in weakened)
    return "\n".join(["The newest state of the pull request takes this from its tests:", "", *listed])


def pull_request_title(record: InFlightRecord) -> str:
    """One line."""
    key = f"{record.key}: "
    return (key + for_title(record.item.title if record.item else "", record.key, MOST_TITLE - len(key))).strip()


def pull_request_body(
    record: InFlightRecord,
    words: str,
    config: FactoryConfig,
    checks: Sequence[CheckResult] = (),
    sha: str = "",
    weakened: Sequence[str] = (),
) -> str:
    """What reviewers read; `checks` were run by the factory at the commit `sha`, `weakened` is taken from the tests.

    `Closes KEY` moves the ticket with the merge, unless a label forbids that.
    A tracker links a pull request by the key in its branch and title, too, and moves the ticket for that alone; the
    word `skip` in the description keeps it from that: https://linear.app/docs/github
    """
    never = never_closes(record, config)
    url = f" ({record.item.url})" if record.item and record.item.url else ""
    parts = [f"{'For' if never else 'Closes'} {record.key}{url}"]
    if never:
        keys = dict.fromkeys((record.key, *(record.item.former_keys if record.item else ())))
        parts.append(f"Only a person closes this ticket: {', '.join(f'skip {key}' for key in keys)}.")
    parts += [for_body(words, record.key), checks_text(checks, sha, record.key)]
    parts.append(
        "\n".join([LOOK_AT_TESTS, *(f"- {for_body(one, record.key)}" for one in weakened)]) if weakened else ""
    )
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

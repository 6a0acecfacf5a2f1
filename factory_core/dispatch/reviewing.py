"""Steps from the pull request to the merge: read it, judge it by the policy, merge it, or run the agent again."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..config import FactoryConfig
from ..work_item import ItemState
from . import comments
from .asking import note_talk
from .effects import (
    Effect,
    EnableAutoMerge,
    LinkPullRequest,
    MergePullRequest,
    PostComment,
    ReadPullRequest,
    RequestReview,
    SetItemState,
)
from .ending import block, cancel, disarm, finish
from .events import (
    CheckedIn,
    PullRequestChanged,
    PullRequestOpened,
    PullRequestRead,
    ReplyReceived,
)
from .feedback import passed_over, said_on
from .merge_gate import Gate, gate, protected_files
from .merging import LOOK_SOON, merge, still_refused
from .pull_request import PullRequest
from .records import Block, InFlightRecord, State, Transition, short
from .replies import ReplyEvent, ignore, take_words, tell_agent
from .rounds import conflict_over, follow_up

A_MOMENT = timedelta(seconds=5)


def remember_pull_request(record: InFlightRecord, event: PullRequestOpened, config: FactoryConfig) -> Transition:
    """It is open: the ticket shows it, people are told once what was done, and we look at it at once."""
    pull_request = event.pull_request
    effects: list[Effect] = [SetItemState(to=ItemState.IN_REVIEW, expect=(ItemState.READY, ItemState.DISPATCHED))]
    effects += _link(record, pull_request, config)
    for_people = record.flagged or protected_files(pull_request.files, config.protected_paths)
    if config.merge.auto and config.merge.policy != "never" and pull_request.head_sha and not for_people:
        effects.append(EnableAutoMerge(sha=pull_request.head_sha))
        record = record.but(armed=True)
    if _is_news(record, pull_request) or record.flagged:
        effects.append(PostComment(body=comments.ready_for_review(record, event)))
    if event.weakened and (mark := f"tests:{short(' '.join(event.weakened))}") not in record.handled:
        later = not _is_news(record, pull_request) and not record.session_id  # its description says it of the first
        effects += [PostComment(body=comments.tests_weakened(event.weakened, record.key))] if later else []
        record = record.handle(mark)
    effects += [RequestReview(app=app) for app in config.merge.wait_for_review_by]
    words = f"Pull request #{pull_request.number} is open."
    noted = record.note(event.at, "factory", words) if _is_news(record, pull_request) else record
    return noted.stay(*effects, ReadPullRequest(), pull_request=pull_request.bounded())


def note_pull_request(record: InFlightRecord, event: PullRequestOpened, config: FactoryConfig) -> Transition:
    """It was being opened when the item went elsewhere: it is known all the same."""
    return record.stay(*_link(record, event.pull_request, config), pull_request=event.pull_request.bounded())


def finish_or_keep_comments(record: InFlightRecord, event: PullRequestRead, config: FactoryConfig) -> Transition:
    """A person merged it while the agent was at work: then nothing is left to do. What people wrote on it is kept."""
    pull_request = event.pull_request
    if pull_request is None:
        return record.stay()
    if pull_request.merged:
        return finish(record.but(pull_request=pull_request.bounded()), event.at, config)
    return take_comments(record, pull_request, event.at).stay()


def read_it(record: InFlightRecord, event: PullRequestChanged, config: FactoryConfig) -> Transition | None:
    """Something happened to it; what, only a fresh read tells. One read not yet begun is enough."""
    if record.pull_request is None:
        return None
    return record.stay(*record.afresh(ReadPullRequest()))


def judge(record: InFlightRecord, event: PullRequestRead, config: FactoryConfig) -> Transition:
    """Merged, closed, to be mended, to be merged, or to be waited for.

    Something may have happened to it while it was read; then another read is planned, and that one decides.
    """
    pull_request, at = event.pull_request, event.at
    if any(isinstance(planned.effect, ReadPullRequest) for planned in record.outbox):
        return record.stay()
    if pull_request is None:
        return block(
            record,
            at,
            Block(
                reason="pull-request-gone",
                why="Its pull request is gone.",
                fix=comments.retry_fix(record),
                gate_lifts=True,
            ),
            config,
        )
    record = record.but(pull_request=pull_request.bounded())
    if pull_request.merged:
        return finish(record, at, config)
    record = take_comments(record, pull_request, at)
    if pull_request.state == "closed":
        why = f"A person closed pull request #{pull_request.number} without merging it."
        closed = Block(reason="pull-request-closed", why=why, fix=comments.retry_fix(record), gate_lifts=True)
        return block(record, at, closed, config)
    if record.tracker is ItemState.DONE:
        return cancel(record, at, "a person moved the ticket to done", config)
    return _by_gate(record, _judged(record, pull_request, config), pull_request, at, config)


def judge_blocked(record: InFlightRecord, event: PullRequestRead, config: FactoryConfig) -> Transition:
    """A person may have merged what was blocked, or mended it; but what the agent left undone is not merged.

    What would stop it again for what it stopped for is no news: it is neither said nor noted once more.
    """
    pull_request, stopped = event.pull_request, record.block
    if any(isinstance(planned.effect, ReadPullRequest) for planned in record.outbox):
        return record.stay()
    if pull_request is None:
        return record.stay()
    if pull_request.merged:
        return finish(record.but(pull_request=pull_request.bounded()), event.at, config)
    record = take_comments(record, pull_request, event.at)
    if pull_request.state == "closed":
        return record.stay()
    record = record.but(pull_request=pull_request.bounded())
    passed = _judged(record, pull_request, config)
    if passed.verdict == "open" and stopped and stopped.gate_lifts and not still_refused(record, event.at, config):
        lifted = _by_gate(record.but(block=None), passed, pull_request, event.at, config)
        if lifted.record.block != stopped:
            return lifted
    return record.stay()


def finish_or_look_again(record: InFlightRecord, event: PullRequestRead, config: FactoryConfig) -> Transition:
    """What the merge left behind; a read from before it says nothing."""
    pull_request = event.pull_request
    if any(isinstance(planned.effect, MergePullRequest) for planned in record.outbox):
        return record.stay()
    if pull_request and pull_request.merged:
        return finish(record.but(pull_request=pull_request.bounded()), event.at, config)
    return record.to(State.IN_REVIEW, event.at, ReadPullRequest(), within=config.runner.review_check_every)


def read_remind_or_block(record: InFlightRecord, event: CheckedIn, config: FactoryConfig) -> Transition:
    """Nothing came: read it again, remind once, and call a person when nobody reviews.

    Nobody is called before people were reminded: the machine may have slept through that, or its clock be wrong.
    """
    waited = event.at - (record.since or event.at) - record.paused
    reminded = "reminded" in record.handled or config.merge.remind_after >= config.merge.give_up_after
    if waited >= config.merge.give_up_after and reminded:
        why = f"Nobody acted on its pull request for {comments.duration(waited)}.{_waits_for(record)}"
        unanswered = Block(reason="review-unanswered", why=why, fix=comments.retry_fix(record), gate_lifts=True)
        return block(record, event.at, unanswered, config)
    effects: list[Effect] = [*record.once(ReadPullRequest())]
    if waited >= config.merge.remind_after and "reminded" not in record.handled:
        where = record.pull_request.url if record.pull_request else ""
        waits = comments.review_waits(waited, f"{where}{_waits_for(record)}")
        effects += [] if record.session_id else [PostComment(body=waits)]
        record = record.handle("reminded")
    return record.to(State.IN_REVIEW, event.at, *effects, within=config.runner.review_check_every)


def follow_comment(record: InFlightRecord, event: ReplyEvent, config: FactoryConfig) -> Transition | None:
    """A reviewer's words on the ticket, or in the tracker's agent session: the agent runs again with them."""

    def run_again(noted: InFlightRecord) -> Transition:
        return follow_up(tell_agent(noted, event.reply), event.at, (), config, "review-failed")

    return take_words(record, event, config, "wrote", run_again)


def follow_words(record: InFlightRecord, event: ReplyReceived, config: FactoryConfig) -> Transition | None:
    """Words in the agent session are meant for the agent, and it runs again with them; talk in a thread is talk."""
    return (follow_comment if event.session_id else note_talk)(record, event, config)


def take_comments(record: InFlightRecord, pull_request: PullRequest, at: datetime) -> InFlightRecord:
    """With what people wrote on the pull request, each comment once, for the next run.

    It counts from those who may write there. That others wrote, or reviewed, is noted once for each of them. A comment
    without a word in it costs no run.
    """
    for said in said_on(pull_request):
        mark = said.words[0][0]
        if said.standing in {"writer", "author"} and mark not in record.handled:
            record = record.note(at, "person", f"{said.author} wrote on the pull request.", said.quote).handle(mark)
            record = record.tell(*(words for _, words in said.words)) if said.has_words else record
    for author, standing in passed_over(pull_request):
        known = "may not write to" if standing == "outsider" else "is not known to be one who may write to"
        record = ignore(record, author, f"{author} {known} {pull_request.repository}", at)
    return record


def _by_gate(
    record: InFlightRecord, passed: Gate, pull_request: PullRequest, at: datetime, config: FactoryConfig
) -> Transition:
    record = conflict_over(record, pull_request)
    new = [(mark, words) for mark, words in passed.feedback if mark not in record.handled]
    if new:
        noted = record.note(at, "factory", f"To be mended: {passed.why}")
        noted = noted.handle(*(mark for mark, _ in new))
        reason = (
            "ci-failed"
            if new[0][0].startswith("check:")
            else "conflict"
            if new[0][0].startswith("conflict:")
            else "review-failed"
        )
        return follow_up(noted, at, tuple(words for _, words in new), config, reason)
    if not passed.feedback:
        record = record.but(to_mend=())
    if record.feedback:
        return follow_up(record, at, (), config, "review-failed")
    if passed.verdict == "open":
        return merge(record, at, passed.why, config)
    back = disarm(record) if passed.held else ()
    record = record.but(armed=False) if back else record
    return record.stay(*back, deadline=_look_again(record, passed, at), waits_for=passed.why)


def _judged(record: InFlightRecord, pull_request: PullRequest, config: FactoryConfig) -> Gate:
    return gate(pull_request, config.merge, record.base, record.flagged, config.protected_paths)


def _waits_for(record: InFlightRecord) -> str:
    return f" It waits for this: {record.waits_for}" if record.waits_for else ""


def _look_again(record: InFlightRecord, passed: Gate, at: datetime) -> datetime | None:
    """Earlier than planned where no event will tell: when the wait ends, or soon, and then less and less often."""
    soon = passed.until
    if passed.unsaid:
        soon = at + max(LOOK_SOON, (at - (record.since or at)) / 4)
    return min(filter(None, (record.deadline, soon and max(soon, at + A_MOMENT))), default=None)


def _is_news(record: InFlightRecord, pull_request: PullRequest) -> bool:
    return record.pull_request is None or record.pull_request.number != pull_request.number


def _link(record: InFlightRecord, pull_request: PullRequest, config: FactoryConfig) -> list[Effect]:
    """The ticket shows each pull request, wherever the item was when it was opened; a tracker moves what it links."""
    news = _is_news(record, pull_request) and pull_request.url and not comments.never_closes(record, config)
    return [LinkPullRequest(url=pull_request.url)] if news else []

"""The agent runs again with what is broken or was asked for. Conflicts with the base have rounds of their own."""

from __future__ import annotations

from datetime import datetime

from ..config import FactoryConfig
from . import comments
from .asking import queue
from .effects import EnqueuePullRequest, UpdateBranch
from .ending import block
from .pull_request import PullRequest
from .records import MOST_TEXT, MOST_WORDS, Block, InFlightRecord, Transition


def follow_up(
    record: InFlightRecord, at: datetime, words: tuple[str, ...], config: FactoryConfig, reason: str
) -> Transition:
    """Run the agent again in the same work tree with these words, unless the rounds for this reason are used up."""
    broken = (*record.to_mend, *(text[:MOST_TEXT] for text in words))[-MOST_WORDS:]
    counter, most = (
        ("conflict_rounds", config.agents.max_conflict_rounds)
        if reason == "conflict"
        else ("round", config.agents.max_rounds)
    )
    used: int = getattr(record, counter)
    if used >= most:
        last = (*record.feedback, *words)[-1].strip().partition("\n")[0][:300]
        why = f"Still not right after {used} follow-ups. Last: {last}"
        stopped = Block(reason=reason, why=why, fix=comments.retry_fix(record), gate_lifts=True)
        return block(record.but(to_mend=broken), at, stopped, config)
    counted = record.without(UpdateBranch, EnqueuePullRequest).but(**{counter: used + 1})
    return queue(counted.but(to_mend=broken, attempt=0), at, config)


def conflict_over(record: InFlightRecord, pull_request: PullRequest) -> InFlightRecord:
    """The host shows no conflict, and did not refuse for one: the next conflict is a new one, with all its rounds."""
    refused = record.refused and record.refused.kind in ("fix-conflict", "update-branch")
    if pull_request.mergeable is not True or refused:
        return record
    handled = tuple(mark for mark in record.handled if not mark.startswith("conflict:"))
    return record.but(conflict_rounds=0, handled=handled)

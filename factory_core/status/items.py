"""Items as the status shows them: in flight, in line, finished. Each from its record, and the report of its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ..config import FactoryConfig
from ..dispatch import budget
from ..dispatch.batch import Batch
from ..dispatch.capacity import Limits, why_waiting
from ..dispatch.merge_gate import GREEN, counted, missing_check, verdicts
from ..dispatch.pull_request import PullRequest
from ..dispatch.records import ENDED, MOST_LOG, InFlightRecord, State
from ..runs.run import RunReport, Usage
from . import explain
from .formatting import arguments, cents, link, seconds_since, sentence
from .schema import STATIONS, Checks, Finished, Item, Link, Outcome, PullRequestReport, Queued, Review

_STATION = {
    State.NEW: 1, State.TRIAGING: 1, State.QUEUED: 2, State.DISPATCHING: 2, State.RUNNING: 2,
    State.IN_REVIEW: 5, State.MERGING: 6, State.DONE: 6,
}  # fmt: skip
_OUTCOMES: dict[State, Outcome] = {State.DONE: "done", State.CANCELLED: "cancelled", State.FAILED: "given up"}


def run_of(record: InFlightRecord, runs: Mapping[str, RunReport]) -> RunReport | None:
    """The report of the run that is going on; a run that was already counted is none."""
    return runs.get(record.run.run_id) if record.run and record.state is State.RUNNING else None


def item_of(record: InFlightRecord, run: RunReport | None, config: FactoryConfig, now: datetime) -> Item:
    """One item in full; `run` is the run that is going on."""
    spent = spent_of(record, run)
    need = explain.need(record, spent, config, now)
    since = record.clarification.asked_at if need and need.quote and record.clarification else record.since
    hidden = config.server.titles == "hidden"
    trouble = explain.trouble(record, config, now)
    fix = need.fix if need else ""
    return Item(
        **_summary(record, spent, config, now) | {"since": since, "since_s": seconds_since(since, now)},
        reason=need.reason if need else None,
        why=_why(need, hidden) if need else "",
        quote=need.quote if need and not hidden else "",
        then=" ".join(part for part in (need.then if need else "", trouble) if part),
        waiting_on=need.waiting_on if need else None,
        escalates_at=need.escalates_at if need else None,
        **_stage(record),
        engine=record.run.engine if record.run else (record.route.engine or None) if record.route else None,
        try_=record.attempt,
        max_tries=config.agents.max_attempts,
        turns=run.usage.turns if run else None,
        max_turns=config.agents.max_turns,
        cap_usd=cents(config.agents.max_usd),
        budget_usd=cents(budget.limit(record, config)),
        left_usd=cents(budget.left(record, config)),
        runs_today=budget.runs_on(record, now),
        most_runs_today=config.runs_a_day(),
        **_progress(record, run, hidden),
        link=_link(record, config, hidden) if need else None,
        fix=arguments(fix),
        fix_in_words=fix,
    )


def _why(need: explain.Need, hidden: bool) -> str:
    """Where titles are hidden, a block's reason without its words: they may quote the ticket or the agent."""
    if not hidden or need.reason in {"waiting-clarification", "approval"}:
        return need.why
    if need.reason == "not-begun":
        return sentence(need.why.partition(":")[0])
    return f"Stopped: {need.reason.replace('-', ' ')}."


def _summary(record: InFlightRecord, spent: Usage, config: FactoryConfig, now: datetime) -> dict[str, Any]:
    item, hidden = record.item, config.server.titles == "hidden"
    return {
        "key": record.key, "title": item.title if item and not hidden else "",
        "url": link(item.url, config) if item and not hidden else None,
        "repo": record.route.repository if record.route else None,
        "state": record.state, "since": record.since, "since_s": seconds_since(record.since, now),
        "spent_usd": cents(spent.usd), "cost_known": spent.cost_known, "pr": _pull_request(record.pull_request, config),
    }  # fmt: skip


def spent_of(record: InFlightRecord, run: RunReport | None) -> Usage:
    return record.spent.plus(run.usage) if run else record.spent


def _stage(record: InFlightRecord) -> dict[str, Any]:
    """The station, its place among the six, and what is to be said of it. A stopped item stands where it stopped."""
    stopped = 5 if record.pull_request else 2 if record.run else 1
    index = _STATION.get(record.state, stopped)
    note = None
    if record.state in {State.DISPATCHING, State.RUNNING}:
        note = f"try {record.attempt}" if record.attempt > 1 else None
        note = f"follow-up {record.round}" if record.round else note
    elif record.pull_request and index >= 5:
        checks = _checks(record.pull_request)
        note = f"checks {checks}" if checks else None
    return {"stage": STATIONS[index - 1], "stage_index": index, "stage_note": note, "stage_since": record.since}


def _progress(record: InFlightRecord, run: RunReport | None, hidden: bool) -> dict[str, Any]:
    """Of the agent while it works, else the last thing that happened to the item."""
    if run:
        words = run.progress if not hidden else ""
        return {"alive_at": run.alive_at, "progress_at": run.progress_at, "progress": words or None}
    last = record.log[-1] if record.log else None
    return {"progress_at": last.at if last else None, "progress": last.text if last and not hidden else None}


def _pull_request(pull_request: PullRequest | None, config: FactoryConfig) -> PullRequestReport | None:
    if pull_request is None:
        return None
    return PullRequestReport(
        number=pull_request.number, url=link(pull_request.url, config), draft=pull_request.draft,
        checks=_checks(pull_request), review=_review(pull_request, config),
    )  # fmt: skip


def _review(pull_request: PullRequest, config: FactoryConfig) -> Review | None:
    states = {review.state for review in verdicts(pull_request, config.merge)}
    return "changes requested" if "changes_requested" in states else "approved" if "approved" in states else None


def _checks(pull_request: PullRequest) -> Checks | None:
    checks = counted(pull_request)
    if not checks:
        return None
    if any(check.status == "completed" and check.conclusion not in GREEN for check in checks):
        return "failed"
    return "running" if missing_check(checks, ()) else "green"


def _link(record: InFlightRecord, config: FactoryConfig, hidden: bool) -> Link | None:
    """Where a person acts: the thread, the pull request, else the ticket."""
    places = []
    if record.state is State.WAITING and record.clarification:
        places.append((f"Answer in {config.title(config.clarification_channel)}", record.clarification.url))
    if record.pull_request:
        places.append((f"Read PR #{record.pull_request.number}", record.pull_request.url))
    if record.item and not hidden:  # the address holds the title
        places.append((f"Open in {config.title(config.intent_provider)}", record.item.url))
    safe = (Link(words=words, url=url) for words, found in places if (url := link(found, config)))
    return next(safe, None)


def queue_of(
    records: Sequence[InFlightRecord], batch: Batch, config: FactoryConfig, now: datetime
) -> tuple[Queued, ...]:
    """In the order in which the line is served."""
    entries = {entry.work_item_id: entry for entry in batch.queue}
    ranked = []
    for record in records:
        if record.state is State.QUEUED:
            entry = entries.get(record.work_item_id)
            why = (
                (why_waiting(batch, entry, Limits.of(config), now) if entry else "")
                or record.waits_for
                or "its turn is next"
            )
            rank = (entry.priority or 9, entry.since) if entry else (10, record.since or now)
            ranked.append((rank, record, why))
    ranked.sort(key=lambda place: (place[0], place[1].work_item_id))
    return tuple(Queued(**_summary(record, spent_of(record, None), config, now), why=why) for _, record, why in ranked)


def finished_of(records: Sequence[InFlightRecord], config: FactoryConfig, now: datetime) -> tuple[Finished, ...]:
    """Newest first."""
    ended = [record for record in records if record.state in ENDED]
    ended.sort(key=lambda record: (-(record.since or now).timestamp(), record.key))
    return tuple(
        Finished(
            **_summary(record, spent_of(record, None), config, now),
            outcome="merged" if explain.merged(record) else _OUTCOMES[record.state],
            took_s=seconds_since(record.log[0].at, record.since) if record.since and _whole(record) else None,
        )
        for record in ended
    )


def _whole(record: InFlightRecord) -> bool:
    """Is the first line of the history still there?"""
    return 0 < len(record.log) < MOST_LOG

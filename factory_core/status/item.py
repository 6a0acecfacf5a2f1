"""item_report(): one item, whole. Its time-line is the record's own log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..config import FactoryConfig
from ..dispatch.records import ENDED, InFlightRecord, State
from ..runs.run import RunReport, Usage
from . import explain
from .formatting import ago, command, cost, duration, link, money, retry, sentence
from .items import item_of
from .schema import Fact, Item, ItemReport, LogLine


def item_report(
    record: InFlightRecord,
    run: RunReport | None,
    config: FactoryConfig,
    now: datetime,
    version: str,
    output: Sequence[str] = (),
) -> ItemReport:
    """`run` is what the fleet knows of the run, and counts while it runs; `output` is what the agent did last."""
    live = run if record.state is State.RUNNING else None
    item = item_of(record, live, config, now)
    return ItemReport(
        generated_at=now, data_at=now, tenant=config.tenant, environment=config.environment, version=version,
        item=item,
        sentence=_sentence(record, item, config, now),
        next=f"{item.then} {'' if item.reason else explain.coming(record, config, now)}",
        commands=_commands(record, item),
        log=_log(record, config),
        output=tuple(output) if config.server.titles == "shown" else (),
        facts=tuple(_facts(record, item, live, config, now)),
    )  # fmt: skip


def _sentence(record: InFlightRecord, item: Item, config: FactoryConfig, now: datetime) -> str:
    if item.reason:
        return item.why
    here = duration(item.since_s) if item.since_s is not None else ""
    said = explain.now_sentence(record, here, f"try {item.try_} of {item.max_tries}", now)
    if record.block and config.server.titles == "shown":
        said = f"{said} {sentence(record.block.why)}"
    doing = (
        f" Last progress {ago(item.progress_at, now)}." if item.progress_at and record.state is State.RUNNING else ""
    )
    return said + doing


def _commands(record: InFlightRecord, item: Item) -> tuple[str, ...]:
    """What can be typed now, the likeliest first."""
    again, abort = retry(record.key), command("pipeline", "abort", record.key)
    if record.state in {State.DONE, State.CANCELLED}:
        return ()
    if record.state in {State.BLOCKED, State.FAILED}:
        first = (item.fix_in_words,) if item.fix and item.fix_in_words != again else ()
        return (*first, again) if record.state in ENDED else (*first, again, abort)
    return (abort,)


def _log(record: InFlightRecord, config: FactoryConfig) -> tuple[LogLine, ...]:
    """Newest first. Where titles are hidden, without what follows a colon: it may quote the ticket or the agent."""
    if config.server.titles == "hidden":
        return tuple(
            LogLine(at=entry.at, by=entry.by, text=entry.text.partition(":")[0]) for entry in reversed(record.log)
        )
    return tuple(
        LogLine(at=entry.at, by=entry.by, text=entry.text, quote=entry.quote) for entry in reversed(record.log)
    )


def _facts(
    record: InFlightRecord, item: Item, run: RunReport | None, config: FactoryConfig, now: datetime
) -> list[Fact]:
    """What is known; what is not is left out."""
    usage = record.spent.plus(run.usage) if run else record.spent
    facts = [Fact(name="Ticket", value=f"{record.key} in {config.title(config.intent_provider)}", url=item.url)]
    facts += [Fact(name="Asked by", value=record.item.reporter)] if record.item and record.item.reporter else []
    if record.route:
        facts.append(Fact(name="Repository", value=f"{record.route.repository}, from {record.route.base}"))
        facts += [Fact(name="Chosen by", value=record.route.why)] if record.route.why else []
    facts += _work(record, item, config)
    facts.append(Fact(name="Turns", value=f"{item.turns} of {item.max_turns}")) if item.turns is not None else None
    facts.append(Fact(name="Spent", value=f"{cost(item.spent_usd, item.cost_known)}, cap {money(item.cap_usd)} a run"))
    runs = f"{item.runs_today} of {item.most_runs_today} runs today"
    facts.append(Fact(name="Budget", value=f"{money(item.left_usd)} left of {money(item.budget_usd)}, {runs}"))
    facts += [Fact(name="Tokens", value=_tokens(usage))] if usage.input_tokens or usage.output_tokens else []
    for name, moment in (("Agent alive", item.alive_at), ("Progress", item.progress_at)):
        facts += [Fact(name=name, value=ago(moment, now))] if moment else []
    if record.since and record.state in ENDED:
        keep = record.since + config.runner.keep_finished
        facts.append(Fact(name="Kept until", value=f"{keep:%Y-%m-%d}"))
    return facts


def _work(record: InFlightRecord, item: Item, config: FactoryConfig) -> list[Fact]:
    """Branch, pull request, engine and run."""
    pull_request = record.pull_request
    facts = []
    if record.branch and config.server.titles == "shown":  # the branch's name holds the title
        facts.append(Fact(name="Branch", value=record.branch))
    number = f"#{pull_request.number}" if pull_request else "not yet"
    facts.append(Fact(name="Pull request", value=number, url=link(pull_request.url, config) if pull_request else None))
    if record.run:
        facts.append(Fact(name="Engine", value=f"{record.run.engine}, try {item.try_} of {item.max_tries}"))
        facts.append(Fact(name="Run", value=record.run.run_id))
    return facts


def _tokens(usage: Usage) -> str:
    """`1.94 M, 1.61 M from cache`."""
    every = usage.input_tokens + usage.output_tokens
    return f"{_short(every)}, {_short(usage.cached_tokens)} from cache" if usage.cached_tokens else _short(every)


def _short(number: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.2f} {letter}"
    return str(number)

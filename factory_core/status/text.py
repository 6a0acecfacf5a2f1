"""The status as text for a terminal: the page's order, words and numbers, from the same report. No colour here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from .formatting import ago, clock, cost, duration, iso, money
from .schema import Finished, Item, ItemReport, ItemSummary, LineReport, Queued, StatusReport

MOST_SHOWN = 5
MARKS = {"waiting-clarification": "?", "approval": "◆"}


def words(report: StatusReport, *, all: bool = False) -> str:
    """`factory status`; with `all`, every item, the line and what has finished."""
    blocks = [_verdict(report), *(_need(item) for item in report.needs)]
    blocks += [_moving(report, None if all else MOST_SHOWN)] if report.moving else []
    blocks += ["\n".join((f"{line.title}: {line.note}", line.fix_in_words)) for line in _down(report)]
    if all:
        blocks += [_list(f"In line {len(report.queue)}", map(_queued, report.queue))] if report.queue else []
        finished = (_finished(item, report.generated_at) for item in report.finished)
        blocks += [_list("Just finished", finished)] if report.finished else []
    blocks += [_list("Next", (f"{step.words} {step.command}".strip() for step in report.start))] if report.start else []
    return "\n\n".join([*blocks, _last(report)])


def rows(report: StatusReport) -> str:
    """For a pipe: a line an item, tab-separated, times in full; before them each connection that needs a credential,
    each engine that cannot work, and what else does not work and has a fix.

    Columns: key, state, reason, since, repository, stage, try, spent, last progress, why, fix.
    """
    lost = (
        _line_row(line)
        for line in report.lines
        if line.status in ("needs-auth", "paused") or (line.status == "down" and line.fix_in_words)
    )
    open_items = (_row(item) for item in report.items)
    return "\n".join("\t".join(row) for row in (*lost, *open_items, *map(_queued_row, report.queue)))


def _down(report: StatusReport) -> list[LineReport]:
    """What does not work and a person can fix, beyond what the verdict says."""
    return [
        line
        for line in report.lines
        if line.status == "down" and line.fix_in_words != "" != line.note and line.note not in report.verdict.detail
    ]


def _verdict(report: StatusReport) -> str:
    said = (report.verdict.sentence, report.verdict.detail, report.verdict.fix_in_words)
    return "\n".join(line for line in said if line)


def _need(item: Item) -> str:
    head = f"{MARKS.get(item.reason or '', '✗')} {item.key}  {_since(item)}  "
    said = (f"{item.why} “{item.quote}”" if item.quote else item.why, item.then, item.fix_in_words)
    lines = [line for text in said if text for line in text.splitlines()]
    return head + ("\n" + " " * len(head)).join(lines)


def _moving(report: StatusReport, most: int | None) -> str:
    """A table with as much room as its cells need."""
    now, shown = report.generated_at, report.moving[:most]
    head = (f"Moving {len(report.moving)}", "", "stage", "here", "spent", "last progress")
    table = _table([head, *(_moving_cells(item, now) for item in shown)])
    noted = [
        line for item, row in zip(shown, table[1:], strict=True) for line in (row, item.then and f"    {item.then}")
    ]
    rest = len(report.moving) - len(shown)
    more = [f"  …{rest} more: factory status --all"] if rest else []
    return "\n".join([table[0], *filter(None, noted), *more])


def _moving_cells(item: Item, now: datetime) -> tuple[str, ...]:
    mark = "◆" if item.state == "in-review" else "●"
    progress = f"{ago(item.progress_at, now)}, {item.progress or ''}".rstrip(", ") if item.progress_at else ""
    return (
        f"{mark} {item.key}",
        item.repo or "",
        item.where,
        _since(item),
        cost(item.spent_usd, item.cost_known),
        progress,
    )


def _queued(item: Queued) -> str:
    return f"{item.key}  {_since(item)}  {item.why}"


def _finished(item: Finished, now: datetime) -> str:
    return f"{item.key}  {finished_words(item)}, {clock(item.since, now)}" if item.since else item.key


def finished_words(item: Finished) -> str:
    """`merged #487 · 48 min, $3.02`, without the moment."""
    number = f" #{item.pr.number}" if item.pr and item.outcome == "merged" else ""
    took = f"{duration(item.took_s)}, " if item.took_s is not None else ""
    spent = cost(item.spent_usd, item.cost_known)
    return f"{item.outcome}{number} · {took}{'cost ' if spent == 'not measured' else ''}{spent}"


def _last(report: StatusReport) -> str:
    """The line that closes: what waits, what it cost, which line is not well."""
    vitals, now = report.vitals, report.generated_at
    lines = [
        f"{line.title} {line.status}" + (f", last heard {ago(line.last_event_at, now)}" if line.last_event_at else "")
        for line in report.lines
        if line.status != "ok"
    ]
    agents = f"{vitals.agents_busy} of {vitals.agents_max} agents busy"
    today = f"today {money(vitals.today.spent_usd)} of {money(vitals.budget_usd)}"
    spent = f"spent {cost(vitals.spent_usd, vitals.cost_known)}"
    return " · ".join((f"In line {vitals.queue}", agents, spent, today, *lines, "all times UTC"))


def _since(item: ItemSummary) -> str:
    return duration(item.since_s) if item.since_s is not None else "–"


def _list(title: str, lines: Iterable[str]) -> str:
    return "\n".join((title, *(f"  {line}" for line in lines)))


def _table(cells: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _row(item: Item) -> tuple[str, ...]:
    said = " ".join(part for part in (item.why, item.quote) if part) or item.progress or ""
    return (
        item.key, item.state, item.reason or "", _iso(item.since), item.repo or "", item.where, str(item.try_),
        _usd(item), _iso(item.progress_at), " ".join(said.split()), item.fix_in_words,
    )  # fmt: skip


def _usd(item: ItemSummary) -> str:
    return str(item.spent_usd) if item.spent_usd or item.cost_known else ""


def _line_row(line: LineReport) -> tuple[str, ...]:
    return line.name, line.status, line.status, _iso(line.since), "", "", "", "", "", line.note, line.fix_in_words


def _queued_row(item: Queued) -> tuple[str, ...]:
    said = (item.repo or "", "In line", "", _usd(item), "", item.why, "")
    return (item.key, item.state, "", _iso(item.since), *said)


def _iso(moment: datetime | None) -> str:
    return iso(moment) if moment else ""


def item_words(report: ItemReport) -> str:
    """`factory status KEY`: now, next, what to type, the facts, and what happened, newest first."""
    item, now = report.item, report.generated_at
    said = f"{report.sentence} “{item.quote}”" if item.quote else report.sentence
    head = [f"{item.key}  {item.title}".rstrip(), said, report.next]
    wide = max((len(fact.name) for fact in report.facts), default=0)
    facts = [f"{fact.name.ljust(wide)}  {fact.value}" for fact in report.facts]
    happened = [
        line for entry in report.log for line in _happened(clock(entry.at, now), entry.by, entry.text, entry.quote)
    ]
    blocks = ["\n".join(line for line in head if line), "\n".join(f"  {line}" for line in report.commands)]
    blocks += ["\n".join(facts), _list(f"What happened {len(report.log)}, newest first", happened) if happened else ""]
    blocks.append(_list("What the agent did, last line newest", report.output) if report.output else "")
    blocks.append("All times UTC")
    return "\n\n".join(block for block in blocks if block)


def _happened(at: str, by: str, text: str, quote: str) -> list[str]:
    head = f"{at}  {by.ljust(7)}  "
    return [head + text, *(" " * len(head) + f"│ {line}" for line in quote.splitlines())]

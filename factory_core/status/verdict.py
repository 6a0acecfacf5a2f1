"""The verdict: one sentence that comes first. The first case that fits wins; docs/operate.md lists each sentence."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ..config import FactoryConfig
from .formatting import ago, arguments, count, duration, money, sentence
from .schema import Item, LineReport, Longest, Queued, Verdict, Vitals

MOST_NAMED = 5


def verdict(
    items: Sequence[Item],
    queue: Sequence[Queued],
    lines: Sequence[LineReport],
    vitals: Vitals,
    config: FactoryConfig,
    now: datetime,
    held_up_by: Sequence[str] = (),
) -> Verdict:
    """`held_up_by`: the keys of the items in review for whose places the line waits."""
    needs = [item for item in items if item.reason]
    longest = Longest(key=needs[0].key, seconds=needs[0].since_s) if needs and needs[0].since_s is not None else None
    return (
        _intake_down(lines, needs, longest, config)
        or _needs_auth(lines, needs, longest)
        or _engine_paused(lines, needs, longest)
        or _needs_person(items, needs, queue, lines, longest)
        or _budget(vitals, queue)
        or _held_up(queue, lines, held_up_by)
        or _moving(items, queue, lines)
        or _idle(lines, config, now)
    )


def _intake_down(
    lines: Sequence[LineReport], needs: Sequence[Item], longest: Longest | None, config: FactoryConfig
) -> Verdict | None:
    """The tracker cannot be heard: its own line is down, or the relay that brings its events, or the store."""
    intake = {config.intent_provider, config.relay, "store"} - {""}
    line = next((line for line in lines if line.name in intake and line.status == "down"), None)
    if line is None:
        return None
    fix = line.fix_in_words or (f"factory doctor {line.name}" if line.name in config.providers() else "factory check")
    return Verdict(
        level="intake-down", count=len(needs), longest=longest,
        sentence=f"Intake is down: no signed {config.title(config.intent_provider)} event can be accepted.",
        detail=sentence(f"{line.title}: {line.note or 'it does not answer'}"), fix=arguments(fix), fix_in_words=fix,
    )  # fmt: skip


def _needs_auth(lines: Sequence[LineReport], needs: Sequence[Item], longest: Longest | None) -> Verdict | None:
    """A vendor refuses the credential: the tickets wait, and only a person can put in a new one."""
    lost = [line for line in lines if line.status == "needs-auth"]
    if not lost:
        return None
    titles = " and ".join(line.title for line in lost)
    people = f"{count(len(needs), 'item')} {'needs' if len(needs) == 1 else 'need'} a person." if needs else ""
    said = [*(sentence(f"{line.title}: {line.note}") for line in lost), "What needs it waits; no ticket stops.", people]
    return Verdict(
        level="needs-auth", count=len(needs), longest=longest,
        sentence=f"{titles} {'needs a new credential' if len(lost) == 1 else 'need new credentials'}.",
        detail=" ".join(part for part in said if part), fix=lost[0].fix, fix_in_words=lost[0].fix_in_words,
    )  # fmt: skip


def _engine_paused(lines: Sequence[LineReport], needs: Sequence[Item], longest: Longest | None) -> Verdict | None:
    """An engine cannot work, through no ticket's fault: its tickets wait in line, and go on by themselves."""
    paused = [line for line in lines if line.status == "paused"]
    if not paused:
        return None
    people = f"{count(len(needs), 'item')} {'needs' if len(needs) == 1 else 'need'} a person." if needs else ""
    said = [*(sentence(f"{line.title}: {line.note}") for line in paused), "Waiting costs no try.", people]
    return Verdict(
        level="engine-paused", count=len(needs), longest=longest,
        sentence=f"{' and '.join(line.title for line in paused)} cannot work.",
        detail=" ".join(part for part in said if part), fix=paused[0].fix, fix_in_words=paused[0].fix_in_words,
    )  # fmt: skip


def _needs_person(
    items: Sequence[Item],
    needs: Sequence[Item],
    queue: Sequence[Queued],
    lines: Sequence[LineReport],
    longest: Longest | None,
) -> Verdict | None:
    if not needs:
        return None
    others = len(items) - len(needs)
    rest = f"The other {others} are moving." if others > 1 else "The other one is moving." if others else ""
    wait = f"The longest wait is {duration(longest.seconds)}: {longest.key}." if longest else ""
    said = [rest, wait, _in_line(queue), _troubled(lines)]
    verb = "needs" if len(needs) == 1 else "need"
    return Verdict(
        level="needs-person", count=len(needs), longest=longest,
        sentence=f"{count(len(needs), 'item')} {verb} a person.", detail=" ".join(part for part in said if part),
    )  # fmt: skip


def _budget(vitals: Vitals, queue: Sequence[Queued]) -> Verdict | None:
    """Tickets wait for the next day, and only money or time helps."""
    today = vitals.today
    if not today.reached:
        return None
    used = f"{money(today.spent_usd)} spent and {money(today.reserved_usd)} reserved of {money(vitals.budget_usd)}."
    more = f"It goes on at {today.resumes_at:%H:%M} UTC, or with a larger budget.daily in factory.config.yaml."
    said = [used, _in_line(queue), more]
    return Verdict(
        level="budget", count=0, sentence="New work is stopped: budget reached.",
        detail=" ".join(part for part in said if part),
    )  # fmt: skip


def _held_up(queue: Sequence[Queued], lines: Sequence[LineReport], by: Sequence[str]) -> Verdict | None:
    """Agents are free, and nothing starts: the review column is full. Its pull requests are read again for that."""
    if not by:
        return None
    shown = f"{', '.join(by[:MOST_NAMED])}{', …' if len(by) > MOST_NAMED else ''}"
    more = "It goes on when one of them is merged or closed, or with a larger capacity.perState.in-review."
    said = [f"In review: {shown}.", _in_line(queue), more, _troubled(lines)]
    fill = f"{count(len(by), 'review')} {'fills' if len(by) == 1 else 'fill'} the review column"
    return Verdict(
        level="moving", count=0, sentence=f"Nothing starts: {fill}.", detail=" ".join(part for part in said if part)
    )  # fmt: skip


def _moving(items: Sequence[Item], queue: Sequence[Queued], lines: Sequence[LineReport]) -> Verdict | None:
    if not items and not queue:
        return None
    oldest = max(items, key=lambda item: item.since_s or 0, default=None)
    where = f", oldest {duration(oldest.since_s)} in {_stage(oldest)}" if oldest and oldest.since_s is not None else ""
    said = [f"{len(items)} in flight{where}.", _in_line(queue), _troubled(lines)]
    return Verdict(
        level="moving",
        count=0,
        sentence="All is moving. Nothing needs you.",
        detail=" ".join(part for part in said if part),
    )


def _idle(lines: Sequence[LineReport], config: FactoryConfig, now: datetime) -> Verdict:
    tracker = next((line for line in lines if line.name == config.intent_provider), None)
    heard = f"{tracker.title} was heard {ago(tracker.last_event_at, now)}." if tracker and tracker.last_event_at else ""
    said = [heard, "No ticket is waiting, none is in flight.", _troubled(lines)]
    return Verdict(
        level="idle", count=0, sentence="Nothing to do. Intake is open.", detail=" ".join(part for part in said if part)
    )


def _stage(item: Item) -> str:
    return {"PR review": "review"}.get(item.stage, item.stage.lower())


def _in_line(queue: Sequence[Queued]) -> str:
    return f"{len(queue)} in line." if queue else ""


def _troubled(lines: Sequence[LineReport]) -> str:
    """Every line that is not as it should be, by name."""
    words = {"quiet": "quieter than usual", "down": "down"}
    return " ".join(f"{line.title} is {words[line.status]}." for line in lines if line.status in words)

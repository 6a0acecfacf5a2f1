"""Every law by name, with its sentence: those of each write, of each moment outside, and of the rest at the end."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import getdoc

from .final_laws import REST_LAWS
from .write_laws import WRITE_LAWS

OUTSIDE_LAWS: Mapping[str, str] = {
    "acknowledged-is-kept": "What was answered with 200 is in its record, kept for its thread, or of no use.",
    "orders-are-followed": "A person's stop, abort or retry moves each item that it reaches and concerns.",
    "words-reach-the-agent": "What people and the ticket said when a start was decided is in that agent's task.",
    "words-are-heard": "A person's words that reach an item which listens to them are in its record.",
    "performed-under-a-lease": "An effect is performed by who holds its item's lease.",
    "retries-keep-the-vendors-delay": "A vendor that says when to come again is not asked the same before.",
    "limits-are-the-accounts": "Who knows a vendor's rate limit makes no call that it covers before its end.",
    "saved-before-done": "Nothing is done outside under a key that was never saved.",
    "answers-so-that-senders-repeat": "A delivery is answered with 200, or with 503 while the store cannot be reached.",
    "poison-is-parked": "An effect that kills its worker each time is given up, whatever order it comes in.",
    "one-live-run": "At most one agent is at work on an item.",
    "outages-are-probed": "While an engine cannot work, few runs are started: one probe at a time, ever more seldom.",
    "capacity": "Neither agents nor slots exceed the limits: of all, of each repository, and of each column.",
    "item-budget-is-kept": "No ticket costs more than its budget, whatever becomes of it.",
    "daily-budget-is-kept": "What is spent in a day, and may be by those who run, never passes the budget of the day.",
    "starts-are-bounded": "No more runs start in an hour than may.",
    "line-keeps-its-order": "Of those in line who have room, the first by priority, and then by age, is served first.",
    "people-win": "The factory never moves a ticket that a person has put out of its columns.",
    "starts-only-what-is-ours": "No agent is started for what a person took back, refused, or keeps for people.",
    "unsure-starts-by-a-quotation": "What the rules are unsure of starts by a person's word, or by a true quotation.",
    "asked-once-about-a-text": "A model is asked about each text of a ticket once, and no oftener in a day than may.",
    "runs-where-it-belongs": "An agent works in the repository that the rules name, or else a person did when asked.",
    "one-pull-request": "An item has at most one open pull request for each time a person made it ready.",
    "merges-green-heads": "Only a head whose checks passed is merged.",
    "published-was-checked": "What is published passed its checks, or is merged by people alone.",
    "protected-waits-for-people": "What changes a protected file is pushed, and merged, at a person's word alone.",
    "merges-by-policy": "Where only people may merge, only people do.",
    "tenants": "No agent is told anything of another tenant.",
    "forgets-only-what-ended": "Only the record of what has ended is forgotten.",
    "found-in-time": "What was dropped is found by looking for it, within a bounded number of looks.",
    "search-keeps-its-budget": "A look for missed events asks each source no oftener than it may.",
    "search-keeps-its-interval": "Looks for missed events are their interval apart, however many processes there are.",
    "search-starts-only-news": "It starts what nobody knows, and of what had ended only what a person touched since.",
    "search-counts-what-it-found": "It reports just what it gave to the factory.",
    "looked-at-after-a-gap": "After a gap in which events may be lost, what waits is read again within minutes.",
    "looks-keep-their-pace": "The looks after a gap are spread out: so many a minute, however often there is a gap.",
    "refusals-are-not-hammered": "Of a refused head a merge is asked a few times an hour, an update of it three times.",
    "arms-its-own-heads": "The code host is told to merge by itself only a head that an agent pushed, and by its name.",
    "comes-to-rest": "Everything comes to rest, in bounded steps and bounded time.",
    "no-task-ends-by-a-fault": "No task of a process ends by a mistake in the code.",
}


def every_law() -> dict[str, str]:
    """Name → sentence."""
    by_function = {law.__name__.replace("_", "-"): getdoc(law) or "" for law in (*WRITE_LAWS, *REST_LAWS)}
    return {**by_function, **OUTSIDE_LAWS}

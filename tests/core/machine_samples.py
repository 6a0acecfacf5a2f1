"""Records and events of every kind, for laws that hold for every cell of the table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any, get_args

from factory_core.dispatch import events
from factory_core.dispatch.effects import AskModel, ReadItem, ReserveOpinion, StartAgent, TriageItem
from factory_core.dispatch.model_verdict import MOST_OPINIONS, Opinion
from factory_core.dispatch.pull_request import Check, PullRequest, Review
from factory_core.dispatch.records import Block, Clarification, Consultation, InFlightRecord, State, Summary
from factory_core.dispatch.refusal import Refusal, RefusalKind, RefusedMerge
from factory_core.dispatch.routing import Route, Undecided
from factory_core.dispatch.spending import ItemSpending, OpenRun
from factory_core.dispatch.triage import Verdict
from factory_core.runs.run import ENDED, HeldChange, HeldChanges, Run, RunReport, RunStatus
from factory_core.work_item import ItemState

from .world import START, config_of, ticket

CONFIG = config_of(clarification={"whoMayAnswer": "reporter", "people": {"maya": "U1"}, "maxRounds": 2})
CLOSING = CONFIG.model_copy(update={"clarification": CONFIG.clarification.model_copy(update={"on_refusal": "close"})})
RUN = Run(run_id="ACME-1.b.0", engine="console", started_at=START)
ASKED = Consultation(digest="0123456789abcdef", run_id="ACME-1.b.model-0123456789abcdef")
ROUTE = Route(repository="acme/shop", engine="console", why="project Shop")
ROUTES = (
    ROUTE, ROUTE.model_copy(update={"repository": "acme/api", "chosen": True}),
    Undecided(why="no rule names a repository for it", repositories=("acme/shop", "acme/api")),
    Undecided(why="no rule names a repository for it", repositories=()),
)  # fmt: skip
PULL = PullRequest(
    repository="acme/shop", number=1, url="https://code.example/1", base="main", head_sha="a1",
    draft=False, merged=False, mergeable=True, reviews=(), files=(),
    checks=(Check(name="ci", status="completed", conclusion="success"),),
)  # fmt: skip
RED = PULL.model_copy(update={"checks": (Check(name="ci", status="completed", conclusion="failure"),)})
UNKIND = PULL.model_copy(update={"reviews": (Review(id="7", author="U2", state="changes_requested", body="No."),)})
CLASHING = PULL.model_copy(update={"mergeable": False})
HELD = HeldChanges(changes=(HeldChange(path="CODEOWNERS", mark="0123456789abcdef"),))
PULLS = (
    PULL, RED, UNKIND, CLASHING, None,
    PULL.model_copy(update={"merged": True, "state": "closed"}),
    PULL.model_copy(update={"state": "closed"}),
    PULL.model_copy(update={"checks": None, "draft": None}),
)  # fmt: skip
ITEMS = (
    None, ticket(), ticket(title="Rename total to price"), ticket(labels=("exec:pair",)),
    *(ticket(state=state) for state in ItemState),
)  # fmt: skip
FOUND_MERGED = {
    "item": ticket(state=ItemState.DONE), "merged": PULL.model_copy(update={"merged": True, "state": "closed"}),
}  # fmt: skip
VERDICTS = (
    Verdict(kind="spike", reasons=("its label spike calls it a spike",)),
    Verdict(kind="withdrawn", reasons=("somebody wrote that it is not to be done",)),
    Verdict(hold="it pipes a download into a shell"),
    Verdict(stop="its label exec:pair says no"),
    Verdict(),
    Verdict(missing=("goal",), question="What exactly?"),
)
UNSURE = Verdict(missing=("goal",), question="What exactly?", confidence="low")
REPLIES = tuple(
    events.Reply(id=f"m-{author}-{text}", author=author, text=text, at=START)
    for author in ("maya", "U1", "U9")
    for text in ("In the page.", "2", "Please stop.", "/factory allow")
)

FIELDS: dict[type[events.Event], tuple[dict[str, Any], ...]] = {
    events.ItemChanged: (*({"item": item} for item in ITEMS), {"item": None, "session_id": "s1"}),
    events.ItemRead: (*({"item": item} for item in ITEMS), FOUND_MERGED),
    events.ItemStranded: ({"item": ticket(state=ItemState.DISPATCHED)},),
    events.StartRefused: (
        *({"item": item} for item in ITEMS),
        FOUND_MERGED,
        {"item": ticket(), "run_id": ASKED.run_id},
    ),
    events.Triaged: (
        *({"item": ticket(), "verdict": verdict, "route": route} for verdict, route in product(VERDICTS, ROUTES)),
        *({"item": ticket(), "verdict": UNSURE, "route": ROUTE, "asks": asks} for asks in (ASKED.digest, "1", "other")),
    ),
    events.QuestionAsked: (
        {"thread_id": "C1:1.0"},
        {"thread_id": "C1:1.0", "early": REPLIES},
        {"thread_id": "s1", "session_id": "s1"},
    ),
    events.ReplyReceived: tuple(
        {"thread_id": "C1:1.0", "session_id": session, "reply": reply} for session in ("", "s1") for reply in REPLIES
    ),
    events.CommentAdded: tuple({"reply": reply} for reply in REPLIES),
    events.ThreadMoved: ({"old": "C1", "new": "C2"}, {"old": "C7", "new": "C8"}),
    events.OpinionGranted: tuple({"digest": digest, "usd": Decimal("0.15")} for digest in (ASKED.digest, "other")),
    events.OpinionDenied: tuple({"digest": digest, "reason": "paused"} for digest in (ASKED.digest, "other")),
    events.SlotGranted: tuple({"repository": "acme/shop", "usd": 8, "probe": probe} for probe in (False, True)),
    events.SlotOffered: ({},),
    events.SlotDenied: ({"reason": "2 of 2 agents are busy"},),
    events.AgentStarted: ({"run": RUN}, {"run": RUN, "begun": True}),
    events.RunSeen: tuple(
        {"report": RunReport(run_id=run_id, work_item_id="ACME-1", status=status, alive_at=alive)}
        for status in RunStatus
        if status not in ENDED
        for run_id in (RUN.run_id, "ACME-1.b.9", "a.zombie.1")
        for alive in (None, START)
    ),
    events.StartFailed: tuple(
        {"report": RunReport(run_id=run_id, work_item_id="ACME-1", status=RunStatus.LIMITED, fault="machine")}
        for run_id in (RUN.run_id, "ACME-1.b.9", ASKED.run_id)
    ),
    events.AgentFinished: tuple(
        {"report": RunReport(run_id=run_id, work_item_id="ACME-1", status=status, words="Which one?", held=held)}
        for status in RunStatus
        if status in ENDED
        for run_id in (RUN.run_id, "ACME-1.b.9", "a.zombie.1", ASKED.run_id)
        for held in ((None, HELD) if status is RunStatus.HELD else (None,))
    ),
    events.PublishHeld: ({"held": HELD},),
    events.PullRequestOpened: ({"pull_request": PULL},),
    events.PullRequestChanged: ({"what": "check_run.completed"},),
    events.PullRequestRead: tuple({"pull_request": pull} for pull in PULLS),
    events.MergeRefused: tuple(
        {"refusal": Refusal(kind=kind, why=f"It says {kind}.", fix="In GitHub: look at it")}
        for kind in get_args(RefusalKind)
    ),
    events.EffectFailed: tuple(
        {"effect": effect, "why": "404", "fix": "factory check"}
        for effect in ("start_agent", "post_reply", "ask_model")
    ),
    events.CheckedIn: ({},),
    events.RecheckRequested: ({"cause": "the factory was started"},),
    events.StopRequested: ({}, {"by": "maya"}, {"by": "maya", "session_id": "s1"}),
    events.RetryRequested: ({}, {"by": "maya", "reason": "the server was down"}),
    events.AbortRequested: ({}, {"by": "maya", "reason": "not needed"}),
    events.ForgetRequested: ({}, {"by": "maya"}),
    events.BudgetRaised: ({"usd": 20}, {"usd": 80, "by": "maya"}, {"usd": 80, "by": "eve", "allowed": False}),
}


def events_of(kind: type[events.Event]) -> Iterator[events.Event]:
    """Samples of one kind of event: soon, and after every deadline."""
    for n, (fields, at) in enumerate(product(FIELDS[kind], (START, START + timedelta(days=30)))):
        yield kind(id=f"{kind.__name__}-{n}", work_item_id="ACME-1", at=at, **fields)


def records_in(state: State) -> Iterator[InFlightRecord]:
    """Records in one state: fresh, amid everything, and with everything used up."""
    asked = Clarification(question="In the API too?", thread_id="C1:1.0", asked_at=START)
    bare = InFlightRecord(work_item_id="ACME-1", state=state)
    known = bare.but(born="b", since=START, item=Summary.of(ticket()), tracker=ItemState.READY, route=ROUTE)
    busy = known.but(run=RUN, pull_request=PULL, attempt=1, branch="factory/ACME-1-x", clarification=asked)
    last = busy.but(attempt=CONFIG.agents.max_attempts, round=CONFIG.agents.max_rounds, feedback=("Use amount.",))
    poor = ItemSpending(
        estimated=Decimal(29), started=1, cap=Decimal(0), open=(OpenRun(run_id=RUN.run_id, usd=Decimal(1)),)
    )
    tired = ItemSpending(started=8, day=START.date(), runs=8, cap=Decimal(9))
    yield from (busy.but(spending=spending) for spending in (poor, tired))
    yield from (bare, known, busy, last, busy.but(probes=True), busy.but(interruptions=10))
    waits = Block(reason="protected-paths", why="It changes CODEOWNERS.", fix="In the ticket: allow it")
    yield from (busy.but(publishes=True, held=HELD), busy.but(held=HELD, block=waits))
    yield busy.but(feedback=("Use amount.",), answers=REPLIES[:1], tracker=ItemState.DONE, generation=2)
    for kind in get_args(RefusalKind):
        refused = RefusedMerge(kind=kind, why="It says no.", head="a1", seen="", times=3, updates=3, enqueued=3)
        yield busy.but(refused=refused, armed=True, conflict_rounds=2)
    yield busy.but(handled=("reminded",))
    yield known.plan([ReadItem(), ReadItem(), StartAgent()])
    if state is State.TRIAGING:
        opinions = tuple(Opinion(digest=f"{n}", why="no answer") for n in range(MOST_OPINIONS - 1))
        planned = known.but(consultation=ASKED, deadline=START).plan([ReserveOpinion(digest=ASKED.digest)])
        ask = AskModel(run_id=ASKED.run_id, digest=ASKED.digest, max_usd=Decimal("0.15"))
        granted = ASKED.model_copy(update={"granted": True})
        yield from (planned, planned.plan([TriageItem()]))
        yield busy.but(consultation=granted, deadline=START, opinions=opinions).plan([ask])
    yield from (busy.but(session_id=session, refresh_at=START + timedelta(days=1)) for session in ("s0", "s1"))
    for step, round_ in product(("asked", "reminded", "escalated"), (1, 2)):
        yield busy.but(clarification=asked.model_copy(update={"step": step, "round": round_}))
    yield busy.but(clarification=asked.model_copy(update={"repositories": ("acme/shop", "acme/api")}))
    for reason in ("still-unclear", "withdrawn", "ci-failed", "merge-refused", "budget-item"):
        lifts = reason not in ("still-unclear", "withdrawn")
        stopped = Block(reason=reason, why="It stopped.", fix="factory status ACME-1", gate_lifts=lifts)
        yield from (busy.but(block=stopped, feedback=feedback) for feedback in ((), ("Use amount.",)))

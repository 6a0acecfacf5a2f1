"""Many tickets while servers are killed, vendors fail and webhooks are lost: is anything doubled, lost, or not at rest?

`python -m tests.scenarios.soak [--minutes 5] [--tickets 150] [--seed N]` plays it with the product's own times, prints
a table, and exits with 1 when anything was doubled, lost or not at rest. The seed repeats what happens when; what the
processes make of it depends on the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from factory_core.dispatch.records import ENDED, InFlightRecord, State

from .counting import ANSWER, CLEAR, VAGUE
from .sandbox_thread import World, world
from .server_process import Home, Server, config_of, until

Kind = Literal["clear", "vague", "unroutable", "cancelled"]
KINDS: Mapping[Kind, float] = {"clear": 0.38, "vague": 0.25, "unroutable": 0.13, "cancelled": 0.24}
ACTIVE = 0.7  # of the time, in which tickets are made: the last ones meet kills, too
LONGEST_REST = 60.0  # seconds from the last kill until everything is at rest, on an idle machine
MACHINE = 5.0  # how much slower this machine may be
SLOW = 1.5  # seconds of a slow vendor, and of a delayed webhook
LASTS = 5.0  # seconds, in which somebody may meet a fault: those of a vendor that nobody asks do not pile up
WAIT = 2.0  # seconds that a vendor's 429 asks for
LOOK = 0.25  # seconds between two looks at what people have to answer
HOLDER = "supervise"


class Act(NamedTuple):
    """Something that happens at a moment: `do` and what it needs."""

    at: float
    do: Literal["ticket", "cancel", "kill", "second", "fault", "calm"]
    what: tuple[Any, ...] = ()


def plan(seed: int, seconds: float, tickets: int, kills: int) -> tuple[Act, ...]:
    """What happens when. The same arguments give the same plan."""
    chance = random.Random(seed)
    acts = list[Act]()
    for number, kind in enumerate(_kinds(chance, tickets)):
        at = chance.uniform(0, seconds * ACTIVE)
        acts.append(Act(at, "ticket", (number, kind)))
        if kind == "cancelled":
            acts.append(Act(at + chance.uniform(0, min(12.0, seconds * 0.2)), "cancel", (number,)))
    acts += [
        Act(seconds * (n + chance.random()) / kills, "kill", (chance.uniform(0, min(4.0, seconds / kills / 3)),))
        for n in range(kills)
    ]
    acts += [Act(at, "second") for at in (seconds / 4, *_every(chance, seconds, max(6.0, seconds / 25)))]
    acts += [Act(at, "fault", _fault(chance)) for at in _every(chance, seconds, 1.0)]
    acts += [Act(LASTS * n, "calm") for n in range(1, int(seconds / LASTS))]
    return tuple(sorted(acts))


def _kinds(chance: random.Random, tickets: int) -> list[Kind]:
    counts: dict[Kind, int] = {kind: round(tickets * share) for kind, share in KINDS.items()}
    counts["cancelled"] = tickets - sum(count for kind, count in counts.items() if kind != "cancelled")
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    chance.shuffle(kinds)
    return kinds


def _every(chance: random.Random, seconds: float, mean: float) -> Iterator[float]:
    at = chance.expovariate(1 / mean)
    while at < seconds:
        yield at
        at += chance.expovariate(1 / mean)


def _fault(chance: random.Random) -> tuple[Any, ...]:
    """A vendor's request that goes wrong, or one of its webhooks; seconds and copies as the sandbox takes them."""
    if chance.random() < 0.3:
        vendor = chance.choice(("linear", "slack", "github", "github"))
        return (vendor, chance.choice(("drop", "drop", "delay", "duplicate")), "*", 1, SLOW)
    vendor = chance.choice(("linear", "slack", "github", "git"))
    mode = chance.choice(("500", "500", "drop-before", "drop-after", "hang", *(("429",) if vendor != "git" else ())))
    return (vendor, mode, "*", chance.randint(1, 3), WAIT if mode == "429" else SLOW)


def as_shipped(w: World, tickets: int) -> dict[str, Any]:
    """A configuration that names the vendors, who merges, and how much may run: every time is the product's own."""
    config = config_of(w)
    room = {"agents": 8, "perRepository": 8}
    budget = {"daily": 1000 * tickets, "startsPerHour": 10 * tickets}
    config |= {"agents": {"engine": "console"}, "capacity": room, "budget": budget}
    config |= {"merge": {"policy": "on-green", "requiredChecks": ["ci"]}}
    del config["runner"]
    return config


class Ticket(NamedTuple):
    key: str
    kind: Kind


class Found(NamedTuple):
    """What the soak came to. `wrong` names what may not be, one line each; nothing in it: all is well."""

    table: tuple[tuple[str, str], ...]
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.table)
        rows = [f"{name:{width}}  {value}" for name, value in self.table]
        return "\n".join([*rows, "", *(self.wrong or ("Nothing doubled, nothing lost, everything at rest.",))])


class Soak:
    """One soak on a folder: the sandbox, one server or two on one store, and the people who answer."""

    def __init__(self, w: World, path: Path, config: Mapping[str, Any]) -> None:
        self.world, self.home = w, Home(path, config)
        self.home.give_tokens(w)
        self.first, self.second = Server(self.home), Server(self.home)
        self.tickets: dict[int, Ticket] = {}
        self.answered: set[str] = set()
        self.kills = Counter[str]()
        self.down_until = 0.0

    def play(self, acts: Sequence[Act], seconds: float) -> None:
        """Everything in its time; at the end both servers are killed, and the first is started again."""
        self.first.start()
        self.first.subscribe(self.world)
        begun, coming = time.monotonic(), list(acts)
        while (now := time.monotonic() - begun) < seconds or coming:
            while coming and coming[0].at <= now:
                self._do(coming.pop(0), now)
            if not is_up(self.first) and now >= self.down_until:
                self.first.start()
            self._answer()
            time.sleep(LOOK)
        self.world.call(self.world.sandbox.faults.clear)
        for name, server in (("first", self.first), ("second", self.second)):
            if is_up(server):
                server.kill()
                self.kills[name] += 1
        self.first.start()

    def rest(self, patience: float) -> tuple[float, dict[str, InFlightRecord]]:
        """Seconds until everything was at rest, or `patience`; and the records as they are then."""
        begun = time.monotonic()
        while True:
            self._answer()
            records, took = self._records(), time.monotonic() - begun
            rests = self._all_made_known(records) and all(map(is_at_rest, records.values()))
            if rests or took > patience:
                return took, records
            time.sleep(4 * LOOK)

    def end(self) -> None:
        for server in (self.first, self.second):
            if server.process is not None and server.process.poll() is None:
                server.stop()

    def _all_made_known(self, records: Mapping[str, InFlightRecord]) -> bool:
        return all(ticket.key in records or ticket.kind == "cancelled" for ticket in self.tickets.values())

    def _records(self) -> dict[str, InFlightRecord]:
        """Of the tickets; what nobody can follow is no record of one."""
        keys = {ticket.key for ticket in self.tickets.values()}
        return {key: record for key, record in self.home.records().items() if key in keys}

    def _do(self, act: Act, now: float) -> None:
        match act.do, act.what:
            case "ticket", (number, kind):
                self.tickets[number] = self._ticket(number, kind)
            case "cancel", (number,):
                self.world.call(self.world.sandbox.linear.change_issue, self.tickets[number].key, state="Canceled")
            case "kill", (down,):
                if is_up(self.first):
                    self.first.kill()
                    self.kills["first"] += 1
                    self.down_until = now + down
            case "second", ():
                if is_up(self.second):
                    self.second.kill()
                    self.kills["second"] += 1
                else:
                    self.second.start()
            case "fault", (vendor, mode, operation, times, length):
                self.world.fault(vendor, mode, operation, times=times, seconds=length)
            case "calm", ():
                self.world.call(self.world.sandbox.faults.clear)

    def _ticket(self, number: int, kind: Kind) -> Ticket:
        title, text = ("The cart is confusing", VAGUE) if kind == "vague" else ("Rename total to amount", CLEAR)
        project = "Website" if kind == "unroutable" else "Shop"
        return Ticket(self.world.ticket(f"{title}, part {number}", text, project), kind)

    def _answer(self) -> None:
        """Each question is answered once, whether or not the factory hears of it."""
        vague = {ticket.key for ticket in self.tickets.values() if ticket.kind == "vague"} - self.answered
        for thread, messages in self.world.call(threads_of, self.world).items() if vague else ():
            for key in vague:
                if f"{key}:" in messages[0]["text"]:
                    self.world.reply(thread, ANSWER)
                    self.answered.add(key)

    def found(self, took: float, patience: float, records: Mapping[str, InFlightRecord]) -> Found:
        """Count everything in the world: at the sandbox, in the store, among the processes, in the logs."""
        state, batch = self.world.state(), self.home.batch()
        pulls = Counter[str]()
        merged = Counter[str]()
        for pull in state["github"]["repositories"]["acme/shop"]["pulls"]:
            for ticket in self.tickets.values():
                if pull["head"].startswith(f"factory/{ticket.key}-"):
                    pulls[ticket.key] += 1
                    merged[ticket.key] += pull["merged"]
        comments, threads, messages = Counter[str](), Counter[str](), Counter[str]()
        for ticket in self.tickets.values():
            bodies = Counter(comment["body"] for comment in state["linear"]["issues"][ticket.key]["comments"])
            comments[ticket.key] = sum(count - 1 for count in bodies.values())
            for thread in state["slack"]["threads"].values():
                if f"{ticket.key}:" in thread[0]["text"]:
                    threads[ticket.key] += 1
                    texts = Counter(message["text"] for message in thread if message["user"] == "U0FACTORY")
                    messages[ticket.key] += sum(count - 1 for count in texts.values())
        restless = [f"{key} {why_restless(one)}" for key, one in records.items() if not is_at_rest(one)]
        unknown = [
            ticket.key for ticket in self.tickets.values() if ticket.kind != "cancelled" and ticket.key not in records
        ]
        lost = [
            ticket.key
            for ticket in self.tickets.values()
            if ticket.key in records
            and is_at_rest(records[ticket.key])
            and not is_as_expected(ticket, records[ticket.key])
        ]
        resting = len(records) - len(restless)
        ends = {kind: Counter[str]() for kind in KINDS}
        for ticket in self.tickets.values():
            record = records.get(ticket.key)
            ends[ticket.kind][_end(record)] += 1
        done = [key for key, record in records.items() if record.state is State.DONE]
        unmerged = [key for key in done if merged[key] != 1]
        traces = sum(log.read_text(errors="replace").count("Traceback") for log in self.home.path.glob("server-*.log"))
        github = [one for one in state["deliveries"] if one["vendor"] == "github"]
        unheard = [one for one in github if not one["accepted"]]
        runnable = [ticket.key for ticket in self.tickets.values() if ticket.kind in ("clear", "vague")]
        runs = Counter(run_key for run_key in self._runs(records))
        left, slots = supervisors(self.home), {**batch.slots} if not restless else {}
        table = [
            ("kill -9 (first / second server)", f"{self.kills['first']} / {self.kills['second']}"),
            ("at rest", f"{resting} of {len(self.tickets) - _never_known(self.tickets, records)}, after {took:.0f} s"),
            *((f"{kind}", ", ".join(f"{n} {end}" for end, n in ends[kind].most_common()) or "none") for kind in KINDS),
            ("two pull requests for one ticket", _count(pulls, 2)),
            ("comments said twice on a ticket", _count(comments, 1)),
            ("tickets asked in two threads / messages twice in a thread",
             f"{_count(threads, 2)} / {_count(messages, 1)}"),
            ("done without exactly one merge", str(len(unmerged))),
            ("supervisors left, slots left at rest, tracebacks", f"{len(left)}, {len(slots)}, {traces}"),
            ("runs for runnable tickets", f"{sum(runs[key] for key in runnable)} for {len(runnable)}"),
            ("GitHub deliveries that nobody accepted", f"{len(unheard)} of {len(github)}"),
        ]  # fmt: skip
        wrong = [
            *(f"Two pull requests: {key}" for key, count in pulls.items() if count > 1),
            *(f"Commented twice: {key}" for key, count in comments.items() if count),
            *(f"Asked in two threads: {key}" for key, count in threads.items() if count > 1),
            *(f"Said twice in a thread: {key}" for key, count in messages.items() if count),
            *(f"Done without exactly one merge: {key}" for key in unmerged),
            *(f"Not at rest after {patience:.0f} s: {line}" for line in restless),
            *(f"Never begun: {key}" for key in unknown),
            *(f"Lost: {key} is {_end(records[key])}" for key in lost),
            *(f"A supervisor is left: {pid}" for pid in left),
            *(f"A slot is left: {item}" for item in slots),
            *([f"{traces} tracebacks in the logs"] if traces else []),
        ]  # fmt: skip
        return Found(tuple(table), tuple(wrong))

    def _runs(self, records: Mapping[str, InFlightRecord]) -> Iterator[str]:
        for path in self.home.run_directories():
            for key, record in records.items():
                if path.name.startswith(f"{record.work_item_id}.".replace(":", ".")):
                    yield key


def is_up(server: Server) -> bool:
    return server.process is not None and server.process.poll() is None


def is_at_rest(record: InFlightRecord) -> bool:
    """Nothing is to be done, but what nobody here does: to say which repository an unroutable ticket belongs to."""
    over = record.state in ENDED | {State.BLOCKED, State.NEW} or is_asked_where(record)
    return over and not record.outbox and not record.lease.holder


def is_asked_where(record: InFlightRecord) -> bool:
    asked = record.clarification
    return record.state is State.WAITING and bool(asked and asked.thread_id and asked.repositories)


def is_as_expected(ticket: Ticket, record: InFlightRecord | None) -> bool:
    """Did it come to what its kind must come to? What was cancelled may have been done before, or never known."""
    if ticket.kind == "cancelled":
        return record is None or record.state in {State.CANCELLED, State.DONE, State.NEW}
    if ticket.kind == "unroutable":
        return record is not None and is_asked_where(record)
    return record is not None and record.state is State.DONE


def why_restless(record: InFlightRecord) -> str:
    doing = ", ".join(f"{one.effect.kind}×{one.attempts} {one.why}".strip() for one in record.outbox)
    since, wakes = (f"{moment:%H:%M:%S}" if moment else "never" for moment in (record.since, record.wake_at))
    return f"{record.state} since {since}, next look {wakes} ({doing or record.waits_for})"


def _end(record: InFlightRecord | None) -> str:
    if record is None:
        return "never known"
    return f"{record.state}: {record.block.reason}" if record.block else str(record.state)


def _never_known(tickets: Mapping[int, Ticket], records: Mapping[str, InFlightRecord]) -> int:
    return sum(ticket.kind == "cancelled" and ticket.key not in records for ticket in tickets.values())


def _count(counted: Counter[str], least: int) -> str:
    return str(sum(count >= least for count in counted.values()))


def threads_of(w: World) -> dict[str, list[Any]]:
    slack = w.sandbox.slack
    return {
        f"{channel}:{root['ts']}": [root]
        for channel, messages in slack.messages.items()
        for root in messages
        if root.get("thread_ts", root["ts"]) == root["ts"] and root["user"] == "U0FACTORY"
    }


def supervisors(home: Home) -> list[int]:
    """Processes of this home's runs; those that are just ending get a while for it."""

    def left() -> list[int]:
        found = list[int]()
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = entry.read_bytes()
                if str(home.path).encode() in line and HOLDER.encode() in line:
                    found.append(int(entry.parent.name))
        return found

    with contextlib.suppress(AssertionError):
        until(lambda: not left(), every=0.2)
    return left()


def soak(
    path: Path, acts: Sequence[Act], seconds: float, patience: float, config: Callable[[World], Mapping[str, Any]]
) -> Found:
    """Play the plan in a fresh folder, and count."""
    with world() as w:
        playing = Soak(w, path, config(w))
        try:
            playing.play(acts, seconds)
            took, records = playing.rest(patience)
            return playing.found(took, patience, records)
        finally:
            playing.end()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.scenarios.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--tickets", type=int, default=150)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    parser.add_argument("--folder", type=Path, help="an empty folder, kept with its store and its logs")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # the sandbox's, whose clients are killed
    seconds = given.minutes * 60
    kills = max(1, round(seconds / 7))
    again = f"python -m tests.scenarios.soak --minutes {given.minutes:g} --tickets {given.tickets} --seed {given.seed}"
    print(again, flush=True)
    acts = plan(given.seed, seconds, given.tickets, kills)
    with contextlib.ExitStack() as ends:
        folder = given.folder or ends.enter_context(
            tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True)
        )
        found = soak(Path(folder), acts, seconds, LONGEST_REST * MACHINE, lambda w: as_shipped(w, given.tickets))
    print(found)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""The factory's side of factory.worker/1 for any host: a neutral request in, a neutral response out.

POST /fleet/{tenant}/claim, /fleet/{tenant}/runs/{run_id}/heartbeat, /fleet/{tenant}/runs/{run_id}/report. The host has
found the tenant; a tenant that it does not know is answered by nobody_here().
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TypeVar

from pydantic import ValidationError

from factory_core.errors import BadSignature, NotFound, Problem, Refused, TooLarge
from factory_core.http import HttpRequest, HttpResponse, problem_response
from factory_core.payload import parse_as
from factory_core.runs.queued_run import QueuedRun, Worker, order_for
from factory_core.runs.reported import MOST_WHY

from .leases import Leases
from .protocol import (
    LARGEST,
    Claim,
    ClaimAnswer,
    Heartbeat,
    HeartbeatAnswer,
    Held,
    Offered,
    Report,
    ReportAnswer,
    Request,
    Speaker,
    refuse_unended,
    spelled,
)

_RUN = re.compile(r"runs/([\w.-]{1,200})/(heartbeat|report)")
LOOK_AGAIN = 5.0  # seconds at most between two looks at the line while a claim is held open

Shape = TypeVar("Shape", bound=Request)


async def _never(seconds: float) -> None:
    """A host that holds no claim open waits for nothing."""


class WorkerEndpoint:
    """One tenant's. `tokens`: every one of them is good (two while it is being rotated); none lets nobody in.

    `hold` is for how long a claim is held open while nothing is in line, and `wait(seconds)` returns when something
    was put there, or after so long. `again`: when a worker that got nothing may ask again. `claim`: how a run is found
    where the queue's own index is not asked.
    """

    def __init__(
        self,
        leases: Leases,
        tokens: Sequence[str],
        *,
        hold: timedelta = timedelta(0),
        wait: Callable[[float], Awaitable[None]] = _never,
        again: timedelta = timedelta(seconds=15),
        claim: Callable[[Worker], Awaitable[QueuedRun | None]] | None = None,
    ) -> None:
        self._leases, self._tokens = leases, tuple(tokens)
        self._hold, self._wait, self._again = hold, wait, again
        self._taken = claim or leases.claim

    def knows(self, request: HttpRequest) -> bool:
        """Does it carry one of the tokens? Its body is not looked at."""
        try:
            refuse_stranger(self._tokens, request)
        except BadSignature:
            return False
        return True

    async def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer one request. Whoever has no good token learns nothing but that."""
        try:
            refuse_stranger(self._tokens, request)
            return HttpResponse(body=spelled(await self._answer(request)))
        except Problem as problem:
            return problem_response(problem)

    async def _answer(self, request: HttpRequest) -> ClaimAnswer | HeartbeatAnswer | ReportAnswer:
        what = request.path.split("/", 3)[-1]
        if request.method == "POST" and what == "claim":
            return await self._claim(_read(Claim, request))
        found = _RUN.fullmatch(what) if request.method == "POST" else None
        if found is None:
            raise NotFound(
                "no such address of a fleet", why="its path or method is none of them", fix="factory worker --help"
            )
        run_id, verb = found.groups()
        if verb == "heartbeat":
            said = await self._read_of(Heartbeat, request, run_id, self._leases.refuse_heartbeat)
            return await self._heartbeat(run_id, said)
        return await self._report(run_id, await self._read_of(Report, request, run_id, self._leases.quarantine))

    async def _read_of(
        self,
        shape: type[Shape],
        request: HttpRequest,
        run_id: str,
        note: Callable[[str, Worker, int, str], Awaitable[None]],
    ) -> Shape:
        """What a worker says of a run that it holds. Where only that it does can be read, `note` keeps the reason."""
        try:
            return _read(shape, request)
        except Refused as problem:
            if held := _holder(request):
                await note(run_id, _worker(held.worker), held.epoch, problem.why)
            raise

    async def _claim(self, asked: Claim) -> ClaimAnswer:
        left, worker = self._hold.total_seconds(), _worker(asked.worker)
        await self._leases.heard(worker)
        if asked.run:
            look = await self._leases.offer(asked.run, worker, sent=True)
            return ClaimAnswer(run=_offered(look.offered) if look.offered else None)
        while (run := await self._taken(worker)) is None and left > 0:
            await self._wait(min(left, LOOK_AGAIN))
            left -= LOOK_AGAIN
        if run is None:
            return ClaimAnswer(retry_after_s=self._again.total_seconds())
        return ClaimAnswer(run=_offered(run))

    async def _heartbeat(self, run_id: str, said: Heartbeat) -> HeartbeatAnswer:
        worker = _worker(said.worker)
        await self._leases.heard(worker)
        run = await self._leases.heartbeat(run_id, worker, said.epoch, said.report, said.tail)
        left = (run.until - self._leases.clock()).total_seconds() if run.until else 0.0
        every = self._leases.rules.heartbeat.total_seconds()
        return HeartbeatAnswer(stop=run.stop_wanted, lease_s=max(left, 0.0), heartbeat_s=every)

    async def _report(self, run_id: str, said: Report) -> ReportAnswer:
        refuse_unended(said.report)
        await self._leases.report(run_id, _worker(said.worker), said.epoch, said.report, said.head)
        return ReportAnswer()


def nobody_here() -> HttpResponse:
    """What a host answers for a tenant that has no workers, or is none: the same as to a wrong token."""
    return problem_response(_stranger())


def refuse_stranger(tokens: Sequence[str], request: HttpRequest) -> None:
    """Raise BadSignature unless the request carries one of the tokens; every token costs the same time."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    matches = [hmac.compare_digest(token.encode(), given.strip().encode()) for token in tokens if token]
    if kind.lower() != "bearer" or sum(matches) == 0:
        raise _stranger()


def _stranger() -> BadSignature:
    why = "no such tenant has workers here, or the token is not its own"
    return BadSignature("a worker that is not known here", why=why, fix="factory connect workers")


def _worker(said: Speaker) -> Worker:
    return Worker(
        id=said.id, name=said.name, version=said.version, engines=said.engines, slots=said.slots, can=said.can
    )


def _offered(run: QueuedRun) -> Offered:
    assert run.order is not None  # an offered run has one
    return Offered(epoch=run.epoch, order=order_for(run, run.order), elsewhere=run.home not in ("", run.holder))


def _holder(request: HttpRequest) -> Held | None:
    """Whose word it is, where that much can be read."""
    try:
        return parse_as(Held, request.body, extra="ignore") if len(request.body) <= LARGEST else None
    except ValidationError:
        return None


def _read(shape: type[Shape], request: HttpRequest) -> Shape:
    if len(request.body) > LARGEST:
        why = f"the most that is read is {LARGEST:,} bytes"
        raise TooLarge(f"a body of {len(request.body):,} bytes", why=why, fix="In the worker: say less")
    try:
        return parse_as(shape, request.body, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise Refused(
            f"a {shape.__name__.lower()} that cannot be read",
            why=f"{where}: {first['msg']}"[:MOST_WHY],
            fix="In the shell: run workers of the factory's own release",
        ) from None

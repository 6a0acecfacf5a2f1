"""The worker's door to the factory: factory.worker/1 over HTTPS."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import httpx2
from pydantic import ValidationError

from factory_core.errors import NeedsPerson, Problem, Refused, Retryable
from factory_core.payload import object_in, parse_as
from factory_core.runs.queued_run import LONGEST_LINE, MOST_LINES, RunLost
from factory_core.runs.run import RunReport
from factory_core.work_item import Frozen

from .protocol import (
    Claim,
    ClaimAnswer,
    Heartbeat,
    HeartbeatAnswer,
    Report,
    ReportAnswer,
    Request,
    Speaker,
    spelled,
)

PATIENCE = httpx2.Timeout(10.0, read=60.0)  # a claim is held open for a while
LONGEST_PAUSE = 3600.0  # seconds, whatever Retry-After says

Shape = TypeVar("Shape", bound=Frozen)


class FactoryClient:
    """Raises RunLost for a run that is not ours any more, NeedsPerson for a token that is not good, Refused for what
    the factory does not understand, and Retryable for all that may pass."""

    def __init__(self, http: httpx2.AsyncClient, url: str, tenant: str, token: str, worker: Speaker) -> None:
        self._http, self._base = http, f"{url.rstrip('/')}/fleet/{tenant}"
        self._headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        self.worker = worker

    async def claim(self, run_id: str = "") -> ClaimAnswer:
        return await self._post("claim", Claim(worker=self.worker, run=run_id), ClaimAnswer)

    async def heartbeat(self, run_id: str, epoch: int, report: RunReport, tail: Sequence[str]) -> HeartbeatAnswer:
        lines = tuple(line[:LONGEST_LINE] for line in tail[-MOST_LINES:])
        said = Heartbeat(worker=self.worker, epoch=epoch, report=report, tail=lines)
        return await self._post(f"runs/{run_id}/heartbeat", said, HeartbeatAnswer)

    async def report(self, run_id: str, epoch: int, report: RunReport, head: str) -> None:
        said = Report(worker=self.worker, epoch=epoch, report=report, head=head)
        await self._post(f"runs/{run_id}/report", said, ReportAnswer)

    async def _post(self, path: str, said: Request, shape: type[Shape]) -> Shape:
        try:
            answer = await self._http.post(
                f"{self._base}/{path}", content=spelled(said), headers=self._headers, timeout=PATIENCE
            )
        except httpx2.HTTPError as error:
            raise _later(str(error) or type(error).__name__) from None
        if not answer.is_success:
            raise _problem(answer)
        try:
            return parse_as(shape, answer.content, extra="ignore")
        except ValidationError:
            raise _later("what answered is no factory, or one of another release") from None


def _problem(answer: httpx2.Response) -> Problem:
    said = object_in(answer.content) or {}
    why = str(said.get("why") or f"it answered {answer.status_code}")[:500]
    if said.get("code") == RunLost.code:
        return RunLost(str(said.get("what"))[:300], why=why, fix="factory status")
    if answer.status_code == 401:
        fix = "In the worker's environment: set FACTORY_WORKER_TOKEN to what `factory connect workers` has stored"
        return NeedsPerson("The factory does not let this worker in", why=why, fix=fix)
    if answer.status_code < 500 and answer.status_code not in (408, 425, 429):
        return Refused("The factory refused what this worker said", why=why, fix="factory worker --help")
    after = answer.headers.get("retry-after", "")
    return _later(why, min(float(after), LONGEST_PAUSE) if after.isascii() and after.isdigit() else None)


def _later(why: str, after: float | None = None) -> Retryable:
    return Retryable("The factory does not answer", why=why, fix="factory worker --help", after=after)

"""The Durable Object of one tenant: it remembers, decides and performs. Nobody else has its data."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from workers import DurableObject, Request, Response

from factory_core.errors import Problem
from factory_core.http import problem_response

from ..assembly import utc_now
from .alarm import Alarm
from .bindings import bindings_of, not_now
from .http import request_of, response_of
from .last_report import LastReport
from .unanswered import UnansweredWebhooks
from .wiring import CloudflareTenant

logger = logging.getLogger("factory.cloudflare")
TURN = timedelta(minutes=5)  # of an alarm, which the platform ends after 15; what is left over is for the next
RETRY = timedelta(seconds=5)  # after a turn that failed, and twice as long after each that follows
LONGEST = timedelta(minutes=5)


class FactoryObject(DurableObject):
    """Its name is its tenant's."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._alarm = Alarm(ctx.storage)
        self._tenant: CloudflareTenant | None = None
        self._failed = 0  # turns in a row

    async def fetch(self, request: Request) -> Response:
        """A webhook, a worker's request or a page, already found to be this tenant's."""
        received_at = utc_now()
        try:
            tenant = await self._at_the_door()
            said = await tenant.answer(await request_of(request, received_at))
        except Problem as problem:
            said = problem_response(problem)
        ms = round((utc_now() - received_at).total_seconds() * 1000)
        logger.info("%s in %s ms", said.status, ms, extra={"action": "answered", "tenant": self.ctx.id.name, "ms": ms})
        return response_of(said)

    async def alarm(self, info: Any = None) -> None:
        """Perform what is due. A fault of ours is raised, for the platform to log; the alarm is armed again before."""
        again: Any = utc_now() + min(RETRY * 2 ** min(self._failed, 10), LONGEST)
        self._failed += 1
        try:
            with self._alarm.ringing() as planned:
                tenant = await self._opened()
                again = await tenant.perform_due(planned, utc_now() + TURN)
            self._failed = 0
        except Problem as problem:
            self._note(problem, "perform")
        finally:
            if again:
                self._alarm.at(again)

    async def check_in(self, planned: str) -> str:
        """The clock, which was to call at `planned`. Says what is wrong, if anything is."""
        try:
            await self._alarm.look()  # one that the platform gave up is armed again
            unanswered = await UnansweredWebhooks(self.env.LAST_REPORTS, self.ctx.id.name).until()
            again = await (await self._opened()).check_in(datetime.fromisoformat(planned), unanswered)
            if again:
                self._alarm.at(again)
        except Problem as problem:
            self._note(problem, "check_in")
            return f"{problem.what}: {problem.why}"
        return ""

    async def _at_the_door(self) -> CloudflareTenant:
        """For whoever asks and is not known yet. Raises Retryable for all that is wrong with the tenant."""
        try:
            return await self._opened()
        except Problem as problem:
            raise not_now(problem) from None

    async def _opened(self) -> CloudflareTenant:
        """The tenant, as its bindings describe it. Raises ConfigProblem, NotFound or NeedsPerson."""
        if self._tenant is None:
            await self._alarm.look()
            bindings, name = bindings_of(self.env), self.ctx.id.name
            config, last = bindings.config(name), LastReport(self.env.LAST_REPORTS, name)
            self._tenant = CloudflareTenant(config, bindings.secrets(name), self.ctx.storage, self._alarm, last)
        return self._tenant

    def _note(self, problem: Problem, action: str) -> None:
        extra = {"action": action, "tenant": self.ctx.id.name}
        logger.error("%s: %s", problem.what, problem.why, extra=extra)

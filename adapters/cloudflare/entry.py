"""The Worker: it finds whose object a request is for, and hands it on; once a minute it tells each object the time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from pyodide.ffi import JsException
from workers import Request, Response, WorkerEntrypoint

from factory_core.errors import ConfigProblem, Problem, Retryable, Terminal
from factory_core.http import HttpRequest, HttpResponse, problem_response

from ..assembly import utc_now
from ..web import pages
from ..web.basic_auth import basic_credentials
from .alarm import EPOCH, MILLISECOND
from .bindings import bindings_of, not_now
from .factory_object import FactoryObject
from .http import head_of, response_of
from .last_report import LastReport
from .log_lines import log_in_lines
from .routes import HOOK, owner_of
from .unanswered import UnansweredWebhooks

__all__ = ["Default", "FactoryObject"]
logger = logging.getLogger("factory.cloudflare")
PATIENCE = 9.0  # seconds; GitHub waits ten for an answer, the others less
log_in_lines()


class Default(WorkerEntrypoint):
    """What the platform calls."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._bindings = bindings_of(env)

    async def fetch(self, request: Request) -> Response:
        try:
            head = head_of(request, utc_now())
            owner = owner_of(head, self._bindings)
        except ConfigProblem as problem:
            if hook := HOOK.fullmatch(head.path):
                await UnansweredWebhooks(self.env.LAST_REPORTS, hook[1]).note()
            return response_of(problem_response(not_now(problem)))
        except Problem as problem:
            logger.warning("%s: %s", problem.what, problem.why, extra={"action": "refused"})
            return response_of(problem_response(problem))
        if not isinstance(owner, str):
            return response_of(owner)
        if not HOOK.fullmatch(head.path):
            return await self._forwarded(request, head, owner)
        return await self._watched(self._forwarded(request, head, owner), owner)

    async def _forwarded(self, request: Request, head: HttpRequest, owner: str) -> Response:
        try:
            return await self.env.FACTORY.getByName(owner).fetch(request.js_object)
        except (JsException, OSError) as error:  # the runtime's word, or the SDK's
            logger.error("no answer: %s", type(error).__name__, extra={"action": "forward", "tenant": owner})
            return response_of(await self._instead(head, owner))

    async def _watched(self, answering: Coroutine[Any, Any, Response], owner: str) -> Response:
        """What the object answers to a webhook; that it failed, or takes longer than senders wait, is noted."""
        task, unanswered = asyncio.ensure_future(answering), UnansweredWebhooks(self.env.LAST_REPORTS, owner)
        await asyncio.wait({task}, timeout=PATIENCE)
        if not task.done() or (await task).status >= 500:
            await unanswered.note()
        return await task

    async def _instead(self, head: HttpRequest, owner: str) -> HttpResponse:
        """The object does not answer: senders come again, and who may see the page sees what it showed last."""
        why = "the platform could not reach it, or it failed; the Worker's log says more"
        problem = Retryable("the tenant's object does not answer", why=why, fix="factory check")
        password = basic_credentials(head.headers.get("authorization", "")).password
        if head.method == "GET" and head.path == "/" and pages.is_known(self._bindings.secrets(owner), password):
            return await pages.stale(problem, LastReport(self.env.LAST_REPORTS, owner))
        return problem_response(problem)

    async def scheduled(self, controller: Any, env: Any, ctx: Any) -> None:
        """Raises when a tenant could not be checked in for, after all the others were."""
        names, planned = tuple(self._bindings.variables), (EPOCH + MILLISECOND * controller.scheduledTime).isoformat()
        said = await asyncio.gather(
            *(self.env.FACTORY.getByName(name).check_in(planned) for name in names), return_exceptions=True
        )
        failed = {name: why for name, why in zip(names, said, strict=True) if why}
        if failed:
            why = "; ".join(f"{name}: {said}" for name, said in failed.items())
            raise Terminal(f"no check-in for {', '.join(failed)}", why=why, fix="factory check")

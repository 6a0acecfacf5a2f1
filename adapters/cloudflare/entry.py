"""The Worker: it finds whose object a request is for, and hands it on; once a minute it tells each object the time."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from workers import Request, Response, WorkerEntrypoint

from factory_core.errors import ConfigProblem, Problem, Terminal
from factory_core.intake.http import problem_response

from ..assembly import utc_now
from .bindings import bindings_of, not_now
from .factory_object import FactoryObject
from .http import head_of, response_of
from .log_lines import log_in_lines
from .routes import owner_of

__all__ = ["Default", "FactoryObject"]
logger = logging.getLogger("factory.cloudflare")
log_in_lines()


class Default(WorkerEntrypoint):
    """What the platform calls."""

    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self._bindings = bindings_of(env)

    async def fetch(self, request: Request) -> Response:
        try:
            owner = owner_of(head_of(request, utc_now()), self._bindings)
        except ConfigProblem as problem:
            return response_of(problem_response(not_now(problem)))
        except Problem as problem:
            logger.warning("%s: %s", problem.what, problem.why, extra={"action": "refused"})
            return response_of(problem_response(problem))
        if isinstance(owner, str):
            return await self.env.FACTORY.getByName(owner).fetch(request.js_object)
        return response_of(owner)

    async def scheduled(self, controller: Any, env: Any, ctx: Any) -> None:
        """Raises when a tenant could not be checked in for, after all the others were."""
        names = tuple(self._bindings.variables)
        said = await asyncio.gather(
            *(self.env.FACTORY.getByName(name).check_in() for name in names), return_exceptions=True
        )
        failed = {name: why for name, why in zip(names, said, strict=True) if why}
        if failed:
            why = "; ".join(f"{name}: {said}" for name, said in failed.items())
            raise Terminal(f"no check-in for {', '.join(failed)}", why=why, fix="factory check")

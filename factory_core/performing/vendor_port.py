"""A vendor's port that names its vendor in each failure, also in that of a call whose caller has no more patience."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from inspect import iscoroutinefunction
from typing import Any

from ..errors import Retryable, VendorUnavailable

CUT_OFF: ContextVar[list[str]] = ContextVar("CUT_OFF")
"""The vendors whose calls were ended before they answered, of the effect that is being performed."""


class VendorPort:
    """The port as it is; what it raises as a plain Retryable is a VendorUnavailable of this vendor."""

    def __init__(self, port: object, vendor: str) -> None:
        self._port, self._vendor = port, vendor

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also of a copy that has no port yet
            raise AttributeError(name)
        call = getattr(self._port, name)
        return self._named(call) if iscoroutinefunction(call) else call

    def _named(self, call: Any) -> Any:
        async def named(*args: Any, **more: Any) -> Any:
            try:
                return await call(*args, **more)
            except Retryable as problem:
                if type(problem) is not Retryable:
                    raise
                what, why, fix, after = problem.what, problem.why, problem.fix, problem.after
                raise VendorUnavailable(self._vendor, what, why=why, fix=fix, after=after) from problem
            except asyncio.CancelledError:
                CUT_OFF.get([]).append(self._vendor)
                raise

        return named

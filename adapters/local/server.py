"""`factory serve`: webhooks in, pages and status out, over HTTP on this machine."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from factory_core.errors import BadSignature, NotFound, Problem, StoreUnavailable
from factory_core.factory import Factory
from factory_core.intake.http import HttpRequest, HttpResponse, problem_response, refuse_large
from factory_core.overview import health, item_overview, overview
from factory_core.status_page import Page, item_page, page, stale_page
from factory_core.status_report import StatusReport

from ..assembly import utc_now
from ..fleets.worker_queue.endpoint import nobody_here
from ..visitors import page_response, visitor
from .wiring import LocalTenant

logger = logging.getLogger("factory.server")
FRESH = timedelta(seconds=2)  # how long one report serves every reader
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
_OWN_NAME = re.compile(
    r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE
)  # what is malformed is nobody's name
_FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "cf-connecting-ip"})


class Site:
    """The tenants of this process, and the pages of the first of them."""

    def __init__(self, tenants: Mapping[str, LocalTenant], version: str, token: str = "") -> None:
        self._tenants, self._version, self._token = dict(tenants), version, token
        self._shown = next(iter(tenants.values()))
        self._report: StatusReport | None = None

    def app(self) -> Starlette:
        routes = [
            Route("/hooks/{tenant}/{provider}", self.hook, methods=["POST"]),
            Route("/fleet/{tenant}/{rest:path}", self.door, methods=["POST"]),
            Route("/healthz", self.healthz),
            Route("/status.json", self.status_json),
            Route("/items/{key:path}", self.item),
            Route("/", self.index),
        ]
        return Starlette(routes=routes, lifespan=self._lifespan, exception_handlers={Problem: _problem})

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for tenant in self._tenants.values():
                await stack.enter_async_context(tenant)
            yield

    async def hook(self, request: Request) -> Response:
        """One webhook: 200 only after what it means is on disk."""
        try:
            factory = self._factory(request.path_params["tenant"])
            read = await _read(request)
        except Problem as problem:
            return _response(problem_response(problem))
        except ClientDisconnect:
            return Response(status_code=400)  # nobody hears it
        said, took = await factory.handle_webhook(request.path_params["provider"], read), utc_now() - read.received_at
        ms = round(took.total_seconds() * 1000)
        logger.info("%s in %s ms", said.status, ms, extra={"action": "answered", "status": said.status, "ms": ms})
        return _response(said)

    async def door(self, request: Request) -> Response:
        """One request of a worker. Where no workers are let in, it hears what one with a wrong token hears."""
        tenant = self._tenants.get(request.path_params["tenant"])
        if tenant is None or tenant.door is None:
            return _response(nobody_here())
        try:
            work = tenant.door.handle(await _read(request))
            if request.path_params["rest"] == "claim":
                work = _while_heard(request, work)
            return _response(await work)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody hears it

    def hang_up(self) -> None:
        """Claims that are held open are answered now: the server is about to end."""
        for tenant in self._tenants.values():
            tenant.bell.hang_up()

    async def healthz(self, request: Request) -> Response:
        found = {name: await health(tenant.factory) for name, tenant in self._tenants.items()}
        ok = all(one.ok for one in found.values())
        seen = self._may_see(request)
        detail = {name: one.model_dump(mode="json") for name, one in found.items()} if seen else {}
        return JSONResponse({"ok": ok, "version": self._version, **detail}, status_code=200 if ok else 503)

    async def status_json(self, request: Request) -> Response:
        self._refuse_strangers(request)
        return Response((await self._fresh()).model_dump_json(), media_type="application/json")

    async def index(self, request: Request) -> Response:
        self._refuse_strangers(request)
        try:
            return _page(page(await self._fresh()), request)
        except StoreUnavailable as problem:
            return _page(stale_page(self._report, utc_now(), f"{problem.what}: {problem.why}"), request, status=503)

    async def item(self, request: Request) -> Response:
        self._refuse_strangers(request)
        tenant, key = self._shown, request.path_params["key"]
        found = await item_overview(tenant.factory, tenant.fleet, key, self._version)
        if found is None:
            raise NotFound(f"no item {key}", why="the factory keeps no record of it", fix="factory status")
        return _page(item_page(found), request)

    async def _fresh(self) -> StatusReport:
        """One query serves page, JSON and every reader for two seconds."""
        now: datetime = utc_now()
        if self._report is None or now - self._report.data_at > FRESH:
            self._report = await overview(self._shown.factory, self._shown.fleet, self._version, "SQLite")
        return self._report

    def _factory(self, tenant: str) -> Factory:
        found = self._tenants.get(tenant)
        if found is None:
            raise NotFound(f"no tenant {tenant!r} here", why="the address names it", fix="factory check")
        return found.factory

    def _refuse_strangers(self, request: Request) -> None:
        if not self._may_see(request):
            raise BadSignature(
                "the status page is private",
                why="this address is not this machine's own, and no valid token came with the request",
                fix="In your environment: set FACTORY_STATUS_TOKEN, and sign in with it as the password",
            )

    def _may_see(self, request: Request) -> bool:
        """This machine itself, by its address and by the name that it was called, no proxy between; or the token."""
        from_here = request.client is not None and request.client.host in LOOPBACK  # a name alone anybody may send
        named_so = _OWN_NAME.fullmatch(request.headers.get("host", "")) is not None
        if from_here and named_so and not _FORWARDED & set(request.headers):
            return True
        password = visitor(request.headers.get("authorization", "")).password
        return bool(self._token) and hmac.compare_digest(password.encode(), self._token.encode())


async def _while_heard(request: Request, work: Coroutine[Any, Any, HttpResponse]) -> HttpResponse:
    """The answer; raises ClientDisconnect when nobody waits for it: no run is offered to the dead."""
    answering, gone = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answering.done():
            raise ClientDisconnect
        return await answering
    finally:
        for one in (answering, gone):
            one.cancel()
        await asyncio.gather(answering, gone, return_exceptions=True)


async def _read(request: Request) -> HttpRequest:
    """Raises TooLarge."""
    return HttpRequest(
        path=request.scope["path"], headers=dict(request.headers), body=await _body(request), received_at=utc_now()
    )


async def _body(request: Request) -> bytes:
    """The whole body, unless it is too large: then nothing more of it is read."""
    declared = request.headers.get("content-length", "0")
    refuse_large(int(declared) if declared.isascii() and declared.isdigit() else 0)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        refuse_large(len(body))
    return bytes(body)


def _response(said: HttpResponse) -> Response:
    return Response(said.body, said.status, dict(said.headers), said.content_type)


def _page(drawn: Page, request: Request, status: int = 200) -> Response:
    return _response(page_response(drawn, request.headers.get("if-none-match"), status))


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    answer = _response(problem_response(problem))
    if problem.http_status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="factory"'
    return answer

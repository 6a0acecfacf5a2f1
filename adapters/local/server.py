"""`factory serve`: webhooks in, pages and status out, over HTTP on this machine."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.web.status_page import Page, item_page, page, stale_page
from factory_core.errors import BadSignature, NotFound, Problem, Refused, StoreUnavailable
from factory_core.http import LARGEST_BODY, HttpRequest, HttpResponse, problem_response, refuse_large, unknown_sender
from factory_core.overview import item_overview, log_lines
from factory_core.status import StatusReport

from ..assembly import utc_now
from ..credentials.secrets import MAKE_ONE, weakness
from ..fleets.worker_queue.endpoint import nobody_here
from ..fleets.worker_queue.protocol import LARGEST
from ..logs.log_lines import of_tenant
from ..web.basic_auth import basic_credentials, page_response
from ..web.pages import TOKEN
from .guesses import Guesses
from .traffic import UNKNOWN
from .wiring import LocalTenant

logger = logging.getLogger("factory.server")
FRESH = timedelta(seconds=2)  # how long one report serves every reader
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
_OWN_NAME = re.compile(
    r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?", re.IGNORECASE
)  # what is malformed is nobody's name
_HOOK = re.compile(r"/hooks/([^/]+)/")
_FORWARDED = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "cf-connecting-ip"})


def refuse_open_page(host: str, token: str) -> None:
    """Raise Refused where others could read the status page: without a password, or with one that can be guessed."""
    if token and (why := weakness(TOKEN, [token])):
        raise Refused(
            "Not starting: the status page's password can be guessed.",
            why=f"{TOKEN.names[0]} {why}",
            fix=f"In your environment: set it to what `{MAKE_ONE}` prints",
        )
    if host not in LOOPBACK and not token:
        raise Refused(
            "Not starting: other machines could read the status page.",
            why="server.host is not this machine alone, and FACTORY_STATUS_TOKEN is not set",
            fix="In your environment: set FACTORY_STATUS_TOKEN, or leave server.host at 127.0.0.1",
        )


class Log(Protocol):
    """Where the process logs. `dropped`: lines that could not be written; `hangs`: does nobody read it?"""

    @property
    def dropped(self) -> int: ...
    @property
    def hangs(self) -> bool: ...


class Site:
    """The tenants of this process. Each of `tokens` opens what is shown of its tenant; without any, this machine sees
    all of them. The pages are those of the first tenant that a visitor may see."""

    def __init__(
        self, tenants: Mapping[str, LocalTenant], version: str, tokens: Mapping[str, str] = {}, log: Log | None = None
    ) -> None:
        self._tenants, self._version, self._log = dict(tenants), version, log
        self._tokens = {tenant: token for tenant, token in tokens.items() if token}
        self._guesses = Guesses(time.monotonic)
        self._reports: dict[str, StatusReport] = {}

    def app(self) -> Starlette:
        routes = [
            Route("/hooks/{tenant}/{provider}", self.hook, methods=["POST"]),
            Route("/fleet/{tenant}/{rest:path}", self.door, methods=["POST"]),
            Route("/healthz", self.healthz),
            Route("/metrics", self.metrics),
            Route("/status.json", self.status_json),
            Route("/items/{key:path}", self.item),
            Route("/", self.index),
        ]
        handlers = {Problem: _problem, HTTPException: _no_endpoint}
        return Starlette(routes=routes, lifespan=self._lifespan, exception_handlers=handlers)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for tenant in self._tenants.values():
                await stack.enter_async_context(tenant)
            yield

    async def hook(self, request: Request) -> Response:
        """One webhook: 200 only after what it means is on disk."""
        try:
            read = await _read(request)
        except Problem as problem:
            self.unanswered(request.scope["path"], problem.what)
            return _response(problem_response(problem))
        except ClientDisconnect:
            self.unanswered(request.scope["path"], "the sender hung up before its request was whole")
            return Response(status_code=400)  # it is not sent
        tenant, provider = request.path_params["tenant"], request.path_params["provider"]
        known = self._tenants.get(tenant)
        if known:
            with of_tenant(tenant):
                response = await known.intake.handle_webhook(provider, read)
        else:
            logger.warning("webhook for the tenant %.63r, which is not here", tenant, extra={"action": "refused"})
            response = unknown_sender()
        seconds = (utc_now() - read.received_at).total_seconds()
        if known:
            known.traffic.note(provider if provider in known.vendors else UNKNOWN, response.status, seconds)
        ms = round(seconds * 1000)
        extra = {"action": "answered", "status": response.status, "ms": ms, "tenant": tenant if known else ""}
        logger.info("%s in %s ms", response.status, ms, extra=extra)
        return _response(response)

    def unanswered(self, path: str, why: str) -> None:
        """A request did not reach hook(): it may have been a webhook. `path`: "" where nobody knows it."""
        named = _HOOK.match(path)
        for name, tenant in self._tenants.items():
            if not path or (named and named[1] == name):
                tenant.unanswered.note(why)

    async def door(self, request: Request) -> Response:
        """One request of a worker: its token first, then its body. Where no workers are let in, any token is wrong."""
        tenant = self._tenants.get(request.path_params["tenant"])
        door = tenant.door if tenant else None
        head = _head(request)
        try:
            if not await self._is_good(request, lambda: door is not None and door.knows(head)):
                return _response(nobody_here())
            assert door is not None
            work = door.handle(head.model_copy(update={"body": await _body(request, LARGEST)}))
            if request.path_params["rest"] == "claim":
                work = _while_heard(request, work)
            return _response(await work)
        except Problem as problem:
            return _response(problem_response(problem))
        except ClientDisconnect:
            return Response(status_code=400)  # it is not sent

    def hang_up(self) -> None:
        """The server is about to end: claims that are held open, and tokens that wait their turn, are answered now."""
        self._guesses.close()
        for tenant in self._tenants.values():
            tenant.notifier.close()

    async def healthz(self, request: Request) -> Response:
        found = {name: await tenant.health() for name, tenant in self._tenants.items()}
        ok = all(one.ok for one in found.values())
        seen = await self._visible(request)
        detail: dict[str, Any] = {name: found[name].model_dump(mode="json") for name in seen}
        if seen and self._log:
            detail = {"log": {"dropped": self._log.dropped, "hangs": self._log.hangs}, **detail}
        body = json.dumps({"ok": ok, "version": self._version, **detail}).encode()
        return _response(HttpResponse(status=200 if ok else 503, body=body))

    async def metrics(self, request: Request) -> Response:
        """In the form of Prometheus, of the tenants whose token came along."""
        tenants = [self._tenants[name] for name in await self._shown(request)]
        await asyncio.to_thread(import_module, "prometheus_client")  # takes a while, once
        from .metrics import metrics

        return _response(
            await metrics(tenants, request.headers.get("accept", ""), self._log.dropped if self._log else 0)
        )

    async def status_json(self, request: Request) -> Response:
        (tenant, *_) = await self._shown(request)
        return _response(HttpResponse(body=(await self._fresh(tenant)).model_dump_json().encode()))

    async def index(self, request: Request) -> Response:
        (tenant, *_) = await self._shown(request)
        try:
            return _page(page(await self._fresh(tenant)), request)
        except StoreUnavailable as problem:
            stale = stale_page(self._reports.get(tenant), utc_now(), f"{problem.what}: {problem.why}")
            return _page(stale, request, status=503)

    async def item(self, request: Request) -> Response:
        (name, *_) = await self._shown(request)
        tenant, key = self._tenants[name], request.path_params["key"]
        found = await item_overview(tenant.observed(), tenant.fleet, key, self._version)
        if found is None:
            raise NotFound(f"no item {key}", why="the factory keeps no record of it", fix="factory status")
        return _page(item_page(found), request)

    async def _fresh(self, tenant: str) -> StatusReport:
        """One query serves page, JSON and every reader for two seconds."""
        now, known = utc_now(), self._reports.get(tenant)
        if known is None or now - known.data_at > FRESH:
            lines = log_lines(self._log.dropped, self._log.hangs) if self._log else ()
            known = self._reports[tenant] = await self._tenants[tenant].overview(self._version, lines)
        return known

    async def _shown(self, request: Request) -> Sequence[str]:
        """The tenants that the visitor may see, at least one. Raises BadSignature for everybody else."""
        if seen := await self._visible(request):
            return seen
        raise BadSignature(
            "the status page is private",
            why="no valid token came with the request" if self._tokens else "this is not this machine's own address",
            fix="In your environment: set FACTORY_STATUS_TOKEN, and sign in with it as the password",
        )

    async def _visible(self, request: Request) -> Sequence[str]:
        """The tenants whose token came along, where there is one: a proxy or a tunnel makes every request one of this
        machine. Else this machine itself sees all, by its address and by the name that it was called, with no proxy
        between."""
        if self._tokens:
            password = basic_credentials(request.headers.get("authorization", "")).password.encode()
            opened = list[str]()

            def is_good() -> bool:
                equal = {name: hmac.compare_digest(password, token.encode()) for name, token in self._tokens.items()}
                opened[:] = [name for name in self._tenants if equal.get(name)]
                return bool(opened)

            return opened if await self._is_good(request, is_good) else ()
        from_here = request.client is not None and request.client.host in LOOPBACK  # a name alone anybody may send
        named_so = _OWN_NAME.fullmatch(request.headers.get("host", "")) is not None
        return tuple(self._tenants) if from_here and named_so and not _FORWARDED & set(request.headers) else ()

    async def _is_good(self, request: Request, is_good: Callable[[], bool]) -> bool:
        """Is the token that came along good? None is a wrong one that nobody guessed. Raises TooManyGuesses."""
        if not request.headers.get("authorization"):
            return False
        return await self._guesses.check(request.client.host if request.client else "", is_good)


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
    return _head(request).model_copy(update={"body": await _body(request)})


def _head(request: Request) -> HttpRequest:
    return HttpRequest(path=request.scope["path"], headers=dict(request.headers), received_at=utc_now())


async def _body(request: Request, largest: int = LARGEST_BODY) -> bytes:
    """The whole body, unless it is too large: then nothing more of it is read."""
    declared = request.headers.get("content-length", "0")
    refuse_large(int(declared) if declared.isascii() and declared.isdigit() else 0, largest)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        refuse_large(len(body), largest)
    return bytes(body)


def _response(said: HttpResponse) -> Response:
    return Response(said.body, said.status, said.all_headers())


def _page(drawn: Page, request: Request, status: int = 200) -> Response:
    return _response(page_response(drawn, request.headers.get("if-none-match"), status))


async def _problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    answer = _response(problem_response(problem))
    if problem.http_status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="factory"'
    return answer


async def _no_endpoint(request: Request, problem: Exception) -> Response:
    """404 and 405, with what every response carries."""
    assert isinstance(problem, HTTPException)
    body = json.dumps({"what": problem.detail}).encode()
    return _response(HttpResponse(status=problem.status_code, body=body, headers=problem.headers or {}))

"""A tenant's status pages at the addresses of `factory serve`, for hosts that many tenants share.

Each sees its own: the user's name is the tenant, the password its secret FACTORY_STATUS_TOKEN. Who is refused learns
not who exists.
"""

from __future__ import annotations

import hmac
import json
import re
from typing import Protocol

from adapters.web.status_page import item_page, page, stale_page
from factory_core import VERSION
from factory_core.errors import BadSignature, NotFound, Problem, StoreUnavailable
from factory_core.http import HttpRequest, HttpResponse, problem_response
from factory_core.overview import Observed, health, item_overview, overview
from factory_core.ports import Fleet
from factory_core.status import StatusReport

from ..assembly import utc_now
from ..credentials.secrets import MAKE_ONE, Secrets, weakness
from ..providers.vendor import SHORTEST, Secret
from .basic_auth import page_response

TOKEN = Secret("status token", ("FACTORY_STATUS_TOKEN",), f"`{MAKE_ONE}` makes one", SHORTEST)
_ITEM = re.compile(r"/items/(.+)")


def is_known(secrets: Secrets, password: str, which: Secret = TOKEN) -> bool:
    """Is it the tenant's password? Each that is good just now costs the same time; a weak one opens nothing."""
    tokens = secrets.several(which)
    good = [hmac.compare_digest(password.encode(), token.encode()) for token in tokens]
    return any(good) and not weakness(which, tokens)


def weak_token(secrets: Secrets) -> list[str]:
    """What is to be said of a password that opens nothing because anybody could guess it."""
    weak = weakness(TOKEN, secrets.several(TOKEN))
    return [f"a good {secrets.names(TOKEN)[0]}"] if weak else []


class LastReport(Protocol):
    """Where a host keeps what was shown last, for when there is nothing newer. Never raises."""

    async def keep(self, report: StatusReport) -> None: ...
    async def read(self) -> StatusReport | None: ...


async def shown(
    request: HttpRequest, observed: Observed, fleet: Fleet, store: str, last: LastReport | None = None
) -> HttpResponse:
    """What a GET gives the tenant itself; `store`: what its memory is called. Raises NotFound."""
    known = request.headers.get("if-none-match")
    try:
        if item := _ITEM.fullmatch(request.path):
            return await _item(observed, fleet, item[1], known)
        if request.path not in {"/", "/status.json"}:
            raise NotFound(
                "no such page", why="there are /, /status.json, /items/<key> and /healthz", fix="factory status"
            )
        report = await overview(observed, fleet, VERSION, store)
    except StoreUnavailable as problem:
        return await stale(problem, last)
    if last:
        await last.keep(report)
    if request.path == "/status.json":
        return HttpResponse(body=report.model_dump_json().encode())
    return page_response(page(report), known)


async def stale(problem: Problem, last: LastReport | None) -> HttpResponse:
    """The page when nobody who knows answers: what was known, in the past tense."""
    report = await last.read() if last else None
    return page_response(stale_page(report, utc_now(), f"{problem.what}: {problem.why}"), None, status=503)


async def healthz(observed: Observed) -> HttpResponse:
    """For the tenant: does the store answer, and is anything late?"""
    found = await health(observed)
    return health_response(found.ok, **{observed.recorder.config.tenant: found.model_dump(mode="json")})


def health_response(ok: bool, **more: object) -> HttpResponse:
    said = {"ok": ok, "version": VERSION, **more}
    return HttpResponse(status=200 if ok else 503, body=json.dumps(said).encode())


def unauthorized() -> HttpResponse:
    """For everybody else."""
    refused = problem_response(
        BadSignature(
            "the status page is private",
            why="no tenant's name came with its password",
            fix="In your browser: sign in as your tenant, with its FACTORY_STATUS_TOKEN as the password",
        )
    )
    return refused.model_copy(update={"headers": {"www-authenticate": 'Basic realm="factory"'}})


async def _item(observed: Observed, fleet: Fleet, key: str, known: str | None) -> HttpResponse:
    found = await item_overview(observed, fleet, key, VERSION)
    if found is None:
        raise NotFound(f"no item {key[:80]}", why="the factory keeps no record of it", fix="factory status")
    return page_response(item_page(found), known)

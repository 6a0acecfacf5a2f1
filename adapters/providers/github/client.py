"""GitHub's REST and GraphQL APIs: what they refuse becomes a Problem by the table in refusals.

Rules of the REST API: docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import httpx2

from factory_core.errors import Problem
from factory_core.payload import at, object_in, parse, text
from factory_core.performing.rate_limits import RateLimit
from factory_core.ports import Clock

from ..credential import Token, authorized
from ..http_call import DEADLINE, later, limited, retry_after, send
from ..refusal_table import Known
from . import refusals
from .refusals import LEAST_PAUSE

logger = logging.getLogger("factory.github")

API_VERSION = "2022-11-28"
"""Pinned, so that a release of GitHub's changes nothing here by itself. Enterprise Servers in support answer it, and
nothing is read that 2026-03-10 removed: the tests play both.
https://docs.github.com/rest/about-the-rest-api/api-versions"""

PAGE = 100  # rows; GitHub's largest page
MOST_PAGES = 10
MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 307, 308})
USER_AGENT = "ticket-factory"


def utc_now() -> datetime:
    return datetime.now(UTC)


def graphql_url(url: str) -> str:
    """Where GraphQL is, beside a REST root: `/api/graphql` for `/api/v3` (Enterprise Server), else `/graphql`.

    https://docs.github.com/enterprise-server/graphql/guides/forming-calls-with-graphql
    """
    return re.sub(r"/api/v3$", "/api", url.rstrip("/"), flags=re.IGNORECASE) + "/graphql"


class GithubClient:
    """`token` is a classic, fine-grained or installation token, or where today's is found; `url` is the root of the
    REST API."""

    def __init__(self, http: httpx2.AsyncClient, token: Token, url: str, *, clock: Clock = utc_now) -> None:
        self._http, self._token, self._url = http, token, url.rstrip("/")
        self.clock = clock
        self._names: dict[str, str] = {}  # a repository as it is configured → as GitHub calls it today

    async def ask(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: object = None
    ) -> httpx2.Response:
        """Any response below 500 but 429, refusals included; raises ConnectionLost when no token is accepted.

        The redirect of a renamed or moved repository is followed with the same method and body, but only within this
        API: the token goes to no other host.
        https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api#follow-redirects
        """
        response = await self._send(method, self._url + path, params, body)
        moved_to = first = self._redirect(response)
        for _ in range(MOST_REDIRECTS):
            if moved_to is None:
                break
            response = await self._send(method, str(moved_to), None if moved_to.query else params, body)
            moved_to = self._redirect(response)
        if first is not None and not response.is_redirect:
            await self._learn_name(path, first)
        return response

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        accept: Sequence[int] = (),
    ) -> httpx2.Response:
        """A good response, or one with a status from `accept`; every other is raised."""
        response = await self.ask(method, path, params=params, body=body)
        if response.is_success or (response.status_code in accept):
            return response
        raise self.refusal(response)

    async def read(self, path: str, **params: Any) -> Any:
        """The JSON document there; None where GitHub answers 404 (gone, or not for this token)."""
        response = await self.call("GET", path, params=params or None, accept=(404,))
        return None if response.status_code == 404 else document(response)

    async def read_all(self, path: str, *key: str, **params: Any) -> list[Any] | None:
        """All rows of a list, page by page; None when it is not a list, or longer than is ever read."""
        found: list[Any] = []
        for page in range(1, MOST_PAGES + 1):
            asked = {"per_page": PAGE, "page": page, **params}
            response = await self.call("GET", path, params=asked, accept=(404,))
            answer = None if response.status_code == 404 else document(response)
            part = at(answer, *key) if key else answer
            if not isinstance(part, list):
                return None
            found += part
            if len(part) < PAGE and "next" not in response.links:
                return found
        return None

    async def download(self, path: str, most: int) -> bytes:
        """The last bytes of a file that GitHub may keep elsewhere.

        The address that it names is asked without the token, and over nothing less safe than the API itself.
        """
        response = await self.call("GET", path, accept=tuple(REDIRECTS))
        if not response.is_redirect or "location" not in response.headers:
            return response.content[-most:] if response.is_success else b""
        place = httpx2.URL(self._url).join(response.headers["location"])
        if place.scheme not in {"https", httpx2.URL(self._url).scheme}:
            return b""
        request = self._http.build_request("GET", place, headers={"user-agent": USER_AGENT}, timeout=DEADLINE)
        end = b""
        try:
            answer = await self._http.send(request, stream=True)
            try:
                async for part in answer.aiter_bytes():
                    end = (end + part)[-most:]
            finally:
                await answer.aclose()
        except httpx2.HTTPError as error:
            raise later("GitHub", f"no answer: {type(error).__name__}") from error
        return end if answer.is_success else b""

    async def graphql(self, operation: str, **variables: Any) -> dict[str, Any] | Known:
        """The `data` of the stored GraphQL operation, or why GitHub refused it; what may pass, and a credential that
        ended, are raised. A variable that is None is left out, so that its default counts."""
        source = (files(__package__) / "operations" / f"{operation}.graphql").read_text("utf-8")
        given = {name: value for name, value in variables.items() if value is not None}
        response = await self._send("POST", graphql_url(self._url), None, {"query": source, "variables": given})
        answer = document(response) if response.is_success else None
        if at(answer, "errors") or not response.is_success:
            known = self.known(response)
            if known.row.kind in ("limit", "passing"):
                raise known.problem(operation)
            return known
        data = at(answer, "data")
        if not isinstance(data, dict):
            raise later("GitHub", "its answer cannot be read")
        return data

    def known(self, response: httpx2.Response, **about: str) -> Known:
        """What a refusal means. `about` names what the fix may speak of: repository, base, branch."""
        path = response.request.url.path
        named = {"path": path, "repository": _repository_in(path), **about}
        return refusals.read(
            response.status_code, response.headers, object_in(response.content), self._asked_pause(response), named
        )

    def refusal(self, response: httpx2.Response, **about: str) -> Problem:
        what = f"{response.request.method} {response.request.url.path} was answered with {response.status_code}"
        return self.known(response, **about).problem(what)

    def name_today(self, repository: str) -> str:
        """What GitHub calls the repository, as far as a redirect has said so."""
        return self._names.get(repository, repository)

    async def _send(
        self, method: str, url: str, params: Mapping[str, Any] | None, body: object = None
    ) -> httpx2.Response:
        async def call(token: str) -> httpx2.Response:
            request = self._http.build_request(
                method, url, params=params, json=body, headers=_headers(token), timeout=DEADLINE
            )
            response = await send(
                self._http, "GitHub", request, delay=self._pause, limit=self._limit, scope=_resource(request)
            )
            if response.status_code in (401, 403) or url == graphql_url(self._url):
                known = self.known(response)
                if known.row.kind == "lost":
                    raise known.problem("not authorized")
            return response

        return await authorized("github", self._token, call)

    def _redirect(self, response: httpx2.Response) -> httpx2.URL | None:
        """Where it leads, if that is within this API; None for any other response."""
        if response.status_code not in REDIRECTS:
            return None
        try:
            target = response.request.url.join(response.headers.get("location", ""))
        except httpx2.InvalidURL:
            return None
        root = httpx2.URL(self._url)
        here = (target.scheme, target.host, target.port) == (root.scheme, root.host, root.port)
        inside = target.path.startswith(f"{root.path.rstrip('/')}/") and target != response.request.url
        return target if here and inside and not target.userinfo else None

    async def _learn_name(self, path: str, moved_to: httpx2.URL) -> None:
        """Say once in the log how a moved repository is called now: a redirect names only its id."""
        old, found = _repository_in(path), re.search(r"/repositories/\d+", moved_to.path)
        if not old or not found or old in self._names:
            return
        self._names[old] = old  # this very question may be redirected, too
        try:
            name = text(await self.read(found[0]), "full_name")
        except Problem:  # asked again with the next redirect: what was to be done is done
            del self._names[old]
            return
        self._names[old] = name or old
        fix = f"In factory.config.yaml: name it {name} under repositories"
        logger.warning("%s is called %s now. %s", old, name, fix, extra={"action": "renamed", "repository": old})

    def _asked_pause(self, response: httpx2.Response) -> float | None:
        """Seconds until the limit that was met ends, where the headers say so."""
        asked, reset = retry_after(response), response.headers.get("x-ratelimit-reset", "")
        used_up = response.headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit()
        return max(1.0, float(reset) - self.clock().timestamp()) if asked is None and used_up else asked

    def _limit(self, response: httpx2.Response) -> RateLimit | None:
        """A used-up primary limit is that of one resource; a secondary one is the account's.

        https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
        """
        is_primary = response.headers.get("x-ratelimit-remaining") == "0" and "retry-after" not in response.headers
        scope = _resource(response.request) if is_primary else ""
        if response.status_code == 429:
            return limited(self._pause(response), scope)
        is_refusal = response.status_code in (403, 422) or at(object_in(response.content), "errors")
        return self.known(response).limit(scope) if is_refusal else None

    def _pause(self, response: httpx2.Response) -> float | None:
        """The same for 429 and 5xx; the first of them is a limit whatever the headers say."""
        asked = self._asked_pause(response)
        return LEAST_PAUSE if asked is None and response.status_code == 429 else asked


def document(response: httpx2.Response) -> Any:
    """The response's JSON; raise Retryable for one that is none (a proxy's page, half an answer)."""
    try:
        return parse(response.content)
    except ValueError as error:
        raise later("GitHub", "its answer cannot be read") from error


def _resource(request: httpx2.Request) -> str:
    """What GitHub counts by itself: GraphQL, the search, and all the rest."""
    path = request.url.path
    return "graphql" if path.endswith("/graphql") else "search" if "/search/" in path else "core"


def _headers(token: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": API_VERSION,
        "user-agent": USER_AGENT,
    }


def _repository_in(path: str) -> str:
    """`owner/name` of a path below /repos."""
    found = re.search(r"/repos/([^/]+/[^/]+)", path)
    return found[1] if found else ""

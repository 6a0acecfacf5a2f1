"""The one door to GitHub's REST and GraphQL APIs: every refusal of theirs becomes a Retryable or a Terminal.

Rules of the REST API: docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import httpx2

from adapters.providers.credential import Token, authorized
from adapters.providers.door import DEADLINE, later, never, retry_after, send
from factory_core.errors import ConnectionLost, Problem
from factory_core.intake.payload import at, object_in, parse, rows, text
from factory_core.ports import Clock

PAGE = 100  # rows; GitHub's largest page
MOST_PAGES = 10
LEAST_PAUSE = 60.0  # seconds, for a limit without a header that says when it ends
CONNECT = "factory connect github"
USER_AGENT = "ticket-factory"


def utc_now() -> datetime:
    return datetime.now(UTC)


class GithubClient:
    """`token` is a classic, fine-grained or installation token, or where today's is found; `url` is the API's root,
    without a slash at the end."""

    def __init__(self, http: httpx2.AsyncClient, token: Token, url: str, *, clock: Clock = utc_now) -> None:
        self._http, self._token, self._url, self._clock = http, token, url.rstrip("/"), clock
        self.clock = clock

    async def ask(
        self, method: str, path: str, *, params: dict[str, Any] | None = None, body: object = None
    ) -> httpx2.Response:
        """Any answer below 500 but 401 and 429, refusals included; raises ConnectionLost when no token is accepted."""

        async def call(token: str) -> httpx2.Response:
            request = self._http.build_request(
                method, self._url + path, params=params, json=body, headers=_headers(token), timeout=DEADLINE
            )
            response = await send(self._http, "GitHub", request, delay=self._pause)
            if response.status_code == 401:
                raise ConnectionLost("github", f"it does not know the token: {message(response)}")
            return response

        return await authorized("github", self._token, call)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        body: object = None,
        accept: Sequence[int] = (),
    ) -> httpx2.Response:
        """A good answer, or one with a status from `accept`; every other is raised."""
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
        response = await self.call("GET", path, accept=(301, 302, 307, 308))
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

    async def mutate(self, operation: str, **variables: Any) -> tuple[str, ...]:
        """Perform the stored GraphQL mutation; the answer is why GitHub would not, empty when it is done."""
        source = (files(__package__) / "operations" / f"{operation}.graphql").read_text("utf-8")
        response = await self.call("POST", "/graphql", body={"query": source, "variables": variables})
        errors = rows(document(response), "errors")
        if any(text(error, "type") == "RATE_LIMITED" for error in errors):
            raise later("GitHub", "its rate limit is used up", after=self._pause(response))
        return tuple(text(error, "message") or "it did not say why" for error in errors)

    def refusal(self, response: httpx2.Response) -> Problem:
        """What a 3xx or 4xx answer means. A 403 is three things: a limit, a pause, or a missing permission."""
        status, path = response.status_code, response.request.url.path
        what, said = f"{response.request.method} {path} was answered with {status}", message(response)
        if status == 403:
            pause, needed = self._pause(response), response.headers.get("x-accepted-github-permissions")
            if pause is not None:
                return later("GitHub", "its rate limit is used up", after=pause)
            return never("GitHub", what, f"the token lacks {needed}" if needed else f"not permitted: {said}", CONNECT)
        if response.is_redirect:
            fix = "In factory.config.yaml: name the repository as GitHub names it today"
            return never("GitHub", what, "the repository was renamed or moved", fix)
        if status == 404:
            why = "it does not exist, or the token may not see it"
            return never("GitHub", what, why, f"In GitHub: give the factory's account access to {path}")
        return never("GitHub", what, said or "it gave no reason", "factory doctor github")

    def _pause(self, response: httpx2.Response) -> float | None:
        """Seconds until GitHub wants to hear from us again; None where no limit was met."""
        asked, left = retry_after(response), response.headers.get("x-ratelimit-remaining")
        reset = response.headers.get("x-ratelimit-reset", "")
        if asked is None and left == "0" and reset.isascii() and reset.isdigit():
            return max(1.0, float(reset) - self._clock().timestamp())
        status = response.status_code
        limited = left == "0" or status == 429 or (status == 403 and "rate limit" in message(response).lower())
        return LEAST_PAUSE if asked is None and limited else asked


def _headers(token: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "accept": "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
        "user-agent": "ticket-factory",
    }


def document(response: httpx2.Response) -> Any:
    """The answer's JSON; raise Retryable for an answer that is none (a proxy's page, half an answer)."""
    try:
        return parse(response.content)
    except ValueError as error:
        raise later("GitHub", "its answer cannot be read") from error


def message(response: httpx2.Response) -> str:
    """GitHub's own words, where the answer has any; the details of a 422 stand in its errors."""
    said = object_in(response.content)
    words = (text(said, "message"), *(text(error, "message") for error in rows(said, "errors")))
    return ": ".join(filter(None, words))[:300]

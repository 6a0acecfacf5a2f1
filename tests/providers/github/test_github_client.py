"""GitHub's API: which of its answers may pass, which never will, and who can do something about each."""

from __future__ import annotations

import json

import httpx2
import pytest
from fake_github import TOKEN, with_client
from github_payloads import NOW

from adapters.providers.github.client import GithubClient
from adapters.providers.http_call import LONGEST_PAUSE
from factory_core.errors import ConnectionLost, Problem, Retryable, Terminal, VendorUnavailable

pytestmark = pytest.mark.pure

RESET = str(int(NOW.timestamp()) + 900)


def problem_of(response: httpx2.Response | Exception) -> Problem:
    """What the client makes of this answer."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        if isinstance(response, Exception):
            raise response
        return response

    with pytest.raises(Problem) as caught:
        with_client(answer, lambda client: client.call("GET", "/repos/acme/api"))
    return caught.value


@pytest.mark.parametrize(
    ("response", "after"),
    [
        (httpx2.Response(403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}), 900.0),
        (httpx2.Response(403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}), 1.0),
        (httpx2.Response(403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}), 60.0),
        (httpx2.Response(403, headers={"retry-after": "30", "x-ratelimit-remaining": "4000"}), 30.0),
        (httpx2.Response(403, json={"message": "You have exceeded a secondary rate limit."}), 60.0),
        (httpx2.Response(403, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 400}), LONGEST_PAUSE),
        (httpx2.Response(429, headers={"retry-after": "7"}), 7.0),
        (httpx2.Response(429, headers={"retry-after": "9" * 15}), LONGEST_PAUSE),
        (httpx2.Response(429, headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}), 900.0),
        (httpx2.Response(429), 60.0),
        (httpx2.Response(500), None),
        (httpx2.Response(502, text="<html>Unicorn!</html>"), None),
        (httpx2.Response(503, headers={"retry-after": "3"}), 3.0),
        (httpx2.ReadTimeout("slow"), None),
        (httpx2.ConnectError("down"), None),
        (httpx2.RemoteProtocolError("half an answer"), None),
    ],
)
def test_what_may_pass_is_retried_when_github_says(response: httpx2.Response | Exception, after: float | None) -> None:
    """Limits, faults and silence are Retryable, with the vendor's own delay in seconds where it gave one."""
    problem = problem_of(response)
    assert isinstance(problem, VendorUnavailable)
    assert problem.limited is (isinstance(response, httpx2.Response) and response.status_code < 500)
    assert problem.after == after


@pytest.mark.parametrize(
    ("response", "why", "fix"),
    [
        (
            httpx2.Response(
                403, headers={"x-accepted-github-permissions": "checks=read", "x-ratelimit-remaining": "9"}
            ),
            "checks=read",
            "factory connect github",
        ),
        (
            httpx2.Response(403, json={"message": "Resource not accessible by personal access token"}),
            "Resource not accessible",
            "factory connect github",
        ),
        (httpx2.Response(403, text="<html>no</html>"), "not permitted", "factory connect github"),
        (httpx2.Response(404, json={"message": "Not Found"}), "does not exist", "In GitHub: "),
        (
            httpx2.Response(301, headers={"location": "https://evil.test/repositories/1"}),
            "renamed",
            "In factory.config",
        ),
        (httpx2.Response(422, json={"message": "Validation Failed"}), "Validation Failed", "factory doctor github"),
    ],
)
def test_what_will_never_work_says_whose_move_it_is(response: httpx2.Response, why: str, fix: str) -> None:
    """Refusals are Terminal: the reason is GitHub's or the missing permission, the fix is a person's next step."""
    problem = problem_of(response)
    assert isinstance(problem, Terminal)
    assert why in problem.why
    assert problem.fix.startswith(fix)


def test_a_token_that_ended_is_the_connections_matter() -> None:
    """401: the connection is lost, and it is retried for as long as nobody has put a new token there."""
    problem = problem_of(httpx2.Response(401, json={"message": "Bad credentials"}))
    assert isinstance(problem, ConnectionLost)
    assert (problem.provider, problem.why, problem.fix) == ("github", "Bad credentials", "factory connect github")


def test_a_redirect_takes_the_token_to_no_other_host() -> None:
    """Only redirects within the configured API are followed."""
    hosts: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        hosts.append(request.url.host)
        return httpx2.Response(302, headers={"location": "https://evil.test/"})

    with pytest.raises(Terminal):
        with_client(answer, lambda client: client.call("GET", "/user"))
    assert hosts == ["api.github.test"]


def test_the_token_goes_into_the_header_and_nowhere_else() -> None:
    """The request is authorised, and no problem, repr or traceback text names the token."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(401, json={"message": "Bad credentials"})

    async def use(client: GithubClient) -> str:
        with pytest.raises(ConnectionLost) as caught:
            await client.call("GET", "/user", params={"per_page": 1})
        return repr(client) + repr(caught.value) + json.dumps(caught.value.document())

    assert TOKEN not in with_client(answer, use)
    assert seen[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in str(seen[0].url)


def test_an_answer_that_is_no_json_may_be_a_proxys_and_is_retried() -> None:
    """200 with a page of HTML is not GitHub's answer."""
    with pytest.raises(Retryable):
        with_client(lambda request: httpx2.Response(200, text="<html>"), lambda client: client.read("/user"))


def test_a_used_up_graphql_limit_is_retried() -> None:
    """GraphQL tells its limit in a 200: it is Retryable like the others, until the reset."""
    limited = httpx2.Response(
        200,
        json={"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]},
        headers={"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET},
    )
    with pytest.raises(Retryable) as caught:
        with_client(lambda request: limited, lambda client: client.graphql("MarkReady", id="PR_1"))
    assert caught.value.after == 900.0


def test_a_list_is_read_to_its_end() -> None:
    """Rows after the first page count too; a list that never ends is not known at all."""

    def pages(last: int) -> list[object] | None:
        def answer(request: httpx2.Request) -> httpx2.Response:
            page = int(request.url.params["page"])
            return httpx2.Response(200, json={"rows": list(range(100 if page < last else 1))})

        return with_client(answer, lambda client: client.read_all("/list", "rows"))

    assert len(pages(3) or []) == 201
    assert pages(1000) is None

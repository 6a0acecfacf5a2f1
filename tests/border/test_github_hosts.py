"""GitHub on other hosts than the usual: where its APIs and its git are, and who answered."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from adapters.providers.github.client import API_VERSION, graphql_url
from adapters.providers.github.output_target import GithubOutputTarget
from adapters.providers.github.settings import GithubSettings
from adapters.providers.http_call import provider_of
from factory_core.dispatch.pull_request import PullRequest
from factory_core.status.formatting import link
from tests.core.world import config_of

from .canned import SHA, Vendor, github, pull, response, target

pytestmark = pytest.mark.pure

HOSTS = [
    ("https://api.github.com", "https://api.github.com/graphql", "https://github.com"),
    ("https://api.github.com/", "https://api.github.com/graphql", "https://github.com"),
    ("https://git.acme.example/api/v3", "https://git.acme.example/api/graphql", "https://git.acme.example"),
    ("https://git.acme.example/api/v3/", "https://git.acme.example/api/graphql", "https://git.acme.example"),
    ("http://git.acme.example:8443/API/V3", "http://git.acme.example:8443/api/graphql", "http://git.acme.example:8443"),
    ("https://acme.example/git/api/v3", "https://acme.example/git/api/graphql", "https://acme.example/git"),
    ("https://api.acme.ghe.com", "https://api.acme.ghe.com/graphql", "https://acme.ghe.com"),
    ("http://127.0.0.1:9001/github", "http://127.0.0.1:9001/github/graphql", "https://github.com"),
]


@pytest.mark.parametrize(("url", "queries", "git"), HOSTS)
def test_one_address_leads_to_rest_graphql_and_git(url: str, queries: str, git: str) -> None:
    """The REST root is the only one that must be configured; another git host can be named beside it."""
    assert graphql_url(url) == queries
    assert GithubSettings(url=url).git_url == git
    assert GithubSettings(url=url, git_url="https://mirror.example").git_url == "https://mirror.example"
    config = config_of(github={"url": url})
    assert GithubOutputTarget(None, config).clone_address("acme/shop") == f"{git}/acme/shop.git"  # type: ignore[arg-type]


@pytest.mark.parametrize(("url", "queries", "git"), HOSTS[2:7])
def test_a_pull_request_of_another_host_is_a_link_on_the_page(url: str, queries: str, git: str) -> None:
    """The page links only to configured hosts, and this is one."""
    address = f"{git}/acme/shop/pull/1".replace("http://", "https://")
    assert link(address, config_of(github={"url": url})) == address


@pytest.mark.parametrize(("url", "queries", "git"), HOSTS)
def test_arming_asks_both_apis_of_the_host_with_the_pinned_version(url: str, queries: str, git: str) -> None:
    """REST below its root, GraphQL beside it; and which vendor answered is known whatever the address."""
    root = httpx2.URL(url).path.rstrip("/")
    done = {"data": {"enablePullRequestAutoMerge": {"pullRequest": {"number": 1}}}}
    vendor = Vendor({
        f"GET {root}/repos/acme/shop/pulls/1": response(200, pull()),
        f"POST {httpx2.URL(queries).path}": response(200, done),
    })  # fmt: skip
    known = PullRequest(repository="acme/shop", number=1, head_sha=SHA)
    target(vendor, lambda output: output.enable_auto_merge(known, SHA, "squash"), url)
    assert [str(request.url) for request in vendor.asked] == [f"{url.rstrip('/')}/repos/acme/shop/pulls/1", queries]
    assert {request.headers["x-github-api-version"] for request in vendor.asked} == {API_VERSION}
    assert {provider_of(httpx2.Response(200, request=request)) for request in vendor.asked} == {"github"}


RENAMED = {"message": "Moved Permanently", "url": "https://api.github.com/repositories/7"}


def moved(to: str) -> Any:
    """A redirect with the rest of the path and the query, as GitHub gives it."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        rest = request.url.raw_path.decode().split("/repos/acme/shop", 1)[1]
        return response(301 if request.method == "GET" else 307, RENAMED, {"location": f"{to}{rest}"})

    return answer


def renamed(to: str = "https://api.github.com/repositories/7") -> Vendor:
    """acme/shop is called store.co/storefront now."""
    now = {"id": 7, "full_name": "store.co/storefront"}
    here = pull(head={"ref": "factory/ACME-1-x", "sha": SHA, "repo": now}, base={"ref": "main", "repo": now})

    def listed(request: httpx2.Request) -> httpx2.Response:
        return response(200, [here] if request.url.params["head"] == "store.co:factory/ACME-1-x" else [])

    return Vendor({
        **{f"{method} /repos/acme/shop/{path}": moved(to) for method, path in (
            ("GET", "pulls"), ("POST", "pulls"), ("GET", "pulls/1"), ("PUT", "pulls/1/merge"),
            ("GET", f"commits/{SHA}/check-runs"), ("GET", f"commits/{SHA}/status"), ("GET", "pulls/1/reviews"),
        )},
        "GET /repositories/7": response(200, now),
        "GET /repositories/7/pulls": listed,
        "POST /repositories/7/pulls": response(422, {"message": "A pull request already exists"}),
        "GET /repositories/7/pulls/1": response(200, here),
        "PUT /repositories/7/pulls/1/merge": response(200, {"merged": True, "sha": "b" * 40}),
        f"GET /repositories/7/commits/{SHA}/check-runs": response(200, {"check_runs": []}),
        f"GET /repositories/7/commits/{SHA}/status": response(200, {"statuses": []}),
        "GET /repositories/7/pulls/1/reviews": response(200, []),
    })  # fmt: skip


def test_a_renamed_repository_goes_on_working_and_its_new_name_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Reads and writes follow the redirect, under a new owner too, and the log says what to write into the file."""
    vendor, name = renamed(), "store.co/storefront"

    async def use(output: GithubOutputTarget) -> tuple[Any, Any, str]:
        opened = await output.open_pull_request("acme/shop", "factory/ACME-1-x", "main", "t", "b")
        found = await output.find_pull_request("acme/shop", "factory/ACME-1-x")
        return opened, found, await output.merge(opened, SHA, "squash")

    opened, found, refused = target(vendor, use)
    assert opened == found and (opened.number, opened.repository, refused) == (1, "acme/shop", "")
    assert [record.getMessage() for record in caplog.records if record.name == "factory.github"] == [
        f"acme/shop is called {name} now. In factory.config.yaml: name it {name} under repositories"
    ]


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/repositories/7", "http://api.github.com/repositories/7", "https://api.github.com:444/r/7",
        "https://user@api.github.com/repositories/7", "//evil.example/repositories/7", "http://[", "ftp://api.github.com",
    ],
)  # fmt: skip
def test_a_redirect_to_another_host_is_not_followed(to: str) -> None:
    """The token goes to the configured API only; what a person can do about it is said."""
    vendor = renamed(to)
    with pytest.raises(Exception, match="301") as caught:
        github(vendor, lambda client: client.call("GET", "/repos/acme/shop/pulls/1"))
    assert getattr(caught.value, "fix", "").startswith("In factory.config.yaml: name the repository")
    assert {request.url.host for request in vendor.asked} == {"api.github.com"} and len(vendor.asked) == 1


def test_redirects_that_lead_in_a_circle_end() -> None:
    """Three are followed."""
    vendor = Vendor({
        f"GET /repositories/{n}": response(302, {}, {"location": f"/repositories/{(n + 1) % 9}"}) for n in range(9)
    })  # fmt: skip
    with pytest.raises(Exception, match="302"):
        github(vendor, lambda client: client.call("GET", "/repositories/0"))
    assert len(vendor.asked) == 4

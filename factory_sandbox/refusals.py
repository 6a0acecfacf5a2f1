"""What a vendor answers instead of doing it: each in its own words, status and headers, to be played on request.

The words are the vendors'; where one has several for the same thing (GitHub's limits), each has a name of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from starlette.responses import HTMLResponse, JSONResponse, Response

from factory_core.errors import Refused

from .clock import Clock

Headers = Mapping[str, str]


class Wait(NamedTuple):
    """How long the vendor asks to wait, and the headers that carry it."""

    seconds: float
    clock: Clock

    def retry_after(self) -> Headers:
        return {"Retry-After": str(max(1, round(self.seconds)))}

    def reset_seconds(self) -> Headers:
        at = str(round(self.clock.now().timestamp() + self.seconds))
        return {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": at}

    def reset_ms(self, kind: str) -> Headers:
        at = str(self.clock.epoch_ms() + round(self.seconds * 1000))
        return {f"X-RateLimit-{kind}-{name}": text for name, text in
                (("Limit", "5000"), ("Remaining", "0"), ("Reset", at))}  # fmt: skip


Play = Callable[[Wait], Response]
PLENTY: Headers = MappingProxyType({"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4321"})
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
CONTENT = "have been temporarily blocked from content creation. Please retry your request again later."
ABUSE = "You have triggered an abuse detection mechanism."
ALREADY = "API rate limit already exceeded for user ID 1."


def _says(status: int, message: str, headers: Headers = MappingProxyType({}), **more: Any) -> Play:
    return lambda _: JSONResponse({"message": message, **more}, status, dict(headers))


def _limit(status: int, message: str) -> Play:
    return lambda wait: JSONResponse({"message": message}, status, {**PLENTY, **wait.retry_after()})


def _graphql_limit(status: int, type: str) -> Play:
    """GitHub's GraphQL over its limit, in either spelling."""
    code = {"code": "graphql_rate_limit"} if type == "RATE_LIMIT" else {}
    body = {"errors": [{"type": type, **code, "message": ALREADY}]}
    return lambda wait: JSONResponse(body, status, dict(wait.reset_seconds()))


def _graphql_error(message: str, **more: Any) -> Play:
    return lambda _: JSONResponse({"data": None, "errors": [{**more, "message": message}]})


def _linear(status: int, message: str, code: str, headers: Callable[[Wait], Headers] = lambda _: {}) -> Play:
    extensions = {"code": code, "statusCode": status, "userPresentableMessage": message}
    body = {"errors": [{"message": message, "extensions": extensions}]}
    return lambda wait: JSONResponse(body, status, dict(headers(wait)))


def _validation(message: str) -> Mapping[str, Any]:
    return {"errors": [{"resource": "PullRequest", "code": "custom", "message": message}]}


GITHUB: Mapping[str, Play] = MappingProxyType(
    {
        "secondary-limit": _limit(403, SECONDARY),
        "secondary-limit-429": _limit(429, SECONDARY),
        "secondary-limit-bare": _says(403, SECONDARY, PLENTY),
        "secondary-limit-429-bare": _says(429, SECONDARY),
        "content-limit": _says(403, f"You have exceeded a secondary rate limit and {CONTENT}", PLENTY),
        "abuse-detection": _says(403, f"{ABUSE} Please wait a few minutes before you try again.", PLENTY),
        "abuse-detection-content": _says(403, f"{ABUSE[:-1]} and {CONTENT}", PLENTY),
        "primary-limit": lambda wait: JSONResponse(
            {"message": "API rate limit exceeded for user ID 1."}, 403, dict(wait.reset_seconds())
        ),
        "primary-limit-429": lambda wait: JSONResponse(
            {"message": "API rate limit exceeded for installation ID 1."}, 429, dict(wait.reset_seconds())
        ),
        "graphql-rate-limit": _graphql_limit(200, "RATE_LIMIT"),
        "graphql-rate-limit-400": _graphql_limit(400, "RATE_LIMIT"),
        "graphql-rate-limited": _graphql_limit(200, "RATE_LIMITED"),
        "graphql-rate-limited-400": _graphql_limit(400, "RATE_LIMITED"),
        "graphql-timeout": _graphql_error(
            "Something went wrong while executing your query. This may be the result of a timeout, or it could be a"
            " GitHub bug. Please include `0000:1111:2222` when reporting this issue."
        ),
        "graphql-forbidden": _graphql_error("Resource not accessible by integration", type="FORBIDDEN"),
        "graphql-too-quickly": _graphql_error("was submitted too quickly", type="UNPROCESSABLE"),
        "too-quickly": _says(422, "Validation Failed", **_validation("was submitted too quickly")),
        "bad-credentials": _says(401, "Bad credentials"),
        "no-credentials": _says(401, "Requires authentication"),
        "archived": _says(403, "Repository was archived so is read-only."),
        "lacks-permission": _says(
            403, "Resource not accessible by integration", {"X-Accepted-GitHub-Permissions": "pull_requests=write"}
        ),
        "suspended": _says(403, "This installation has been suspended"),
        "sso": _says(
            403,
            "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this"
            " organization.",
            {"X-GitHub-SSO": "required; url=https://github.com/orgs/acme/sso?authorization_request=1"},
        ),
        "ip-allow-list": _says(
            403,
            "Although you appear to have the correct authorization credentials, the `acme` organization has an IP allow"
            " list enabled, and your IP address is not permitted to access this resource.",
        ),
        "blocked-repository": _says(
            451, "Repository access blocked", block={"reason": "dmca", "created_at": "2026-01-01T00:00:00Z"}
        ),
        "base-modified": _says(405, "Base branch was modified. Review and try the merge again."),
        "head-modified": _says(409, "Head branch was modified. Review and try the merge again."),
        "behind-409": _says(409, "Head branch is out of date. Review and try the merge again."),
        "merge-in-progress": _says(405, "Merge already in progress"),
        "unicorn": lambda _: HTMLResponse("<!DOCTYPE html><title>Unicorn! · GitHub</title>", 502),
        "unavailable": _says(503, "No server is currently available to service your request."),
    }
)
LINEAR: Mapping[str, Play] = MappingProxyType(
    {
        "ratelimited": _linear(400, "Rate limit exceeded", "RATELIMITED", lambda wait: wait.reset_ms("Requests")),
        "ratelimited-complexity": _linear(
            400, "Rate limit exceeded", "RATELIMITED", lambda wait: wait.reset_ms("Complexity")
        ),
        "ratelimited-bare": _linear(400, "Rate limit exceeded", "RATELIMITED"),
        "authentication": _linear(401, "Authentication required, not authenticated", "AUTHENTICATION_ERROR"),
        "authentication-400": _linear(400, "Authentication required, not authenticated", "AUTHENTICATION_ERROR"),
        "forbidden": _linear(403, "You don't have permission to do this", "FORBIDDEN"),
        "internal": _linear(500, "Internal server error", "INTERNAL_SERVER_ERROR"),
        "usage-limit": _linear(400, "Usage limit exceeded", "USAGE_LIMIT_EXCEEDED"),
        "maintenance": lambda _: HTMLResponse("<!DOCTYPE html><title>Linear</title>", 503),
    }
)
SLACK: Mapping[str, Play] = MappingProxyType(
    {"ratelimited": lambda wait: JSONResponse({"ok": False, "error": "ratelimited"}, 429, dict(wait.retry_after()))}
)
RELAYFILE: Mapping[str, Play] = MappingProxyType(
    {
        "workspace-busy": lambda wait: JSONResponse(
            {
                "code": "workspace_busy",
                "retryAfterSeconds": max(1, round(wait.seconds)),
                "reason": "router_inflight_limit",
            },
            429,
            dict(wait.retry_after()),
        ),
        "unauthorized": lambda _: JSONResponse({"code": "unauthorized", "message": "a bearer token is required"}, 401),
    }
)
GIT: Mapping[str, Play] = MappingProxyType(
    {
        "slow-down": lambda wait: JSONResponse({"message": "slow down"}, 429, dict(wait.retry_after())),
        "denied": lambda _: Response("Write access to repository not granted.", 403),
        "archived": lambda _: Response("This repository was archived so it is read-only.", 403),
        "blocked-repository": lambda _: Response("Repository unavailable due to DMCA takedown.", 451),
    }
)
REFUSALS: Mapping[str, Mapping[str, Play]] = MappingProxyType(
    {"github": GITHUB, "linear": LINEAR, "slack": SLACK, "relayfile": RELAYFILE, "git": GIT}
)
TOO_MANY = {
    "github": "secondary-limit-429", "linear": "ratelimited", "slack": "ratelimited", "relayfile": "workspace-busy",
    "git": "slow-down",
}  # fmt: skip


def refusal(vendor: str, reason: str) -> Play:
    """Raise Refused for a reason that the vendor does not have; any word is an error of Slack's, in HTTP 200."""
    play = REFUSALS[vendor].get(reason)
    if play is None and vendor == "slack" and reason:
        return lambda _: JSONResponse({"ok": False, "error": reason})
    if play is None:
        why = f"{vendor} has {', '.join(sorted(REFUSALS[vendor]))}"
        raise Refused(f"no refusal is called {reason!r}", why=why, fix="factory sandbox --help")
    return play

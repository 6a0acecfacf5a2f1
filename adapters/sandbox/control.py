"""The control API under /_/: a person's hand in each vendor, faults, and what can be counted. JSON in, JSON out.

Each command is a plain method; its signature is what the body may hold.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from pydantic import ConfigDict, ValidationError, validate_call
from pydantic_core import to_jsonable_python
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from factory_core.errors import Problem

from .github import GitHubRefusal
from .node import Node
from .signing import Vendor
from .world import Sandbox

Command = Callable[..., Any]


def commands(sandbox: Sandbox) -> tuple[tuple[str, str, Command], ...]:
    """Method, path and what it calls."""
    linear, slack, github = sandbox.linear, sandbox.slack, sandbox.github

    def subscribe(vendor: Vendor, url: str, secret: str) -> Node:
        made = sandbox.webhooks.subscribe(vendor, url, secret)
        return {"id": made.id, "vendor": vendor, "url": url}

    return (
        ("POST", "/subscribe", subscribe),
        ("POST", "/tokens", sandbox.set_token),
        ("POST", "/faults", sandbox.faults.add),
        ("DELETE", "/faults", sandbox.faults.clear),
        ("GET", "/state", sandbox.state),
        ("POST", "/linear/issues", linear.create_issue),
        ("PATCH", "/linear/issues/{key}", linear.change_issue),
        ("DELETE", "/linear/issues/{key}", linear.remove_issue),
        ("POST", "/linear/comments", linear.add_comment),
        ("POST", "/linear/prompts", linear.prompt),
        ("POST", "/slack/replies", slack.reply),
        ("POST", "/github/repositories", github.create_repository),
        ("POST", "/github/reviews", github.add_review),
        ("POST", "/github/comments", github.add_comment),
        ("POST", "/github/merge", github.merge),
        ("POST", "/github/close", github.close_pull),
        ("POST", "/github/checks", github.plan_checks),
        ("POST", "/github/reviewer", github.plan_reviews),
        ("POST", "/relayfile/sparse", sandbox.relayfile.make_sparse),
    )


def control_routes(sandbox: Sandbox) -> list[Route]:
    return [Route("/_" + path, _endpoint(call), methods=[method]) for method, path, call in commands(sandbox)]


def _endpoint(command: Command) -> Callable[[Request], Any]:
    call = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(command)

    async def answer(request: Request) -> Response:
        try:
            given = {**json.loads(await request.body() or b"{}"), **request.path_params}
        except (ValueError, TypeError):
            return JSONResponse({"what": "the body", "why": "it is no JSON object", "fix": []}, 400)
        try:
            result = call(**given)
            value = await result if inspect.isawaitable(result) else result
        except ValidationError as error:
            return JSONResponse(_wrong(error), 400)
        except Problem as problem:
            return JSONResponse(problem.document(), problem.http_status)
        except GitHubRefusal as refusal:
            return JSONResponse(refusal.body, refusal.status)
        return JSONResponse(to_jsonable_python(value), 200)

    return answer


def _wrong(error: ValidationError) -> Node:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return {"what": ".".join(map(str, first["loc"])), "why": first["msg"], "fix": []}

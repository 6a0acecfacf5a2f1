"""The control API under /_/: what people do in each vendor, faults, and what can be counted. JSON in, JSON out.

Each command is a plain function or method; its signature is what the body may hold. A command of Linear or Slack takes
`workspace` as well, where there are several. `GET /_/` lists them all.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic import ConfigDict, ValidationError, validate_call
from pydantic_core import to_jsonable_python
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from factory_core.errors import Problem

from .github import moves
from .github.host import GitHubRefusal, Moved
from .node import Node
from .signing import Vendor
from .world import Sandbox

Command = Callable[..., Any]

# The method of a workspace, by the path of its command.
LINEAR = (
    ("POST", "/linear/issues", "create_issue"),
    ("PATCH", "/linear/issues/{key}", "change_issue"),
    ("DELETE", "/linear/issues/{key}", "remove_issue"),
    ("POST", "/linear/moves", "move_issue"),
    ("POST", "/linear/comments", "add_comment"),
    ("POST", "/linear/attachments", "add_attachment"),
    ("POST", "/linear/teams", "add_team"),
    ("POST", "/linear/labels", "add_label"),
    ("POST", "/linear/sessions", "start_session"),
    ("POST", "/linear/mentions", "mention"),
    ("POST", "/linear/prompts", "prompt"),
    ("POST", "/linear/silence", "age_session"),
)
SLACK = (
    ("POST", "/slack/replies", "reply"),
    ("POST", "/slack/edits", "edit"),
    ("POST", "/slack/deletions", "delete"),
    ("POST", "/slack/notices", "notice"),
    ("POST", "/slack/users", "add_user"),
    ("POST", "/slack/channels", "add_channel"),
    ("PATCH", "/slack/channels/{channel}", "configure_channel"),
    ("POST", "/slack/channel-ids", "change_channel_id"),
    ("POST", "/slack/pages", "shorten_pages"),
)


def commands(sandbox: Sandbox) -> tuple[tuple[str, str, Command], ...]:
    """Method, path and what it calls."""
    github = sandbox.github

    def subscribe(vendor: Vendor, url: str, secret: str) -> Node:
        """Send a vendor's webhooks to this address, signed with this secret."""
        made = sandbox.webhooks.subscribe(vendor, url, secret)
        return {"id": made.id, "vendor": vendor, "url": url}

    return (
        ("POST", "/subscribe", subscribe),
        ("POST", "/workspaces", sandbox.add_workspace),
        ("POST", "/tokens", sandbox.set_token),
        ("DELETE", "/tokens", sandbox.end_tokens),
        ("POST", "/installation", sandbox.change_installation),
        ("POST", "/faults", sandbox.faults.add),
        ("DELETE", "/faults", sandbox.faults.clear),
        ("GET", "/state", sandbox.state),
        ("POST", "/github/repositories", github.create_repository),
        ("POST", "/github/settings", github.configure),
        ("POST", "/github/rules", github.protect),
        ("POST", "/github/people", github.set_person),
        ("POST", "/github/permissions", github.lack_permissions),
        ("POST", "/github/reviews", github.add_review),
        ("POST", "/github/dismissals", github.dismiss_review),
        ("POST", "/github/replies", github.reply_inline),
        ("POST", "/github/resolutions", github.resolve),
        ("POST", "/github/comments", github.add_comment),
        ("POST", "/github/statuses", github.set_status),
        ("POST", "/github/edits", github.edit_pull),
        ("POST", "/github/merge", github.merge),
        ("POST", "/github/close", github.close_pull),
        ("POST", "/github/checks", github.plan_checks),
        ("POST", "/github/workflows", github.plan_workflows),
        ("POST", "/github/runs", github.run_workflow),
        ("POST", "/github/reviewer", github.plan_reviews),
        ("POST", "/github/queue", github.queue.plan),
        ("POST", "/github/renames", partial(moves.rename_repository, github)),
        ("POST", "/github/transfers", partial(moves.transfer_repository, github)),
        ("POST", "/github/organizations", partial(moves.rename_organization, github)),
        ("POST", "/github/branches", partial(moves.rename_branch, github)),
        ("POST", "/relayfile/sparse", sandbox.relayfile.make_sparse),
    )


def control_routes(sandbox: Sandbox) -> list[Route]:
    plain = [Route("/_" + path, _endpoint(call), methods=[method]) for method, path, call in commands(sandbox)]
    of_workspaces = [
        Route("/_" + path, _of_workspace(sandbox, vendor, name), methods=[method])
        for vendor, rows in (("linear", LINEAR), ("slack", SLACK))
        for method, path, name in rows
    ]

    async def listing(request: Request) -> Response:
        return JSONResponse({"commands": _listed(sandbox)})

    return [Route("/_/", listing), *plain, *of_workspaces]


def _listed(sandbox: Sandbox) -> list[Node]:
    """Of each command where it is, what it does, and its arguments with their types and defaults."""
    first = {"linear": sandbox.linear, "slack": sandbox.slack}
    rows = [
        *commands(sandbox),
        *((method, path, getattr(first[path.split("/")[1]], name)) for method, path, name in (*LINEAR, *SLACK)),
    ]
    return [
        {
            "command": f"{method} /_{path}",
            "about": (inspect.getdoc(call.func if isinstance(call, partial) else call) or "").partition("\n")[0],
            "arguments": {
                name: str(given.annotation) + ("" if given.default is given.empty else f" = {given.default!r}")
                for name, given in inspect.signature(call).parameters.items()
            },
        }
        for method, path, call in rows
    ]


def _endpoint(command: Command) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return await _answer(request, lambda _: command)

    return answer


def _of_workspace(sandbox: Sandbox, vendor: str, name: str) -> Callable[[Request], Any]:
    def chosen(given: Node) -> Command:
        command: Command = getattr(sandbox.workspace(vendor, str(given.pop("workspace", ""))), name)
        return command

    async def answer(request: Request) -> Response:
        return await _answer(request, chosen)

    return answer


async def _answer(request: Request, choose: Callable[[Node], Command]) -> Response:
    try:
        given = {**json.loads(await request.body() or b"{}"), **request.path_params}
    except (ValueError, TypeError):
        return JSONResponse({"what": "the body", "why": "it is no JSON object", "fix": []}, 400)
    try:
        call = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(choose(given))
        result = call(**given)
        value = await result if inspect.isawaitable(result) else result
    except ValidationError as error:
        return JSONResponse(_wrong(error), 400)
    except Problem as problem:
        return JSONResponse(problem.document(), problem.http_status)
    except Moved as moved:
        return JSONResponse({"what": str(moved), "why": "it has another name now", "fix": []}, 404)
    except GitHubRefusal as refusal:
        return JSONResponse(refusal.body, refusal.status)
    return JSONResponse(to_jsonable_python(value), 200)


def _wrong(error: ValidationError) -> Node:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return {"what": ".".join(map(str, first["loc"])), "why": first["msg"], "fix": []}

"""Whose object a request is for. Strangers wake none."""

from __future__ import annotations

import re

from factory_core.errors import NotFound
from factory_core.http import HttpRequest, HttpResponse, unknown_sender

from ..fleets.worker_queue.endpoint import nobody_here
from ..web.basic_auth import basic_credentials
from ..web.forgetting import FORGET
from ..web.pages import health_response, unauthorized
from .bindings import Bindings

HOOK = re.compile(r"/hooks/([^/]+)/([^/]+)")
FLEET = re.compile(r"/fleet/([^/]+)/.+")


def owner_of(request: HttpRequest, bindings: Bindings) -> str | HttpResponse:
    """The tenant whose object shall answer, or the answer. Raises NotFound."""
    if request.method == "POST":
        return _sender(request, bindings)
    if request.method != "GET":
        raise NotFound(
            "nothing is heard here", why="webhooks go to /hooks/<tenant>/<provider>", fix="factory connect --help"
        )
    user = basic_credentials(request.headers.get("authorization", "")).user
    if user in bindings.variables:
        return user
    return health_response(ok=True) if request.path == "/healthz" else unauthorized()


def _sender(request: HttpRequest, bindings: Bindings) -> str | HttpResponse:
    if hook := HOOK.fullmatch(request.path):
        return hook[1] if hook[1] in bindings.variables else unknown_sender()
    if FORGET.fullmatch(request.path):
        user = basic_credentials(request.headers.get("authorization", "")).user
        return user if user in bindings.variables else unauthorized()
    if fleet := FLEET.fullmatch(request.path):
        return fleet[1] if fleet[1] in bindings.variables else nobody_here()
    raise NotFound(
        "nothing is heard here", why="webhooks go to /hooks/<tenant>/<provider>", fix="factory connect --help"
    )

"""What the factory that runs on this machine says of itself, for commands beside it."""

from __future__ import annotations

from typing import NamedTuple

import httpx2

from adapters.web.pages import TOKEN
from factory_core.overview import Health, log_lines, loop_lines
from factory_core.payload import parse
from factory_core.status import Line

from .place import Place


class Running(NamedTuple):
    """`lines`: of its loops and its log, where there is something to say."""

    health: Health
    lines: list[Line]


def url_of(place: Place) -> str:
    return f"http://127.0.0.1:{place.config.server.port}/healthz"


async def running(place: Place, patience: float) -> Running | None:
    """None where none answers within so many seconds, or it is not this tenant's."""
    token = place.environment.get(TOKEN.names[0], "")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx2.AsyncClient(timeout=patience, trust_env=False) as http:
            response = parse((await http.get(url_of(place), headers=headers)).content)
        health = Health.model_validate(response[place.config.tenant])
        log = response.get("log", {})
        return Running(
            health, [*loop_lines(health.loops), *log_lines(int(log.get("dropped", 0)), bool(log.get("hangs")))]
        )
    except (httpx2.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return None

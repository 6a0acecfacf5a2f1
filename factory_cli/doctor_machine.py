"""The near half of `factory doctor`: this machine and the store."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

import httpx2

from adapters.assembly import utc_now
from adapters.fleets.local_engines.engine_state import EngineState
from adapters.local.credentials import open_to_others
from adapters.local.sqlite_file import SqliteFile
from factory_core.dispatch.queued_run import present
from factory_core.errors import Problem
from factory_core.status_report.spelling import one_line

from .check import workers_connection
from .place import Place, engines_at, relative, wall_at, workers_at

PATIENCE = 5.0  # seconds that any one look may take
MOST_OFF = 30.0  # seconds; Slack and relayfile count a time stamp of 300 as an old recording


class Finding(NamedTuple):
    section: str
    mark: Literal["ok", "fail", "warn", "skip"]
    name: str
    words: str
    fix: str = ""


async def machine(place: Place) -> list[Finding]:
    agents = [await _workers(place)] if place.config.agents.fleet == "workers" else await _engines(place)
    return [_config(place), await _clock(place), await _git(), *agents, *_secrets_file(place), await _store(place)]


def _config(place: Place) -> Finding:
    repositories = len(place.config.repositories)
    noun = "repository" if repositories == 1 else "repositories"
    words = f"{relative(place.path)}, {len(place.config.providers())} providers, {repositories} {noun}"
    file, config = place.path.name, place.config
    if config.clarification_channel == "slack" and not config.slack.channel:
        return Finding(
            "This machine", "fail", "config", f"{words}: nobody can be asked", f"In {file}: set slack.channel"
        )
    if not repositories:
        return Finding(
            "This machine", "warn", "config", f"{words}: no ticket has a home", f"In {file}: add repositories"
        )
    return Finding("This machine", "ok", "config", words)


def _secrets_file(place: Place) -> list[Finding]:
    why, name = open_to_others(place.secrets_file), relative(place.secrets_file)
    return [Finding("This machine", "warn", ".env", why, f"In the shell: chmod 600 {name}")] if why else []


async def _clock(place: Place) -> Finding:
    """Against the time that the code host's answers carry: signatures with a time stamp depend on it."""
    section, url = "This machine", place.config.github.url
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            said = (await http.head(url)).headers.get("date", "")
        off = abs((datetime.now(UTC) - parsedate_to_datetime(said)).total_seconds())
    except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, TypeError):
        return Finding(section, "skip", "clock", "skipped, nobody told the time")
    if off > MOST_OFF:
        return Finding(
            section, "fail", "clock", f"{off:.0f} s off", "In the system's settings: let the clock set itself"
        )
    return Finding(section, "ok", "clock", "right within a second" if off < 2 else f"{off:.0f} s off")


async def _git() -> Finding:
    said = await _first_line("git", "--version")
    if said:
        return Finding("This machine", "ok", "git", said.removeprefix("git version "))
    return Finding("This machine", "fail", "git", "not found", "In the shell: install git 2.31 or newer")


async def _engines(place: Place) -> list[Finding]:
    engines = [_engine(state) for state in await engines_at(place)]
    wall = await wall_at(place)
    if wall is None:
        return engines
    mark: Literal["ok", "fail", "warn"] = "fail" if wall.fix else "warn" if place.config.agents.wall == "off" else "ok"
    return [*engines, Finding("This machine", mark, "wall", wall.note, wall.fix)]


def _engine(state: EngineState) -> Finding:
    mark: Literal["ok", "fail", "warn"] = "fail" if state.fix else "ok" if state.is_usual else "warn"
    return Finding("This machine", mark, state.name, state.words, state.fix)


async def _workers(place: Place) -> Finding:
    """Agents run elsewhere: is anybody there to run them?"""
    found = await workers_connection(place)
    if not found.ready:
        return Finding("Workers", "fail", "token", found.error, found.fix)
    there = present(await workers_at(place), utc_now(), place.config.workers)
    fix = "" if there else "In the shell of another machine: factory worker --url … --tenant … (docs/workers.md)"
    return Finding("Workers", "ok" if there else "warn", "heard", found.account, fix)


async def _first_line(*command: str) -> str:
    """What a program says first; nothing when it is not there or takes too long."""
    if not shutil.which(command[0]):
        return ""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=kept,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
    except TimeoutError:
        process.kill()
        await process.wait()
        return ""
    return one_line(said.decode(errors="replace"), 60)


async def _store(place: Place) -> Finding:
    where = relative(place.store)
    if not place.store.exists():
        return Finding("Store", "skip", place.config.store.kind, f"{where} is not there yet; factory serve makes it")
    with closing(SqliteFile(place.store)) as file:
        try:
            took = await file.ping()
        except Problem as problem:
            return Finding("Store", "fail", place.config.store.kind, f"{where}: {problem.why}", problem.fix)
    return Finding("Store", "ok", place.config.store.kind, f"{where}, WAL, write {took:.0f} ms")

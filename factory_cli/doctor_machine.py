"""The near half of `factory doctor`: this machine and the store."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import closing
from typing import Literal, NamedTuple

import httpx2

from adapters.assembly import utc_now
from adapters.credentials.files import open_to_others
from adapters.fleets.local_engines.engine_state import EngineState
from adapters.local.server_clocks import FIX as CLOCK_FIX
from adapters.local.server_clocks import clock_offset, offset_words
from adapters.stores.sqlite.sqlite_file import SqliteFile
from adapters.stores.sqlite.store_identity import Marks
from factory_core.errors import Problem
from factory_core.ports import DiskFleet
from factory_core.runs.queued_run import present
from factory_core.settings import VendorSettings
from factory_core.status.formatting import one_line

from .check import workers_connection
from .place import Place, engines_at, fleet_at, relative, wall_at, workers_at
from .running import running, url_of

PATIENCE = 5.0  # seconds that any one look may take


class Finding(NamedTuple):
    section: str
    mark: Literal["ok", "fail", "warn", "skip"]
    name: str
    words: str
    fix: str = ""


async def machine(place: Place) -> list[Finding]:
    agents = [await _workers(place)] if place.config.agents.fleet == "workers" else await _engines(place)
    near = [_config(place), await clock(place), await _git(), *agents, *_secrets_file(place), *await _disk(place)]
    return [*near, await store(place), *await _running(place)]


def _config(place: Place) -> Finding:
    repositories = len(place.config.repositories)
    noun = "repository" if repositories == 1 else "repositories"
    words = f"{relative(place.path)}, {len(place.config.providers())} providers, {repositories} {noun}"
    file, config = place.path.name, place.config
    if key := config.section(config.clarification_channel, VendorSettings).missing_key():
        return Finding(
            "This machine",
            "fail",
            "config",
            f"{words}: nobody can be asked",
            f"In {file}: set {config.clarification_channel}.{key}",
        )
    if not repositories:
        return Finding(
            "This machine", "warn", "config", f"{words}: no ticket has a home", f"In {file}: add repositories"
        )
    return Finding("This machine", "ok", "config", words)


def _secrets_file(place: Place) -> list[Finding]:
    why, name = open_to_others(place.secrets_file), relative(place.secrets_file)
    return [Finding("This machine", "warn", ".env", why, f"In the shell: chmod 600 {name}")] if why else []


async def clock(place: Place) -> Finding:
    """Against the time that the code host's answers carry: signatures with a time stamp depend on it."""
    section, url = "This machine", place.config.section(place.config.output_target, VendorSettings).url
    try:
        async with httpx2.AsyncClient(timeout=PATIENCE) as http:
            offset = clock_offset((await http.head(url)).headers, utc_now)
    except (httpx2.HTTPError, httpx2.InvalidURL):
        offset = None
    if offset is None:
        return Finding(section, "skip", "clock", "skipped, nobody told the time")
    if off := offset_words(offset):
        return Finding(section, "fail", "clock", f"{off}: webhooks are refused as too old", CLOCK_FIX)
    seconds = abs(offset.total_seconds())
    return Finding(section, "ok", "clock", "right within a second" if seconds < 2 else f"{seconds:.0f} s off")


async def _running(place: Place) -> list[Finding]:
    """What the running factory says of itself: its loops, and what it cannot do."""
    section, found_running = "Running factory", await running(place, PATIENCE)
    if found_running is None:
        return [Finding(section, "skip", "health", f"skipped, no factory answers at {url_of(place)}")]
    health, lines = found_running
    fix = "In the factory's log: see what it met, and restart the factory if that does not end"
    found = [Finding(section, "fail", "health", one_line(problem), fix) for problem in health.problems]
    found += [Finding(section, "warn", "health", one_line(words)) for words in health.degraded]
    found += [
        Finding(section, "warn", line.name if line.name == "log" else "loops", f"{line.name} {line.note}", line.fix)
        for line in lines
        if line.status == "ok" or line.name == "log"
    ]
    return found or [Finding(section, "ok", "health", f"every loop goes round: {', '.join(health.loops)}")]


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


async def _disk(place: Place) -> list[Finding]:
    """Where runs keep their files on this machine."""
    with fleet_at(place) as fleet:
        if not isinstance(fleet, DiskFleet):
            return []
        state = await fleet.disk()
    return [Finding("This machine", "fail" if state.fix else "ok", "disk", state.note, state.fix)]


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


async def store(place: Place) -> Finding:
    where = relative(place.store)
    try:
        Marks(place.store, place.home).refuse_gone()
        if not place.store.exists():
            made = f"{where} is not there yet; factory serve makes it"
            return Finding("Store", "skip", place.config.store.kind, made)
        with closing(SqliteFile(place.store, home=place.home)) as file:
            took = await file.ping()  # refuses another file, which looks damaged beside our -wal
            if damage := await file.damage():
                raise damage
    except Problem as problem:
        return Finding("Store", "fail", place.config.store.kind, f"{where}: {problem.why}", problem.fix)
    return Finding("Store", "ok", place.config.store.kind, f"{where}, WAL, write {took:.0f} ms")

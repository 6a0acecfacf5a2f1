"""Is an engine there, of a version that was tested, and signed in? It is asked itself; no secret is read or shown."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from factory_core.status.formatting import one_line

from .engine import Engine
from .releases import Judgement, Release

PATIENCE = 5.0  # seconds for one question
_SIGNED_OUT = 1  # how the engines exit that are not signed in; any other failure tells nothing


class Login(NamedTuple):
    """How an engine is asked whether it is signed in (exit 0: it is, 1: not), and how a person signs it in."""

    status: tuple[str, ...]
    command: str


@runtime_checkable
class InstalledEngine(Engine, Protocol):
    """A program of a vendor's, with versions and a sign-in."""

    @property
    def binary(self) -> str: ...

    @property
    def release(self) -> Release: ...

    def login(self, environment: Mapping[str, str]) -> Login | None:
        """None where it has no sign-in of its own."""
        ...


class EngineState(NamedTuple):
    """`judgement` is of its version; `signed_in` is None where that cannot be told."""

    name: str
    version: str = ""
    judgement: Judgement | Literal["missing"] = "tested"
    tested: str = ""  # versions
    signed_in: bool | None = True
    fix: str = ""  # empty: it can work

    @property
    def is_usual(self) -> bool:
        """Nothing of it is new or unknown."""
        return self.judgement == "tested" and self.signed_in is True

    @property
    def words(self) -> str:
        """What is to be known of it, in one line."""
        if self.judgement == "missing" or not self.tested:
            return self.version
        unusual = "" if self.judgement == "tested" else f" ({self.judgement}: {self.tested} was tested)"
        signed = {True: "signed in", False: "not signed in", None: "nobody can tell whether it is signed in"}
        return f"{self.version}{unusual}, {signed[self.signed_in]}"


async def state_of(engine: Engine, environment: Mapping[str, str]) -> EngineState:
    """`environment` is what a run's engine would see."""
    if not isinstance(engine, InstalledEngine):
        return EngineState(engine.name, "needs nothing")
    install = f"In the shell: {engine.release.install}"
    if shutil.which(engine.binary, path=environment.get("PATH")) is None:
        return EngineState(engine.name, "not found", "missing", signed_in=None, fix=install)
    around = {**environment, **engine.environment()}
    code, said = await _asked((engine.binary, "--version"), around)
    judgement = engine.release.judge(said)
    signed_in, fix = await _signed_in(engine, around) if code == 0 else (None, "")
    if judgement in ("older", "unknown"):
        fix = install
    version, tested = one_line(said, 60) or "no version", engine.release.range
    return EngineState(engine.name, version, judgement, tested, signed_in, fix)


async def _signed_in(engine: InstalledEngine, environment: Mapping[str, str]) -> tuple[bool | None, str]:
    login = engine.login(environment)
    if login is None:
        return True, ""
    code, _ = await _asked((engine.binary, *login.status), environment)
    if code == _SIGNED_OUT:
        return False, f"In the shell, as the factory's user: {login.command}"
    return (True if code == 0 else None), ""


async def _asked(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int | None, str]:
    """How the program exits, and what it writes; None when it takes too long or cannot be started.

    It works in an empty directory: nothing that lies where the factory was started is read or written.
    """
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as empty:
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=nothing, stdout=pipe, stderr=nothing, env=dict(environment), cwd=empty,
                start_new_session=True,
            )  # fmt: skip
        except OSError:
            return None, ""
        try:
            said, _ = await asyncio.wait_for(process.communicate(), PATIENCE)
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            return None, ""
    return process.returncode, said.decode(errors="replace")

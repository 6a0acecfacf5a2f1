"""A peer's session as a measure; a peer that is not installed, or does not come through, is named as absent."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from ..measure import Figure, Measure, Sizes
from ..processes import BESIDE, ROOT, module, running
from . import AS_IT_COMES

PATIENCE = 300.0  # seconds for one session
QUIET = {"LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false", "DBOS__CLOUD": "false", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Peer:
    name: str  # of the module here
    title: str
    needs: tuple[str, ...]  # distributions
    binary: str = ""  # a pattern below .bench
    tuned: str = ""  # in what its waits are not as it comes

    def missing(self) -> str:
        """Why it cannot be played here; empty when it can."""
        absent = [name for name, version in self.versions().items() if not version]
        if self.binary and not list((ROOT / ".bench").glob(self.binary)):
            absent.append(self.binary)
        return f"`make bench` could not install {', '.join(absent)}" if absent else ""

    def versions(self) -> dict[str, str]:
        return {name: _version(name) for name in self.needs}

    def play(self, path: Path, sizes: Sizes) -> Mapping[str, float]:
        said = self._session(path, sizes, sizes.peer_lifecycles, 10, QUIET)
        return {f"{self.name}.{name}": value for name, value in said.items()}

    def play_as_it_comes(self, path: Path, sizes: Sizes) -> Mapping[str, float]:
        """Nothing but waits, without what was tuned."""
        said = self._session(path, sizes, 0, 5, QUIET | {AS_IT_COMES: "1"})
        return {f"{self.name}.{name}.as_it_comes": said[name] for name in ("resume", "idle_cpu")}

    def _session(
        self, path: Path, sizes: Sizes, lifecycles: int, resumes: int, more: Mapping[str, str]
    ) -> Mapping[str, float]:
        counts = (lifecycles, sizes.peer_waiting, min(sizes.resumes, resumes), sizes.idle_seconds)
        command = module(f"bench.peers.{self.name}", path, *counts, python=BESIDE)
        with running(command, patience=PATIENCE, end=signal.SIGTERM, more=more) as done:
            said: dict[str, float] = json.loads(done.said)
        return said


def _version(name: str) -> str:
    """In the peers' environment; empty when it is not there."""
    places = [str(place) for place in BESIDE.parents[1].glob("lib/python*/site-packages")]
    return next((found.version for found in distributions(name=name, path=places)), "")


PEERS = (
    Peer("dbos", "DBOS", ("dbos",), tuned="200 looks a second"),
    Peer("langgraph", "LangGraph + SqliteSaver", ("langgraph", "langgraph-checkpoint-sqlite")),
    Peer(
        "restate",
        "Restate",
        ("restate-sdk", "hypercorn"),
        "node_modules/@restatedev/restate-server-*/bin/restate-server",
    ),
)
FAST = Peer("", "the floor's faster web server", ("uvicorn", "httptools", "uvloop", "starlette"))


def measure(peer: Peer) -> Measure:
    def figure(words: str, unit: str, of: str = "") -> Figure:
        return Figure(f"{peer.title}: {words}", unit, of)

    tuned = f", {peer.tuned}" if peer.tuned else ""
    figures = {
        "lifecycle.c1": figure("lifecycles, 1 at once", "/s", "floor.lifecycle.c1"),
        "lifecycle.c32": figure("lifecycles, 32 at once", "/s", "floor.lifecycle.c32"),
        "lifecycle.bytes": figure("disk per lifecycle", "B", "floor.lifecycle.bytes"),
        "resume": figure(f"resume p50, {{peer:,}} waiting{tuned}", "ms", "floor.resume.few"),
        "idle_cpu": figure(f"idle CPU, {{peer:,}} waiting{tuned}", "%"),
        "rss": figure("idle memory", "MB"),
        "init": figure("init", "ms", "floor.init"),
    }
    return Measure(peer.name, {f"{peer.name}.{name}": one for name, one in figures.items()}, peer.play, peer.missing())


def as_it_comes(peer: Peer) -> Measure:
    """The waits of a peer that was tuned, as its own defaults have them."""
    figures = {
        f"{peer.name}.resume.as_it_comes": Figure(
            f"{peer.title}: resume p50, {{peer:,}} waiting, as it comes", "ms", "floor.resume.few"
        ),
        f"{peer.name}.idle_cpu.as_it_comes": Figure(f"{peer.title}: idle CPU, {{peer:,}} waiting, as it comes", "%"),
    }
    return Measure(f"{peer.name}-as-it-comes", figures, peer.play_as_it_comes, peer.missing())

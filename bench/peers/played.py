"""A peer's session as a measure; a peer that is not installed, or does not come through, is named as absent."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from ..measure import Figure, Measure, Sizes
from ..processes import ROOT, running

PYTHON = ROOT / ".bench" / "venv" / "bin" / "python"
PATIENCE = 300.0  # seconds for one session
QUIET = {"LANGSMITH_TRACING": "false", "LANGCHAIN_TRACING_V2": "false", "DBOS__CLOUD": "false", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Peer:
    name: str  # of the module here
    title: str
    needs: tuple[str, ...]  # distributions
    binary: str = ""  # a pattern below .bench

    def missing(self) -> str:
        """Why it cannot be played here; empty when it can."""
        absent = [name for name, version in self.versions().items() if not version]
        if self.binary and not list((ROOT / ".bench").glob(self.binary)):
            absent.append(self.binary)
        return f"`make bench` could not install {', '.join(absent)}" if absent else ""

    def versions(self) -> dict[str, str]:
        return {name: _version(name) for name in self.needs}

    def play(self, path: Path, sizes: Sizes) -> Mapping[str, float]:
        counts = (sizes.peer_lifecycles, sizes.peer_waiting, min(sizes.resumes, 10), sizes.idle_seconds)
        command = [str(PYTHON), "-m", f"bench.peers.{self.name}", str(path), *map(str, counts)]
        with running(command, patience=PATIENCE, end=signal.SIGTERM, more=QUIET) as done:
            return {f"{self.name}.{name}": value for name, value in json.loads(done.said).items()}


def _version(name: str) -> str:
    """In the peers' environment; empty when it is not there."""
    places = [str(place) for place in PYTHON.parents[1].glob("lib/python*/site-packages")]
    return next((found.version for found in distributions(name=name, path=places)), "")


PEERS = (
    Peer("dbos", "DBOS", ("dbos",)),
    Peer("langgraph", "LangGraph + SqliteSaver", ("langgraph", "langgraph-checkpoint-sqlite")),
    Peer(
        "restate",
        "Restate",
        ("restate-sdk", "hypercorn"),
        "node_modules/@restatedev/restate-server-*/bin/restate-server",
    ),
)


def measure(peer: Peer) -> Measure:
    def figure(words: str, unit: str, of: str = "") -> Figure:
        return Figure(f"{peer.title}: {words}", unit, of)

    figures = {
        "lifecycle.c1": figure("lifecycles, 1 at once", "/s", "floor.lifecycle.c1"),
        "lifecycle.c32": figure("lifecycles, 32 at once", "/s", "floor.lifecycle.c32"),
        "lifecycle.bytes": figure("disk per lifecycle", "B", "floor.lifecycle.bytes"),
        "resume": figure("resume p50, {peer:,} waiting", "ms", "floor.resume.few"),
        "idle_cpu": figure("idle CPU, {peer:,} waiting", "%"),
        "rss": figure("idle memory", "MB"),
        "init": figure("init", "ms", "floor.init"),
    }
    return Measure(peer.name, {f"{peer.name}.{name}": one for name, one in figures.items()}, peer.play, peer.missing())

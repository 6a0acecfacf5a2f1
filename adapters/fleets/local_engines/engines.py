"""The engines that exist, by name."""

from __future__ import annotations

from collections.abc import Mapping

from .claude import Claude
from .codex import Codex
from .console import Console
from .engine import Engine

ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (Claude(), Codex(), Console())}

"""What the supervisor of a run must know beside the order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from pydantic import ConfigDict

from factory_core.work_item import Frozen

from .enclosure import Enclosure
from .engine import Sandbox


class Errand(Frozen):
    """Never stored, and never in an error's words. `shell` and its environment are for setup and checks."""

    model_config = ConfigDict(hide_input_in_errors=True)

    home: Path
    engine: str
    program: str  # the engine's own, as the fleet found it
    command: tuple[str, ...] = ()  # of an engine that is not among ENGINES: the same in each round
    memory: Path  # kept for the item
    sandbox: Sandbox | None = None
    environment: Mapping[str, str]  # the engine's, all of it
    shell_environment: Mapping[str, str]
    git_environment: Mapping[str, str]
    checkout: Path | None = None  # see Workspace
    credential: int = -1  # descriptor of the credential_file, until the fetch is over
    vendor: str = ""  # whose credential that is
    idle_after: timedelta
    grace: timedelta
    enclosure: Enclosure = Enclosure()
    shell: Enclosure = Enclosure()

"""All trials, in the order of the promises."""

from __future__ import annotations

from collections.abc import Callable

from .configuration import configuration_trials
from .hostile_run import agent_trials
from .merging import merging_trials
from .promises import PROMISES, WALL, Installed, Trial, not_applicable
from .server import server_trials
from .spending import spent


async def trials(installed: Installed, progress: Callable[[str], None]) -> list[Trial]:
    """Each promise once. Takes some seconds; `progress` is given what comes next."""
    progress("A scripted agent tries to get out of its tree; it costs nothing …")
    found = await _agents(installed)
    progress("A server of this configuration, on a port of its own, gets requests that it must refuse …")
    found += await server_trials(installed)
    found += configuration_trials(installed)
    found += merging_trials(installed.config, installed.path.name)
    found.append(spent(installed.config, installed.path.name))
    return sorted(found, key=lambda trial: PROMISES.index(trial.promise))


async def _agents(installed: Installed) -> list[Trial]:
    agents = installed.config.agents
    if agents.fleet == "workers":
        why, section = "agents run on workers: try it on each of those machines", WALL.section
        return [not_applicable(promise, why) for promise in PROMISES if promise.section == section]
    private = (installed.secrets_file, installed.store)
    return await agent_trials(agents.wall, installed.environment, private)

"""How one engine runs here: behind which wall, with which command, and what it reaches through the wall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from factory_core.ports import WallState
from factory_core.runs.run import RunOrder
from factory_core.work_item import Frozen

from .console import Console
from .engine import Engine, Sandbox, SandboxedEngine
from .environment import certificates
from .installed import Installations
from .proxy import Network
from .wall import PROXY, AnyWall, Bubblewrap, Container, NoWall, OwnSandbox, Reach
from .wall_probe import NoWallHere, Policy, wall_for


class Enclosure(Frozen):
    """What is around one run. `reach` is the engine's own part: its program, its sign-in."""

    wall: AnyWall = NoWall()
    reach: Reach = Reach()
    network: Network = Network()
    placeholders: tuple[str, ...] = ()  # see SandboxedEngine


class Enclosures:
    """Walls for the engines of one fleet. Nothing that holds one of the `private` paths is seen inside."""

    def __init__(
        self, policy: Policy, environment: Mapping[str, str], upstream: str, private: tuple[Path, ...]
    ) -> None:
        """`upstream`: this machine's own HTTP proxy, or nothing."""
        self._policy, self._environment, self._private = policy, environment, private
        self._upstream = upstream

    def wall(self, engine: Engine) -> AnyWall:
        """Raises NoWallHere. May take half a second, once."""
        if type(engine) is Console:
            return NoWall()
        is_enough, programs = False, tuple[str, ...]()
        if isinstance(engine, SandboxedEngine):
            is_enough, programs = engine.is_wall_enough, engine.programs
        return wall_for(self._policy, self._environment, self._private, is_enough, programs)

    def state(self, engines: Sequence[Engine]) -> WallState | None:
        """What a start of one of them would meet now; None when they need no wall."""
        walled = [engine for engine in engines if type(engine) is not Console]
        try:
            walls = [self.wall(engine) for engine in walled]
        except NoWallHere as problem:
            return WallState(problem.why, problem.fix)
        return WallState(walls[0].about) if walls else None

    def of(self, engine: Engine, program: str, order: RunOrder, environment: Mapping[str, str]) -> Enclosure:
        """`program` is what its command starts. Raises NoWallHere."""
        wall = self.wall(engine)
        if isinstance(wall, NoWall | OwnSandbox):
            return Enclosure(wall=wall)
        installed = Installations(environment, self._private).of_program(program)
        needs = Reach(readable=(*installed, *certificates(environment)))
        network = Network(domains=order.domains, upstream=self._upstream)
        if not isinstance(engine, SandboxedEngine):
            return Enclosure(wall=wall, reach=needs, network=network)
        own = engine.sign_in(environment)
        if isinstance(wall, Container):
            return Enclosure(wall=wall, reach=Reach(writable=own.own_paths))
        played = {f"127.0.0.1:{port}": port for port in engine.stand_ins}
        domains = {"domains": (*order.domains, *played), "stand_ins": played, "engine_domains": engine.domains}
        return Enclosure(
            wall=wall,
            reach=needs.plus(own).plus(Reach(stand_ins=engine.stand_ins)),
            network=network.model_copy(update=domains),
            placeholders=engine.placeholders,
        )

    def of_shell(self, order: RunOrder, wall: AnyWall, environment: Mapping[str, str]) -> Enclosure:
        """Around setup and checks, which are no engine's and sign in nowhere; `wall` is the engine's own. Raises
        NoWallHere."""
        if (order.setup or order.checks) and not isinstance(wall, Bubblewrap | Container):
            wall = wall_for(self._policy, self._environment, self._private, False)
        reach = Reach(readable=certificates(environment)) if isinstance(wall, Bubblewrap) else Reach()
        return Enclosure(wall=wall, reach=reach, network=Network(upstream=self._upstream))

    def sandbox(self, engine: Engine, order: RunOrder, environment: Mapping[str, str]) -> Sandbox | None:
        """What the engine walls its own tools in with; None where it does not. Raises NoWallHere."""
        wall = self.wall(engine)
        if not isinstance(engine, SandboxedEngine) or not isinstance(wall, Bubblewrap | OwnSandbox):
            return None
        own = engine.sign_in(environment)
        sandbox = Sandbox(sign_in=own.own_paths, domains=order.domains)
        if isinstance(wall, Bubblewrap):
            ours = {"home": wall.home, "readable": wall.readable, "proxy": PROXY}
            sandbox = sandbox.model_copy(update=ours)
        return sandbox


def command_of(engine: Engine, order: RunOrder, memory: Path, sandbox: Sandbox | None) -> list[str]:
    """The engine's command line. Raises EngineUnavailable."""
    if sandbox and isinstance(engine, SandboxedEngine):
        return engine.sandboxed_command(order, memory, sandbox)
    return engine.command(order, memory)

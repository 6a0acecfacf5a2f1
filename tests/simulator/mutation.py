"""A small mistake in the production code, and how it is made for a while."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FunctionType
from typing import NamedTuple

from factory_simulator.generate import draw
from factory_simulator.schedule import Schedule

STEPS = "factory_core.dispatch."
RUNNER = "factory_core.performing."


class Mutation(NamedTuple):
    """In the function `where` (module:name), `old` becomes `new`. `like` makes the schedules in which `law` breaks."""

    name: str
    law: str
    where: str
    old: str
    new: str
    like: Callable[[int], Schedule] = draw


@contextmanager
def mutated(mutation: Mutation) -> Iterator[None]:
    """The mistake is in the code while the block runs, wherever the function is known."""
    function = _function(mutation.where)
    source = textwrap.dedent(inspect.getsource(function))
    assert mutation.old in source, f"{mutation.where} does not hold {mutation.old!r} any more"
    space = dict(function.__globals__)
    exec(
        compile(
            "from __future__ import annotations\n" + source.replace(mutation.old, mutation.new), mutation.name, "exec"
        ),
        space,
    )
    sound = function.__code__
    function.__code__ = space[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = sound


def _function(where: str) -> FunctionType:
    module, _, path = where.partition(":")
    found = import_module(module)
    for name in path.split("."):
        found = getattr(found, name)
    assert isinstance(found, FunctionType)
    return found

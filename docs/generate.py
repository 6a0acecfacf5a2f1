"""Writes what the documentation takes from the code: `make docs`. A test fails while a page is stale.

In a page, the lines between `<!-- generated: NAME -->` and `<!-- /generated -->` are SECTIONS[NAME]().
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.alias_generators import to_camel

from adapters.registry import VENDORS, config_model
from factory_cli.main import COMMANDS
from factory_cli.topics import text_of
from factory_core import errors
from factory_core.dispatch.records import State
from factory_core.dispatch.transitions import ACTIVE, IGNORED, TABLE
from factory_core.settings import Section
from factory_simulator.generate import draw
from factory_simulator.hostile.laws import LAWS
from factory_simulator.laws import every_law
from tests.simulator.made import over_sqlite
from tests.simulator.mutations import MUTATIONS, Mutation
from tests.triage import scoring

ROOT = Path(__file__).resolve().parent.parent
UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
_MARKED = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


@cache
def targets(step: Callable[..., Any]) -> frozenset[State]:
    """The states that a step's code can move to, read from `.to(State.X, …)` in it and in what it calls."""
    return frozenset(state for function in _called(step, set()) for state in _moves(function))


def _called(function: Callable[..., Any], seen: set[Any]) -> Iterator[Callable[..., Any]]:
    """The function, and every function of the machine that its code names, directly or in a dict."""
    if function in seen:
        return
    seen.add(function)
    yield function
    for name in {node.id for node in ast.walk(_source(function)) if isinstance(node, ast.Name)}:
        named = inspect.unwrap(function).__globals__.get(name)
        for other in named.values() if isinstance(named, dict) else (named,):
            if inspect.isfunction(other) and other.__module__.startswith("factory_core.dispatch."):
                yield from _called(other, seen)


def _moves(function: Callable[..., Any]) -> Iterator[State]:
    for node in ast.walk(_source(function)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "to" and node.args:
            to = node.args[0]
            if isinstance(to, ast.Attribute) and isinstance(to.value, ast.Name) and to.value.id == "State":
                yield State[to.attr]


@cache
def _source(function: Callable[..., Any]) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def moves() -> Iterator[tuple[State, State, str]]:
    """Every move of the TABLE: from, to, by which event."""
    for (state, event), step in TABLE.items():
        for to in sorted(targets(step) - {state}, key=list(State).index):
            yield state, to, event.__name__


def way() -> str:
    """The moves of a ticket that goes its way, from new to done."""
    on = {*ACTIVE, State.NEW}
    return _drawn(
        (_id(state), _id(to), event) for state, to, event in moves() if state in on and to in {*on, State.DONE}
    )


def sides() -> str:
    """All other moves, with the states on the way drawn as one: `active`."""
    on = {*ACTIVE, State.NEW}
    return _drawn(
        ("active" if state in ACTIVE else _id(state), "active" if to in ACTIVE else _id(to), event)
        for state, to, event in moves()
        if not (state in on and to in {*on, State.DONE})
    )


def _id(state: State) -> str:
    return state.name.lower()


def _drawn(arrows: Iterable[tuple[str, str, str]]) -> str:
    """A Mermaid state diagram; the events that lead the same way share an arrow."""
    edges: dict[tuple[str, str], dict[str, None]] = {}
    for start, to, event in arrows:
        edges.setdefault((start, to), {})[event] = None
    named = [state for state in State if any(_id(state) in edge for edge in edges)]
    names = [f'  state "{state}" as {_id(state)}' for state in named if _id(state) != state]
    lines = ["  [*] --> new"] if State.NEW in named else []
    lines += [f"  {start} --> {to} : {', '.join(events)}" for (start, to), events in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *names, *lines, "```"])


def rows() -> str:
    """The TABLE in words: what happens, in which states, what is done then, and where that can lead."""
    grouped: dict[tuple[str, Any], list[State]] = {}
    for (state, event), step in TABLE.items():
        grouped.setdefault((event.__name__, step), []).append(state)
    lines = ["| State | Event | Step | What it does | May move to |", "|---|---|---|---|---|"]
    for (event_name, step), states in grouped.items():
        says = (inspect.getdoc(step) or "").partition("\n\n")[0].replace("\n", " ")
        reached = {to for state in states for to in targets(step) - {state}}
        leads = ", ".join(state for state in State if state in reached)
        lines.append(f"| {', '.join(states)} | `{event_name}` | `{step.__name__}` | {says} | {leads} |")
    return "\n".join(lines)


def ignored() -> str:
    """The cells that change nothing: states that ignore the same events for the same reason share a line."""
    cells: dict[tuple[State, str], list[str]] = {}
    for (state, event), why in IGNORED.items():
        cells.setdefault((state, why), []).append(f"`{event.__name__}`")
    grouped: dict[tuple[str, str], list[State]] = {}
    for (state, why), events in cells.items():
        grouped.setdefault((", ".join(events), why), []).append(state)
    lines = ["| State | Event | Why nothing changes |", "|---|---|---|"]
    lines += [f"| {', '.join(states)} | {events} | {why} |" for (events, why), states in grouped.items()]
    return "\n".join(lines)


def settings() -> str:
    """Every key of factory.config.yaml with its default, section by section, from the model itself."""
    return "\n\n".join(_tables(config_model(), ""))


def _tables(section: type[Section], key: str) -> Iterator[str]:
    """The section's own keys as a table, then the sections in it."""
    said, inner, lines = _comments(section), [], ["| Key | Default | Meaning |", "|---|---|---|"]
    for name, field in section.model_fields.items():
        full, kind = f"{key}{to_camel(name)}", (*get_args(field.annotation), field.annotation)
        sections = [one for one in kind if inspect.isclass(one) and issubclass(one, Section)]
        if sections:
            below = {dict: f"{full}.NAME.", tuple: f"{full}[]."}.get(get_origin(field.annotation), f"{full}.")
            inner.append((sections[0], below))
            continue
        default = (
            "required"
            if field.is_required()
            else _value(field.get_default(call_default_factory=True, validated_data={}))
        )
        choices = "one of " + ", ".join(f"`{one}`" for one in kind if isinstance(one, str)) if _is_choice(kind) else ""
        lines.append(f"| `{full}` | {default} | {'; '.join(filter(None, (choices, said.get(name))))} |")
    about = [f"**`{key.rstrip('.')}`**" + (f": {inspect.getdoc(section)}" if section.__doc__ else "")] if key else []
    yield "\n\n".join([*about, "\n".join(lines).replace("<@", "&lt;@")])
    for one, below in inner:
        yield from _tables(one, below)


def _is_choice(kind: tuple[object, ...]) -> bool:
    return any(isinstance(one, str) for one in kind)


def _comments(section: type[Section]) -> dict[str, str]:
    """The remark behind a field in the source is its meaning."""
    written = [kind for kind in section.__mro__[::-1] if hasattr(sys.modules[kind.__module__], kind.__name__)]
    source = "".join(inspect.getsource(kind) for kind in written if issubclass(kind, Section))
    return {match[1]: match[2] for match in re.finditer(r"^    (\w+): .*?  # (.+)$", source, re.MULTILINE)}


def _value(value: object) -> str:
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        size, unit = next((size, unit) for size, unit in UNITS if seconds % size == 0)
        return f"`{seconds // size}{unit}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "<br>".join(f"`{name}: {one}`" for name, one in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value) or "none"
    return f"`{value}`" if value != "" else "empty"


def secrets() -> str:
    """What each vendor needs from the environment."""
    lines = ["| Provider | What | Variable | Where to find it |", "|---|---|---|---|"]
    for name, vendor in VENDORS.items():
        for secret in (vendor.token, vendor.webhook_secret):
            names = " or ".join(f"`{variable}`" for variable in secret.names)
            lines.append(f"| {name} | {secret.what} | {names} | {secret.where} |")
    return "\n".join(lines)


def problems() -> str:
    """Every error code, with its exit code, its HTTP status, and whether a repeat can help."""
    lines = ["| Code | Exit | HTTP | Again? | Meaning |", "|---|---|---|---|---|"]
    for kind in sorted(kinds(errors.Problem), key=lambda kind: kind.code):
        says = (inspect.getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")
        again = "yes" if kind.retryable else "no"
        link = f"[`{kind.code}`](operate.md#{kind.code.lower()})"
        lines.append(f"| {link} | {kind.exit_code} | {kind.http_status} | {again} | {says} |")
    return "\n".join(lines)


def kinds(kind: type[errors.Problem]) -> Iterator[type[errors.Problem]]:
    """The kinds of problem that the product raises, the general one excepted."""
    loaded = {name for name, _ in _sources()}
    for sub in kind.__subclasses__():
        if sub.__module__ in loaded:
            yield sub
        yield from kinds(sub)


@cache
def _sources() -> tuple[tuple[str, str], ...]:
    """Every module of the product, imported, with its text."""
    found = (
        module.name
        for package in ("factory_core", "adapters", "factory_cli")
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}.")
        if not module.name.endswith("__main__") and not module.name.startswith("adapters.cloudflare.")
    )  # that one only the Workers runtime imports
    return tuple((name, inspect.getsource(importlib.import_module(name))) for name in found)


def commands() -> str:
    """The command line's own table of contents."""
    lines = ["| Command | What it does |", "|---|---|"]
    lines += [f"| `factory {name}` | {line[0].upper()}{line[1:]} |" for name, (_, line, _) in COMMANDS.items()]
    return "\n".join(lines)


def topic(name: str) -> Callable[[], str]:
    return lambda: f"```\n{text_of(name)}\n```"


def schemas() -> str:
    """The names that JSON documents carry: what `factory … --format=json` prints, what the server answers."""
    names = {name for _, text in _sources() for name in re.findall(r"""["'](factory\.[a-z.-]+/\d+)["']""", text)}
    return "\n".join(f"- `{name}`" for name in sorted(names))


def laws() -> str:
    """What the simulator checks."""
    return _table_of_laws(every_law())


def hostile_laws() -> str:
    """What is checked after each run of the hostile engine."""
    return _table_of_laws(LAWS)


def _table_of_laws(known: Mapping[str, str]) -> str:
    return "\n".join(["| law | what it says |", "|---|---|", *(f"| `{n}` | {words} |" for n, words in known.items())])


def mistakes() -> str:
    """What the simulator finds, by which law, and in which schedules."""
    rows = (f"| {one.name} | `{one.law}` | {_played(one)} |" for one in MUTATIONS)
    return "\n".join(["| mistake | law | in schedules |", "|---|---|---|", *rows])


def _played(mutation: Mutation) -> str:
    if mutation.like in (draw, over_sqlite):
        return "as drawn"
    return f"made: {(mutation.like.__doc__ or '').strip()}"


ROOMS = (
    "factory_cli", "factory_simulator", "factory_sandbox", "adapters.local", "adapters.aws", "adapters.cloudflare",
    "adapters.web", "adapters.registry", "adapters.fleets", "adapters.providers", "adapters.stores",
    "factory_core.intake", "factory_core.performing", "factory_core.status", "factory_core.ports",
    "factory_core.dispatch", "factory_core.runs", "factory_core.config",
)  # fmt: skip


def rooms() -> str:
    """Which room imports which, without the arrows that follow from others."""
    import grimp

    packages = sorted({room.partition(".")[0] for room in ROOMS})
    graph = grimp.build_graph(*packages, exclude_type_checking_imports=True, cache_dir=None)
    reach = {
        room: {other for other in ROOMS if other != room and graph.find_shortest_chains(room, other)} for room in ROOMS
    }
    arrows = [(one, two) for one in ROOMS for two in ROOMS if two in reach[one]]
    drawn = [(one, two) for one, two in arrows if not any(two in reach[via] for via in reach[one])]
    node = {room: f"{room.replace('.', '_')}[{room.replace('.', '/')}]" for room in ROOMS}
    lines = [f"  {node[one]} --> {node[two]}" for one, two in drawn]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```"])


SECTIONS: dict[str, Callable[[], str]] = {
    "rooms": rooms,
    "way": way,
    "sides": sides,
    "rows": rows,
    "ignored": ignored,
    "settings": settings,
    "secrets": secrets,
    "problems": problems,
    "commands": commands,
    "exit-codes": topic("exit-codes"),
    "states": topic("states"),
    "environment": topic("environment"),
    "schemas": schemas,
    "laws": laws,
    "hostile-laws": hostile_laws,
    "mistakes": mistakes,
    "triage": scoring.table,
}


def renewed(page: str) -> str:
    """The page with its generated parts as the code says them now."""
    return _MARKED.sub(lambda match: f"{match[1]}{SECTIONS[match[2]]()}\n{match[3]}", page)


def pages() -> Iterable[Path]:
    return (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md")


if __name__ == "__main__":
    for path in pages():
        path.write_text(renewed(path.read_text()))

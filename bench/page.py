"""docs/benchmarks.md: the part between its marks is written from a run; the words around it are ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .document import BESIDE, MET, beside, ground, show
from .processes import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin (make bench ARGS=--write) -->", "<!-- figures: end -->"


def write(said: dict[str, Any]) -> None:
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{generated(said)}\n\n{END}{rest.partition(END)[2]}")


def generated(said: dict[str, Any]) -> str:
    peers = [(name, _versions(versions)) for name, versions in said["peers"].items()]
    absent = [f"Absent: {name}: {why.splitlines()[0]}" for name, why in said["absent"].items()]
    goals = [(g["goal"], g["words"], g["wanted"], show(g["measured"]), MET[g["met"]]) for g in said["reach"]]
    figures = [
        (f["words"], show(f["median"], f["unit"]), f"{show(f['lowest'])} … {show(f['highest'])}", _ratio(f, said))
        for f in said["figures"]
    ]
    machine = said["machine"]
    where = (
        f"{said['at']}, {machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB,"
        f" {machine['filesystem']}, {machine['system']}. {_versions(said['versions'])}."
    )
    return "\n\n".join(
        (
            f"{where} {ground(said)}",
            "### Reach", _table(("goal", "what", "wanted", "measured", ""), goals),
            "### Beside the peers", _table(BESIDE, beside(said)),
            "### Figures", _table(("measure", "median", "spread", "ratio"), figures),
            "### Peers", _table(("peer", "versions"), peers), *absent,
        )
    )  # fmt: skip


def _ratio(figure: dict[str, Any], said: dict[str, Any]) -> str:
    if figure["ratio"] is None:
        return ""
    words = {one["name"]: one["words"] for one in said["figures"]}
    return f"{show(figure['ratio'])} × {words.get(figure['of'], figure['of'])}"


def _versions(said: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in said.items() if version)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

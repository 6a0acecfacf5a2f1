"""The one document that a run gives (schema factory.bench/2), and its text for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from .machine import machine, versions
from .measure import Figure, Measure, Sizes
from .peers.played import FAST, PEERS
from .reach import BESIDE_PEERS, GOALS, Goal
from .rounds import Round, kept, median, ratio, values

BESIDE = ("this project over", *(peer.title for peer in PEERS))
MET = {True: "met", False: "missed", None: "not measured"}


def document(measures: Sequence[Measure], played: Sequence[Round], rounds: int, sizes: Sizes) -> dict[str, Any]:
    steady = [one for one in played if one.steady]
    figures = {name: figure for one in measures for name, figure in one.figures.items()}
    return {
        "schema": "factory.bench/2",
        "at": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions(),
        "peers": {peer.title: peer.versions() for peer in (*PEERS, FAST)},
        "absent": _absent(measures, played),
        "rounds": {
            "asked": rounds,
            "kept": len(steady),
            "dropped": [round(one.varied, 2) for one in played if not one.steady],
            "restless": len(steady) == 0,
        },
        "figures": [_figure(name, figure, played, sizes) for name, figure in figures.items() if values(played, name)],
        "beside": [
            _beside(name, words, of, played) for name, (words, of) in BESIDE_PEERS.items() if values(played, name)
        ],
        "reach": [_goal(goal, played) for goal in GOALS if not {goal.name, goal.of} - {""} - set(figures)],
    }


def _absent(measures: Sequence[Measure], played: Sequence[Round]) -> dict[str, str]:
    """What could not be taken at all, and what failed in some round."""
    failed = {name: why for one in kept(played) for name, why in one.absent.items()}
    return {one.name: one.absent for one in measures if one.absent} | failed


def _figure(name: str, figure: Figure, played: Sequence[Round], sizes: Sizes) -> dict[str, Any]:
    few, some, many = sizes.waiting
    each = values(played, name)
    return {
        "name": name,
        "words": figure.words.format(few=few, some=some, many=many, peer=sizes.peer_waiting),
        "unit": figure.unit,
        "median": rounded(median(played, name)),
        "lowest": rounded(min(each)),
        "highest": rounded(max(each)),
        "of": figure.of,
        "ratio": rounded(ratio(played, name, figure.of)) if figure.of else None,
    }


def _goal(goal: Goal, played: Sequence[Round]) -> dict[str, Any]:
    return {
        "goal": goal.number,
        "words": goal.words,
        "wanted": f"{goal.sign} {goal.limit:g}{f' {goal.unit}' if goal.unit else ''}",
        "measured": rounded(goal.measured(played)),
        "met": goal.met(played),
    }


def _beside(name: str, words: str, of: str, played: Sequence[Round]) -> dict[str, Any]:
    """This project's figure over each peer's: the median of the ratios within each round."""
    ratios = {peer.title: rounded(ratio(played, name, f"{peer.name}.{of}")) for peer in PEERS}
    return {"name": name, "words": words, "ratios": ratios}


def rounded(value: float | None) -> float | None:
    """Three digits that count."""
    return None if value is None else float(f"{value:.3g}")


def text(said: dict[str, Any]) -> str:
    figures = [(f["words"], show(f["median"], f["unit"]), show(f["lowest"]), show(f["highest"]), show(f["ratio"], "×"))
               for f in said["figures"]]  # fmt: skip
    goals = [(g["goal"], g["words"], g["wanted"], show(g["measured"]), MET[g["met"]]) for g in said["reach"]]
    parts = [_columns(("measure", "median", "lowest", "highest", "ratio"), figures)]
    if goals:
        parts.append(_columns(("reach", "what", "wanted", "measured", ""), goals))
    if said["beside"]:
        parts.append(_columns(BESIDE, beside(said)))
    parts += [f"{name}: absent: {why}" for name, why in said["absent"].items()]
    return "\n\n".join([*parts, ground(said)])


def beside(said: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(one["words"], *(show(ratio, "×") for ratio in one["ratios"].values())) for one in said["beside"]]


def ground(said: dict[str, Any]) -> str:
    """What is to be said of the rounds."""
    rounds = said["rounds"]
    if rounds["restless"]:
        return "No round had a steady floor: these figures are of a busy machine, and mean little."
    dropped = (
        f"; dropped {len(rounds['dropped'])}, in which a floor varied by {rounds['dropped']}"
        if rounds["dropped"]
        else ""
    )
    return f"Medians of steady rounds: {rounds['kept']}{dropped}."


def show(value: float | None, unit: str = "") -> str:
    if value is None:
        return ""
    return f"{value:,.0f} {unit}".strip() if value >= 100 else f"{value:g} {unit}".strip()


def _columns(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows))
    return "\n".join(line.rstrip() for line in lines)

"""The seeds that ever broke a law, oldest first: seeds.txt, where each says what it found."""

from __future__ import annotations

from pathlib import Path

_LINES = (Path(__file__).parent / "seeds.txt").read_text().splitlines()
SEEDS = [int(line.split()[0]) for line in _LINES if line and not line.startswith("#")]
NEWEST = SEEDS[-10:]

"""Samples with fields dropped or garbled, and bytes cut: what a hostile or buggy sender would sign."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st


def places(document: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where every field of the document stands."""
    steps = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [found for step, part in steps for found in [(*path, step), *places(part, (*path, step))]]


def junk(*more: object) -> st.SearchStrategy[Any]:
    """Values that no field expects, and some that only this vendor's fields nearly do."""
    odd = (None, "\ud800", [], {}, [{}], [None], *more)
    return st.one_of(st.booleans(), st.integers(), st.floats(), st.text(), *map(st.just, odd))


@st.composite
def mutated(draw: st.DrawFn, samples: Mapping[str, str | bytes], odd: st.SearchStrategy[Any]) -> bytes:
    """A sample with some fields dropped or garbled, or its bytes cut or changed."""
    document = json.loads(samples[draw(st.sampled_from(sorted(samples)))])
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(document)))
        at: Any = document
        for step in way:
            at = at[step]
        if draw(st.booleans()):
            at[last] = deepcopy(draw(odd))
        else:
            del at[last]
        if not places(document):
            break
    raw = json.dumps(document).encode()
    if draw(st.integers(0, 4)) == 0:
        cut = draw(st.integers(0, len(raw)))
        raw = raw[:cut] + draw(st.binary(max_size=3)) + raw[cut + draw(st.integers(0, 3)) :]
    return raw

"""Patterns of paths mean what they say, and no path makes them slow."""

from __future__ import annotations

import re
from itertools import product

import pytest

from adapters.registry import config_model
from factory_core.config import read_config
from factory_core.errors import ConfigProblem
from factory_core.protected_paths import protecting
from factory_core.text.path_patterns import PathPatterns

pytestmark = pytest.mark.pure

ROLES = {"intentProvider": "linear", "clarificationChannel": "slack", "outputTarget": "github"}
PATTERNS = ("*.c", "a/*", "a/**", "**/b", "a/**/b", "a?b", "a**b", "**", "*", "a", "a/b", "*a*b*", "**/a/**", "?/*.c")


def spelled(pattern: str) -> str:
    """The same as a regular expression."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern if "/" in pattern else f"**/{pattern}")
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "(?s:" + "".join(known.get(part, re.escape(part)) for part in parts) + ")"


@pytest.mark.parametrize("pattern", PATTERNS)
def test_each_pattern_matches_exactly_what_its_expression_matches(pattern: str) -> None:
    """Every path of up to five characters."""
    automaton, expression = PathPatterns((pattern,)), re.compile(spelled(pattern))
    paths = ["".join(letters) for size in range(1, 6) for letters in product("ab/.c", repeat=size)]
    plain = [path for path in paths if not path.startswith("/") and "//" not in path and not path.endswith("/")]
    wrong = [path for path in plain if automaton.matches(path) != bool(expression.fullmatch(path))]
    assert wrong == []


def test_no_pattern_makes_a_long_path_slow() -> None:
    """With a matcher that goes back this would not end."""
    hostile = PathPatterns(("*a" * 60 + "b", "**/" * 50 + "x", "**a" * 50 + "/z"))
    assert not hostile.matches("a" * 4_000) and not hostile.touches("a/" * 2_000)
    marks = "\u0301\u0323" * 40_000  # git takes a name of any length
    assert not protecting(("@ci",)).touches(f"a{marks}") and protecting(("@ci",)).touches(f".github/workflows/{marks}")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"push": ["@cii"]}, "did you mean '@ci'"),
        ({"merge": ["/etc"]}, "without `/`"),
        ({"merge": ["../x"]}, "begins at the top"),
        ({"push": [""]}, "names files"),
        ({"push": ["a" * 201]}, "at most 200"),
        ({"push": ["infra/{prod,stage}/**"]}, "name each in an item of its own"),
        ({"merge": ["!docs/**"]}, "name each in an item of its own"),
        ({"merge": ["docs\\ci.md"]}, "name each in an item of its own"),
        ({"merge": "docs/**"}, "it should be a list"),
    ],
)
def test_a_wrong_pattern_is_refused_with_its_key(given: dict[str, list[str]], why: str) -> None:
    with pytest.raises(ConfigProblem, match=r"f: protectedPaths\.") as raised:
        read_config({**ROLES, "protectedPaths": given}, file="f", model=config_model())
    assert why in raised.value.why

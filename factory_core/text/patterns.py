"""Regular expressions of the configuration, run on anybody's text in time that grows with the text and nothing else.

`re` backtracks: an ordinary-looking pattern can need years for one title. Here a pattern becomes an automaton that
reads each character once; what no automaton can do is refused when the configuration is read. The same code decides on
every host: some have no thread or process in which a search could be given up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any

_parser: Any = import_module("re._parser")  # the standard library's own reading of a pattern, as a tree
_compiler: Any = import_module("re._compiler")

MOST_STEPS = 256  # of one automaton; x{9} has those of x nine times. One on 20,000 characters needs a second at worst
_MOST_KNOWN = 2000  # moves that one automaton remembers before it begins anew
_FLAGS = re.IGNORECASE | re.MULTILINE | re.DOTALL | re.VERBOSE | re.UNICODE
_UNSUPPORTED = {
    "GROUPREF": "a back reference",
    "GROUPREF_EXISTS": "a condition on a group",
    "ASSERT": "a lookaround",
    "ASSERT_NOT": "a lookaround",
    "FAILURE": "a lookaround",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repeat",
}

# What stands beside a place in the text: nothing, its last newline, another newline, a word's character, such a one of
# a script without blanks between words (or with particles behind them), another one.
EDGE, LAST_NEWLINE, NEWLINE, WORD, UNSPACED, OTHER = range(6)
_IN_WORDS = frozenset({WORD, UNSPACED})
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3041-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)  # Thai, Lao, Burmese, Khmer, Hangul, Kana, Han
Position = frozenset[int]  # the steps at which an automaton stands
Move = tuple[Position, int, int, int]
Reach = tuple[tuple[int, int], ...]  # atoms that can be read from a step, and where each leads


class Unsupported(ValueError):
    """The pattern needs what no automaton can do, or too large a one."""


class Pattern:
    """Tells whether a text has a match, letters of either case alike. Raises Unsupported, or re.error for what is no
    regular expression.

    `words`: a match neither begins nor ends within a word, unless the pattern itself says where it may (`\\b`, `\\B`,
    `^`, `$`)."""

    def __init__(self, source: str, *, words: bool = False) -> None:
        try:
            tree = _parser.parse(source, re.IGNORECASE)
            self._build(tree, words)
        except RecursionError:
            raise Unsupported("it is nested too deeply") from None
        except OverflowError:  # of a number that `re` itself does not take
            raise Unsupported("it is to repeat too often") from None
        self._characters: dict[str, tuple[int, int]] = {}
        self._known: dict[Move, Position | None] = {}
        self._reaches: dict[tuple[int, int, int], Reach | None] = {}

    def matches(self, text: str) -> bool:
        """Somewhere in the text."""
        at, before, last = frozenset[int](), EDGE, len(text) - 1
        for index, character in enumerate(text):
            kind, atoms = self._characters.get(character) or self._look_at(character)
            here = LAST_NEWLINE if kind == NEWLINE and index == last else kind
            move = (at, before, here, atoms)
            after = self._known[move] if move in self._known else self._remember(move)
            if after is None:
                return True
            at, before = after, kind
        return self._after(at, before, EDGE, 0) is None

    def _remember(self, move: Move) -> Position | None:
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[move] = self._after(*move)
        return self._known[move]

    def _look_at(self, character: str) -> tuple[int, int]:
        """Its kind, and as bits the atoms that it matches."""
        word = character.isalnum() or character == "_"
        in_word = UNSPACED if _UNSPACED.match(character) else WORD
        kind = NEWLINE if character == "\n" else in_word if word else OTHER
        if len(self._characters) >= _MOST_KNOWN:
            self._characters.clear()
        found = sum(1 << number for number, atom in enumerate(self._atoms.values()) if atom(character))
        self._characters[character] = (kind, found)
        return kind, found

    def _after(self, at: Position, before: int, here: int, atoms: int) -> Position | None:
        """Where the automaton stands when it has read the character; None: it has found a match."""
        after = set()
        for step in (self._start, *at):
            where = (step, before, here)
            reach = self._reaches[where] if where in self._reaches else self._explore(where)
            if reach is None:
                return None
            for atom, then in reach:
                if atoms & atom:
                    after.add(then)
        return frozenset(after)

    def _explore(self, where: tuple[int, int, int]) -> Reach | None:
        """What can be read from a step, over all that reads nothing; None: the match is complete."""
        start, before, here = where
        seen, todo, reach = {start}, [start], []
        while todo:
            operation, *values = self._steps[todo.pop()]
            following: Iterable[int] = ()
            if operation == "match":
                self._reaches[where] = None
                return None
            if operation == "atom":
                reach.append((values[0], values[1]))
            elif operation == "either":
                following = values[0]
            elif values[0](before, here):
                following = (values[1],)
            todo += [one for one in following if one not in seen]
            seen.update(following)
        self._reaches[where] = tuple(reach)
        return self._reaches[where]

    # From the tree to the automaton, from the end to the beginning: each step knows what comes then.

    def _build(self, tree: Any, words: bool) -> None:
        self._steps: list[tuple[Any, ...]] = []
        self._atoms: dict[tuple[str, int], Callable[[str], object]] = {}
        self._visited = 0
        match = self._add("match")
        end = self._add("at", _no_word_goes_on, match) if words else match
        self._start = self._sequence(tree, _allowed(tree.state.flags), end)
        if words and any(step[0] == "at" for step in self._steps[2:]):
            self._steps[end] = ("either", (match,))
        elif words:
            self._start = self._add("at", _no_word_goes_on, self._start)

    def _add(self, *step: Any) -> int:
        if len(self._steps) >= MOST_STEPS:
            raise Unsupported(f"it needs more than {MOST_STEPS} steps; repeat less, or split it into several rules")
        self._steps.append(step)
        return len(self._steps) - 1

    def _sequence(self, tree: Iterable[Any], flags: int, then: int) -> int:
        for node in reversed(list(tree)):
            then = self._node(node, flags, then)
        return then

    def _node(self, node: Any, flags: int, then: int) -> int:
        self._visited += 1
        if self._visited > 10 * MOST_STEPS:
            raise Unsupported("it repeats nothing too often")
        operation, value = node
        match str(operation):
            case "LITERAL" | "NOT_LITERAL" | "IN" | "ANY":
                return self._add("atom", self._atom(node, flags), then)
            case "AT":
                return self._add("at", _condition(str(value), flags), then)
            case "BRANCH":
                return self._add("either", tuple(self._sequence(one, flags, then) for one in value[1]))
            case "SUBPATTERN":
                _, added, removed, inner = value
                return self._sequence(inner, _allowed((flags | added) & ~removed), then)
            case "MAX_REPEAT" | "MIN_REPEAT":
                return self._repeat(value, flags, then)
        raise Unsupported(f"it has {_UNSUPPORTED.get(str(operation), str(operation))}")

    def _repeat(self, repeat: tuple[int, Any, Any], flags: int, then: int) -> int:
        least, most, inner = repeat
        if most is _parser.MAXREPEAT:
            loop = self._add("either", ())
            self._steps[loop] = ("either", (self._sequence(inner, flags, loop), then))
            entry = loop
        else:
            entry = then
            for _ in range(min(most - least, MOST_STEPS + 1)):
                entry = self._add("either", (self._sequence(inner, flags, entry), then))
        for _ in range(min(least, 10 * MOST_STEPS)):
            entry = self._sequence(inner, flags, entry)
        return entry

    def _atom(self, node: Any, flags: int) -> int:
        """The bit of a pattern of one character, which `re` itself matches."""
        name = (repr(node), flags)
        if name not in self._atoms:
            state = _parser.State()
            state.flags = flags
            self._atoms[name] = _compiler.compile(_parser.SubPattern(state, [node]), flags).match
        return 1 << list(self._atoms).index(name)


@lru_cache(maxsize=256)
def compiled(source: str) -> Pattern:
    """The pattern of a routing rule."""
    return Pattern(source, words=True)


def _allowed(flags: int) -> int:
    if flags & ~_FLAGS:
        raise Unsupported("of flags it may have i, m, s and x")
    return flags


def _condition(kind: str, flags: int) -> Callable[[int, int], bool]:
    """Of what stands before a position and behind it."""
    lines = bool(flags & re.MULTILINE)
    match kind:
        case "AT_BEGINNING_STRING":
            return lambda before, here: before == EDGE
        case "AT_END_STRING":
            return lambda before, here: here == EDGE
        case "AT_BEGINNING":
            return lambda before, here: before == EDGE or (lines and before == NEWLINE)
        case "AT_END":
            return lambda before, here: here in (EDGE, LAST_NEWLINE) or (lines and here == NEWLINE)
        case "AT_BOUNDARY":
            return lambda before, here: (before in _IN_WORDS) != (here in _IN_WORDS)
        case "AT_NON_BOUNDARY":
            return lambda before, here: (before in _IN_WORDS) == (here in _IN_WORDS)
    raise Unsupported(f"it has {kind}")


def _no_word_goes_on(before: int, here: int) -> bool:
    return not (before == WORD and here == WORD)

"""What a change takes from the tests that judge it: deleted tests, added skips, fewer assertions. Read off the changed
lines by their words in many languages, so that a reviewer looks there; it proves nothing and forbids nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ..protected_paths import named
from .pull_request import FileChange

MOST = 20  # sentences
_FOLDERS = frozenset({"test", "tests", "__tests__", "spec", "specs", "e2e", "testdata"})
_NAME = re.compile(r"^test_|[._-](test|tests|spec|specs|cy|e2e)\.[^.]+$|(Test|Tests|TestCase|Spec|IT)\.[A-Za-z]+$")
_SKIP = re.compile(
    r"mark\.(skip|skipif|xfail)\b|\b(pytest|unittest)\.skip|\bskipTest\(|\bSkipTest\b|\bexpectedFailure\b"
    r"|\b(it|test|describe|context|suite)\.(skip|todo|failing|only)\b|\b(xit|xtest|xdescribe|xcontext|fit|fdescribe)\("
    r"|@(Disabled|Ignore)\b|#\[ignore|\[Ignore\b|\bSkip\s*=|\b[tb]\.Skip(Now|f)?\(|\bmarkTest(Skipped|Incomplete)\("
    r"|\bXCTSkip|\bGTEST_SKIP|\bDISABLED_\w"
)
_ASSERTION = re.compile(
    r"\b[Aa]ssert\w*|\b(EXPECT|ASSERT|CHECK|REQUIRE)(_\w+)?\(|\bexpect\(|\.should\b|\b[tb]\.(Error|Fatal|Fail)\w*\("
    r"|\brequire\.\w+\(|\bXCTAssert\w*|\bpytest\.raises|\bverify\("
)
_TEST = re.compile(
    r"\bdef test_?\w*|\b(it|test|specify|scenario)(\.each\b[^(]*\([^)]*\))?\(|\bfunc Test\w|@(Parameterized)?Test\b"
    r"|#\[(\w+::)?test\]|\[(Fact|Theory|Test|TestMethod)\b|\bTEST(_F|_P)?\("
)


def weakened_tests(changes: Sequence[FileChange] | None) -> tuple[str, ...]:
    """A sentence for each thing; None are the changes of which the code host does not show all."""
    if changes is None:
        return ("The code host did not show all changed files, so nothing is said of their tests.",)
    found = [sentence for change in changes for sentence in _of(change)]
    rest = (f"… and {len(found) - MOST} more.",) if len(found) > MOST else ()
    return (*found[:MOST], *rest)


def _of(change: FileChange) -> Iterator[str]:
    path = change.path
    if not change.sha:
        if is_test(path):
            yield f"{named([path])} is deleted."
        return
    if change.former and is_test(change.former) and not is_test(path):
        yield f"{named([change.former])} is now {named([path])}, which looks like no test."
        return
    if not is_test(path):
        return
    if change.patch is None:
        if not change.former:
            yield f"{named([path])} is changed, and the code host did not show how."
        return
    lines = change.patch.split("\n")
    for pattern, sign, one, many in _COUNTED:
        more = sign * (_count(pattern, "+", lines) - _count(pattern, "-", lines))
        if more > 0:
            yield f"{named([path])} has {more} {one if more == 1 else many}."


_COUNTED = (
    (_TEST, -1, "test fewer", "tests fewer"),
    (_ASSERTION, -1, "assertion fewer", "assertions fewer"),
    (_SKIP, 1, "more mark that skips tests", "more marks that skip tests"),
)


def is_test(path: str) -> bool:
    *folders, name = path.split("/")
    return not _FOLDERS.isdisjoint(folder.casefold() for folder in folders) or bool(_NAME.search(name))


def _count(pattern: re.Pattern[str], sign: str, lines: Iterable[str]) -> int:
    return sum(len(pattern.findall(line[1:2_000])) for line in lines if line.startswith(sign))

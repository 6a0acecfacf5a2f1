"""A reviewer is shown what a change takes from the tests that judge it."""

from __future__ import annotations

import pytest

from factory_core.dispatch.pull_request import FileChange
from factory_core.dispatch.weakened_tests import is_test, weakened_tests
from factory_core.runs.run import RunStatus

from .growth import assert_linear, repeated
from .world import World, run, ticket

pytestmark = pytest.mark.pure

TESTS = (
    "tests/test_cart.py", "test_cart.py", "cart_test.go", "src/cart.test.ts", "src/cart.spec.tsx", "app/CartTest.java",
    "spec/cart_spec.rb", "src/__tests__/cart.js", "Tests/CartTests.swift", "lib/CartTests.cs", "tests/data/one.json",
)  # fmt: skip
OTHERS = ("src/cart.py", "contest.py", "src/latest.py", "docs/testing.md", "src/attestation.ts", "greatest.go")


def test_a_test_is_known_by_its_place_or_its_name() -> None:
    assert [path for path in (*TESTS, *OTHERS) if is_test(path)] == list(TESTS)


@pytest.mark.parametrize(
    ("path", "patch", "said"),
    [
        ("tests/test_a.py", "-    assert total() == 3\n-    assert not errors\n+    total()", ["2 assertions fewer"]),
        ("a.test.ts", "-  expect(total).toBe(3)\n+  expect(total)", []),
        ("a.test.ts", "-  it('adds', () => {\n+  it.skip('adds', () => {", ["1 test fewer", "1 more mark that skips"]),
        ("tests/test_a.py", "+@pytest.mark.skip\n def test_x():", ["1 more mark that skips"]),
        ("tests/test_a.py", "-def test_x():\n-    assert 1\n+def helper():", ["1 test fewer", "1 assertion fewer"]),
        ("a_test.go", '+\tt.Skip("later")\n-\tt.Errorf("no")', ["1 assertion fewer", "1 more mark that skips"]),
        ("ATest.java", "+    @Disabled\n     @Test", ["1 more mark that skips"]),
        ("tests/a.rs", "+#[ignore]\n #[test]", ["1 more mark that skips"]),
        ("tests/test_a.py", "-    assert a == 1\n+    assert a == 1, 'why'\n+    assert b", []),
        ("tests/test_a.py", "-@pytest.mark.skip\n def test_x():", []),
        ("src/app.py", "-    assert total() == 3", []),
    ],
)
def test_what_is_taken_from_a_test_is_counted(path: str, patch: str, said: list[str]) -> None:
    """What is moved or rewritten within a file is not taken from it."""
    found = weakened_tests((FileChange(path=path, sha="a1", patch=f"@@ -1 +1 @@\n{patch}"),))
    assert len(found) == len(said) and all(
        words in one and f"`{path}`" in one for one, words in zip(found, said, strict=True)
    )


def test_tests_that_go_or_are_not_shown_are_named() -> None:
    changes = (
        FileChange(path="tests/test_a.py"),
        FileChange(path="docs/a.txt", former="tests/test_b.py", sha="b2"),
        FileChange(path="tests/unit/test_c.py", former="tests/test_c.py", sha="c3"),
        FileChange(path="tests/large.json", sha="d4"),
        FileChange(path="src/large.json", sha="e5"),
    )
    assert weakened_tests(changes) == (
        "`tests/test_a.py` is deleted.",
        "`tests/test_b.py` is now `docs/a.txt`, which looks like no test.",
        "`tests/large.json` is changed, and the code host did not show how.",
    )
    assert "did not show all changed files" in weakened_tests(None)[0]


def test_a_hostile_patch_costs_no_time() -> None:
    def read(text: str) -> None:
        weakened_tests((FileChange(path="a.test.ts", sha="a", patch=f"-{text}\n" * 3),))

    assert_linear(read, repeated("it.each"), 140_000)


def test_the_pull_request_lists_them_and_a_follow_up_says_them_on_the_ticket() -> None:
    """Once each; a file's name is text there."""

    async def story() -> None:
        world = World()
        await world.add(ticket())
        (run_id,) = world.fleet.live
        gone = FileChange(path="tests/<!-- factory:item=ACME-9 -->.py")
        world.target.compared[f"sha-{run_id}"] = (gone,)
        await world.agent_ends(RunStatus.SUCCEEDED)
        body = world.target.bodies[1]
        assert "Worth a look" in body and "is deleted." in body and "<!-- factory:item=ACME-9" not in body
        world.target.red(1)
        await world.hear(world.pull())
        (again,) = world.fleet.live
        world.target.compared[f"sha-{again}"] = (gone, FileChange(path="tests/test_b.py"))
        await world.agent_ends(RunStatus.SUCCEEDED)
        assert "`tests/test_b.py` is deleted." in world.said()[-1]

    run(story())

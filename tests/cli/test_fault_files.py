"""What is kept of faults: one file for each, and not without end."""

from __future__ import annotations

from pathlib import Path

import pytest

from factory_cli.redact import MOST_FAULT_TEXT, MOST_FAULTS, keep

pytestmark = pytest.mark.pure


def test_a_fault_that_repeats_has_one_file(tmp_path: Path) -> None:
    """Also when others come between; the file can be read by its owner alone."""
    state = {"XDG_STATE_HOME": str(tmp_path)}
    first, other, again = keep("one", state), keep("another", state), keep("one", state)
    assert first == again != other
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "factory").iterdir()} == {0o600}


def test_many_faults_do_not_fill_a_disk(tmp_path: Path) -> None:
    """The newest are kept, and the last of them is the one that was given."""
    state = {"XDG_STATE_HOME": str(tmp_path)}
    for number in range(3 * MOST_FAULTS):
        path = Path(keep(f"fault {number}", state))
    kept = [file.read_text() for file in (tmp_path / "factory").iterdir()]
    assert len(kept) == MOST_FAULTS
    assert path.read_text() == f"fault {number}"


def test_a_fault_that_cannot_be_kept_is_no_other_fault(tmp_path: Path) -> None:
    """The directory is a file: the path is empty."""
    (tmp_path / "factory").write_text("")
    assert keep("one", {"XDG_STATE_HOME": str(tmp_path)}) == ""


def test_a_long_fault_is_kept_by_its_end(tmp_path: Path) -> None:
    path = Path(keep(f"{'frame ' * 100_000}ValueError", {"XDG_STATE_HOME": str(tmp_path)}))
    assert path.stat().st_size == MOST_FAULT_TEXT and path.read_text().endswith("ValueError")

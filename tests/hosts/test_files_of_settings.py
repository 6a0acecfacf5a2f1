"""What a person writes into factory.config.yaml and .env is read as they mean it, or refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.config_text import config_of
from adapters.credentials.files import environment_with_file
from factory_core.errors import ConfigProblem

pytestmark = pytest.mark.pure

ROLES = "intentProvider: linear\nclarificationChannel: slack\noutputTarget: github\n"


@pytest.mark.parametrize(
    ("text", "what", "key"),
    [
        (ROLES + "tenant: a\ntenant: b\n", "f.yaml, line 5: a duplicate key", "tenant"),
        (
            ROLES + "merge:\n  policy: never\n  settleFor: 1s\n  policy: auto\n",
            "f.yaml, line 7: a duplicate key",
            "policy",
        ),
        ('{"tenant": "a", "merge": {"policy": "never", "policy": "auto"}}', "f.yaml: a duplicate key", "policy"),
    ],
)
def test_a_key_that_stands_there_twice_is_refused(text: str, what: str, key: str) -> None:
    """One of the two would be passed over without a word: `merge.policy` above all."""
    with pytest.raises(ConfigProblem) as caught:
        config_of(text, "f.yaml")
    assert caught.value.what == what and repr(key) in caught.value.why


def test_an_anchor_may_be_merged_and_overruled() -> None:
    text = ROLES + "merge: &rules {policy: never}\nrunner:\n  <<: &one {lease: 3m}\n  lease: 2m\n"
    assert config_of(text, "f.yaml").runner.lease.total_seconds() == 120


def test_a_file_of_secrets_is_read_as_other_tools_read_it(tmp_path: Path) -> None:
    """Comments, quotes, `export`; a `$` is the secret's own."""
    file = tmp_path / ".env"
    file.write_text(
        "# ours\nexport A='one two'  # said so\nB=pa$$HOME#x # a comment\n\nC=\"line\\nline\"\nD =  spaced \nE=\n"
    )
    known = environment_with_file({"D": "wins"}, file)
    assert known == {"A": "one two", "B": "pa$$HOME#x", "C": "line\nline", "D": "wins", "E": ""}


@pytest.mark.parametrize("line", ["B='not closed", "= nothing", "two words = 1"])
def test_a_line_that_is_no_setting_is_named_and_never_shown(line: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"A=1\n\n{line}\n")
    with pytest.raises(ConfigProblem) as caught:
        environment_with_file({}, tmp_path / ".env")
    assert caught.value.what == f"{tmp_path / '.env'}, line 3: not a setting"
    assert line not in str(caught.value.__dict__)

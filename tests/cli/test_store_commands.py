"""`factory backup`, `restore` and `salvage`: one JSON document each, and fixes that work as typed."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from adapters.assembly import utc_now
from adapters.local.sqlite_file import SqliteFile, create_file
from adapters.sqlite_state_store import SqliteStateStore
from factory_cli.main import run
from factory_core.dispatch.records import InFlightRecord, State

CONFIG = """
tenant: acme
intentProvider: linear
clarificationChannel: linear
outputTarget: github
repositories: {acme/shop: {}}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "factory.config.yaml").write_text(CONFIG)
    (tmp_path / ".factory").mkdir()
    monkeypatch.chdir(tmp_path)
    store(tmp_path, "ACME-1")
    return tmp_path


def store(home: Path, key: str) -> None:
    create_file(home / "factory.db", home / ".factory")
    with closing(SqliteFile(home / "factory.db", home=home / ".factory")) as file:
        record = InFlightRecord(work_item_id=key, state=State.DONE, since=utc_now())
        asyncio.run(SqliteStateStore(file, "acme", utc_now).put_in_flight(record))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    code = run([*words, "--format=json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_backup_is_restored_and_what_is_repeated_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, made = said(capsys, "backup", "copy.db")
    assert (code, made["schema"], made["records"]) == (0, "factory.backup/1", 1)
    store(home, "ACME-2")
    code, done = said(capsys, "restore", "copy.db")
    assert (code, done["schema"], done["records"]) == (0, "factory.restore/1", 1)
    assert done["repeated"] == {"unknown": ["ACME-2"], "older": []}
    assert Path(str(done["kept"])).exists()
    code, made = said(capsys, "salvage", "salvaged.db")
    assert (code, made["schema"], made["lost"]) == (0, "factory.salvage/1", {})


def test_the_fix_of_an_older_store_works_as_typed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command that reads the store refuses it with the same code, and the fix makes it go on."""
    shutil.copy(home / "factory.db", home / "old.db")
    store(home, "ACME-2")
    shutil.copy(home / "old.db", home / "factory.db")
    for words in (("status",), ("backup", "copy.db"), ("pipeline", "retry", "ACME-1")):
        code, refused = said(capsys, *words)
        assert (code, refused["code"]) == (1, "E-STORE-EXCHANGED")
    command = str(refused["fix_in_words"]).split("`")[1]
    assert command == "factory restore factory.db"
    assert said(capsys, *shlex.split(command)[1:])[0] == 0
    assert said(capsys, "status")[0] == 0


@pytest.mark.parametrize("words", [("backup", "factory.db"), ("restore", "nothing.db"), ("restore", "factory.db")])
def test_what_cannot_be_done_is_refused(home: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    before = (home / "factory.db").read_bytes()
    code, refused = said(capsys, *words)
    assert (code, refused["code"]) == (2, "E-RESTORE")
    assert (home / "factory.db").read_bytes() == before

"""`factory backup`, `restore` and `salvage`: one JSON document each, and fixes that work as typed."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.assembly import utc_now
from adapters.stores.sqlite.sqlite_file import SqliteFile, create_file
from adapters.stores.sqlite.state_store import SqliteStateStore
from factory_cli import doctor_machine
from factory_cli.main import run
from factory_cli.output import Output
from factory_cli.place import place_of
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
    code, forgotten = said(capsys, "forget", "ACME-1", "--dry-run")
    assert (code, forgotten["former_stores"]) == (0, [Path(str(done["kept"])).name])
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


def test_doctor_takes_a_copy_under_a_running_factory_for_no_damage(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the -wal of the former file SQLite finds it malformed; a salvage of both is wrong."""
    for n in range(40):
        store(home, f"ACME-1{n}")
    said(capsys, "backup", "copy.db")

    async def story() -> None:
        with closing(SqliteFile(home / "factory.db", home=home / ".factory")) as file:
            for n in range(2, 240):
                record = InFlightRecord(work_item_id=f"ACME-2{n}", state=State.DONE, since=utc_now())
                await SqliteStateStore(file, "acme", utc_now).put_in_flight(record)
                if n == 200:  # the -wal holds what changed since
                    with closing(sqlite3.connect(home / "factory.db")) as other:
                        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copyfile(home / "copy.db", home / "factory.db")
            finding = await doctor_machine.store(place_of("", Output()))
            assert finding.mark == "fail" and "factory restore" in finding.fix

    asyncio.run(story())


@pytest.mark.parametrize("words", [("backup", "factory.db"), ("restore", "nothing.db"), ("restore", "factory.db")])
def test_what_cannot_be_done_is_refused(home: Path, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    before = (home / "factory.db").read_bytes()
    code, refused = said(capsys, *words)
    assert (code, refused["code"]) == (2, "E-RESTORE")
    assert (home / "factory.db").read_bytes() == before

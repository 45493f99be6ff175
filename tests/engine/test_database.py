"""The engine database: transactions, errors, generation."""

import sqlite3
import stat
import time
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import Connection, func, insert, select, text

from sojourn.core.errors import StoreBusy, StoreCorrupt, StoreUnavailable
from sojourn.engine.database import DatabaseUrl, EngineDatabase, RowConflict, schema

pytestmark = pytest.mark.anyio

URL = "sqlite:///var/engine.db"


def add_group(connection: Connection, name: str) -> None:
    connection.execute(insert(schema.user_group).values(directory="main", name=name, live_name=name, created=1))


def add_event(connection: Connection, detail: str = "{}") -> None:
    texts = dict.fromkeys(("kind", "outcome", "realm", "actor", "session", "address"), "")
    connection.execute(insert(schema.audit_event).values(at=1, detail=detail, **texts))


def count_groups(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(schema.user_group)).scalar_one()


async def test_what_was_written_is_read_at_once_and_after_reopening(project: Path) -> None:
    db = await EngineDatabase.open(URL, project)
    await db.write(lambda connection: add_group(connection, "staff"))
    assert await db.read(count_groups) == 1
    await db.close()
    again = await EngineDatabase.open(URL, project)
    assert await again.read(count_groups) == 1
    assert again.installation == db.installation
    await again.close()


async def test_a_work_that_raises_writes_nothing(db: EngineDatabase) -> None:
    def work(connection: Connection) -> None:
        add_group(connection, "staff")
        raise KeyError

    with pytest.raises(KeyError):
        await db.write(work)
    assert await db.read(count_groups) == 0
    await db.write(lambda connection: add_group(connection, "staff"))
    assert await db.read(count_groups) == 1


async def test_two_rows_of_one_name_are_a_conflict(db: EngineDatabase) -> None:
    await db.write(lambda connection: add_group(connection, "staff"))
    with pytest.raises(RowConflict):
        await db.write(lambda connection: add_group(connection, "staff"))


async def test_a_membership_of_an_unknown_group_is_refused(db: EngineDatabase) -> None:
    lost = insert(schema.membership).values(user_group=7, member_group=8, position=1)
    with pytest.raises(RowConflict):
        await db.write(lambda connection: connection.execute(lost).rowcount)


async def test_a_commit_that_is_refused_leaves_a_database_that_works(db: EngineDatabase) -> None:
    def late(connection: Connection) -> None:
        connection.execute(text("PRAGMA defer_foreign_keys=ON"))
        connection.execute(insert(schema.membership).values(user_group=7, member_group=8, position=1))
        add_group(connection, "staff")

    with pytest.raises(RowConflict):
        await db.write(late)
    await db.write(lambda connection: add_group(connection, "others"))
    assert await db.read(count_groups) == 1


async def test_the_reader_cannot_write(db: EngineDatabase) -> None:
    with pytest.raises(StoreUnavailable):
        await db.read(lambda connection: add_group(connection, "staff"))


async def test_folder_and_files_are_private(tmp_path: Path) -> None:
    db = await EngineDatabase.open(URL, tmp_path)
    await db.write(lambda connection: add_group(connection, "staff"))
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var").iterdir()}
    await db.close()
    assert set(modes) >= {"engine.db", "engine.db-wal", "engine.db.writer"}
    assert set(modes.values()) == {0o600}


async def test_every_commit_is_synced_and_nothing_checkpoints_by_itself(db: EngineDatabase) -> None:
    wanted = {"synchronous": 2, "foreign_keys": 1, "wal_autocheckpoint": 0, "journal_mode": "wal"}

    def pragmas(connection: Connection) -> dict[str, object]:
        return {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in wanted}

    assert await db.write(pragmas) == wanted
    assert await db.read(pragmas) == wanted


async def test_a_grown_wal_is_moved_into_the_database(db: EngineDatabase, project: Path) -> None:
    file, wal = project / "var/engine.db", project / "var/engine.db-wal"
    before = file.stat().st_size
    for _ in range(5):
        await db.write(lambda connection: add_event(connection, "x" * 3_000_000))
    assert file.stat().st_size > before + 8_000_000
    assert wal.stat().st_size < 10_000_000


async def test_use_after_close_is_unavailable(project: Path) -> None:
    db = await EngineDatabase.open(URL, project)
    await db.close()
    await db.close()
    with pytest.raises(StoreUnavailable):
        await db.read(count_groups)
    with pytest.raises(StoreUnavailable):
        await db.write(count_groups)
    with pytest.raises(StoreUnavailable):
        await db.generation()


async def test_a_damaged_file_is_named_so_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/engine.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(StoreCorrupt):
        await EngineDatabase.open(URL, tmp_path)
    assert (tmp_path / "var/engine.db").read_bytes() == b"no database" * 1_000


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite:///", "engine.db", "memory://"])
async def test_an_address_of_another_kind_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUrl):
        await EngineDatabase.open(url, tmp_path)
    assert not (tmp_path / "var").exists()


async def test_the_generation_moves_with_facts_of_any_connection_but_not_with_the_log(
    db: EngineDatabase, project: Path
) -> None:
    other = await EngineDatabase.open(URL, project)
    first = await db.generation()
    assert await db.generation() == first
    await other.write(add_event)
    await db.write(add_event)
    assert await db.generation() == first
    await other.write(lambda connection: add_group(connection, "staff"))
    second = await db.generation()
    await db.write(lambda connection: add_group(connection, "others"))
    assert first < second < await db.generation()
    await other.close()


@pytest.mark.parametrize("table", schema.FACTS, ids=str)
async def test_a_change_of_facts_by_a_foreign_tool_moves_the_generation(
    table: object, db: EngineDatabase, project: Path
) -> None:
    tool = sqlite3.connect(project / "var/engine.db", isolation_level=None)
    triggers = tool.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (str(table),))
    acts = {name.rpartition("_")[2] for (name,) in triggers.fetchall()}
    before = await db.generation()
    tool.execute("UPDATE installation SET auth_epoch = auth_epoch + 1")
    tool.close()
    assert acts == {"insert", "update", "delete"}
    assert await db.generation() > before


async def test_a_foreign_writer_is_waited_for(db: EngineDatabase, project: Path) -> None:
    tool = sqlite3.connect(project / "var/engine.db", isolation_level=None, check_same_thread=False)
    tool.execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        time.sleep(0.1)
        tool.execute("COMMIT")
        tool.close()

    thread = Thread(target=let_go)
    thread.start()
    await db.write(lambda connection: add_group(connection, "staff"))
    thread.join()
    assert await db.read(count_groups) == 1


async def test_a_writer_that_waits_too_long_gives_up_and_writes_nothing(project: Path) -> None:
    db = await EngineDatabase.open(URL, project, patience=0.05)
    tool = sqlite3.connect(project / "var/engine.db", isolation_level=None)
    tool.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreBusy):
        await db.write(lambda connection: add_group(connection, "staff"))
    tool.execute("COMMIT")
    tool.close()
    await db.write(lambda connection: add_group(connection, "others"))
    assert await db.read(count_groups) == 1
    await db.close()

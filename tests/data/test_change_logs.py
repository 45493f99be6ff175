"""The change logs of an engine: sealed beside the work, known elsewhere, kept as long as is said, without a person."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.core.clock import DAY, ManualClock
from sojourn.core.errors import BadRequest
from sojourn.data import sealing
from sojourn.data.chains import Chains, ChangeLogBroken
from sojourn.data.database import Database
from sojourn.data.port import Backend
from sojourn.data.retention import Person
from sojourn.data.terms import Deleted, Modified, TableChanges
from sojourn.engine.audit.log import Wanted
from sojourn.engine.live import Session
from tests.data.conftest import IN_A_FILE, Beside, cheap, product
from tests.patience import HANGS

pytestmark = pytest.mark.anyio

Enter = Callable[..., Awaitable[Session]]


async def add(database: Database, *keys: int, **values: object) -> int:
    rows = [product(key, **values) for key in keys]
    return await database.apply_updates([TableChanges(table="product", inserted=rows)])


async def acts(engine: Engine) -> list[object]:
    page = await engine.rules.audit.query(Wanted(kinds=frozenset({"CHANGE_LOG"}), oldest_first=True))
    return [event.facts["act"] for event in page.events if isinstance(event.facts, dict)]


def attack(file: Path, *statements: str) -> None:
    connection = sqlite3.connect(file)
    with connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            connection.execute(statement)
    connection.close()


async def test_what_is_changed_is_sealed_by_the_engine_itself(made_project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(made_project, folder)
    shutil.copy(made_project.parent / "master.key", tmp_path)
    async with Engine.open(load_project(folder, {}), hasher=cheap()) as engine:
        session = await engine.login("shop", "anna", "correct horse battery")
        assert session is not None
        await add(engine.database(session), 1, 2, 3)
        async with asyncio.timeout(HANGS):
            while (done := await engine.changes.verify()).unsealed or not done.changes:
                await asyncio.sleep(0.05)
        assert (done.sound, done.changes) == (True, 3)
        await add(engine.database(session), 4)
    # What was changed last is sealed when the engine is closed.
    async with Engine.open(load_project(folder, {}), hasher=cheap(), recover=False) as engine:
        done = await engine.changes.verify()
        assert (done.sound, done.changes, done.unsealed) == (True, 4, None)
        assert await acts(engine) == ["head"]


async def test_the_chain_survives_another_master_key(engine: Engine, database: Database) -> None:
    await add(database, 1)
    await engine.changes.seal()
    await engine.rules.seals.rekey()
    await add(database, 2)
    await engine.changes.seal()
    assert (await engine.changes.verify()).sound


async def test_another_process_goes_on_where_a_sealer_died(engine: Engine, database: Database) -> None:
    await add(database, *range(1, sealing.BATCH + 3))
    first = await engine.databases.named()
    assert await engine.changes._chains.seal(first) == "sealed"
    other = Chains(
        heads=engine.changes._chains.heads, seals=engine.rules.seals, audit=engine.rules.audit, clock=engine.rules.clock
    )
    assert (await other.seal_all(first)).place == 2
    done = await engine.changes.verify()
    assert (done.sound, done.changes, done.unsealed) == (True, sealing.BATCH + 2, None)


async def test_many_sealers_at_once_make_one_chain(engine: Engine, database: Database, beside: Beside) -> None:
    """Each believes that the lease is its own; rows are written meanwhile."""
    rules, heads = engine.rules, engine.changes._chains.heads
    others = [await beside() for _ in range(3)]
    writing = True

    async def seal(backend: Backend) -> int:
        chains = Chains(heads=heads, seals=rules.seals, audit=rules.audit, clock=rules.clock)
        while writing:
            await chains.seal(backend)
        return chains.sealed

    async def write() -> None:
        nonlocal writing
        for key in range(1, 60):
            await add(database, key)
        writing = False

    *sealed, _ = await asyncio.gather(*map(seal, others), write())
    await engine.changes.seal()
    done = await engine.changes.verify()
    assert (done.sound, done.changes, done.unsealed) == (True, 59, None)
    assert sum(1 for count in sealed if count) > 1, "not only one of them sealed"
    for backend in others:
        await backend.close()


@IN_A_FILE
async def test_an_old_file_is_not_sealed_until_an_operator_accepts_it(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "project" / "var" / "app.db"
    await add(database, 1)
    await engine.changes.seal()
    old = file.read_bytes(), file.with_name("app.db-wal").read_bytes()
    await add(database, 2)
    await engine.changes.seal()
    await engine.databases.close()
    file.write_bytes(old[0])
    file.with_name("app.db-wal").write_bytes(old[1])
    folder = tmp_path / "project"
    async with Engine.open(load_project(folder, {}), hasher=cheap(), recover=False) as again:
        await again.changes.sealer.round()
        await again.changes.sealer.round()
        assert "main" in again.changes.sealer.broken
        assert [found.fault for found in (await again.changes.verify()).findings] == ["cut"]
        with pytest.raises(ChangeLogBroken):
            await again.changes.seal()
        assert (await acts(again))[-1] == "broken"
        assert (await acts(again)).count("broken") == 1
        await again.changes.accept(actor="olga", reason="restored after a fire")
        await again.changes.sealer.round()
        assert not again.changes.sealer.broken
        assert (await again.changes.verify()).sound


@IN_A_FILE
async def test_a_log_that_was_begun_anew_shows(engine: Engine, database: Database, tmp_path: Path) -> None:
    await add(database, 1)
    await engine.changes.seal()
    await engine.databases.close()
    for file in (tmp_path / "project" / "var").glob("app.db*"):
        file.unlink()
    async with Engine.open(load_project(tmp_path / "project", {}), hasher=cheap(), recover=False) as again:
        assert [found.fault for found in (await again.changes.verify()).findings] == ["cut"]
        with pytest.raises(ChangeLogBroken, match="ends with seal 0"):
            await again.changes.seal()


async def test_a_log_of_another_engine_shows(engine: Engine, database: Database) -> None:
    """Its engine database is gone with all that it knew."""
    await add(database, 1)
    await engine.changes.seal()
    await engine.rules.db.write(lambda connection: connection.exec_driver_sql("DELETE FROM change_head").rowcount)
    await engine.rules.db.write(lambda connection: connection.exec_driver_sql("DELETE FROM audit_event").rowcount)
    assert [found.fault for found in (await engine.changes.verify()).findings] == ["unknown"]


@IN_A_FILE
async def test_a_cut_that_the_engine_was_made_to_forget_shows_by_the_audit_log(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    await add(database, 1)
    await engine.changes.seal()
    await engine.rules.db.write(
        lambda connection: connection.exec_driver_sql("UPDATE change_head SET place = 0").rowcount
    )
    await engine.databases.close()
    attack(tmp_path / "project" / "var" / "app.db", "DELETE FROM sojourn_change", "DELETE FROM sojourn_seal")
    async with Engine.open(load_project(tmp_path / "project", {}), hasher=cheap(), recover=False) as again:
        assert ("cut", 1) in [(found.fault, found.number) for found in (await again.changes.verify()).findings]


async def test_a_person_can_be_erased(engine: Engine, enter: Enter, tmp_path: Path) -> None:
    anna, ben = engine.database(await enter("anna")), engine.database(await enter("ben"))
    await add(anna, 1, name="Bolt")
    await add(ben, 2, name="for bob@example.org")
    await add(ben, 3, name="for notbob@example.org")
    update = Modified(3, {"name": "for notbob@example.org"}, {"name": "Nut"})
    await ben.apply_updates([TableChanges(table="product", modified=[update])])
    await ben.apply_updates([TableChanges(table="product", deleted=[Deleted(1, {})])])
    account = await engine.rules.users.find("main", "ben")
    assert account is not None
    erased = await engine.changes.erase("main", Person(user_key=account.key), actor="olga")
    assert erased == 4
    erased = await engine.changes.erase(
        "main", Person(records=[("product", 1)], words=["BOB@example.org"]), actor="olga"
    )
    assert erased == 3
    done = await engine.changes.verify()
    assert (done.sound, done.changes, done.erased, done.unsealed) == (True, 5, 3, None)
    backend = await engine.databases.named()
    rows = await backend.read(
        lambda c: c.exec_driver_sql("SELECT user_name, before, after FROM sojourn_change ORDER BY number").all()
    )
    assert [(row[0], row[1] is None, row[2] is None) for row in rows] == [
        ("anna", True, True),
        ("", True, True),
        ("", True, False),
        ("", False, False),
        ("", True, True),
    ]
    assert (await acts(engine))[-4:] == ["eraseBegun", "erase", "eraseBegun", "erase"]
    with pytest.raises(BadRequest):
        Person(words=[" "])


async def test_what_is_too_old_goes(made_project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(made_project, folder)
    shutil.copy(made_project.parent / "master.key", tmp_path)
    clock = ManualClock()
    read = load_project(folder, {})
    changes = msgspec.structs.replace(read.settings.changes, keep=10, keep_values=3)
    project = read._replace(settings=msgspec.structs.replace(read.settings, changes=changes))
    async with Engine.open(project, hasher=cheap(), clock=clock, recover=False) as engine:
        session = await engine.login("shop", "anna", "correct horse battery")
        assert session is not None
        database = engine.database(session)
        await add(database, 1, 2)
        await engine.changes.sealer.round()
        clock.advance(3 * DAY)
        session = await engine.login("shop", "anna", "correct horse battery")
        assert session is not None
        database = engine.database(session)
        await add(database, 3)
        await engine.changes.sealer.round()
        done = await engine.changes.verify()
        assert (done.sound, done.changes, done.erased) == (True, 3, 2)
        clock.advance(7 * DAY)
        await engine.changes.sealer.round()
        done = await engine.changes.verify()
        assert (done.sound, done.changes, done.erased, done.removed) == (True, 1, 1, 2)
        clock.advance(DAY)
        await engine.changes.sealer.round()
        assert (await engine.changes.verify()).sound

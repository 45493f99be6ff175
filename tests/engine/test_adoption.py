"""Signing the records of before signatures, exactly once."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from sojourn.engine.accounts.adoption import adopt, mark_beside, tampered
from sojourn.engine.accounts.records import Accounts
from sojourn.engine.accounts.users import Users
from sojourn.engine.database import EngineDatabase

pytestmark = pytest.mark.anyio


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return mark_beside(tmp_path / "master.key")


async def unsign(db: EngineDatabase) -> None:
    """As an older version left it, or as an attacker makes it look."""

    def work(connection: Connection) -> None:
        connection.execute(text("UPDATE account SET signature = NULL"))

    await db.write(work)


async def test_records_of_an_older_version_are_signed_at_the_first_start(
    db: EngineDatabase, users: Users, accounts: Accounts, mark: Path
) -> None:
    ann = await users.add("main", "ann", None)
    gone = await users.add("main", "gone", None)
    await users.delete(gone.key)
    await unsign(db)
    assert await tampered(db, accounts) == ["main/ann"]
    assert await adopt(db, accounts, mark) == 1
    assert await tampered(db, accounts) == []
    assert await users.get(ann.key) == ann
    assert mark.stat().st_mode & 0o077 == 0


async def test_taking_the_signatures_away_later_gains_nothing(
    db: EngineDatabase, users: Users, accounts: Accounts, mark: Path
) -> None:
    assert await adopt(db, accounts, mark) == 0
    await users.add("main", "ann", None)
    await unsign(db)
    for _ in range(2):
        assert await adopt(db, accounts, mark) == 0
        assert await tampered(db, accounts) == ["main/ann"]


async def test_a_start_that_died_before_it_noted_what_it_did_is_done_again(
    db: EngineDatabase, users: Users, accounts: Accounts, mark: Path
) -> None:
    ann = await users.add("main", "ann", None)
    await users.add("main", "bob", None)
    await unsign(db)
    await db.write(lambda connection: accounts.vouch(connection, ann.key))
    mark.with_name(f"{mark.name}.partly").write_bytes(b"")
    await adopt(db, accounts, mark)
    assert await tampered(db, accounts) == []
    assert [path.name for path in mark.parent.iterdir() if "partly" in path.name] == []


async def test_where_it_cannot_be_noted_nothing_is_signed(
    db: EngineDatabase, users: Users, accounts: Accounts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await users.add("main", "ann", None)
    await unsign(db)
    assert await adopt(db, accounts, mark_beside(tmp_path / "no folder" / "master.key")) == 0
    assert await tampered(db, accounts) == ["main/ann"]
    assert "sojourn users sign" in caplog.text


async def test_a_record_with_a_wrong_signature_is_none_of_an_older_version(
    db: EngineDatabase, users: Users, accounts: Accounts, mark: Path
) -> None:
    await users.add("main", "ann", None)
    await db.write(lambda connection: connection.execute(text("UPDATE account SET state = 'locked'")).rowcount)
    assert await adopt(db, accounts, mark) == 0
    assert await tampered(db, accounts) == ["main/ann"]

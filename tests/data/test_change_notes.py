"""Rows of a script's own in the change log, the mark of fresh ones, and what ``iLog`` shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from sojourn.data import changelog
from sojourn.data.changelog import Draft
from sojourn.data.database import Database
from sojourn.data.errors import DatabaseLoginRequired, StatementRefused, TableUnknown
from sojourn.data.notes import BadNote, Note, WhichChanges, freshen, insert_note, told
from sojourn.data.terms import Deleted, TableChanges
from sojourn.data.views import log_view
from tests.data.chained import ANNA, NOW, Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = Log(tmp_path / "app.db")
    made.do(lambda connection: connection.exec_driver_sql(log_view(connection)))
    return made


def shown(log: Log) -> list[dict[str, Any]]:
    def read(connection: Connection) -> list[dict[str, Any]]:
        # As the connections of authors are.
        connection.exec_driver_sql("PRAGMA trusted_schema=OFF")
        return [dict(row) for row in connection.exec_driver_sql('SELECT * FROM "iLog" ORDER BY "iNumber"').mappings()]

    return log.do(read)


def test_a_note_is_a_row_of_its_author(log: Log) -> None:
    note = Note(kind="IMPORT", content="3 rows\nof 4", key=5, class_key=-12)
    assert log.do(lambda connection: insert_note(connection, ANNA, note, NOW)) == 1
    assert told(log.do(lambda c: c.exec_driver_sql("SELECT content FROM sojourn_change").scalar_one())) == (
        "IMPORT",
        "3 rows\nof 4",
        -12,
    )
    assert shown(log) == [
        {
            "iNumber": 1,
            "iType": "IMPORT",
            "iKey": 5,
            "iRecord": "5",
            "iTableClass": "",
            "iClass": -12,
            "iContent": "3 rows\nof 4",
            "iUser": 7,
            "iDate": "2027-01-15",
            "iHour": "08:00:00",
            "iReferrer": "e-1",
            "iVersion": 1,
            "iTag": "T",
            "iFreshTrack": 1,
        }
    ]
    log.seal()
    assert log.verify().sound


def test_a_note_may_have_a_tag_and_an_earlier_version(log: Log) -> None:
    log.write()
    log.do(lambda connection: insert_note(connection, ANNA, Note(kind="IMPORT", version=1, tag="U"), NOW))
    log.do(lambda connection: insert_note(connection, ANNA, Note(kind="IMPORT", key="a'\\\"b\\", tag=""), NOW))
    found = [(row["iVersion"], row["iTag"], row["iFreshTrack"], row["iKey"], row["iRecord"]) for row in shown(log)]
    assert found == [(1, "T", 1, 1, "1"), (1, "U", 1, None, None), (3, None, None, None, "a'\\\"b\\")]
    with pytest.raises(BadNote):
        log.do(lambda connection: insert_note(connection, ANNA, Note(kind="IMPORT", version=4), NOW))


@pytest.mark.parametrize("kind", ["INSERT", "login", " UNDO", "KEY_CREATION", "FIELD", "", "x" * 61, "a\nb", "\u202e"])
def test_a_note_cannot_pass_for_what_the_engine_writes(kind: str) -> None:
    with pytest.raises(BadNote):
        Note(kind=kind)


@pytest.mark.parametrize("wrong", [{"content": "x" * 65_537}, {"content": "a\0"}, {"tag": "x" * 101}, {"tag": "\n"}])
def test_a_note_has_to_fit(wrong: dict[str, str]) -> None:
    with pytest.raises(BadNote):
        Note(kind="IMPORT", **wrong)  # type: ignore[arg-type]


def test_only_the_mark_of_fresh_rows_is_changed(log: Log) -> None:
    log.write(2)
    log.write(3)
    log.seal()
    assert log.do(lambda connection: freshen(connection, version=2, tag=None, fresh=False)) == 3
    assert [row["iFreshTrack"] for row in shown(log)] == [1, 1, 0, 0, 0]
    assert log.do(lambda connection: freshen(connection, version=1, tag="U", fresh=False)) == 0
    assert log.do(lambda connection: freshen(connection, version=None, tag="T", fresh=True)) == 5
    assert log.verify().sound
    with pytest.raises(WhichChanges):
        log.do(lambda connection: freshen(connection, version=None, tag="", fresh=True))


def test_what_records_held_and_where_sessions_were_is_not_shown(log: Log) -> None:
    drafts = [
        Draft("UPDATE", "item", 1, {"pin": "1234"}, {"pin": "9876"}),
        Draft("FIELD", content='{"fields":["pin"]}'),
        Draft("DDL", content="CREATE TABLE item (iKey INTEGER PRIMARY KEY)"),
    ]
    log.do(lambda c: changelog.append(c, ANNA, drafts, changelog.next_version(c), NOW))
    text = str(shown(log))
    assert [row["iType"] for row in shown(log)] == ["UPDATE", "DDL"]
    assert "CREATE TABLE item" in text
    for hidden in ("1234", "9876", "s-1", "192.0.2.7", "r-1"):
        assert hidden not in text


@pytest.mark.anyio
async def test_a_session_writes_rows_of_its_own(database: Database) -> None:
    database.tracking_id = "T"
    number = await database.insert_log("CHECKED", content="by hand", key=7)
    found = await database.query('SELECT * FROM "iLog" WHERE "iNumber" = ?', [number])
    (row,) = found
    assert (row["iType"], row["iContent"], row["iKey"], row["iTag"]) == ("CHECKED", "by hand", 7, "T")
    assert row["iUser"] == database.user_key
    assert await database.update_logs(tag="T", fresh=False) == 1
    assert [row["iFreshTrack"] for row in await database.query('SELECT "iFreshTrack" FROM "iLog"')] == [False]
    with pytest.raises(StatementRefused):
        await database.query("SELECT * FROM sojourn_seal")
    with pytest.raises(TableUnknown):
        await database.apply_updates([TableChanges(table="iLog", deleted=[Deleted(1, {})])])


@pytest.mark.anyio
async def test_nobody_writes_into_the_log(database: Database) -> None:
    database.logout()
    with pytest.raises(DatabaseLoginRequired):
        await database.insert_log("CHECKED")
    with pytest.raises(DatabaseLoginRequired):
        await database.update_logs(tag="T", fresh=False)

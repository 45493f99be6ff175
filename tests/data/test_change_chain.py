"""The chain over the change log: whatever is done to a log behind the engine's back shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from sojourn.data import changelog, schema, sealing, verify
from sojourn.data.chain import ENTRY, ChainKeys
from sojourn.data.sealing import Values, Written
from tests.data.chained import NOW, Log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    made = Log(tmp_path / "app.db")
    for _ in range(4):
        made.write(5)
    made.seal(most=6)
    return made


def nameless(row: Written) -> Values:
    return row.values._replace(user_name="", address="")


def empty(row: Written) -> Values:
    return row.values._replace(before=None, after=None, content="")


def test_an_untouched_log_is_sound(log: Log) -> None:
    done = log.verify()
    assert done.sound
    assert (done.changes, done.head.place, done.head.last, done.unsealed) == (20, 4, 20, None)


def test_an_empty_log_is_sound(tmp_path: Path) -> None:
    done = Log(tmp_path / "app.db").verify()
    assert done.sound
    assert (done.changes, done.head.place) == (0, 0)


def test_the_unsealed_tail_is_named(log: Log) -> None:
    log.write(3)
    done = log.verify()
    assert done.sound
    assert done.unsealed is not None
    assert done.unsealed[:3] == (3, 21, 23)
    assert NOW < done.unsealed.oldest <= log.now


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "at + 1"),
        ("user_key", "8"),
        ("session", "'s-2'"),
        ("realm", "''"),
        ("kind", "'DELETE'"),
        ("table_name", "'other'"),
        ("record", "'99'"),
        ("version", "version + 1"),
        ("tag", "NULL"),
        ("undoes", "3"),
        ("execution_key", "'e-2'"),
        ("commitment", "zeroblob(32)"),
    ],
)
def test_a_changed_row_shows(log: Log, column: str, value: str) -> None:
    log.attack(f"UPDATE sojourn_change SET {column} = {value} WHERE number = 9")
    assert ("changed", 9) in log.faults()
    assert {number for _, number in log.faults()} == {9}


@pytest.mark.parametrize("column", ["before", "after", "content", "user_name", "address"])
def test_a_changed_value_shows(log: Log, column: str) -> None:
    log.attack(f"UPDATE sojourn_change SET {column} = '{{\"price\":4}}' WHERE number = 9")
    assert log.faults() == [("value", 9)]


def test_a_value_with_a_commitment_that_fits_shows(log: Log) -> None:
    """Whoever knows the salt can make a commitment; not the seal."""
    after = '{"price":4}'
    made = changelog.commitment(b"s" * 16, None, after, "", "anna", "192.0.2.7").hex()
    log.attack(
        f"UPDATE sojourn_change SET after = '{after}', salt = x'{b's'.hex() * 16}', commitment = x'{made}' WHERE number = 9"
    )
    assert log.faults() == [("changed", 9)]


def test_a_removed_row_shows(log: Log) -> None:
    log.attack("DELETE FROM sojourn_change WHERE number IN (1, 12)")
    assert log.faults() == [("removed", 1), ("removed", 12)]


@pytest.mark.parametrize("number", [-3, 0, 21])
def test_an_inserted_row_shows(log: Log, number: int) -> None:
    log.write(3)
    log.attack("DELETE FROM sojourn_change WHERE number = 21")
    log.seal()
    log.attack(
        "CREATE TEMP TABLE one AS SELECT * FROM sojourn_change WHERE number = 20",
        f"UPDATE one SET number = {number}",
        "INSERT INTO sojourn_change SELECT * FROM one",
    )
    assert log.faults() == [("inserted", number)]


def test_reordered_rows_show(log: Log) -> None:
    log.attack(
        "UPDATE sojourn_change SET number = -1 WHERE number = 3",
        "UPDATE sojourn_change SET number = 3 WHERE number = 17",
        "UPDATE sojourn_change SET number = 17 WHERE number = -1",
    )
    assert log.faults() == [("changed", 3), ("changed", 17)]


def test_a_cut_tail_shows_by_the_head_that_the_engine_has(log: Log) -> None:
    head = log.do(lambda connection: sealing.newest(connection, log.keys))
    log.attack("DELETE FROM sojourn_change WHERE number > 12", "DELETE FROM sojourn_seal WHERE place > 2")
    assert log.faults({4: head.mac}) == [("cut", 4)]


def test_a_log_that_was_emptied_shows(log: Log) -> None:
    head = log.do(lambda connection: sealing.newest(connection, log.keys))
    log.attack("DELETE FROM sojourn_change", "DELETE FROM sojourn_seal")
    assert log.faults({4: head.mac}) == [("cut", 4)]


def test_a_restored_old_file_shows_also_when_it_was_sealed_again(log: Log, tmp_path: Path) -> None:
    shutil.copy(log.path, tmp_path / "old")
    log.write(2)
    log.seal()
    head = log.do(lambda connection: sealing.newest(connection, log.keys))
    shutil.copy(tmp_path / "old", log.path)
    assert log.faults({5: head.mac}) == [("cut", 5)]
    log.write(1)
    log.seal()
    assert log.faults({5: head.mac}) == [("unknown", 5)]


def test_a_swapped_file_shows(log: Log, tmp_path: Path) -> None:
    other = Log(tmp_path / "other.db")
    other.write(30)
    other.seal(most=4)
    head = log.do(lambda connection: sealing.newest(connection, log.keys))
    shutil.copy(other.path, log.path)
    assert log.faults({4: head.mac}) == [("unknown", 4)]


def test_a_log_that_the_engine_does_not_know_shows(log: Log) -> None:
    assert log.faults({}) == [("unknown", 1)]


def test_a_forged_seal_shows(log: Log) -> None:
    """With another key, behind rows that were changed to fit."""
    forger = ChainKeys(b"f" * 32)
    log.attack("DELETE FROM sojourn_change WHERE number > 18", "DELETE FROM sojourn_seal WHERE place = 4")
    top = log.do(lambda connection: sealing.newest(connection, forger))
    log.write(1)
    seal = log.do(lambda connection: sealing.next_seal(connection, forger, top, log.now))
    assert seal is not None
    assert log.do(lambda connection: sealing.put(connection, forger, top, seal))
    assert ("seal", 4) in log.faults()
    assert not log.do(lambda connection: sealing.is_sound(connection, log.keys))


@pytest.mark.parametrize("column", ["at = at - 1", "last = 99", "removed = 6", "mac = zeroblob(32)", "entries = x''"])
def test_a_changed_seal_shows(log: Log, column: str) -> None:
    heads = {4: log.verify().head.mac}
    log.attack(f"UPDATE sojourn_seal SET {column} WHERE place = 3")
    assert ("seal", 3) in log.faults(heads)


def test_removed_seals_show(log: Log) -> None:
    log.attack("DELETE FROM sojourn_seal WHERE place IN (2, 3)")
    assert log.faults() == [("gap", 2)]
    log.attack("DELETE FROM sojourn_seal WHERE place = 1")
    assert ("gap", 3) in log.faults()


def test_rows_cannot_be_dropped_as_if_retention_had_done_it(log: Log) -> None:
    log.attack("DELETE FROM sojourn_change WHERE number <= 6", "UPDATE sojourn_seal SET removed = 6 WHERE place = 4")
    assert ("seal", 4) in log.faults()


def test_only_one_of_two_sealers_gets_a_place(log: Log) -> None:
    log.write(3)
    top = log.do(lambda connection: sealing.newest(connection, log.keys))
    slow = log.do(lambda connection: sealing.next_seal(connection, log.keys, top, log.now))
    assert slow is not None
    log.write(1)
    log.seal()
    assert not log.do(lambda connection: sealing.put(connection, log.keys, top, slow))
    assert log.verify().sound
    # Also past that question, as two databases sessions at one instant.
    with pytest.raises(IntegrityError), log.connected() as connection:
        connection.execute(insert(schema.seal).values(slow._asdict()))


def test_the_values_of_a_record_can_be_erased(log: Log) -> None:
    erased = log.do(lambda connection: sealing.rewrite(connection, log.keys, [3, 9], empty, log.now))
    done = log.verify()
    assert (erased, done.sound, done.erased) == (2, True, 2)
    assert b"Bolt" in log.path.read_bytes()
    left = log.do(
        lambda c: c.exec_driver_sql("SELECT before, after, salt, user_name FROM sojourn_change WHERE number = 9").one()
    )
    assert tuple(left) == (None, None, None, "anna")
    # The same again changes nothing and makes no seal.
    assert log.do(lambda connection: sealing.rewrite(connection, log.keys, [3, 9], empty, log.now)) == 0
    assert log.verify().head.place == 5


def test_who_made_a_change_can_be_erased_and_the_change_stays(log: Log) -> None:
    log.do(lambda connection: sealing.rewrite(connection, log.keys, range(1, 21), nameless, log.now))
    log.do(lambda connection: sealing.rewrite(connection, log.keys, [4], empty, log.now))
    done = log.verify()
    assert (done.sound, done.erased) == (True, 1)
    left = log.do(
        lambda c: c.exec_driver_sql("SELECT after, user_name, address FROM sojourn_change WHERE number = 9").one()
    )
    assert tuple(left) == ('{"name":"Bolt","price":3}', "", "")
    log.attack("UPDATE sojourn_change SET after = '{}' WHERE number = 9")
    assert log.faults() == [("value", 9)]


def test_values_cannot_be_erased_without_a_seal(log: Log) -> None:
    nothing = changelog.commitment(b"", None, None, "", "anna", "192.0.2.7").hex()
    log.attack(f"UPDATE sojourn_change SET after = NULL, salt = NULL, commitment = x'{nothing}' WHERE number = 9")
    assert log.faults() == [("changed", 9)]


def test_erased_values_that_were_put_back_show(log: Log) -> None:
    old = log.do(
        lambda c: c.exec_driver_sql("SELECT after, salt, commitment FROM sojourn_change WHERE number = 9").one()
    )
    log.do(lambda connection: sealing.rewrite(connection, log.keys, [9], empty, log.now))
    log.attack(
        f"UPDATE sojourn_change SET after = '{old[0]}', salt = x'{old[1].hex()}', commitment = x'{old[2].hex()}' WHERE number = 9"
    )
    assert log.faults() == [("changed", 9)]


def test_a_change_that_is_not_sealed_yet_is_left_alone_by_erasure(log: Log) -> None:
    log.write(1)
    assert log.do(lambda connection: sealing.rewrite(connection, log.keys, [21], empty, log.now)) == 0


def test_old_changes_can_be_removed(log: Log) -> None:
    at = log.do(lambda c: c.exec_driver_sql("SELECT at FROM sojourn_seal WHERE place = 2").scalar_one())
    assert not log.do(lambda connection: sealing.retire(connection, log.keys, NOW, log.now))
    assert log.do(lambda connection: sealing.retire(connection, log.keys, at, log.now))
    assert log.verify().sound, "begun"
    while log.do(lambda connection: sealing.remove(connection, 12, most=5)):
        assert log.verify().sound, "half done"
    done = log.verify()
    assert (done.sound, done.removed, done.changes) == (True, 12, 8)
    assert log.do(lambda c: c.exec_driver_sql("SELECT MIN(place) FROM sojourn_seal").scalar_one()) == 2
    log.write(2)
    log.seal()
    assert log.verify().sound
    assert not log.do(lambda connection: sealing.retire(connection, log.keys, at, log.now))
    log.attack("DELETE FROM sojourn_change WHERE number = 13", "DELETE FROM sojourn_seal WHERE place = 2")
    assert log.faults() == [("gap", 2)]


def test_what_was_erased_before_it_was_removed_does_not_disturb(log: Log) -> None:
    log.do(lambda connection: sealing.rewrite(connection, log.keys, [2, 14], empty, log.now))
    log.write(1)
    log.seal()
    at = log.do(lambda c: c.exec_driver_sql("SELECT at FROM sojourn_seal WHERE place = 2").scalar_one())
    log.do(lambda connection: sealing.retire(connection, log.keys, at, log.now))
    while log.do(lambda connection: sealing.remove(connection, 12)):
        pass
    assert log.verify().sound


def test_a_walk_notices_that_old_changes_are_removed_meanwhile(log: Log) -> None:
    log.write(verify.STEP + 1)
    log.seal()
    head = log.verify().head
    walk = verify.Verification(log.keys, {head.place: head.mac})
    assert log.do(walk.step)
    log.do(lambda connection: sealing.retire(connection, log.keys, log.now, log.now))
    while log.do(lambda connection: sealing.remove(connection, head.last)):
        pass
    while log.do(walk.step):
        pass
    assert walk.outdated
    assert log.verify().sound


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sojourn_change SET at = 1",
        "UPDATE sojourn_change SET number = 99 WHERE number = 20",
        "UPDATE sojourn_change SET after = '{}'",
        "UPDATE sojourn_change SET after = NULL, user_name = 'eve'",
        "UPDATE sojourn_change SET salt = NULL",
        "UPDATE sojourn_change SET commitment = zeroblob(32)",
        "UPDATE sojourn_change SET tag = NULL",
        "DELETE FROM sojourn_change WHERE number = 1",
        "UPDATE sojourn_seal SET removed = 12",
        "UPDATE sojourn_seal SET entries = x''",
        "DELETE FROM sojourn_seal WHERE place = 1",
    ],
)
def test_the_database_itself_refuses(log: Log, statement: str) -> None:
    with pytest.raises(IntegrityError, match="append-only"):
        log.do(lambda connection: connection.exec_driver_sql(statement))
    assert log.verify().sound


def test_only_the_fresh_mark_may_change(log: Log) -> None:
    log.do(lambda connection: connection.exec_driver_sql("UPDATE sojourn_change SET fresh = 0 WHERE tag = 'T'"))
    assert log.verify().sound


def test_a_seal_is_small(log: Log) -> None:
    log.write(1_000)
    log.seal()
    size = log.do(lambda c: c.exec_driver_sql("SELECT length(entries) FROM sojourn_seal WHERE place = 5").scalar_one())
    assert size == 1_000 * ENTRY

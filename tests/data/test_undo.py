"""Undo and redo over an engine: what is taken back, what is listed, who may, and what the audit log says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from sojourn.bootstrap import Engine
from sojourn.core import json
from sojourn.core.errors import InsufficientScope, SessionEnded
from sojourn.data import schema, undo_walk
from sojourn.data.changelog import Draft, append, next_version
from sojourn.data.database import Database
from sojourn.data.documents.records import Place, Which
from sojourn.data.documents.store import Documents
from sojourn.data.errors import DatabaseLoginRequired
from sojourn.data.port import Backend
from sojourn.data.selecting import NothingSelected, Selection, TooManyNumbers
from sojourn.data.terms import Author, Deleted, Modified, TableChanges
from sojourn.data.undo import Asker, Policy, Undo, Undone
from sojourn.data.undo_report import ForeignChanges, SeveralAuthors, TooManyConflicts, UndoConflicts
from sojourn.engine.audit.log import Wanted
from sojourn.scripting.run import Kept
from tests.data.conftest import Enter, product

pytestmark = pytest.mark.anyio

TAG = "import-7"
TAGGED = Selection(tag=TAG)


async def opened(engine: Engine, enter: Enter, user: str = "anna", tag: str = "") -> Database:
    """The database of a session of its own."""
    database = engine.database(await enter(user), terms=Kept())
    database.tracking_id = tag
    return database


async def insert(database: Database, *rows: Mapping[str, Any], table: str = "product") -> int:
    return await database.apply_updates([TableChanges(table=table, inserted=[dict(row) for row in rows])])


async def change(database: Database, key: int, table: str = "product", **values: Any) -> int:
    return await database.apply_updates([TableChanges(table=table, modified=[Modified(key, {}, values)])])


async def remove(database: Database, *keys: int, table: str = "product") -> int:
    return await database.apply_updates([TableChanges(table=table, deleted=[Deleted(key, {}) for key in keys])])


async def rows(database: Database, table: str = "product") -> list[dict[str, Any]]:
    """Without the version, which follows each change."""
    found = await database.query(f'SELECT * FROM "{table}" ORDER BY 1')
    return [{name: value for name, value in row.items() if name != "iVersion"} for row in found]


async def undo(database: Database, selection: Selection = TAGGED, on_conflict: Policy = "abort") -> Undone:
    return await (await database.undo()).undo(selection, on_conflict)


async def redo(database: Database, selection: Selection = TAGGED) -> Undone:
    return await (await database.undo()).redo(selection)


def host(engine: Engine, backend: Backend) -> Undo:
    """Undo as the command line may."""
    who = Asker(author=Author(user_key=-1, user_name="host"), host=True)
    return Undo(backend, engine.rules.audit, engine.rules.clock, who)


def reasons(done: Undone | UndoConflicts) -> list[tuple[int | str, str, str]]:
    return [(one.key, one.column, one.reason) for one in done.report.conflicts]


async def log_of(engine: Engine, tag: str) -> Sequence[Any]:
    table = schema.change
    query = select(table).where(table.c.tag == tag).order_by(table.c.number)
    backend = await engine.databases.named("main")
    return await backend.read(lambda connection: connection.execute(query).all())


async def imported(engine: Engine, enter: Enter) -> Database:
    """A bad import over two rows of yesterday."""
    before = await opened(engine, enter)
    await insert(before, product(1, price=Decimal("9.50")), product(2))
    database = await opened(engine, enter, tag=TAG)
    await change(database, 1, price=Decimal("0.95"), stock=7)
    await insert(database, product(3), product(4))
    await remove(database, 2)
    await change(database, 4, name="wrong")
    await remove(database, 4)
    return database


async def test_21_20_rows_of_a_tag_are_undone_through_the_log_under_a_new_version(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    version = await database.version()
    done = await undo(database)
    assert done.version > version
    assert await database.version() == done.version
    assert [(row["iKey"], row["price"], row["stock"]) for row in await rows(database)] == [
        (1, Decimal("9.5"), 0),
        (2, 1, 0),
    ]
    assert done.report.conflicts == []
    assert done.report.changes == done.report.count == 6


async def test_the_undo_is_logged_under_a_tag_of_its_own_and_says_what_it_takes_back(
    engine: Engine, enter: Enter
) -> None:
    database = await imported(engine, enter)
    made = {row.number for row in await log_of(engine, TAG)}
    done = await undo(database)
    found = await log_of(engine, done.tag)
    assert [row.undoes for row in found] == sorted(made, reverse=True)
    assert {(row.version, row.user_name, row.session) for row in found} == {(done.version, "anna", found[0].session)}
    (first,) = [row for row in found if row.record == "1"]
    assert '"price":0.95' in first.before
    assert '"price":9.5' in first.after


async def test_redo_and_the_undo_of_the_undo_give_the_starting_state(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    wrong = await rows(database)
    first = await undo(database)
    right = await rows(database)
    again = await redo(database)
    assert await rows(database) == wrong
    assert again.version > first.version
    second = await undo(database)
    assert await rows(database) == right
    await undo(database, Selection(tag=second.tag))
    assert await rows(database) == wrong
    assert (await redo(database)).version == 0


async def test_what_was_undone_is_not_undone_twice(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    await undo(database)
    state = await rows(database)
    again = await undo(database)
    assert (again.version, again.report.already, again.report.count) == (0, 6, 0)
    assert await rows(database) == state


async def test_values_of_every_type_come_back_as_they_were(engine: Engine, enter: Enter) -> None:
    before = await opened(engine, enter)
    row = {
        "key": 1,
        "text": "a'b\"c\u2028",
        "whole": 2**63 - 1,
        "real": 0.1,
        "money": Decimal("12345678901.2345"),
        "truth": True,
        "day": date(2026, 11, 22),
        "hour": time(10, 30),
        "at": datetime(2026, 11, 22, 10, 30, 0, 250_000, tzinfo=UTC),
        "data": {"a": [1, Decimal("1.5"), None]},
    }
    empty: dict[str, Any] = dict.fromkeys(row) | {"key": 2}
    await insert(before, row, empty, table="thing")
    database = await opened(engine, enter, tag=TAG)
    others = {name: value for name, value in row.items() if name != "key"}
    await change(database, 1, "thing", **dict.fromkeys(others))
    await change(database, 2, "thing", **others)
    await remove(database, 2, table="thing")
    await undo(database)
    assert await rows(database, "thing") == [row, empty]


async def test_conflicts_abort_and_nothing_is_written(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    await change(await opened(engine, enter, "ben"), 1, price=5)
    state, version = await rows(database), await database.version()
    with pytest.raises(UndoConflicts) as caught:
        await undo(database)
    assert reasons(caught.value) == [(1, "price", "changed-since")]
    assert "price: changed-since by change" in caught.value.message
    assert (await rows(database), await database.version()) == (state, version)


async def test_skip_leaves_what_others_have_changed_and_lists_it(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    other = await opened(engine, enter, "ben")
    await change(other, 1, price=5)
    await change(other, 3, stock=2)
    done = await undo(database, on_conflict="skip")
    assert sorted(reasons(done)) == [(1, "price", "changed-since"), (3, "stock", "changed-since")]
    found = {row["iKey"]: row for row in await rows(database)}
    assert (found[1]["price"], found[1]["stock"], found[3]["stock"]) == (5, 0, 2)
    assert 2 in found


async def test_force_takes_a_scope_and_can_be_taken_back(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    await change(await opened(engine, enter, "ben"), 1, price=5)
    with pytest.raises(InsufficientScope):
        await undo(database, on_conflict="force")
    carla = await opened(engine, enter, "carla")
    state = await rows(database)
    done = await undo(carla, on_conflict="force")
    assert [one.forced for one in done.report.conflicts] == [True]
    assert (await rows(database))[0]["price"] == Decimal("9.5")
    await undo(carla, Selection(tag=done.tag))
    assert await rows(database) == state


async def test_a_plan_says_what_would_be_done_and_does_nothing(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    await change(await opened(engine, enter, "ben"), 1, price=5)
    state, version = await rows(database), await database.version()
    undoing = await database.undo()
    plan = await undoing.plan(TAGGED)
    assert await rows(database) == state
    assert await database.version() == version
    assert [(one.table, one.kind, one.acts) for one in plan.report.tallies] == [
        ("product", "DELETE", 2),
        ("product", "INSERT", 2),
        ("product", "UPDATE", 2),
    ]
    assert [(one.found, one.wanted) for one in plan.report.conflicts] == [(5, Decimal("9.5"))]
    done = await undoing.carry_out(plan, "skip")
    assert (done.report.tallies, done.report.conflicts) == (plan.report.tallies, plan.report.conflicts)


async def test_what_happens_between_plan_and_undo_is_seen(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    undoing = await database.undo()
    plan = await undoing.plan(TAGGED)
    assert plan.report.conflicts == []
    await change(await opened(engine, enter, "ben"), 1, price=5)
    with pytest.raises(UndoConflicts):
        await undoing.carry_out(plan)


async def test_what_was_written_outside_the_log_is_a_conflict(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    unlogged = Modified(1, {}, {"price": 77})
    await database.apply_updates([TableChanges(table="product", modified=[unlogged])], log=False)
    with pytest.raises(UndoConflicts) as caught:
        await undo(database)
    assert reasons(caught.value) == [(1, "price", "changed-outside")]


async def test_of_several_sessions_one_is_named_or_all(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    second = await opened(engine, enter, "ben", tag=TAG)
    await insert(second, product(9))
    undoing = await database.undo()
    plan = await undoing.plan(TAGGED)
    assert plan.several
    assert [(one.user_name, one.changes) for one in plan.report.parts] == [("anna", 6), ("ben", 1)]
    with pytest.raises(SeveralAuthors):
        await undoing.carry_out(plan)
    mine = Selection(tag=TAG, sessions=(plan.report.parts[0].session,))
    await undoing.undo(mine)
    assert [row["iKey"] for row in await rows(database)] == [1, 2, 9]
    await undoing.undo(Selection(tag=TAG, everyone=True))
    assert [row["iKey"] for row in await rows(database)] == [1, 2]


async def test_the_own_session_needs_a_login_only_and_those_of_others_a_scope(engine: Engine, enter: Enter) -> None:
    ben = await opened(engine, enter, "ben", tag=TAG)
    await insert(ben, product(1))
    await undo(ben)
    assert await rows(ben) == []
    await redo(ben)
    other = await opened(engine, enter, "ben")
    with pytest.raises(ForeignChanges):
        await undo(other)
    with pytest.raises(ForeignChanges):
        await (await other.undo()).plan(TAGGED)
    await undo(await opened(engine, enter, "anna"))
    assert await rows(ben) == []


async def test_changes_of_another_realm_stay_there(engine: Engine, enter: Enter) -> None:
    there = engine.database(await enter("anna", "desk"), terms=Kept(tracking_id=TAG))
    await insert(there, product(1))
    with pytest.raises(ForeignChanges):
        await undo(await opened(engine, enter, "anna"))
    await undo(there)


async def test_nobody_undoes_nothing(engine: Engine, enter: Enter) -> None:
    database = await opened(engine, enter)
    database.logout()
    with pytest.raises(DatabaseLoginRequired):
        await database.undo()


async def test_a_session_that_ends_meanwhile_undoes_nothing(engine: Engine, enter: Enter) -> None:
    session = await enter("anna")
    database = engine.database(session, terms=Kept(tracking_id=TAG))
    await insert(database, product(1))
    undoing = await database.undo()
    await engine.rules.sessions.end_by_id(session.realm, session.id, "dropped", actor="test", rule="")
    with pytest.raises(SessionEnded):
        await undoing.undo(TAGGED)
    assert len(await rows(await opened(engine, enter))) == 1


@pytest.mark.parametrize(
    "selection",
    [Selection(), Selection(kinds=("INSERT",)), Selection(everyone=True, kinds=("INSERT",))],
)
async def test_the_whole_log_is_never_meant(engine: Engine, enter: Enter, selection: Selection) -> None:
    with pytest.raises(NothingSelected):
        await undo(await opened(engine, enter), selection)


async def test_numbers_are_bounded(engine: Engine, enter: Enter) -> None:
    with pytest.raises(TooManyNumbers):
        await undo(await opened(engine, enter), Selection(numbers=tuple(range(10_001))))


async def test_changes_are_found_by_everything_that_the_log_knows(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    found = await log_of(engine, TAG)
    first = found[0]
    for selection, changes in (
        (Selection(sessions=(first.session,)), 6),
        (Selection(users=(first.user_key,), everyone=True), 8),
        (Selection(versions=(first.version,)), 1),
        (Selection(table="product", keys=(4,)), 3),
        (Selection(table="product", everyone=True), 8),
        (Selection(since=first.at, until=found[-1].at + 1, tag=TAG), 6),
        (Selection(until=0), 0),
        (Selection(numbers=(first.number,)), 1),
        (Selection(tag=TAG, kinds=("DELETE",)), 2),
    ):
        plan = await (await database.undo()).plan(selection)
        assert (selection, plan.report.changes) == (selection, changes)


async def test_changes_of_the_schema_are_told_and_stay(engine: Engine, enter: Enter) -> None:
    database = await opened(engine, enter, tag=TAG)
    await database.execute_ddl("CREATE TABLE extra (id INTEGER PRIMARY KEY, note VARCHAR(10))")
    await insert(database, {"id": 1, "note": "a"}, table="extra")
    done = await undo(database)
    assert [(one.kind, one.changes) for one in done.report.left] == [("DDL", 1)]
    assert await rows(database, "extra") == []


async def test_columns_and_tables_that_are_gone_or_new_are_told(engine: Engine, enter: Enter) -> None:
    database = await opened(engine, enter, tag=TAG)
    setup = await opened(engine, enter)
    await setup.execute_ddl("CREATE TABLE extra (id INTEGER PRIMARY KEY, a VARCHAR(10), b VARCHAR(10))")
    await setup.execute_ddl("CREATE TABLE lost (id INTEGER PRIMARY KEY)")
    await insert(setup, {"id": 1, "a": "a", "b": "b"}, {"id": 2, "a": "a", "b": "b"}, table="extra")
    await change(database, 1, "extra", a="x", b="y")
    await remove(database, 2, table="extra")
    await insert(database, {"id": 3}, table="lost")
    await setup.execute_ddl("ALTER TABLE extra DROP COLUMN b")
    await setup.execute_ddl("ALTER TABLE extra ADD COLUMN c INTEGER DEFAULT 4")
    await setup.execute_ddl("DROP TABLE lost")
    done = await undo(database, on_conflict="skip")
    assert reasons(done) == [(3, "", "table-gone"), (2, "b", "column-gone"), (1, "b", "column-gone")]
    assert await rows(database, "extra") == [{"id": 1, "a": "a", "c": 4}, {"id": 2, "a": "a", "c": 4}]
    (made,) = [row for row in await log_of(engine, done.tag) if row.kind == "INSERT"]
    assert '"c":4' in made.after


async def test_erased_values_cannot_be_taken_back(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    table = schema.change
    gone = update(table).where(table.c.tag == TAG, table.c.record == "1")

    def erase(connection: Connection) -> None:
        connection.execute(gone.values(before=None, after=None, salt=None, commitment=b"0"))

    await (await engine.databases.named("main")).write(erase)
    done = await undo(database, on_conflict="skip")
    assert reasons(done) == [(1, "", "erased")]
    assert [row["iKey"] for row in await rows(database)] == [1, 2]


async def test_records_of_products_are_taken_back_by_who_may_change_them(engine: Engine, enter: Enter) -> None:
    backend = await engine.databases.named("main")
    database = await imported(engine, enter)
    (mine,) = {(row.user_key, row.user_name, row.session, row.realm) for row in await log_of(engine, TAG)}
    user_key, user_name, session, realm = mine
    author = Author(user_key=user_key, user_name=user_name, session=session, realm=realm, tag=TAG)
    table = (await backend.tables())["product"]

    def as_when_he_had_the_right(connection: Connection) -> None:
        backend.rows.insert(connection, table, [{"iKey": -5, "name": "lamp"}])
        made = dict(backend.rows.images(connection, table, [-5])[-5])
        append(connection, author, [Draft("INSERT", "product", -5, None, made)], next_version(connection), 1)

    await backend.write(as_when_he_had_the_right)
    done = await undo(database, on_conflict="skip")
    assert reasons(done) == [(-5, "", "forbidden")]
    await host(engine, backend).undo(TAGGED)
    assert [row["iKey"] for row in await rows(database)] == [1, 2]


async def test_documents_of_object_stores_are_taken_back_too(engine: Engine, enter: Enter) -> None:
    backend = await engine.databases.named("main")
    documents, place = Documents(backend, engine.rules.clock), Place("shop", "orders")
    ana = Author(user_key=7, user_name="ana", session="s1", realm="shop", tag="yesterday")
    await documents.insert(ana, place, [{"total": 10}], object_id="A-1")
    await documents.insert(ana, place, [{"total": 20}], object_id="A-2")
    bad = Author(user_key=7, user_name="ana", session="s1", realm="shop", tag=TAG)
    await documents.update(bad, place, Which("A-1"), {"$set": {"total": 99}})
    await documents.delete(bad, place, Which("A-2"))
    await documents.insert(bad, place, [{"total": 30}], object_id="A-3")
    done = await host(engine, backend).undo(TAGGED)
    assert done.report.conflicts == []
    found = await documents.find(place, Which(query={}))
    assert sorted((one["_oId"], one["total"]) for one in found) == [("A-1", 10), ("A-2", 20)]


async def test_a_constraint_that_refuses_a_step_is_a_conflict(engine: Engine, enter: Enter) -> None:
    setup = await opened(engine, enter)
    await setup.execute_ddl("CREATE TABLE parent (id INTEGER PRIMARY KEY, name VARCHAR(10) UNIQUE)")
    await setup.execute_ddl("CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id))")
    await insert(setup, {"id": 1, "name": "a"}, table="parent")
    database = await opened(engine, enter, tag=TAG)
    await insert(database, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}, table="parent")
    await change(database, 1, "parent", name="z")
    other = await opened(engine, enter, "ben")
    await insert(other, {"id": 7, "parent": 2}, table="child")
    await insert(other, {"id": 8, "name": "a"}, table="parent")
    with pytest.raises(UndoConflicts) as caught:
        await undo(database)
    assert reasons(caught.value) == [(1, "", "constraint"), (2, "", "constraint")]
    done = await undo(database, on_conflict="skip")
    assert reasons(done) == [(1, "", "constraint"), (2, "", "constraint")]
    assert all(one.text for one in done.report.conflicts)
    assert [(row["id"], row["name"]) for row in await rows(database, "parent")] == [(1, "z"), (2, "b"), (8, "a")]


async def test_parents_children_and_swapped_values_go_back_in_an_order_that_works(engine: Engine, enter: Enter) -> None:
    setup = await opened(engine, enter)
    await setup.execute_ddl("CREATE TABLE parent (id INTEGER PRIMARY KEY, name VARCHAR(10) UNIQUE)")
    await setup.execute_ddl("CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent (id))")
    await insert(setup, {"id": 1, "name": "a"}, {"id": 2, "name": "b"}, table="parent")
    await insert(setup, {"id": 1, "parent": 1}, table="child")
    database = await opened(engine, enter, tag=TAG)
    before = await rows(database, "parent"), await rows(database, "child")
    await insert(database, {"id": 3, "name": "c"}, table="parent")
    await change(database, 1, "child", parent=3)
    for key, name in ((1, "t"), (2, "a"), (1, "b")):
        await change(database, key, "parent", name=name)
    await remove(database, 1, table="child")
    await remove(database, 1, table="parent")
    done = await undo(database)
    assert done.report.conflicts == []
    assert (await rows(database, "parent"), await rows(database, "child")) == before


async def test_an_undo_in_many_windows_is_one_transaction(
    engine: Engine, enter: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo_walk, "WINDOW", 3)
    database = await imported(engine, enter)
    for stock in range(10):
        await change(database, 1, stock=stock + 20)
    done = await undo(database)
    assert done.report.changes == 16
    assert {row.version for row in await log_of(engine, done.tag)} == {done.version}
    assert [(row["iKey"], row["stock"]) for row in await rows(database)] == [(1, 0), (2, 0)]
    await redo(database)
    assert [(row["iKey"], row["stock"]) for row in await rows(database)] == [(1, 29), (3, 0)]


async def test_too_many_conflicts_are_refused(engine: Engine, enter: Enter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sojourn.data.undo_report.MOST_CONFLICTS", 1)
    database = await imported(engine, enter)
    other = await opened(engine, enter, "ben")
    await change(other, 1, price=5, stock=5)
    state = await rows(database)
    with pytest.raises(TooManyConflicts):
        await undo(database, on_conflict="skip")
    assert await rows(database) == state


async def test_changes_made_at_the_same_time_are_before_it_or_after_it(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    other = await opened(engine, enter, "ben")

    async def busy() -> None:
        for stock in range(100, 110):
            await change(other, 1, stock=stock)

    done, _ = await asyncio.gather(undo(database, on_conflict="skip"), busy())
    found = {row["iKey"]: row for row in await rows(database)}
    assert found[1]["stock"] == 109
    assert found[1]["price"] == Decimal("9.5")
    assert set(reasons(done)) <= {(1, "stock", "changed-since")}


async def test_an_undo_is_in_the_audit_log(engine: Engine, enter: Enter) -> None:
    database = await imported(engine, enter)
    await change(await opened(engine, enter, "ben"), 1, price=5)
    with pytest.raises(UndoConflicts):
        await undo(database)
    with pytest.raises(ForeignChanges):
        await undo(await opened(engine, enter, "ben"))
    done = await undo(database, on_conflict="skip")
    page = await engine.rules.audit.query(Wanted(kinds=frozenset({"UNDO"})))
    assert [(event.outcome, event.actor) for event in page.events] == [("ok", "anna"), ("failed", "anna")]
    detail = json.decode(page.events[0].detail)
    assert (detail["tag"], detail["version"], detail["selection"]) == (done.tag, done.version, {"tag": TAG})
    assert engine.rules.audit.refusals()["database.undo"] == 1

"""Realms: names come and go, an id is for ever."""

import pytest

from sojourn.config.project import RealmFolder
from sojourn.core.ids import is_id
from sojourn.engine.database import EngineDatabase
from sojourn.engine.facts import Facts
from sojourn.engine.realms import Realms
from sojourn.model.realm import RealmConfig

pytestmark = pytest.mark.anyio


def folder(name: str, directory: str = "main") -> RealmFolder:
    return RealmFolder(name, RealmConfig(directory=directory), {}, ())


async def test_a_folder_becomes_a_realm_with_a_random_id(db: EngineDatabase) -> None:
    realms = Realms(db)
    assert realms.get("acme") is None
    await realms.sync({"b": folder("b"), "a": folder("a", directory="shop")}, 1)
    first, second = realms.all()
    assert (first.name, second.name) == ("a", "b")
    assert first.id != second.id
    assert is_id(first.id)
    assert first.config.directory == "shop"
    assert realms.by_id(first.id) is first
    assert realms.by_id("a") is None


async def test_the_id_stays_over_restarts_and_changes_of_the_configuration(db: EngineDatabase) -> None:
    realms, again = Realms(db), Realms(db)
    await realms.sync({"acme": folder("acme")}, 1)
    await again.sync({"acme": folder("acme", directory="other")}, 2)
    before, after = realms.get("acme"), again.get("acme")
    assert before is not None
    assert after is not None
    assert (before.id, before.key) == (after.id, after.key)
    assert after.config.directory == "other"


async def test_a_name_that_comes_back_gets_a_new_id_and_the_old_sessions_stay_dead(
    db: EngineDatabase, facts: Facts
) -> None:
    realms = Realms(db)
    await realms.sync({"acme": folder("acme"), "other": folder("other")}, 1)
    old, other = realms.get("acme"), realms.get("other")
    assert old is not None
    assert other is not None
    await realms.sync({"other": folder("other")}, 2)
    assert realms.get("acme") is None
    assert realms.by_id(old.id) is None
    assert (await (await facts.current()).fences(old, -1)).realm == -1
    assert (await (await facts.current()).fences(other, -1)).realm == 0
    await realms.sync({"acme": folder("acme"), "other": folder("other")}, 3)
    new = realms.get("acme")
    assert new is not None
    assert new.id != old.id
    assert new.key > old.key
    assert realms.get("other") == other
    assert (await (await facts.current()).fences(new, -1)).realm == 0
    assert (await (await facts.current()).fences(old, -1)).realm == -1


async def test_two_processes_that_sync_one_project_agree(db: EngineDatabase) -> None:
    one, two = Realms(db), Realms(db)
    folders = {name: folder(name) for name in ("acme", "other")}
    await one.sync(folders, 1)
    generation = await db.generation()
    await two.sync(folders, 1)
    assert one.all() == two.all()
    assert await db.generation() == generation

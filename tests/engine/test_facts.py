"""Facts: right from the next look on, whoever changed them; cheap while nothing changes."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from sqlalchemy import insert

from sojourn.core.errors import StoreUnavailable
from sojourn.core.ids import secret_hash
from sojourn.engine import epochs
from sojourn.engine.accounts.grants import Grants
from sojourn.engine.accounts.records import Accounts
from sojourn.engine.accounts.users import Users
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.facts import Facts
from sojourn.engine.keys.apikeys import ApiKeys
from sojourn.engine.realms import Realms
from sojourn.model.realm import Realm
from sojourn.model.session import Fences

pytestmark = pytest.mark.anyio


async def test_a_snapshot_stays_the_same_object_until_a_fact_changes(facts: Facts, users: Users) -> None:
    first = await facts.current()
    assert await facts.current() is first
    await users.add("main", "ann", None)
    assert await facts.current() is not first


async def test_an_entry_is_read_once_per_generation(
    facts: Facts, users: Users, realm: Realm, db: EngineDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await users.add("main", "ann", None)
    first = await (await facts.current()).account(realm, ann.key)

    async def refuse(_work: object) -> None:
        raise AssertionError("the cache should have served")

    monkeypatch.setattr(db, "read", refuse)
    assert await (await facts.current()).account(realm, ann.key) is first


async def test_a_change_through_another_connection_holds_at_the_next_look(
    facts: Facts, users: Users, grants: Grants, realm: Realm, foreign: Callable[[str], None]
) -> None:
    ann = await users.add("main", "ann", None)
    await grants.grant("ann", "cart.write")
    held = await facts.current()
    before = await held.account(realm, ann.key)
    assert before is not None
    assert before.scopes == {"cart.write"}
    foreign("DELETE FROM scope_grant")
    foreign("UPDATE account SET state = 'disabled'")
    await asyncio.sleep(0)
    after = await (await facts.current()).account(realm, ann.key)
    assert after is not None
    assert (after.state, after.scopes) == ("disabled", frozenset())
    assert not after.intact


async def test_a_change_by_another_process_holds_at_the_next_look(
    facts: Facts, users: Users, realm: Realm, project: Path, engine_url: str
) -> None:
    ann = await users.add("main", "ann", None)
    assert (await (await facts.current()).fences(realm, ann.key)).account == 0
    program = """
import asyncio, pathlib, sys
from sojourn.core.clock import SystemClock
from sojourn.engine.accounts.records import Accounts, AccountSeal
from sojourn.engine.database import EngineDatabase
async def main():
    accounts = Accounts(AccountSeal(b"a key of these tests"), SystemClock())
    db = await EngineDatabase.open(sys.argv[3], pathlib.Path(sys.argv[1]))
    await db.write(lambda connection: accounts.end(connection, int(sys.argv[2]), "dropped"))
    await db.close()
asyncio.run(main())
"""
    other = [sys.executable, "-c", program, str(project), str(ann.key), engine_url]
    await anyio.run_process(other)
    assert (await (await facts.current()).fences(realm, ann.key)).account == 1


async def test_an_account_of_another_directory_is_none_of_the_realm(
    facts: Facts, users: Users, realms: Realms, realm: Realm
) -> None:
    apart = realms.get("apart")
    assert apart is not None
    ann = await users.add("main", "ann", None)
    bob = await users.add("apart", "bob", None)
    now = await facts.current()
    assert await now.account(realm, bob.key) is None
    assert await now.account(apart, ann.key) is None
    assert await now.account(realm, ann.key) == ann
    assert await now.account(realm, 999) is None


async def test_each_fence_moves_alone(
    facts: Facts, users: Users, realms: Realms, db: EngineDatabase, accounts: Accounts
) -> None:
    ann, bob = [await users.add("main", name, None) for name in ("ann", "bob")]
    acme, other = realms.get("acme"), realms.get("other")
    assert acme is not None
    assert other is not None
    await db.write(lambda connection: accounts.end(connection, ann.key, "dropped"))
    assert await (await facts.current()).fences(acme, ann.key) == Fences(1, 0, 0)
    assert await (await facts.current()).fences(acme, bob.key) == Fences(0, 0, 0)
    await db.write(lambda connection: epochs.raise_realm_epoch(connection, acme.id))
    assert await (await facts.current()).fences(acme, bob.key) == Fences(0, 1, 0)
    assert await (await facts.current()).fences(other, bob.key) == Fences(0, 0, 0)
    await db.write(epochs.raise_engine_epoch)
    assert await (await facts.current()).fences(other, -1) == Fences(0, 0, 1)


async def test_no_session_was_made_under_the_fences_of_an_unknown_account_or_realm(facts: Facts, realm: Realm) -> None:
    unknown = Realm(key=9, id="unknown", name="unknown", config=realm.config)
    assert await (await facts.current()).fences(unknown, 999) == Fences(account=-1, realm=-1, engine=0)


async def test_an_api_key_opens_its_own_realm_only_until_it_is_revoked(
    facts: Facts, api_keys: ApiKeys, realms: Realms, realm: Realm
) -> None:
    other = realms.get("other")
    assert other is not None
    made = await api_keys.add("shop", realm, ["cart-add"])
    digest = secret_hash(made.text)
    assert await (await facts.current()).api_key(realm, digest) == made.api_key
    assert await (await facts.current()).api_key(other, digest) is None
    assert await (await facts.current()).api_key(realm, secret_hash("sjk_x")) is None
    await api_keys.revoke(realm, "shop")
    assert await (await facts.current()).api_key(realm, digest) is None


async def test_the_ring_shows_the_keys_of_its_realm_oldest_first(
    facts: Facts, realms: Realms, realm: Realm, db: EngineDatabase
) -> None:
    other = realms.get("other")
    assert other is not None
    columns = {"algorithm": "EdDSA", "state": "next", "public": "{}", "sealed": b"x", "created": 1}
    rows = [{"kid": kid, "realm": of.id, **columns} for kid, of in (("k1", realm), ("k2", other), ("k3", realm))]
    await db.write(lambda connection: connection.execute(insert(schema.signing_key), rows).rowcount)
    ring = await (await facts.current()).ring(realm)
    assert [(key.kid, key.state, key.sealed, key.activated) for key in ring] == [
        ("k1", "next", b"x", None),
        ("k3", "next", b"x", None),
    ]


async def test_facts_that_cannot_be_read_are_no_facts(facts: Facts, db: EngineDatabase) -> None:
    await facts.current()
    await db.close()
    with pytest.raises(StoreUnavailable):
        await facts.current()

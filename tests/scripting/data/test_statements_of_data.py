"""Statements of the engine reference about databases (§21), in real scripts on both runtimes and both databases."""

from __future__ import annotations

import pytest

from sojourn.bootstrap import Engine
from sojourn.data.product_text import SIZE
from sojourn.data.products import Products
from tests.data.conftest import PASSWORD
from tests.scripting.data.conftest import Players

pytestmark = pytest.mark.anyio

LOGIN = f"session.login('anna', '{PASSWORD}');"

#: ``add(n, db?)``: adds ``n`` products in one change through a connection; ``log(version)``: tags and marks of its log rows.
CHANGES = """
var next = K;
function add(n, db = database) {
  const ds = database.query('SELECT "iKey", name FROM product WHERE 1 = 0');
  for (let i = 0; i < n; i++) { ds.append({iKey: next++, name: 'x'}); ds.post(); }
  return db.applyUpdates(ds);
}
var log = (version) => rows('SELECT "iType", "iTag", "iFreshTrack" FROM "iLog" WHERE "iVersion" = ?', [version])
  .map((row) => [row.iType, row.iTag, row.iFreshTrack]);
"""


async def test_21_01_02_06_a_session_without_login_reads_nothing(player: Players) -> None:
    nobody = await player("")
    assert await nobody(
        f"""
        const read = () => code(() => database.query('SELECT 1 AS n'));
        const told = [session.userKey, read(), database.userKey, database.userName, database.scope];
        {LOGIN}
        told.push(read(), database.userKey === session.userKey, connection.userName, database.scope === session.scope);
        session.logout();
        told.push(read(), session.userKey, database.userKey, session.scope, code(() => database.executeDDL('CREATE TABLE q (a INT)')),
          code(() => database.createKey()), code(() => database.getVersion()), code(() => database.insertLog('A')));
        session.login('ben', '{PASSWORD}');
        told.push(read(), database.userName);
        return told;
        """
    ) == [
        -1, "database.login_required", -1, "anonymous", "",
        "nothing", True, "anna", True,
        "database.login_required", -1, -1, "", *["database.login_required"] * 4,
        "nothing", "ben",
    ]  # fmt: skip


async def test_21_17_changes_have_the_tag_of_the_session(player: Players) -> None:
    anna = await player()
    tag = f"import {anna.key}"
    assert await anna(
        f"""{CHANGES}
        session.trackingId = '{tag}';
        const tagged = [log(add(3)), log(database.executeDDL('CREATE TABLE t' + K + ' (a INTEGER PRIMARY KEY)'))];
        session.trackingId = '';
        return tagged;
        """
    ) == [[["INSERT", tag, True]] * 3, [["DDL", tag, True]]]
    # Without a tag of its own a change has that of its execution.
    assert await anna(f"{CHANGES} next += 10; return log(add(1));", execution="e-1") == [["INSERT", "e-1", True]]
    assert await anna(f"{CHANGES} next += 20; return log(add(1));", execution="") == [["INSERT", None, None]]


async def test_21_18_a_database_has_the_tag_of_the_session_until_it_has_its_own(player: Players) -> None:
    anna = await player()
    assert await anna(
        f"""{CHANGES}
        const tag = (version) => log(version)[0][1];
        const before = new Database();
        before.loginBySession(session);
        session.trackingId = 'T';
        const after = new Database();
        after.login('ben', '{PASSWORD}');
        const told = [before.trackingId, after.trackingId, tag(add(1, before)), tag(add(1, after))];
        after.trackingId = 'U';
        told.push(after.trackingId, tag(add(1, after)), tag(add(1, before)), session.trackingId);
        after.trackingId = '';
        told.push(tag(add(1, after)));
        session.trackingId = 'V';
        told.push(tag(add(1, after)));
        return told;
        """
    ) == ["T", "T", "T", "T", "U", "U", "T", "T", "T", "V"]


async def test_21_19_a_database_over_a_connection_shares_its_tag(player: Players) -> None:
    anna = await player()
    assert await anna(
        f"""
        const own = new Connection();
        own.login('ben', '{PASSWORD}');
        const built = new Database(own);
        built.trackingId = 'shared';
        return [own.trackingId, built.userName, database.trackingId, new Database(connection).userName];
        """
    ) == ["shared", "ben", "", "anna"]


async def test_connections_made_by_hand_log_in_themselves(player: Players) -> None:
    anna = await player()
    assert await anna(
        f"""
        const mine = new Database();
        const told = [code(() => mine.query('SELECT 1')), mine.userKey, mine.login('ben', 'wrong'), mine.login('ben', '{PASSWORD}'),
          mine.userName, session.userName, database.userName, mine.userHasScope('database.alterSchema'),
          database.userHasScope('database.alterSchema'), code(() => mine.executeDDL('CREATE TABLE q (a INTEGER PRIMARY KEY)'))];
        mine.logout();
        told.push(code(() => mine.query('SELECT 1')), session.userName, mine.loginBySession(session), mine.userName);
        database.login('ben', '{PASSWORD}');
        told.push(database.userName, connection.userName, session.userName);
        database.logout();
        told.push(code(() => database.query('SELECT 1')), session.userName);
        return told;
        """
    ) == [
        "database.login_required", -1, False, True, "ben", "anna", "anna", False, True, "auth.insufficient_scope",
        "database.login_required", "anna", True, "anna", "ben", "ben", "anna", "database.login_required", "anna",
    ]  # fmt: skip


async def test_a_token_logs_a_connection_in_where_its_user_may_come_from_outside(player: Players) -> None:
    carla = await player("carla")
    token = await carla("return session.authorizeToken(new AuthToken('security.externalAccess database.viewChanges'))")
    ben = await player("ben")
    bens = await ben("return session.authorizeToken(new AuthToken('ufs:/a.js'))")
    assert await ben(
        f"""
        const mine = new Database();
        mine.loginByAuthToken('{token}');
        return [mine.userName, mine.scope, session.userName, code(() => mine.loginByAuthToken('{bens}')),
          code(() => mine.loginByAuthToken('nothing')), mine.userName];
        """
    ) == [
        "carla", "database.viewChanges security.externalAccess", "ben", "auth.insufficient_scope", "authtoken.refused", "carla",
    ]  # fmt: skip


async def test_keys_count_against_the_limit_and_follow_the_licence(player: Players) -> None:
    anna = await player()
    assert await anna(
        """
        session.limitKeyCreation(3);
        const first = database.createKey(2);
        const told = [first > 0, database.createKey() !== first, code(() => database.createKey())];
        session.limitKeyCreation(null);
        told.push(database.createKey(1, true) > 2 ** 50, code(() => { session.createKeyLicense = -5000; }), session.createKeyLicense);
        return told;
        """
    ) == [True, True, "key.limit", True, "auth.insufficient_scope", 0]


MASTER = "seven green lamps of ours"


async def test_21_21_keys_of_a_product_are_negative_and_in_its_range(player: Players, data_engine: Engine) -> None:
    rules = data_engine.rules
    products = Products(await data_engine.databases.named(), rules.leases, rules.hasher)
    anna = await player("")
    made = await products.create(f"shop {anna.key}", MASTER)
    product = (await products.enable(made.description, MASTER)).key
    await rules.grants.grant("anna", f"database.product:{product}")
    low, high, one, after = await anna(
        f"""{LOGIN}
        session.createKeyLicense = {product};
        const first = database.createKey(3);
        const next = database.createKey();
        const inside = applyDisablingProductKeyCreation(() => [session.createKeyLicense, database.createKey()]);
        const told = [first, next, inside[1], 0];
        if (inside[0] !== 0 || session.createKeyLicense !== {product}) throw new Error('licence');
        session.createKeyLicense = 0;
        told[3] = database.createKey();
        return told;
        """
    )
    assert product < low < high <= product + SIZE - 1 < 0
    assert high == low + 3
    assert one > 0
    assert after > 0


async def test_21_22_without_rights_the_licence_stays(player: Players, data_engine: Engine) -> None:
    rules = data_engine.rules
    products = Products(await data_engine.databases.named(), rules.leases, rules.hasher)
    ben = await player("ben")
    product = (await products.create(f"bank {ben.key}", MASTER)).key
    assert await ben(
        f"return [code(() => {{ session.createKeyLicense = {product}; }}), session.createKeyLicense, database.createKey() > 0];"
    ) == ["auth.insufficient_scope", 0, True]


async def test_21_23_a_limit_counts_every_key(player: Players) -> None:
    anna = await player()
    assert await anna(
        """
        session.limitKeyCreation(3);
        database.createKey();
        database.createKey(2);
        const told = [code(() => database.createKey()), code(() => new KeyPrefetcher().reserve(1))];
        session.limitKeyCreation(2);
        told.push(code(() => database.createKey(3)), typeof database.createKey(2), code(() => connection.createKey()));
        session.limitKeyCreation(null);
        told.push(typeof database.createKey(5));
        return told;
        """
    ) == ["key.limit", "key.limit", "key.limit", "number", "key.limit", "number"]


async def test_a_prefetcher_gives_out_what_it_has_reserved(player: Players) -> None:
    anna = await player()
    assert await anna(
        """
        const keys = new KeyPrefetcher(connection);
        keys.reserve(3);
        const first = keys.createKey();
        const told = [keys.createKey() - first, keys.createKey() - first];
        const other = keys.createKey();
        told.push(other > 0 && (other < first || other > first + 2), require('@nginstack/engine/lib/database/KeyPrefetcher') === KeyPrefetcher);
        told.push(code(() => new KeyPrefetcher({})), code(() => keys.reserve(0)), code(() => keys.reserve('x')));
        return told;
        """
    ) == [1, 2, True, True, "TypeError", "key.bad_quantity", "script.bad_argument"]

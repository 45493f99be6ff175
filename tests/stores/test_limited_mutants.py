"""The laws of values and tries kill what is wrong in one clause on PostgreSQL and Valkey too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sojourn.stores import postgres, valkey
from sojourn.stores.valkey.keys import Keys
from sojourn.stores.valkey.scripts import Script, scripts
from sojourn.testing.law import laws_of
from sojourn.testing.stores import OneTimeLaws, ThrottleLaws
from tests.patience import HANGS
from tests.servers.postgres import PostgresServer, empty, name_of
from tests.servers.valkey import ValkeyServer
from tests.stores.conftest import opened
from tests.stores.mutation import Mutant

pytestmark = pytest.mark.anyio


class Laws(OneTimeLaws, ThrottleLaws):
    """All laws of values and tries."""


LAWS = dict(laws_of(Laws))
_SQL = Path(postgres.__file__).with_name("functions_2_limited.sql")
_LUA = Path(valkey.__file__).parent
_WAIT = "PERFORM pg_sleep(0.002);"

POSTGRES = [
    Mutant("puts what is over", "ONE-4", "sj2_put", "p_until <= p_now", "p_until < p_now"),
    Mutant("does not put at the very instant", "ONE-3 ONE-8", "sj2_put", "p_now >= o.until", "p_now > o.until"),
    Mutant("puts what was taken as taken", "ONE-8", "sj2_put", ", taken = NULL", ""),
    Mutant("takes at the very instant", "ONE-3", "sj2_take", "DELETE FROM sojourn.once o WHERE o.name = p_name AND p_now < o", "DELETE FROM sojourn.once o WHERE o.name = p_name AND p_now <= o"),
    Mutant("takes the taken", "ONE-6 ONE-10", "sj2_take", "p_now < o.until AND o.taken IS NULL\n      RETURNING true, o.value, p_now;\n  END IF", "p_now < o.until\n      RETURNING true, o.value, p_now;\n  END IF"),
    Mutant("looks, waits, takes", "ONE-10", "sj2_take", "  IF p_remember = 0 THEN", f"  IF NOT EXISTS (SELECT FROM sojourn.once o WHERE o.name = p_name) THEN RETURN; END IF; {_WAIT}\n  INSERT INTO sojourn.once VALUES (p_name, '1', p_now + 100) ON CONFLICT (name) DO UPDATE SET taken = NULL;\n  IF p_remember = 0 THEN"),
    Mutant("remembers beyond the time", "ONE-7", "sj2_take", "least(o.until, p_now + p_remember)", "p_now + p_remember"),
    Mutant("tells the time of the one who comes later", "ONE-6", "sj2_take", "SELECT false, o.value, o.taken", "SELECT false, o.value, p_now"),
    Mutant("drops what was not taken only", "ONE-9", "sj2_drop", "o.name = p_name", "o.name = p_name AND o.taken IS NULL"),
    Mutant("sweeps values too early", "ONE-12", "sj2_sweep", "o.until <= p_now", "o.until <= p_now + 1"),
    Mutant("refuses at the very instant", "THR-1", "sj2_count", "WHEN p_now >= t.opens THEN p_now", "WHEN p_now > t.opens THEN p_now"),
    Mutant("takes the delay of the try before", "THR-1", "sj2_count", "least(t.tries + 1,", "least(t.tries,"),
    Mutant("has no delay after the last", "THR-9", "sj2_count", "p_delays[least(t.tries + 1, cardinality(p_delays))]", "coalesce(p_delays[t.tries + 1], 0)"),
    Mutant("moves the delay by a refused try", "THR-2", "sj2_count", "ELSE t.opens END", "ELSE t.opens + 1 END"),
    Mutant("keeps a counter at the very instant", "THR-3", "sj2_count", "CASE WHEN p_now < t.until THEN t.tries", "CASE WHEN p_now <= t.until THEN t.tries"),
    Mutant("rests while it is refused", "THR-3", "sj2_count", "    until = p_now + p_forget", "    until = CASE WHEN p_now >= t.opens THEN p_now + p_forget ELSE t.until END"),
    Mutant("counts a snapshot", "THR-7", "sj2_count", "  INSERT INTO", f"  SELECT t.tries INTO tries FROM sojourn.throttle t WHERE t.name = p_name; {_WAIT}\n  UPDATE sojourn.throttle t SET tries = coalesce(sj2_count.tries, 0) WHERE t.name = p_name;\n  INSERT INTO"),
    Mutant("gives back and leaves the delay", "THR-4", "sj2_give_back", ", opens = 0", ""),
    Mutant("gives back down to 1", "THR-5", "sj2_give_back", "greatest(t.tries - 1, 0)", "greatest(t.tries - 1, 1)"),
    Mutant("resets nothing", "THR-6", "sj2_reset", "t.name = p_name", "false"),
    Mutant("sweeps what counts", "THR-11", "sj2_sweep", " AND t.until <= p_now;", ";"),
]  # fmt: skip

VALKEY = [
    Mutant("puts what is over", "ONE-4", "once_put", "till <= now", "till < now"),
    Mutant("puts over what is there", "ONE-5", "once_put", " or (u and now < tonumber(u))", ""),
    Mutant("does not put at the very instant", "ONE-3 ONE-8", "once_put", "now < tonumber(u)", "now <= tonumber(u)"),
    Mutant("puts what was taken as taken", "ONE-8", "once_put", "redis.call('HDEL', key, 't')", ""),
    Mutant("collects before the time", "ONE-1", "limited", "int(math.min(ms, LONGEST) + SLACK)", "0"),
    Mutant("takes at the very instant", "ONE-3", "once_take", "now >= tonumber(a[2])", "now > tonumber(a[2])"),
    Mutant("takes the taken", "ONE-6 ONE-10", "once_take", "if a[3] then", "if false then"),
    Mutant("tells the time of the one who comes later", "ONE-6", "once_take", "a[1], a[3]}", "a[1], ARGV[1]}"),
    Mutant("takes and leaves it", "ONE-1 ONE-8 ONE-10", "once_take", "redis.call('DEL', key)", "local _ = 0"),
    Mutant("remembers beyond the time", "ONE-7", "once_take", "math.min(tonumber(a[2]), now + remember)", "now + remember"),
    Mutant("refuses at the very instant", "THR-1", "throttle_count", "now >= opens", "now > opens"),
    Mutant("takes the delay of the try before", "THR-1", "throttle_count", "math.min(n, #ARGV - 2)", "math.max(1, math.min(n, #ARGV - 2) - 1)"),
    Mutant("knows no delay after the last", "THR-9", "throttle_count", "tonumber(ARGV[2 + math.min(n, #ARGV - 2)])", "tonumber(ARGV[2 + n] or '0')"),
    Mutant("moves the delay by a refused try", "THR-2", "throttle_count", "int(opens), 'u'", "int(opens + (admitted and 0 or 1)), 'u'"),
    Mutant("keeps a counter at the very instant", "THR-3", "throttle_count", "now >= tonumber(a[3])", "now > tonumber(a[3])"),
    Mutant("keeps the delay of what it forgot", "THR-3", "throttle_count", "n, opens = 0, 0", "n = 0"),
    Mutant("counts what is admitted only", "THR-7 THR-2", "throttle_count", "n = n + 1\n", "if now >= opens then n = n + 1 end\n"),
    Mutant("gives back and leaves the delay", "THR-4", "throttle_back", "redis.call('HDEL', key, 'o')", ""),
    Mutant("gives back below 0", "THR-5", "throttle_back", "if tonumber(a[1]) > 0 then redis.call('HINCRBY', key, 'n', '-1') end", "redis.call('HINCRBY', key, 'n', '-1')"),
]  # fmt: skip


async def run(store: Any, laws: str, empty: Callable[[], object]) -> None:
    """Each of ``laws`` finds what is wrong, in an empty store."""
    for law in laws.split():
        empty()
        with pytest.raises(AssertionError):
            await asyncio.wait_for(getattr(Laws(), LAWS[law])(store), HANGS)


@pytest.fixture
def scratch(postgres_server: PostgresServer, postgres_database: str) -> Iterator[str]:
    """A database whose functions are put in order again."""
    yield postgres_database
    for function in _SQL.read_text().split("CREATE FUNCTION")[1:]:
        postgres_server.run(f"CREATE OR REPLACE FUNCTION{function}", database=name_of(postgres_database))


@pytest.mark.parametrize("mutant", POSTGRES, ids=[mutant.name for mutant in POSTGRES])
async def test_a_mutant_of_postgresql_is_killed(mutant: Mutant, scratch: str, postgres_server: PostgresServer) -> None:
    text = _SQL.read_text()
    start = text.index(f"CREATE FUNCTION sojourn.{mutant.where}(")
    function = text[start : text.index("END $$;", start)]
    assert function.count(mutant.old) == 1, "the text to replace stands there once"
    broken = function.replace(mutant.old, mutant.new).replace("CREATE", "CREATE OR REPLACE", 1) + "END $$"
    postgres_server.run(broken, database=name_of(scratch))
    async with opened(scratch) as store:
        await run(store, mutant.laws, lambda: empty(postgres_server, scratch))


@pytest.mark.parametrize("mutant", VALKEY, ids=[mutant.name for mutant in VALKEY])
async def test_a_mutant_of_valkey_is_killed(
    mutant: Mutant, valkey_url: str, valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{mutant.where}.lua"
    for script in ("once_put", "once_take", "throttle_count", "throttle_back"):
        files = {file: (_LUA / file).read_text() for file in ("limited.lua", f"{script}.lua")}
        if name in files:
            assert files[name].count(mutant.old) == 1, "the text to replace stands there once"
            files[name] = files[name].replace(mutant.old, mutant.new)
            monkeypatch.setattr(scripts(), script, Script("\n".join(files.values())))
    async with opened(valkey_url) as store:
        await run(store, mutant.laws, lambda: valkey_server.run("FLUSHALL"))


async def test_one_key_for_a_value_and_a_counter_is_noticed(
    valkey_url: str, valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Keys, "throttle", Keys.once)
    async with opened(valkey_url) as store:
        await run(store, "THR-10", lambda: valkey_server.run("FLUSHALL"))


def test_every_law_kills_something_on_both() -> None:
    for mutants in (POSTGRES, VALKEY):
        assert {law for mutant in mutants for law in mutant.laws.split()} >= LAWS.keys() - {
            *("ONE-1", "ONE-2", "ONE-5", "ONE-9", "ONE-11", "ONE-12", "THR-6", "THR-8", "THR-10", "THR-11")
        }

"""Every law is worth its place: it kills a store that works but for one clause or one line."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sojourn.model.field import put
from sojourn.testing.law import HERE, T, created, laws_of, texts
from sojourn.testing.stores import (
    BagLaws,
    CountLaws,
    DurableLaws,
    LifecycleLaws,
    MarkedLaws,
    OneTimeLaws,
    SessionStoreLaws,
    ThrottleLaws,
    TimedLaws,
    TombstoneLaws,
)
from tests.patience import HANGS
from tests.stores import limited_mutants
from tests.stores.mutation import Mutant, broken, opened

pytestmark = pytest.mark.anyio


class Laws(
    SessionStoreLaws,
    TombstoneLaws,
    BagLaws,
    OneTimeLaws,
    ThrottleLaws,
    CountLaws,
    TimedLaws,
    MarkedLaws,
    LifecycleLaws,
    DurableLaws,
):
    """All laws."""


LAWS = dict(laws_of(Laws))


GUARD = "epoch = ? AND ended IS NULL AND ? < dies"

MEMORY = [
    Mutant("confirms the end of what it does not know", "GET-1", "store.py", "return None\n        except SessionEnded:\n            return Ended", "return Ended(now=True, end=end)\n        except SessionEnded:\n            return Ended"),
    Mutant("gives the id of a dead session away", "INS-2", "store.py", "if session.id in records.by_id:", "if session.id in records.by_id and records.by_id[session.id].end is None:"),
    Mutant("hands out its own dict", "ALI-1", "store.py", "dict(kept.fields))", "kept.fields)"),
    Mutant("trims names", "KEY-1", "store.py", "{name: Field(version, text) for name, text in fields.items()}", "{name.strip(): Field(version, text) for name, text in fields.items()}"),
    Mutant("does not delete", "OPS-1", "store.py", "for name, field in kept.fields.items() if name not in writes}", "for name, field in kept.fields.items()}"),
    Mutant("writes puts before it checks the rest", "OPS-2", "store.py", "writes, values = apply(", "kept.fields = {**kept.fields, **{op.name: Field(9, op.text) for op in ops if op.kind == 'put'}}\n        writes, values = apply("),
    Mutant("applies each operation to the fields of before", "OPS-3", "store.py", "writes, values = apply(ops, kept.fields, limits)", "done = [apply([op], kept.fields, limits) for op in ops]\n        writes = {name: text for one in done for name, text in one.writes.items()}\n        values = {name: text for one in done for name, text in one.values.items()}"),
    Mutant("sends numbers through a double", "NUM-1 NUM-2", "store.py", "Field(version, text) for name, text in writes.items()", "Field(version, f'{float(text):.17g}' if text[0] in '-0123456789' else text) for name, text in writes.items()"),
    Mutant("gives every field the new version", "VER-1", "store.py", "        fields = {name: field for name, field in kept", "        fields = {name: Field(version, field.text) for name, field in kept"),
    Mutant("reads, waits, writes", "CON-2 CON-3", "store.py", "kept.fields = fields\n        kept.session", "await __import__('asyncio').sleep(0)\n        kept.fields = fields\n        kept.session"),
    Mutant("allows one byte too many", "BIG-1", "store.py", "len(fields), total, limits", "len(fields), total - 1, limits"),
    Mutant("counts a touch as a version", "TCH-2", "store.py", "session.version + 1 if ops or token or idle is not None else session.version", "session.version + 1"),
    Mutant("lists tokens for ever", "TOK-1", "store.py", "list_token(session.tokens, token, now) if token", "(*session.tokens, token) if token"),
    Mutant("names the latest end", "END-1", "store.py", "Ended(now=False, end=records.end_of(sid))", "Ended(now=False, end=end)"),
    Mutant("forgets the replaced secret", "ROT-1", "store.py", "            replaced=old.secret,\n", ""),
    Mutant("rotates whoever asks", "ROT-2 ROT-3", "store.py", "records.alive(realm, sid, now, epoch)\n        old", "records.alive(realm, sid, now)\n        old"),
    Mutant("keeps idle limits in whole seconds", "EXP-2", "records.py", "idle=session.idle, absolute=session.absolute, now", "idle=session.idle // 1000 * 1000, absolute=session.absolute, now"),
    Mutant("sweeps one too many", "EXP-3", "store.py", "if handled == most:", "if handled > most:"),
    Mutant("lets accesses move the absolute limit", "EXP-5", "records.py", "absolute=session.absolute, now=now", "absolute=session.absolute + session.last - session.created, now=now"),
    Mutant("keeps the idle limit of before the rotation", "EXP-6", "store.py", "idle=to.idle,", "idle=old.idle,"),
    Mutant("keeps tombstones for seconds, not milliseconds", "WHY-4", "store.py", "kept.end.at + TOMBSTONE_FOR", "kept.end.at + TOMBSTONE_FOR // 1000"),
    Mutant("opens again by itself", "CLO-1", "store.py", "self._records = None\n\n    async def ping", "self._records = Records()\n\n    async def ping"),
    Mutant("counts, waits, writes", "CAP-1", "store.py", "        records.join(session.realm,", "        await __import__('asyncio').sleep(0)\n        records.join(session.realm,"),
    Mutant("counts, waits, logs in", "CAP-8", "store.py", "        records.join(realm,", "        await __import__('asyncio').sleep(0)\n        records.join(realm,"),
    Mutant("empties the session that finds no room", "CAP-4", "store.py", "        records.admit(realm, owner_of", "        kept.fields = {}\n        records.admit(realm, owner_of"),
    Mutant("counts the dead", "CAP-3 CAP-9", "records.py", "kept.end is None and kept.session.id != but", "kept.session.id != but"),
    Mutant("takes idle limits in seconds", "IDL-1", "store.py", "if idle is None else idle,", "if idle is None else idle // 1000 * 1000,"),
    Mutant("sets the limit before it judges", "IDL-2 IDL-5", "store.py", "        kept = self._open().alive(realm, sid, now, epoch)\n        session", "        kept = self._open().by_id.get(sid)\n        if kept and idle is not None:\n            kept.session = msgspec.structs.replace(kept.session, idle=idle)\n        kept = self._open().alive(realm, sid, now, epoch)\n        session"),
    Mutant("touches the session that writes into the bag", "BAG-1", "store.py", "        if not principal:", "        records.by_id[sid].session = msgspec.structs.replace(records.by_id[sid].session, last=now)\n        if not principal:"),
    Mutant("reads, waits, writes the bag", "BAG-5", "store.py", "        return records.bags.change(", "        bags = records.bags._bags\n        seen = bags.get((realm, principal))\n        await __import__('asyncio').sleep(0)\n        bags.pop((realm, principal), None)\n        if seen:\n            bags[realm, principal] = seen\n        return records.bags.change("),
    Mutant("hands out the bag's own dict", "BAG-8", "bags.py", "dict(bag.fields) if", "bag.fields if"),
    Mutant("believes that the death seen last was the last", "BAG-12", "bags.py", "bag.left = max(bag.left, at)", "bag.left = at"),
    Mutant("is another run after each advance", "MRK-3", "store.py", "Mark(self._installation, self._mark)", "Mark(self._installation, self._mark, str(self._mark))"),
]  # fmt: skip

SQLITE = [
    Mutant("loads the dead", "GET-2", "load", "ended IS NULL AND ", ""),
    Mutant("loads for every realm", "GET-2 ISO-1", "load", "realm = ? AND ", "? IS NOT NULL AND "),
    Mutant("touches for every realm", "ISO-1", "touch", "realm = :realm AND ", ""),
    Mutant("forgets the fences", "REC-1", "rows.py", "        fences=session.fences,\n", ""),
    Mutant("overwrites a session with the same id", "INS-1", "create", "DO NOTHING", "DO UPDATE SET secret = excluded.secret"),
    Mutant("does not look at the version of put_if", "CON-1", "acts.py", "apply(wanted.ops, old", "apply([op._replace(kind='put') if op.kind == 'put_if' else op for op in wanted.ops], old"),
    Mutant("changes for every epoch", "EPO-1 STA-1 TOK-2 ROT-2", "change", "epoch = ? AND ", "? IS NOT NULL AND "),
    Mutant("touches for every epoch", "EPO-1", "touch", "epoch = :epoch AND ", ""),
    Mutant("weighs what is removed twice", "BIG-2", "stored.py", "self._weight -= weight", "self._weight -= 2 * weight"),
    Mutant("writes a large value once", "BIG-3", "put_value", "DO UPDATE SET value = excluded.value", "DO NOTHING"),
    Mutant("always touches", "TCH-1", "acts.py", "last = target.now if wanted.touch else 0", "last = target.now"),
    Mutant("changes the dead", "RES-1", "change", "ended IS NULL AND ", ""),
    Mutant("changes the dead for every epoch", "RES-1 RES-2", "change", GUARD, "? IS NOT NULL AND ? < dies"),
    Mutant("ends for every epoch", "END-2", "end", "epoch = coalesce(:epoch, epoch) AND ", ""),
    Mutant("ends the ended", "END-1 END-3", "end", "ended IS NULL AND ", ""),
    Mutant("rotates for every epoch", "ROT-2 ROT-3 STA-1", "rotate", "epoch = :epoch AND ", ""),
    Mutant("keeps all fields at a rotation", "ROT-4", "acts.py", "stored.keep(to.keep)", "stored.columns()"),
    Mutant("loads at the very instant", "EXP-1", "load", "? < dies", "? <= dies"),
    Mutant("touches at the very instant", "EXP-1", "touch", ":now < dies", ":now <= dies"),
    Mutant("changes after the limit", "EXP-1", "change", " AND ? < dies", " AND ? IS NOT NULL"),
    Mutant("rotates after the limit", "EXP-1", "rotate", " AND :now < dies", ""),
    Mutant("ends after the limit", "EXP-1", "end", " AND :now < dies", ""),
    Mutant("lists at the very instant", "EXP-1", "list_of", ":now < dies", ":now <= dies"),
    Mutant("lists the whole realm at the very instant", "EXP-4", "list", ":now < dies", ":now <= dies"),
    Mutant("loads without settling", "EXP-4", "store.py", "await self._writer.submit(upkeep.settle, realm, (sid,), now)", "return None"),
    Mutant("lists without settling", "EXP-4", "store.py", "await self._settle(realm, [session.id for session, lives in page if not lives], now)", "pass"),
    Mutant("sweeps what an access has kept alive", "EXP-3", "bury_due", " AND :now >= dies", ""),
    Mutant("forgets at the next sweep", "WHY-6", "upkeep.py", "    if forgotten + len(buried)", "    forgotten += db.execute(SQL.forget, which).rowcount\n    if forgotten + len(buried)"),
    Mutant("sweeps everything as idle", "WHY-6", "bury_due", "iif(dies = absolute, 'absolute', 'idle')", "'idle'"),
    Mutant("rearms nothing", "EXP-3", "rearm", "sweep_at = dies", "sweep_at = sweep_at"),
    Mutant("sweeps by the old limits", "EXP-6", "rotate", "sweep_at = min(sweep_at, :sweep_at),", ""),
    Mutant("pages by time alone", "IDX-1", "list_of", "(created, id) > (:created, :id)", "created > :created"),
    Mutant("orders by id alone", "IDX-1", "list", "ORDER BY created, id", "ORDER BY id"),
    Mutant("lists under the owner of before", "IDX-2", "rotate", "owner = :owner,", ""),
    Mutant("gives the expired a place", "IDX-3", "store.py", "while len(live) < limit:", "for _ in range(1):"),
    Mutant("lists the creation as the last access", "IDX-4", "list_of", "created, last,", "created, created,"),
    Mutant("ends without a new epoch", "WHY-1", "end", "epoch = epoch + 1, ", ""),
    Mutant("knows only written ends", "WHY-2", "store.py", "if self._reads.is_due(realm, sid, now):\n                await self._settle", "if False:\n                await self._settle"),
    Mutant("tells why to every realm", "WHY-3", "grave", "realm = :realm AND ", ""),
    Mutant("repeats the last tombstone on the next page", "WHY-5", "list_ended", "(created, id) > ", "(created, id) >= "),
    Mutant("lets itself be adopted twice", "MRK-1", "adopt", " AND value = ''", ""),
    Mutant("counts by two", "MRK-2", "advance", "value + 1", "value + 2"),
    Mutant("leaves a cursor half read", "DUR-1", "reads.py", "found = self._loading.execute(SQL.load", "self._cursor = self._db.execute('SELECT n FROM session')\n        self._cursor.fetchone()\n        found = self._loading.execute(SQL.load"),
    Mutant("commits a change in two parts", "ATO-1", "acts.py", "    stored.store_large(n)\n    if wanted", "    db.execute('COMMIT')\n    __import__('time').sleep(0.005)\n    db.execute('BEGIN IMMEDIATE')\n    stored.store_large(n)\n    if wanted"),
    Mutant("names the living by id", "CAP-2", "members_whole", "ORDER BY created, id", "ORDER BY id"),
    Mutant("counts the expired", "CAP-3", "owners.py", "        if end is None:\n            live += 1\n        else:", "        live += 1\n        if end is not None:"),
    Mutant("leaves the expired that it does not count", "CAP-3", "owners.py", "            bury(db, n, end, now)", "            pass"),
    Mutant("counts the session that rotates", "CAP-5", "members", " AND id <> :but", ""),
    Mutant("counts all owners", "CAP-6", "members", "owner = :owner AND ", ""),
    Mutant("counts all realms", "CAP-6", "members", "realm = :realm AND ", ""),
    Mutant("takes all who are nobody for one", "CAP-7", "acts.py", "owner = session.owner", "owner = session.principal"),
    Mutant("looks for room before it looks at the session", "CAP-10", "acts.py", "        refuse(db, target)  # a dead or another session is the better answer than a full owner\n", ""),
    Mutant("counts outside the transaction", "DUR-2", "store.py", "        await self._writer.submit(acts.create, session, dict(fields), now, most)", "        live = await self.list(session.realm, session.owner, now)\n        if most is not None and len(live) >= most:\n            raise __import__('sojourn.stores.base', fromlist=['base']).SessionLimit(live)\n        await self._writer.submit(acts.create, session, dict(fields), now)"),
    Mutant("sweeps by the idle limit of before", "IDL-3", "set_idle", ", sweep_at = min(sweep_at, CASE :idle WHEN 0 THEN absolute ELSE last + :idle END)", ""),
    Mutant("takes a new idle limit for a touch", "IDL-4", "acts.py", " and wanted.idle is None:", ":"),
    Mutant("does not delete from bags", "BAG-2", "bags.py", "stored.write(version, applied.writes, old)", "stored.write(version, {name: text for name, text in applied.writes.items() if text is not None}, old)"),
    Mutant("writes into bags for every epoch", "BAG-3", "bag_write", "epoch = :epoch AND ", ""),
    Mutant("writes into bags for the ended", "BAG-3", "bag_write", "ended IS NULL AND ", ""),
    Mutant("writes into bags for the expired", "BAG-3", "bag_write", " AND :now < dies", ""),
    Mutant("gives an address block a bag", "BAG-4", "bags.py", " or found[0][0].startswith(NOBODY)", ""),
    Mutant("does not look at the version of put_if in bags", "BAG-6", "bags.py", "apply(wanted.ops, old", "apply([op._replace(kind='put') if op.kind == 'put_if' else op for op in wanted.ops], old"),
    Mutant("allows bags one byte too many", "BAG-7", "bags.py", "written.bytes, wanted", "written.bytes - 1, wanted"),
    Mutant("reads bags of every realm", "BAG-9", "bag_read", " WHERE realm = :realm AND principal", " WHERE principal"),
    Mutant("lets sessions of every realm keep a bag", "BAG-9", "bag_read", "WHERE realm = :realm AND owner", "WHERE owner"),
    Mutant("forgets when the last one left", "BAG-10", "bag_left", "left = max(left, :at), ", ""),
    Mutant("reads a bag at the very instant", "BAG-10 BAG-11", "bag_read", ":now < idle", ":now <= idle"),
    Mutant("takes the last access for the death", "BAG-11", "bag_read", "max(dies)", "max(last)"),
    Mutant("does not see who rotates away", "BAG-13", "acts.py", "    if old.owner != owner:", "    if False:"),
    Mutant("gives a bag that is over to the next", "BAG-14", "owners.py", "        expire_bag(db, realm, owner, now)", "        pass"),
    Mutant("keeps a bag at the very instant", "BAG-14", "bag_expire", ":now >= idle", ":now > idle"),
    Mutant("sweeps bags by the old limits", "BAG-15", "bags.py", "        if not expire_bag(db, realm, principal, now):", "        drop_bag(db, realm, principal)\n        if False:"),
    Mutant("keeps the first time that a bag outlives", "BAG-16", "bag_write", "idle = excluded.idle, ", ""),
    Mutant("drops no bag", "BAG-17 BAG-9", "bags.py", '    _forget(db, SQL.bag_drop, {"realm": realm, "principal": principal})', "    return"),
    Mutant("counts all realms together", "CNT-1", "count_live", "GROUP BY realm, kind", "GROUP BY kind"),
    Mutant("counts tombstones", "CNT-2", "count_live", " WHERE ended IS NULL\n", ""),
]  # fmt: skip

TIMED = [
    Mutant("tells seconds", "TIM-1", "__init__.py", "1_000_000", "1_000_000_000"),
    Mutant("runs backwards", "TIM-2", "__init__.py", "return time.time_ns() // 1_000_000", "return -time.time_ns()"),
]

MUTANTS = [("memory", mutant) for mutant in [*MEMORY, *limited_mutants.MEMORY]]
MUTANTS += [("sqlite", mutant) for mutant in [*SQLITE, *limited_mutants.SQLITE]]
MUTANTS += [("timed", mutant) for mutant in TIMED]


async def run(backend: Any, law: str, folder: Path) -> None:
    """Run one law against a new store of ``backend``."""
    statement = getattr(Laws(), LAWS[law])
    async with opened(backend, folder / f"{law}.db") as store, opened(backend, folder / f"{law}.db") as peer:
        needs_peer = "peer" in inspect.signature(statement).parameters
        await asyncio.wait_for(statement(store, peer) if needs_peer else statement(store), HANGS)


@pytest.fixture
def package(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A copy of a backend's package with one mutant in it."""
    backend, mutant = request.param
    with broken(backend, mutant, tmp_path, monkeypatch) as module:
        yield module


@pytest.mark.parametrize(
    ("package", "laws"),
    [(pair, pair[1].laws.split()) for pair in MUTANTS],
    ids=[f"{backend} {mutant.name}" for backend, mutant in MUTANTS],
    indirect=["package"],
)
async def test_a_mutant_works_and_is_killed_by_its_laws(package: Any, laws: list[str], tmp_path: Path) -> None:
    async with opened(package, tmp_path / "works.db") as store:
        session = await created(store, {"x": "1"})
        await store.change(HERE, session.id, 1, [put("y", "2")], T)
        assert await texts(store, session) == {"x": "1", "y": "2"}
    for law in laws:
        with pytest.raises(AssertionError):
            await run(package, law, tmp_path)


@pytest.mark.parametrize("law", sorted(LAWS.keys() - {law for law in LAWS if law.startswith("TIM")}))
async def test_a_good_store_breaks_nothing(law: str, tmp_path: Path) -> None:
    await run(importlib.import_module("sojourn.stores.sqlite"), law, tmp_path)


def test_every_law_kills_something() -> None:
    assert set(LAWS) == {law for _, mutant in MUTANTS for law in mutant.laws.split()}


def test_every_law_has_an_id_of_its_own() -> None:
    assert len(LAWS) == len([name for name in dir(Laws) if name.startswith("test_")])
    assert len(LAWS) == sum(len(laws_of(kind)) for kind in Laws.__bases__), "two laws have one name"

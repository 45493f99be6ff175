"""Every law is worth its place: it kills a store that works but for one clause or one line."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import sojourn.stores
from sojourn.model.field import put
from sojourn.testing.law import HERE, T, created, laws_of, texts
from sojourn.testing.stores import DurableLaws, LifecycleLaws, MarkedLaws, SessionStoreLaws, TombstoneLaws

pytestmark = pytest.mark.anyio

BACKENDS = Path(sojourn.stores.__file__).parent


class Laws(SessionStoreLaws, TombstoneLaws, MarkedLaws, LifecycleLaws, DurableLaws):
    """All laws."""


LAWS = dict(laws_of(Laws))


class Mutant(NamedTuple):
    """One text replaced in one file; in a file of statements within the named one."""

    name: str
    #: Ids of the laws that kill it.
    laws: str
    where: str
    old: str
    new: str


GUARD = "epoch = ?3 AND ended IS NULL AND ?4 < dies"

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
]  # fmt: skip

SQLITE = [
    Mutant("loads the dead", "GET-2", "load", "ended IS NULL AND ", ""),
    Mutant("loads for every realm", "GET-2 ISO-1", "load", "realm = ?2 AND ", ""),
    Mutant("touches for every realm", "ISO-1", "touch", "realm = :realm AND ", ""),
    Mutant("forgets the fences", "REC-1", "rows.py", "        fences=session.fences,\n", ""),
    Mutant("overwrites a session with the same id", "INS-1", "create", "DO NOTHING", "DO UPDATE SET secret = excluded.secret"),
    Mutant("does not look at the version of put_if", "CON-1", "acts.py", "apply(wanted.ops, old", "apply([op._replace(kind='put') if op.kind == 'put_if' else op for op in wanted.ops], old"),
    Mutant("changes for every epoch", "EPO-1 STA-1 TOK-2 ROT-2", "change", "epoch = ?3 AND ", ""),
    Mutant("touches for every epoch", "EPO-1", "touch", "epoch = :epoch AND ", ""),
    Mutant("weighs what is removed twice", "BIG-2", "stored.py", "self._weight -= weight", "self._weight -= 2 * weight"),
    Mutant("writes a large value once", "BIG-3", "put_value", "DO UPDATE SET value = excluded.value", "DO NOTHING"),
    Mutant("always touches", "TCH-1", "acts.py", "last = target.now if wanted.touch else 0", "last = target.now"),
    Mutant("changes the dead", "RES-1", "change", "ended IS NULL AND ", ""),
    Mutant("changes the dead for every epoch", "RES-1 RES-2", "change", GUARD, "?4 < dies"),
    Mutant("ends for every epoch", "END-2", "end", "epoch = coalesce(:epoch, epoch) AND ", ""),
    Mutant("ends the ended", "END-1 END-3", "end", "ended IS NULL AND ", ""),
    Mutant("rotates for every epoch", "ROT-2 ROT-3 STA-1", "rotate", "epoch = :epoch AND ", ""),
    Mutant("keeps all fields at a rotation", "ROT-4", "acts.py", "stored.keep(to.keep)", "stored.columns()"),
    Mutant("loads at the very instant", "EXP-1", "load", "?3 < dies", "?3 <= dies"),
    Mutant("touches at the very instant", "EXP-1", "touch", ":now < dies", ":now <= dies"),
    Mutant("changes after the limit", "EXP-1", "change", " AND ?4 < dies", ""),
    Mutant("rotates after the limit", "EXP-1", "rotate", " AND :now < dies", ""),
    Mutant("ends after the limit", "EXP-1", "end", " AND :now < dies", ""),
    Mutant("lists at the very instant", "EXP-1", "list_of", ":now < dies", ":now <= dies"),
    Mutant("lists the whole realm at the very instant", "EXP-4", "list", ":now < dies", ":now <= dies"),
    Mutant("loads without settling", "EXP-4", "store.py", "await self._writer.submit(upkeep.settle, realm, (sid,), now)", "return None"),
    Mutant("lists without settling", "EXP-4", "store.py", "await self._settle(realm, [session.id for session, lives in page if not lives], now)", "pass"),
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
    Mutant("leaves a cursor half read", "DUR-1", "reads.py", "found = self._db.execute(SQL.load", "self._cursor = self._db.execute('SELECT n FROM session')\n        self._cursor.fetchone()\n        found = self._db.execute(SQL.load"),
    Mutant("commits a change in two parts", "ATO-1", "acts.py", "    stored.store_large(n)\n    if wanted", "    db.execute('COMMIT')\n    __import__('time').sleep(0.005)\n    db.execute('BEGIN IMMEDIATE')\n    stored.store_large(n)\n    if wanted"),
]  # fmt: skip

MUTANTS = [("memory", mutant) for mutant in MEMORY] + [("sqlite", mutant) for mutant in SQLITE]


@asynccontextmanager
async def opened(backend: Any, path: Path) -> AsyncIterator[Any]:
    """An empty store of the module ``backend``."""
    store = await backend.SqliteStore.open(path) if hasattr(backend, "SqliteStore") else backend.MemoryStore()
    try:
        yield store
    finally:
        await store.close()


async def run(backend: Any, law: str, folder: Path) -> None:
    """Run one law against a new store of ``backend``."""
    statement = getattr(Laws(), LAWS[law])
    async with opened(backend, folder / f"{law}.db") as store, opened(backend, folder / f"{law}.db") as peer:
        needs_peer = "peer" in inspect.signature(statement).parameters
        await asyncio.wait_for(statement(store, peer) if needs_peer else statement(store), 10)


def mutated(text: str, mutant: Mutant) -> str:
    """``text`` of a file with the mutant's one change."""
    start, end = 0, len(text)
    if not mutant.where.endswith(".py"):
        start = text.index(f"-- name: {mutant.where}\n")
        end = (text + "\n-- name: ").index("\n-- name: ", start)
    assert text.count(mutant.old, start, end) == 1, "the text to replace stands there once"
    return text[:start] + text[start:end].replace(mutant.old, mutant.new) + text[end:]


@pytest.fixture
def package(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A copy of a backend's package with one mutant in it."""
    backend, mutant = request.param
    name = f"mutant_{tmp_path.name}"
    shutil.copytree(BACKENDS / backend, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (tmp_path / name).glob("*.py"):
        file.write_text(file.read_text().replace(f"sojourn.stores.{backend}", name))
    file = tmp_path / name / (mutant.where if mutant.where.endswith(".py") else "statements.sql")
    file.write_text(mutated(file.read_text(), mutant))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module(name)
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


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


@pytest.mark.parametrize("law", LAWS)
async def test_a_good_store_breaks_nothing(law: str, tmp_path: Path) -> None:
    await run(importlib.import_module("sojourn.stores.sqlite"), law, tmp_path)


def test_every_law_kills_something() -> None:
    assert set(LAWS) == {law for _, mutant in MUTANTS for law in mutant.laws.split()}


def test_every_law_has_an_id_of_its_own() -> None:
    assert len(LAWS) == len([name for name in dir(Laws) if name.startswith("test_")])

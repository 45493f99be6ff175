"""What ``store check`` says of a SQLite file, and that bags that are over leave nothing behind."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sojourn.core.errors import StoreUnavailable
from sojourn.model.field import put
from sojourn.stores import files
from sojourn.stores.base import Finding
from sojourn.stores.files import filesystem_of
from sojourn.stores.sqlite import SqliteStore
from sojourn.testing.law import HERE, LOGOUT, T, created

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "private" / "state.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(path)
    yield store
    await store.close()


async def found(store: SqliteStore, what: str) -> list[Finding]:
    return [finding for finding in await store.check() if finding.what == what]


async def test_a_new_file_has_no_failure_and_tells_what_was_probed(store: SqliteStore) -> None:
    findings = await store.check()
    assert [finding for finding in findings if finding.level == "failure"] == []
    assert {finding.what for finding in findings} >= {
        "journal mode",
        "synchronous",
        "SQLite",
        "file system",
        "free disk",
        "permissions",
        "schema",
    }
    assert [finding.level for finding in findings if finding.what == "permissions"] == ["ok"] * 5
    assert sqlite3.sqlite_version in (await found(store, "SQLite"))[0].text


async def test_a_file_that_others_may_read_is_a_warning(store: SqliteStore, path: Path) -> None:
    path.chmod(0o644)
    path.parent.chmod(0o755)
    warnings = [finding.text for finding in await store.check() if finding.level == "warning"]
    assert "state.db is open to others on this machine (0644): chmod 600 it" in warnings
    assert "private is open to others on this machine (0755): chmod 700 it" in warnings


async def test_a_disk_that_is_nearly_full_is_a_failure(store: SqliteStore, path: Path) -> None:
    scarce = await SqliteStore.open(path, reserve=2**62)
    finding = (await found(scarce, "free disk"))[0]
    assert finding.level == "failure"
    assert "only ends and sweeps" in finding.text
    await scarce.close()


@pytest.mark.parametrize(
    ("kind", "level"),
    [("nfs4", "failure"), ("tmpfs", "warning"), ("ext4", "ok"), ("", "warning"), ("fuse.sshfs", "failure")],
)
async def test_the_file_system_decides_what_is_promised(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, kind: str, level: str
) -> None:
    monkeypatch.setattr(files, "filesystem_of", lambda _: kind)
    assert [finding.level for finding in await found(store, "file system")] == [level]


async def test_a_newer_schema_is_a_failure(store: SqliteStore, path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    assert [finding.level for finding in await found(store, "schema")] == ["failure"]


async def test_a_closed_store_is_not_checked_or_counted(path: Path) -> None:
    store = await SqliteStore.open(path)
    await store.close()
    for act in (store.check(), store.count(T)):
        with pytest.raises(StoreUnavailable):
            await act


def test_the_mount_that_hides_the_others_counts(tmp_path: Path) -> None:
    inside = tmp_path.resolve() / "data base"
    inside.mkdir()
    mounts = tmp_path / "mountinfo"
    escaped = str(inside).replace(" ", "\\040")
    lines = ["1 0 8:1 / / rw - ext4 /dev/sda rw", f"2 1 0:9 / {escaped} rw,relatime shared:3 - nfs4 there:/x rw"]
    mounts.write_text("\n".join([*lines, f"3 1 0:9 / {escaped} rw - cifs //there/y rw"]))
    assert filesystem_of(inside / "state.db", mounts) == "cifs"
    assert filesystem_of(tmp_path / "state.db", mounts) == "ext4"
    assert filesystem_of(tmp_path, tmp_path / "missing") == ""


async def test_a_sweep_leaves_nothing_of_a_bag_that_is_over(store: SqliteStore, path: Path) -> None:
    for principal in ("a:1", "a:2"):
        session = await created(store, principal=principal, idle=0)
        await store.change_bag(HERE, session.id, 1, [put("x", "1" * 3_000)], T, idle=100)
        if principal == "a:1":
            await store.end(HERE, session.id, LOGOUT, T)
    await store.sweep(T + 100)
    db = sqlite3.connect(path)
    assert db.execute("SELECT principal, sweep_at > ? FROM bag", (T + 100,)).fetchall() == [("a:2", 1)]
    assert db.execute("SELECT count(*) FROM field").fetchall() == [(1,)]
    db.close()


async def test_more_bags_than_one_turn_takes_are_announced(store: SqliteStore) -> None:
    for number in range(5):
        session = await created(store, principal=f"a:{number}", idle=0)
        await store.change_bag(HERE, session.id, 1, [put("x", "1")], T, idle=100)
        await store.end(HERE, session.id, LOGOUT, T)
    assert [(await store.sweep(T + 100, 2)).more for _ in range(4)] == [True, True, False, False]

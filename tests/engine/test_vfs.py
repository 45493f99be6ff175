"""Files in the engine database: what they are, whose they are, who may change them, what is kept of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping

import pytest

from sojourn.config.project import RealmFolder
from sojourn.core import json
from sojourn.core.clock import ManualClock
from sojourn.core.errors import InsufficientScope
from sojourn.engine.accounts.records import Accounts
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.facts import Facts
from sojourn.engine.files import records
from sojourn.engine.files.deploying import Deploying, FileChanged, FileTooLarge, FolderNotEmpty, Write
from sojourn.engine.files.file import FileUnknown
from sojourn.engine.files.owners import Owners
from sojourn.engine.files.records import Entry, FolderFull, PathTaken
from sojourn.engine.files.vfs import Vfs
from sojourn.engine.realms import Realms
from sojourn.engine.security.actors import HOST, Actor
from sojourn.model.file_path import BadPath, FileKey, FilePath, parse_reference
from sojourn.model.realm import Realm, RealmConfig

pytestmark = pytest.mark.anyio


@pytest.fixture
def owners(realms: Realms) -> Owners:
    return Owners(realms)


@pytest.fixture
def vfs(db: EngineDatabase, facts: Facts, owners: Owners) -> Vfs:
    return Vfs(db=db, facts=facts, owners=owners)


@pytest.fixture
def deploying(db: EngineDatabase, owners: Owners, audit: Audit, clock: ManualClock) -> Deploying:
    return Deploying(db=db, owners=owners, audit=audit, clock=clock)


def at(path: str) -> FilePath:
    found = parse_reference(f"vfs:{path}")
    assert isinstance(found, FilePath)
    return found


async def put(deploying: Deploying, path: str, text: str | bytes = "1", actor: Actor = HOST, mime: str = "") -> Entry:
    content = text.encode() if isinstance(text, str) else text
    return (await deploying.write([Write(at(path), content, mime)], actor))[0]


async def read(vfs: Vfs, path: str | int) -> bytes | None:
    found = await vfs.find(FileKey(path) if isinstance(path, int) else at(path))
    return found.content if found else None


def actor(**scopes: Mapping[str, str] | str) -> Actor:
    """Who has scopes: ``everywhere="a b"``, or by realm id."""
    everywhere = frozenset(str(scopes.pop("everywhere", "")).split())
    within = {realm: frozenset(str(words).split()) | everywhere for realm, words in scopes.items()}
    return Actor("ana", 7, everywhere=everywhere, in_realm={"*": everywhere, **within})


async def test_a_file_is_found_by_path_and_key_with_type_and_digest(vfs: Vfs, deploying: Deploying) -> None:
    made = await put(deploying, "/acme/jobs/night run.js", "a\0b \U0001f600")
    assert (made.kind, made.version, made.mime, made.place.uri) == (
        *("file", 1, "application/javascript"),
        "vfs:/acme/jobs/night%20run.js",
    )
    for place in (made.place, FileKey(made.key)):
        found = await vfs.find(place)
        assert found is not None
        assert (found.content.decode(), found.key, found.version) == ("a\0b \U0001f600", made.key, 1)
        assert found.digest == made.digest == hashlib.sha256(found.content).digest()
    assert await vfs.find(made.place.folder) is None
    assert await vfs.find(at("/acme/jobs/Night run.js")) is None


async def test_types_follow_the_name_or_what_was_said(deploying: Deploying) -> None:
    assert (await put(deploying, "/acme/x.json")).mime == "application/json"
    assert (await put(deploying, "/acme/startup/x.startup.js")).mime == "application/x-startup"
    assert (await put(deploying, "/acme/x.bin", b"\xff\0")).mime == "application/octet-stream"
    assert (await put(deploying, "/acme/y.js", mime="application/x-startup")).mime == "application/x-startup"
    assert (await put(deploying, "/acme/y.js", "2")).mime == "application/x-startup"
    for mime in ("text", "/", "text/", "text/a b", "text/\u00e7", "a/b\n", "a/" + "b" * 100):
        with pytest.raises(BadPath):
            await put(deploying, "/acme/z", mime=mime)


async def test_every_change_is_a_version_and_what_is_so_already_is_none(
    vfs: Vfs, deploying: Deploying, clock: ManualClock
) -> None:
    key = (await put(deploying, "/acme/x.js", "one")).key
    clock.advance(5)
    assert (await put(deploying, "/acme/x.js", "one")).version == 1
    changed = await put(deploying, "/acme/x.js", "two")
    assert (changed.key, changed.version, changed.changed - changed.created) == (key, 2, 5)
    await deploying.rename(key, at("/acme/y.js"), HOST)
    _, history = await deploying.history(key, HOST)
    assert [(one.number, one.act, one.path, one.size) for one in history] == [
        (3, "renamed", "/acme/y.js", 3),
        (2, "written", "/acme/x.js", 3),
        (1, "created", "/acme/x.js", 3),
    ]
    assert [await deploying.content(key, number, HOST) for number in (1, 2, 3)] == [b"one", b"two", b"two"]
    assert await read(vfs, "/acme/x.js") is None
    assert await read(vfs, "/acme/y.js") == await read(vfs, key) == b"two"


async def test_a_change_is_seen_at_once_by_another_process(
    vfs: Vfs, deploying: Deploying, db: EngineDatabase, accounts: Accounts, owners: Owners
) -> None:
    other = Vfs(db=db, facts=Facts(db, accounts.seal, ManualClock()), owners=owners)
    assert await read(other, "/acme/x.js") is None
    for text in ("1", "2", "3"):
        await put(deploying, "/acme/x.js", text)
        assert await read(vfs, "/acme/x.js") == await read(other, "/acme/x.js") == text.encode()
        await asyncio.sleep(0)


async def test_the_audit_log_has_what_changed(deploying: Deploying, audit: Audit, realm: Realm) -> None:
    await put(deploying, "/acme/x.js", "let a = 1;\nlet b = 2;\n", actor(everywhere="engine.deploy:acme"))
    await put(deploying, "/acme/x.js", "let a = 1;\nlet b = 3;\n")
    changed, created, *_ = await audit.recent()
    assert (changed.kind, changed.outcome, changed.realm, changed.actor) == ("DEPLOY", "ok", realm.id, "host")
    detail = json.decode(changed.detail)
    assert isinstance(detail, dict)
    assert (detail["act"], detail["file"], detail["version"]) == ("written", "/acme/x.js", 2)
    assert detail["diff"] == ["@@ -1,2 +1,2 @@", " let a = 1;", "-let b = 2;", "+let b = 3;"]
    assert created.actor == "ana"
    await put(deploying, "/acme/x.js", "x\n" * 70_000)
    assert len((await audit.recent())[0].detail) < 2_000
    await put(deploying, "/acme/y.js", "\n".join(map(str, range(1_000))))
    assert "more" in (await audit.recent())[0].detail
    assert len((await audit.recent())[0].detail) < 10_000


async def test_folders_come_and_go(vfs: Vfs, deploying: Deploying) -> None:
    await put(deploying, "/acme/a/b/c.js", "c")
    listed = await vfs.list("acme")
    assert [(one.place.path, one.kind) for one in listed] == [
        *(("/acme", "folder"), ("/acme/a", "folder"), ("/acme/a/b", "folder")),
        ("/acme/a/b/c.js", "file"),
    ]
    folder = await vfs.entry(at("/acme/a"))
    assert folder is not None
    assert await deploying.make_folder(at("/acme/a"), HOST) == folder
    with pytest.raises(FolderNotEmpty):
        await deploying.delete(folder.key, HOST)
    moved = await deploying.rename(folder.key, at("/shared/lib"), HOST)
    assert (moved.key, await read(vfs, "/shared/lib/b/c.js"), await read(vfs, "/acme/a/b/c.js")) == (
        folder.key,
        b"c",
        None,
    )
    with pytest.raises(PathTaken):
        await deploying.rename(folder.key, at("/shared/lib/b/d"), HOST)
    await deploying.delete(folder.key, HOST, recursive=True)
    assert [one.place.path for one in await vfs.list("shared")] == ["/shared"]
    assert await deploying.make_folder(at("/shared/lib"), HOST) != folder


async def test_a_deleted_file_comes_back_and_its_key_is_no_other_ones(vfs: Vfs, deploying: Deploying) -> None:
    key = (await put(deploying, "/acme/x.js", "one")).key
    await put(deploying, "/acme/x.js", "two", mime="text/plain")
    await deploying.delete(key, HOST)
    assert await read(vfs, "/acme/x.js") is await read(vfs, key) is None
    with pytest.raises(FileUnknown):
        await deploying.delete(key, HOST)
    other = await put(deploying, "/acme/x.js", "other")
    assert other.key != key
    with pytest.raises(PathTaken):
        await deploying.restore(key, 1, HOST)
    await deploying.delete(other.key, HOST)
    restored = await deploying.restore(key, 1, HOST)
    assert (restored.version, restored.mime, await read(vfs, key)) == (4, "application/javascript", b"one")
    assert (await deploying.restore(key, 2, HOST)).mime == "text/plain"
    assert await read(vfs, "/acme/x.js") == b"two"
    for number in (0, 9, -1, 2**40):
        with pytest.raises(FileUnknown):
            await deploying.restore(key, number, HOST)


async def test_no_two_names_that_one_file_system_takes_for_the_same(deploying: Deploying) -> None:
    key = (await put(deploying, "/acme/Lib/x.js")).key
    taken = ("/acme/lib", "/acme/Lib", "/acme/lib/x.js", "/acme/LIB/y.js", "/acme/Lib/X.js", "/acme/Lib/x.js/y.js")
    for path in taken:
        with pytest.raises(PathTaken):
            await put(deploying, path)
    await put(deploying, "/acme/stra\u00dfe.js")
    with pytest.raises(PathTaken):
        await put(deploying, "/acme/STRASSE.JS")
    assert (await deploying.rename(key, at("/acme/Lib/X.js"), HOST)).place.path == "/acme/Lib/X.js"


async def test_where_nothing_can_be_written(deploying: Deploying) -> None:
    for path in ("/other-realm/x.js", "/x.js", "/acme", "/shared", "/Acme/x.js", "/SHARED/x.js"):
        with pytest.raises(BadPath):
            await put(deploying, path)
    with pytest.raises(BadPath):
        await deploying.write([Write(FilePath("ufs", ("acme", "x.js")), b"")], HOST)
    with pytest.raises(FileTooLarge):
        await put(deploying, "/acme/x.js", b"x" * ((4 << 20) + 1))


async def test_all_are_written_or_none(vfs: Vfs, deploying: Deploying, audit: Audit) -> None:
    wanted = [Write(at("/acme/a.js"), b"1"), Write(at("/acme/b.js"), b"1"), Write(at("/acme/b.js/c.js"), b"1")]
    with pytest.raises(PathTaken):
        await deploying.write(wanted, HOST)
    assert (await vfs.list("acme"), await audit.recent()) == ([], [])
    assert len(await deploying.write(wanted[:2], HOST)) == 2


async def test_an_expected_version_decides_between_writers(vfs: Vfs, deploying: Deploying) -> None:
    async def write(number: int, expected: int) -> bool:
        try:
            await deploying.write([Write(at("/acme/x.js"), str(number).encode(), expected=expected)], HOST)
        except FileChanged:
            return False
        return True

    for expected in (0, 1):
        assert sum(await asyncio.gather(*(write(number + 10 * expected, expected) for number in range(5)))) == 1
    found = await vfs.find(at("/acme/x.js"))
    assert found is not None
    assert found.version == 2


async def test_what_is_kept_of_a_file_is_bounded(
    deploying: Deploying, vfs: Vfs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_VERSIONS", 5)
    key = (await put(deploying, "/acme/x.js", "old")).key
    for number in range(8):
        await deploying.rename(key, at(f"/acme/{number}.js"), HOST)
    assert await read(vfs, key) == b"old"
    assert len((await deploying.history(key, HOST))[1]) == 6
    for number in range(8):
        await put(deploying, "/acme/7.js", str(number))
    _, history = await deploying.history(key, HOST)
    assert [one.number for one in history] == [17, 16, 15, 14, 13]
    assert await deploying.content(key, 13, HOST) == b"3"
    with pytest.raises(FileUnknown):
        await deploying.content(key, 12, HOST)


async def test_there_is_a_ceiling_of_files(deploying: Deploying, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_FILES", 3)
    await put(deploying, "/acme/a.js")
    await put(deploying, "/acme/b.js")
    with pytest.raises(FolderFull):
        await put(deploying, "/acme/c.js")
    await put(deploying, "/shared/c.js")


async def test_writing_needs_the_scope_of_the_realm_and_shared_that_of_all(
    deploying: Deploying, realms: Realms
) -> None:
    acme, other = realms.get("acme"), realms.get("other")
    assert acme is not None
    assert other is not None
    may = [
        ("/acme/x.js", actor(everywhere="engine.deploy:acme")),
        ("/acme/x.js", actor(everywhere="engine.deploy:*")),
        ("/acme/x.js", actor(**{acme.id: "engine.deploy:acme"})),
        ("/acme/x.js", actor(**{acme.id: "engine.deploy:*"})),
        ("/shared/x.js", actor(everywhere="engine.deploy:*")),
    ]
    may_not = [
        ("/acme/x.js", actor(everywhere="engine.deploy:other engine.deploy:acm engine.deploy: security.root")),
        ("/acme/x.js", actor(**{other.id: "engine.deploy:acme engine.deploy:*"})),
        ("/acme/x.js", actor()),
        ("/shared/x.js", actor(everywhere="engine.deploy:acme engine.deploy:shared")),
        ("/shared/x.js", actor(**{acme.id: "engine.deploy:*"})),
    ]
    for number, (path, who) in enumerate(may):
        await put(deploying, path, str(number), who)
    for path, who in may_not:
        entry = await put(deploying, path, "here")
        for refused in (
            deploying.write([Write(at(path), b"mine")], who),
            deploying.rename(entry.key, entry.place.folder.child("y.js"), who),
            deploying.delete(entry.key, who),
            deploying.restore(entry.key, 1, who),
            deploying.history(entry.key, who),
            deploying.content(entry.key, 1, who),
            deploying.make_folder(entry.place.folder.child("folder"), who),
        ):
            with pytest.raises(InsufficientScope):
                await refused
    # To move a file takes both places.
    entry = await put(deploying, "/acme/x.js", "here")
    with pytest.raises(InsufficientScope):
        await deploying.rename(entry.key, at("/shared/y.js"), actor(everywhere="engine.deploy:acme"))
    with pytest.raises(InsufficientScope):
        await deploying.rename(entry.key, at("/other/y.js"), actor(everywhere="engine.deploy:other"))


async def test_a_realm_that_comes_back_has_none_of_the_old_ones_files(
    vfs: Vfs, deploying: Deploying, realms: Realms, clock: ManualClock
) -> None:
    key = (await put(deploying, "/acme/x.js", "old")).key
    await put(deploying, "/acme/startup/x.startup.js", "old")
    folder = {"acme": RealmFolder("acme", RealmConfig(), {}, ())}
    await realms.sync({}, clock.now())
    assert await read(vfs, "/acme/x.js") is await read(vfs, key) is None
    await realms.sync(folder, clock.now())
    acme = realms.get("acme")
    assert acme is not None
    assert await read(vfs, "/acme/x.js") is await read(vfs, key) is None
    assert (await vfs.list("acme"), await vfs.startup(acme)) == ([], [])
    with pytest.raises(FileUnknown):
        await deploying.restore(key, 1, HOST)
    assert (await put(deploying, "/acme/x.js", "new")).key != key
    assert await read(vfs, "/acme/x.js") == b"new"

"""Scripts in the engine database: run, required, started up and bound to tokens like those on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.core.errors import AuthTokenRefused
from sojourn.engine.files.deploying import Write
from sojourn.engine.files.file import FileUnreadable
from sojourn.engine.live import Session
from sojourn.engine.security.actors import HOST
from sojourn.engine.tokens.script_scopes import BadScript
from sojourn.model.file_path import parse_path
from sojourn.model.realm import Realm
from sojourn.model.token import AuthToken
from sojourn.scripting.errors import ModuleUnknown, ScriptUnknown
from sojourn.scripting.files import Sources
from sojourn.scripting.modules import Modules
from tests.scripting.files.conftest import PASSWORD, Put

pytestmark = pytest.mark.anyio


async def unknown(sources: Sources, reference: str | int, realm: Realm) -> None:
    with pytest.raises(ScriptUnknown):
        await sources.find(reference, realm)


async def test_a_script_by_its_path_its_key_and_without_prefix(
    sources: Sources, put: Put, scripts: Path, acme: Realm
) -> None:
    key = await put("/acme/x y.js", "'vfs'")
    found = await sources.find("vfs:/acme/x y.js", acme)
    assert (found.uri, found.code, found.key, found.version) == ("vfs:/acme/x%20y.js", "'vfs'", key, 1)
    for reference in (key, f"vfs:ikey?{key}", "/acme/x y.js"):
        assert await sources.find(reference, acme) == found
    (scripts / "acme").mkdir()
    (scripts / "acme/x y.js").write_text("'ufs'")
    assert (await sources.find("/acme/x y.js", acme)).code == "'ufs'"
    await unknown(sources, key + 1, acme)
    await unknown(sources, "vfs:/acme", acme)


async def test_a_change_is_run_at_once_and_a_deleted_script_never(
    engine: Engine, sources: Sources, put: Put, acme: Realm
) -> None:
    key = await put("/acme/x.js")
    for text in ("2", "3"):
        await put("/acme/x.js", text)
        assert (await sources.find(key, acme)).code == text
    await engine.rules.files.deploying.delete(key, HOST)
    await unknown(sources, key, acme)
    await unknown(sources, "vfs:/acme/x.js", acme)


async def test_a_realm_finds_its_own_and_what_is_shared_by_path_and_key(
    sources: Sources, modules: Modules, put: Put, acme: Realm, beta: Realm
) -> None:
    keys = {name: await put(f"/{name}/x.js", f"'{name}'") for name in ("acme", "beta", "shared")}
    for name, realm in (("acme", acme), ("beta", beta), ("shared", acme), ("shared", beta)):
        for reference in (f"vfs:/{name}/x.js", f"vfs:ikey?{keys[name]}"):
            assert (await sources.find(reference, realm)).code == f"'{name}'"
            assert (await modules.load(reference, "ufs:/main.js", realm)).uri == f"vfs:/{name}/x.js"
    for name, realm in (("beta", acme), ("acme", beta)):
        for reference in (f"vfs:/{name}/x.js", f"vfs:ikey?{keys[name]}"):
            await unknown(sources, reference, realm)
            with pytest.raises(ModuleUnknown):
                await modules.load(reference, "ufs:/main.js", realm)
        with pytest.raises(ModuleUnknown):
            await modules.load("./x", f"vfs:/{name}/y.js", realm)


async def test_modules_stay_in_the_file_system_of_the_file(
    modules: Modules, put: Put, scripts: Path, acme: Realm
) -> None:
    await put("/shared/lib/index.js", "'vfs'")
    await put("/shared/data.json", "{}")
    (scripts / "shared").mkdir()
    (scripts / "shared/lib.js").write_text("'ufs'")
    for name, base, uri in (
        ("./lib", "vfs:/shared/main.js", "vfs:/shared/lib/index.js"),
        ("/shared/lib", "vfs:/acme/main.js", "vfs:/shared/lib/index.js"),
        ("../shared/data", "vfs:/acme/main.js", "vfs:/shared/data.json"),
        ("/shared/lib", "ufs:/acme/main.js", "ufs:/shared/lib.js"),
        ("vfs:/shared/lib", "ufs:/acme/main.js", "vfs:/shared/lib/index.js"),
    ):
        loaded = await modules.load(name, base, acme)
        assert loaded.uri == uri
        assert loaded.kind == ("json" if uri.endswith("json") else "js")
    with pytest.raises(ModuleUnknown):
        await modules.load("../../shared/lib", "vfs:/acme/main.js", acme)


async def test_start_up_scripts_of_disk_and_database_are_one_list(
    engine: Engine, sources: Sources, put: Put, scripts: Path, acme: Realm
) -> None:
    for name in ("startup/b.startup.js", "shared/startup/b.startup.js", "acme/startup/a.startup.js"):
        (scripts / name).parent.mkdir(parents=True, exist_ok=True)
        (scripts / name).write_text(name)
    startup = "application/x-startup"
    await put("/shared/startup/b.startup.js")
    await put("/shared/startup/a.startup.js")
    await put("/shared/any.js", mime=startup)
    await put("/acme/startup/B.startup.js")
    await put("/beta/startup/x.startup.js")
    await put("/acme/startup/x.js")
    gone = await put("/acme/gone.js", mime=startup)
    await engine.rules.files.deploying.delete(gone, HOST)
    assert [source.uri for source in await sources.startup(acme)] == [
        "vfs:/acme/startup/B.startup.js",
        "ufs:/acme/startup/a.startup.js",
        "vfs:/shared/any.js",
        "vfs:/shared/startup/a.startup.js",
        "ufs:/shared/startup/b.startup.js",
        "vfs:/shared/startup/b.startup.js",
        "ufs:/startup/b.startup.js",
    ]


async def test_a_record_that_is_no_text_leaves_the_last_good_version(
    engine: Engine, sources: Sources, put: Put, acme: Realm
) -> None:
    key = await put("/acme/x.js", "'good'")
    await sources.find(key, acme)
    place = parse_path("/acme/x.js", "vfs")
    await engine.rules.files.deploying.write([Write(place, b"\xff")], HOST)
    assert (await sources.find(key, acme)).code == (await sources.find("vfs:/acme/x.js", acme)).code == "'good'"
    assert list(sources.problems) == ["vfs:/acme/x.js"]
    fresh = Sources(engine.rules.files)
    with pytest.raises(FileUnreadable):
        await fresh.find(key, acme)


async def logged_in(engine: Engine, name: str) -> Session:
    found = await engine.login("acme", name, PASSWORD)
    assert found is not None
    return found


async def test_a_token_for_a_script_of_the_database_by_path_or_key(engine: Engine, put: Put) -> None:
    """The file may be listed either way, and has to be what it was when the owner said so."""
    owner, other = await logged_in(engine, "ana"), await logged_in(engine, "ben")
    key, _ = await put("/acme/x.js", "'good'"), await put("/acme/y.js", "'good too'")
    by_path = await owner.authorize_token(AuthToken(["vfs:/acme/x.js", "vfs:/acme/y.js"]))
    by_key = await owner.authorize_token(AuthToken(key))
    for text in (by_path, by_key):
        for uri in ("vfs:/acme/x.js", f"vfs:ikey?{key}"):
            await other.login_by_auth_token(text, scripts=[uri])
            other = await logged_in(engine, "ben")
    await other.login_by_auth_token(by_path, scripts=["vfs:/acme/y.js", f"vfs:ikey?{key}"])
    other = await logged_in(engine, "ben")

    async def refused(text: str, *chain: str) -> None:
        with pytest.raises(AuthTokenRefused) as caught:
            await other.login_by_auth_token(text, scripts=chain)
        assert caught.value.reason == "script-not-allowed"

    await refused(by_key, "vfs:/acme/y.js")
    await refused(by_key, "vfs:/acme/x.js", "vfs:/acme/y.js")
    await put("/acme/x.js", "'changed'")
    await refused(by_path, "vfs:/acme/x.js")
    await refused(by_key, f"vfs:ikey?{key}")
    await put("/acme/x.js", "'good'")
    await other.login_by_auth_token(by_key, scripts=["vfs:/acme/x.js"])
    other = await logged_in(engine, "ben")
    await engine.rules.files.deploying.delete(key, HOST)
    await refused(by_key, f"vfs:ikey?{key}")
    for word in (f"vfs:ikey?{key}", "vfs:/acme/none.js", "vfs:ikey?999999"):
        with pytest.raises(BadScript):
            await owner.authorize_token(AuthToken([word]))

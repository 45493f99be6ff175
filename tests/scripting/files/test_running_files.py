"""Files of the project as scripts see them: modules, start-up scripts, tokens for scripts; on each runtime."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.engine.files.deploying import Write
from sojourn.engine.security.actors import HOST
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.file_path import parse_path
from sojourn.model.token import AuthToken
from sojourn.scripting.errors import ScriptFailed
from sojourn.scripting.order import Executed, Order
from tests.scripting.conftest import RUNTIMES
from tests.scripting.files.conftest import PASSWORD

pytestmark = pytest.mark.anyio

CONFIG: dict[str, Any] = {"scriptCpu": 10_000, "scriptTimeout": 60_000}


class House(NamedTuple):
    """An engine whose realms acme and beta have one of the runtimes."""

    engine: Engine
    scripts: Path

    def write(self, name: str, text: str) -> None:
        """Write a file on disk."""
        file = self.scripts / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    async def put(self, path: str, text: str, mime: str = "") -> int:
        """Write a file of ``vfs:`` as the host does; its key."""
        wanted = Write(parse_path(path, "vfs"), text.encode(), mime)
        return (await self.engine.rules.files.deploying.write([wanted], HOST))[0].key

    async def __call__(self, text: str, *, name: str = "main.js", realm: str = "acme", user: str = "ana") -> Any:
        """The value of a script that is written to disk and run."""
        self.write(name, text)
        return (await self.run(f"ufs:/{name}", realm=realm, user=user)).value

    async def run(self, reference: str | int, *, realm: str = "acme", user: str = "ana") -> Executed:
        """Run a script by its reference."""
        session = await self.engine.login(realm, user, PASSWORD)
        assert session is not None
        return await self.engine.scripts.execute(
            Order(session=session, task=reference, execution_key="e1", what="a test")
        )


@pytest.fixture(scope="module", params=RUNTIMES)
async def house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, anyio_backend: str
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp(anyio_backend) / "project"
    for realm in ("acme", "beta"):
        (folder / "realms" / realm).mkdir(parents=True)
        (folder / "realms" / realm / "realm.json").write_text(json.dumps({**CONFIG, "runtime": request.param}))
    (folder / "scripts").mkdir()
    (folder / "sojourn.toml").write_text('[keys]\nmasterKeyFile = "../master.key"\n')
    project = load_project(folder, {})
    await install(project.settings)
    hasher = PasswordHasher(Cost(memory=8, passes=1), workers=1)
    async with Engine.open(project, hasher=hasher, recover=False) as engine:
        for name in ("ana", "ben"):
            await engine.rules.users.add("main", name, PASSWORD)
        yield House(engine, folder / "scripts")


async def failed(coming: Awaitable[Any]) -> ScriptFailed:
    with pytest.raises(ScriptFailed) as caught:
        await coming
    return caught.value


async def test_modules_of_disk_and_database(house: House) -> None:
    house.write(
        "lib/index.js", "exports.name = 'lib'; exports.prices = require('./prices'); exports.n = require('../n')"
    )
    house.write("lib/prices.json", '{"tea": 3}')
    house.write("n.js", "module.exports = (globalThis.count = (globalThis.count || 0) + 1)")
    await house.put("/shared/tax.js", "exports.of = (n) => n * require('./rate.json').rate; exports.file = __filename")
    await house.put("/shared/rate.json", '{"rate": 2}')
    found = await house(
        "const lib = require('./lib'), tax = require('vfs:/shared/tax');\n"
        "[lib.name, lib.prices.tea, lib.n, require('./n.js'), require('ufs:/n') === lib.n, tax.of(4), tax.file,\n"
        " require('./lib/') === lib]"
    )
    assert found == ["lib", 3, 1, 1, True, 8, "vfs:/shared/tax.js", True]


async def test_modules_that_require_each_other(house: House) -> None:
    house.write("one.js", "exports.early = 1; exports.two = require('./two'); exports.late = 1")
    house.write("two.js", "const one = require('./one'); exports.saw = Object.keys(one)")
    assert await house("require('./one').two.saw") == ["early"]


async def test_a_module_that_fails_is_not_kept_and_says_where(house: House) -> None:
    house.write("bad.js", "\nthrow new RangeError('not today')")
    error = await failed(house("require('./bad')"))
    assert (error.name, error.text) == ("RangeError", "not today")
    assert "ufs:/bad.js:2" in error.stack
    house.write("broken.js", "let = ;")
    assert (await failed(house("require('./broken')"))).name == "SyntaxError"
    retried = "let n = 0; try { require('./bad') } catch (e) { n++ } try { require('./bad') } catch (e) { n++ } n"
    assert await house(retried) == 2


async def test_a_realm_neither_runs_nor_requires_files_of_another(house: House) -> None:
    house.write("beta/secret.js", "module.exports = 'beta'")
    key = await house.put("/beta/secret.js", "module.exports = 'beta'")
    names = ("./beta/secret", "ufs:/beta/secret.js", "vfs:/beta/secret", f"vfs:ikey?{key}", "/beta/secret")
    caught = "((name) => { try { return require(name) } catch (e) { return e.code } })"
    assert await house(f"{json.dumps(names)}.map({caught})") == ["module.unknown"] * len(names)
    others = (
        "../x",
        "./%2e%2e/x",
        "./a\0",
        "ufs:/../../etc/passwd",
        "file:///etc/passwd",
        "./NUL",
        "a\\..\\b",
        "fs",
        "",
    )
    assert await house(f"{json.dumps(others)}.map({caught})") == ["module.unknown"] * len(others)
    assert await house(f"{json.dumps(names)}.map({caught})", realm="beta") == ["beta"] * len(names)


async def test_the_host_is_not_told_by_a_script_where_it_is(house: House) -> None:
    """A script has no way to the host function under require, and none to pretend to be another file."""
    house.write("beta/secret.js", "module.exports = 'beta'")
    code = "[typeof Modules, typeof Startup, require.length, Object.keys(require), module = undefined]"
    assert (await house(code))[:2] == ["undefined", "undefined"]
    escape = "try { require.call({}, './secret', 'ufs:/beta/x.js') } catch (e) { e.code }"
    assert await house(escape) == "module.unknown"


async def test_a_changed_file_is_run_at_the_next_execution(house: House) -> None:
    house.write("part.js", "module.exports = 1")
    assert await house("require('./part')") == 1
    house.write("part.js", "module.exports = 2")
    assert await house("require('./part') + 0") == 2
    key = await house.put("/acme/x.js", "'one'")
    assert (await house.run(key)).value == "one"
    await house.put("/acme/x.js", "'two'")
    assert (await house.run("vfs:/acme/x.js")).value == (await house.run(f"vfs:ikey?{key}")).value == "two"


async def test_a_changed_file_that_does_not_parse_leaves_the_last_good_version(house: House) -> None:
    house.write("kept.js", "'good'")
    house.write("kept.json", "1")
    assert [(await house.run("ufs:/kept.js")).value, await house("require('./kept.json')")] == ["good", 1]
    house.write("kept.json", "{")
    for broken in ("let = ;", "'use strict'; with (a) {}", "/* ", "return 'x' }"):
        house.write("kept.js", broken)
        values = [
            (await house.run("ufs:/kept.js")).value,
            await house("require('./kept.json')"),
            await house("typeof ran"),
        ]
        assert values == ["good", 1, "undefined"], broken
        assert set(house.engine.scripts.sources.problems) == {"ufs:/kept.js", "ufs:/kept.json"}
    assert all("SyntaxError" in text for text in house.engine.scripts.sources.problems.values())
    house.write("kept.js", "#!/usr/bin/env node\nconst a = 'better'; a")
    house.write("kept.json", "2")
    assert [(await house.run("ufs:/kept.js")).value, await house("require('./kept.json')")] == ["better", 2]
    assert not house.engine.scripts.sources.problems


async def test_where_no_version_was_good_each_says_what_is_wrong_with_it(house: House) -> None:
    for number in range(2):
        house.write("never.js", "\n" * number + "let = ;")
        error = await failed(house.run("ufs:/never.js"))
        assert error.name == "SyntaxError"
        assert f"ufs:/never.js:{number + 1}" in error.stack
    house.write("never.js", "'now'")
    assert (await house.run("ufs:/never.js")).value == "now"


async def test_21_24_start_up_scripts_run_in_the_order_of_their_urls(house: House) -> None:
    """§21 (24): with the urls b and a, a runs before b, and the flag is set."""
    house.write(
        "shared/startup/b.startup.js",
        "var order = [...(globalThis.order || []), 'b']; var ofStartUp = 1; const own = 1",
    )
    await house.put("/shared/startup/a.startup.js", "var order = [...(globalThis.order || []), 'a', session.scriptURI]")
    house.write("beta/startup/c.startup.js", "var order = ['c']")
    code = "const before = session.startupScriptsExecuted; const value = session.executeStartupScripts();\n"
    code += "[before, value === undefined, session.startupScriptsExecuted, order, ofStartUp, session.scriptURI];"
    uri = "vfs:/shared/startup/a.startup.js"
    assert await house(code) == [False, True, True, ["a", uri, "b"], 1, "ufs:/main.js"]
    assert (await house(code, realm="beta"))[3] == ["c", "a", uri, "b"]
    assert await house("session.executeStartupScripts(); session.executeStartupScripts(); typeof own") == "undefined"


async def test_start_up_scripts_require_what_lies_beside_them(house: House) -> None:
    house.write("acme/startup/d.startup.js", "var beside = require('./beside')")
    house.write("acme/startup/beside.js", "module.exports = 'here'")
    assert await house("session.executeStartupScripts(); beside") == "here"
    (house.scripts / "acme/startup/d.startup.js").unlink()


async def test_a_start_up_script_that_fails_is_named_and_stops_the_rest(house: House) -> None:
    house.write("acme/startup/1.startup.js", "var first = 1; throw new TypeError('no luck')")
    house.write("acme/startup/2.startup.js", "var second = 1")
    code = "let e; try { session.executeStartupScripts() } catch (error) { e = error }\n"
    code += "[e.name, e.message, e.cause.name, first, typeof second, session.startupScriptsExecuted, session.scriptURI]"
    message = "ufs:/acme/startup/1.startup.js: no luck"
    assert await house(code) == ["StartupError", message, "TypeError", 1, "undefined", True, "ufs:/main.js"]
    house.write("acme/startup/1.startup.js", "session.executeStartupScripts()")
    assert "Start-up scripts execute start-up scripts" in (await failed(house("session.executeStartupScripts()"))).text
    (house.scripts / "acme/startup/1.startup.js").unlink()


async def test_a_token_for_a_script_is_taken_from_it_alone(house: House) -> None:
    """Not from a module of another script, and not from a start-up script that it calls and that is not listed."""
    key = await house.put("/acme/job.js", "session.loginByAuthToken(require('./text')); session.userName")
    listed = await house.put("/acme/calls.js", "session.executeStartupScripts()")
    owner = await house.engine.login("acme", "ana", PASSWORD)
    assert owner is not None
    text = await owner.authorize_token(AuthToken([f"vfs:ikey?{key}", f"vfs:ikey?{listed}"]))
    await house.put("/acme/text.json", json.dumps(text))
    for reference in (key, f"vfs:ikey?{key}", "vfs:/acme/job.js"):
        assert (await house.run(reference, user="ben")).value == "ana"
    error = await failed(house("require('vfs:/acme/job')", user="ben"))
    assert isinstance(error.thrown, dict)
    assert error.thrown["code"] == "authtoken.refused"
    house.write("acme/startup/t.startup.js", "session.loginByAuthToken(require('vfs:/acme/text.json'))")
    assert (await failed(house.run(listed, user="ben"))).name == "StartupError"
    (house.scripts / "acme/startup/t.startup.js").unlink()


@pytest.fixture
async def deployer(house: House) -> AsyncIterator[None]:
    """While a test runs, ana may write the files of acme."""
    await house.engine.rules.grants.grant("ana", "engine.deploy:acme")
    yield
    await house.engine.rules.grants.revoke("ana", "engine.deploy:acme")


async def test_scripts_write_files_and_run_them(house: House, deployer: None) -> None:
    code = """
      const fs = VirtualFileSystem.getInstance();
      const dir = fs.forceDirectories('/acme/made/by');
      const key = fs.createFile('script.js', '6 * 7', { baseDirectory: dir });
      fs.setFileContent(key, 'module.exports = 6 * 9', 'application/javascript');
      fs.renameFile(key, 'answer.js');
      const other = fs.createDirectory('other', dir);
      fs.moveFile(key, other);
      fs.renameDirectory(other, 'moved');
      fs.moveDirectory(other, fs.directoryExists('/acme/made'));
      const bytes = fs.createFile('/acme/made/b.bin', new Uint8Array([255, 0, 1]).buffer);
      const found = [fs === virtualFS, fs.getFilePath(key), fs.getFileSize(key), fs.fileExists('/acme/made/moved/answer.js') === key,
        require('vfs:ikey?' + key), fs.getFileContent(key), fs.getDirectoryPath(other), fs.formatFilePath('x.js', other),
        new Uint8Array(fs.getFileContent(bytes))[0], fs.fileExists('/acme/none.js'), fs.directoryExists('/acme/made/moved/answer.js')];
      fs.deleteFile(key);
      fs.deleteDirectory(fs.directoryExists('/acme/made'));
      [...found, fs.fileExists('/acme/made/b.bin'), fs.directoryExists('/acme/made')]
    """
    assert await house(code) == [
        *(True, "/acme/made/moved/answer.js", 22, True, 54, "module.exports = 6 * 9", "/acme/made/moved"),
        *("/acme/made/moved/x.js", 255, 0, 0, 0, 0),
    ]


TRIES = """
const tries = {
  create: () => virtualFS.createFile(PATH + '/y.js', '1'), folder: () => virtualFS.forceDirectories(PATH + '/z'),
  set: () => virtualFS.setFileContent(KEY, '2'), rename: () => virtualFS.renameFile(KEY, 'y.js'),
  move: () => virtualFS.moveFile(KEY, virtualFS.directoryExists('/shared')), remove: () => virtualFS.deleteFile(KEY),
  read: () => virtualFS.getFileContent(KEY), size: () => virtualFS.getFileSize(KEY), path: () => virtualFS.getFilePath(KEY),
};
Object.values(tries).map((attempt) => { try { attempt(); return 'done' } catch (e) { return e.code } })
"""


async def tried(house: House, path: str, key: int, code: str = TRIES, **who: str) -> list[str]:
    """The codes of what is tried on a file, in a script of acme."""
    await house.put(f"{path}/x.js", "1")
    found = await house(f"const PATH = '{path}', KEY = {key};\n{code}", **who)
    assert isinstance(found, list)
    return found


async def test_what_a_script_may_do_with_files_of_others(house: House, deployer: None) -> None:
    acme, beta, shared = [await house.put(f"/{name}/x.js", "1") for name in ("acme", "beta", "shared")]
    scope, unknown = "auth.insufficient_scope", "file.unknown"
    # With the scope of acme, without any, and without a login.
    assert await tried(house, "/shared", shared) == [*[scope] * 6, "done", "done", "done"]
    assert await tried(house, "/beta", beta) == [unknown] * 9
    assert await tried(house, "/acme", acme, user="ben") == [*[scope] * 6, "done", "done", "done"]
    assert await tried(house, "/acme", acme, code="session.logout();" + TRIES) == ["auth.required"] * 9
    assert await tried(house, "/acme", acme) == [*["done"] * 3, "file.taken", scope, "done", *[unknown] * 3]
    odd = ("/acme/../beta/x.js", "/acme/%2e%2e/x", "/acme/nul", "/acme/.x", "/acme/a\\b", "x.js", "/", "vfs:ikey?1")
    made = "((path) => { try { return virtualFS.createFile(path, '') } catch (e) { return e.code } })"
    assert set(await house(f"{json.dumps(odd)}.map({made})")) <= {
        "file.bad_path",
        "file.unknown",
        "script.bad_argument",
    }


async def test_a_token_without_the_scope_writes_nothing(house: House, deployer: None) -> None:
    """The handle that is narrower than its account decides."""
    await house.engine.rules.grants.grant("ana", "cart.read")
    owner = await house.engine.login("acme", "ana", PASSWORD)
    assert owner is not None
    for scope, code in (("cart.read", "auth.insufficient_scope"), ("engine.deploy:acme", "done")):
        text = await owner.authorize_token(AuthToken(scope))
        act = "try { virtualFS.createFile('/acme/by token.js', ''); 'done' } catch (e) { e.code }"
        assert await house(f"session.loginByAuthToken('{text}'); {act}", user="ben") == code

"""Scripts on disk: several roots, exact names, no links, each realm its own, changes seen at once."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.engine.files.file import FileUnreadable
from sojourn.model.file_path import BadPath
from sojourn.model.realm import Realm
from sojourn.scripting.errors import ScriptUnknown
from sojourn.scripting.files import Sources

pytestmark = pytest.mark.anyio


def write(root: Path, name: str, text: str = "1") -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


async def unknown(sources: Sources, reference: str, realm: Realm) -> None:
    with pytest.raises(ScriptUnknown):
        await sources.find(reference, realm)


async def test_a_script_with_its_uri_type_and_digest(sources: Sources, scripts: Path, acme: Realm) -> None:
    write(scripts, "jobs/b c.js", "\ufeff2 + 2 // \u00e7")
    found = await sources.find("ufs:/jobs/b c.js", acme)
    assert (found.uri, found.code, found.mime) == ("ufs:/jobs/b%20c.js", "2 + 2 // \u00e7", "application/javascript")
    assert found.digest == hashlib.sha256("\ufeff2 + 2 // \u00e7".encode()).digest()
    assert await sources.find("/jobs/b c.js", acme) == found


async def test_the_first_root_wins_and_the_next_one_shows_when_it_has_none(
    sources: Sources, folder: Path, scripts: Path, acme: Realm
) -> None:
    write(folder / "more", "x.js", "'below'")
    assert (await sources.find("ufs:/x.js", acme)).code == "'below'"
    above = write(scripts, "x.js", "'above'")
    assert (await sources.find("ufs:/x.js", acme)).code == "'above'"
    above.unlink()
    assert (await sources.find("ufs:/x.js", acme)).code == "'below'"


async def test_every_change_is_seen_at_once(sources: Sources, scripts: Path, acme: Realm) -> None:
    """Also when size and times of the file do not tell it from the one before."""
    file = write(scripts, "x.js")
    for number in range(100, 160):
        file.write_text(str(number))
        os.utime(file, (1_000, 1_000))
        assert (await sources.find("ufs:/x.js", acme)).code == str(number)
    file.unlink()
    await unknown(sources, "ufs:/x.js", acme)


async def test_what_is_no_plain_file_is_not_there(sources: Sources, folder: Path, scripts: Path, acme: Realm) -> None:
    write(scripts, "real/x.js")
    secret = write(folder, "secret.js")
    (scripts / "link.js").symlink_to(secret)
    (scripts / "inner.js").symlink_to(scripts / "real" / "x.js")
    (scripts / "linked").symlink_to(scripts / "real")
    (scripts / "out").symlink_to(folder)
    (scripts / "loop").symlink_to("loop")
    os.mkfifo(scripts / "pipe.js")
    for name in (
        "link.js",
        "inner.js",
        "linked/x.js",
        "out/secret.js",
        "loop",
        "loop/x.js",
        "pipe.js",
        "real",
        "real/x.js/y",
    ):
        await unknown(sources, f"ufs:/{name}", acme)


async def test_the_case_of_a_name_counts(sources: Sources, scripts: Path, acme: Realm) -> None:
    write(scripts, "Jobs/X.js")
    for name in ("jobs/X.js", "Jobs/x.js", "JOBS/X.JS"):
        await unknown(sources, f"ufs:/{name}", acme)
    assert (await sources.find("ufs:/Jobs/X.js", acme)).uri == "ufs:/Jobs/X.js"


async def test_a_root_that_does_not_mind_case_gives_exact_names_only(
    monkeypatch: pytest.MonkeyPatch, sources: Sources, scripts: Path, acme: Realm
) -> None:
    """The disk is asked for names in lower case, as one that folds them would understand it."""
    write(scripts, "x.js")
    real_lstat, real_open, real_stat = Path.lstat, os.open, os.stat
    monkeypatch.setattr(Path, "lstat", lambda path: real_lstat(path.with_name(path.name.lower())))

    def folded(name: Any) -> Any:
        return name.lower() if isinstance(name, str) and "/" not in name else name

    monkeypatch.setattr(os, "open", lambda name, *rest, **more: real_open(folded(name), *rest, **more))
    monkeypatch.setattr(os, "stat", lambda name, **more: real_stat(folded(name), **more))
    assert (await sources.find("ufs:/x.js", acme)).code == "1"
    await unknown(sources, "ufs:/X.js", acme)


async def test_odd_names_are_refused(sources: Sources, scripts: Path, acme: Realm) -> None:
    write(scripts, "a.js")
    for name in ("../sojourn.toml", "%2e%2e/sojourn.toml", "a.js\0", "a.js%00", "b\\..\\a.js", "NUL", "x" * 5_000):
        with pytest.raises(BadPath):
            await sources.find(f"ufs:/{name}", acme)


async def test_a_realm_finds_its_own_and_what_is_shared(
    sources: Sources, scripts: Path, acme: Realm, beta: Realm
) -> None:
    for name in ("acme/x.js", "beta/x.js", "shared/x.js", "lib/x.js", "x.js"):
        write(scripts, name, f"'{name}'")
    for name in ("acme/x.js", "shared/x.js", "lib/x.js", "x.js"):
        assert (await sources.find(f"ufs:/{name}", acme)).code == f"'{name}'"
    await unknown(sources, "ufs:/beta/x.js", acme)
    await unknown(sources, "ufs:/acme/x.js", beta)


async def test_a_folder_that_only_looks_like_a_realms_is_nobodys(
    sources: Sources, scripts: Path, acme: Realm, beta: Realm
) -> None:
    for name in ("Beta", "SHARED", "Shared"):
        write(scripts, f"{name}/x.js")
        for realm in (acme, beta):
            await unknown(sources, f"ufs:/{name}/x.js", realm)


async def test_the_folder_of_a_realm_that_is_gone_is_nobodys(
    engine: Engine, sources: Sources, folder: Path, scripts: Path, acme: Realm
) -> None:
    write(scripts, "beta/x.js")
    shutil.rmtree(folder / "realms" / "beta")
    await engine.deploy(load_project(folder, {}), engine.deployment)
    await unknown(sources, "ufs:/beta/x.js", acme)


async def test_what_cannot_be_read_leaves_the_last_good_version(
    sources: Sources, scripts: Path, acme: Realm, beta: Realm, caplog: pytest.LogCaptureFixture
) -> None:
    file = write(scripts, "acme/x.js", "'good'")
    good = await sources.find("ufs:/acme/x.js", acme)
    for bad in (b"\xff\xfe", b"//" + b"x" * (4 << 20)):
        file.write_bytes(bad)
        assert await sources.find("ufs:/acme/x.js", acme) == good
        assert list(sources.problems) == ["ufs:/acme/x.js"]
        await unknown(sources, "ufs:/acme/x.js", beta)
    assert "the last good version stays in use" in caplog.text
    file.write_text("'better'")
    assert (await sources.find("ufs:/acme/x.js", acme)).code == "'better'"
    assert not sources.problems


async def test_what_never_could_be_read_says_so(sources: Sources, scripts: Path, acme: Realm) -> None:
    (scripts / "x.js").write_bytes(b"\xff")
    with pytest.raises(FileUnreadable, match="no UTF-8 text"):
        await sources.find("ufs:/x.js", acme)


async def test_a_deleted_script_is_not_kept(sources: Sources, scripts: Path, acme: Realm) -> None:
    file = write(scripts, "x.js")
    await sources.find("ufs:/x.js", acme)
    file.write_bytes(b"\xff")
    await sources.find("ufs:/x.js", acme)
    file.unlink()
    await unknown(sources, "ufs:/x.js", acme)
    assert not sources.problems


async def test_start_up_scripts_in_the_order_of_their_paths(
    sources: Sources, folder: Path, scripts: Path, acme: Realm
) -> None:
    names = ["startup/b.startup.js", "startup/a.startup.js", "startup/B.startup.js", "startup/\u00e9.startup.js"]
    others = ["acme/startup/z.startup.js", "shared/startup/0.startup.js"]
    for name in (*names, *others, "beta/startup/x.startup.js", "startup/a.js", "startup/.h.startup.js", "a.startup.js"):
        write(scripts, name, name)
    write(folder / "more", "startup/aa.startup.js")
    found = [source.uri for source in await sources.startup(acme)]
    assert found == [
        "ufs:/acme/startup/z.startup.js",
        "ufs:/shared/startup/0.startup.js",
        "ufs:/startup/B.startup.js",
        "ufs:/startup/a.startup.js",
        "ufs:/startup/aa.startup.js",
        "ufs:/startup/b.startup.js",
        "ufs:/startup/%C3%A9.startup.js",
    ]
    assert {source.mime for source in await sources.startup(acme)} == {"application/x-startup"}


async def test_what_is_kept_of_scripts_is_bounded(
    monkeypatch: pytest.MonkeyPatch, sources: Sources, scripts: Path, acme: Realm
) -> None:
    """The oldest are forgotten: when they cannot be read any more, that is an error."""
    monkeypatch.setattr("sojourn.scripting.files.sources._MOST_CHARACTERS", 250)
    for name in ("a", "b", "c"):
        write(scripts, f"{name}.js", "x" * 100)
        await sources.find(f"ufs:/{name}.js", acme)
    for name in ("a", "b", "c"):
        (scripts / f"{name}.js").write_bytes(b"\xff")
    assert (await sources.find("ufs:/c.js", acme)).code == (await sources.find("ufs:/b.js", acme)).code == "x" * 100
    with pytest.raises(FileUnreadable):
        await sources.find("ufs:/a.js", acme)

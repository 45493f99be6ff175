"""What is sealed under the master key, and that its change can be broken off anywhere."""

from __future__ import annotations

import asyncio
import os
import shutil
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from sqlalchemy import select

from sojourn.bootstrap import Engine, install
from sojourn.config.project import load_project
from sojourn.core.clock import HOUR
from sojourn.core.crypto import new_master_key, read_master_key
from sojourn.core.errors import MasterKeyMissing
from sojourn.core.masterkey import MasterKeyFile, RekeyUnderWay
from sojourn.engine.database import schema
from sojourn.engine.keys.life import KeyLife
from sojourn.engine.keys.sealed import unlisted
from sojourn.engine.keys.seals import NoKeyFile, Seals
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.session import Device
from sojourn.model.user import account_identity
from tests.patience import HANGS
from tests.servers import nursery

pytestmark = pytest.mark.anyio

PASSWORD = "seven quiet otters at dawn"
CHILD = Path(__file__).with_name("rekey_child.py")


def opened(project: Path) -> AbstractAsyncContextManager[Engine]:
    hasher = PasswordHasher(Cost(memory=8, passes=1), workers=1)
    return Engine.open(load_project(project, {}), hasher=hasher, recover=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with an account, a secret and a provider's secret; made once."""
    folder = tmp_path_factory.mktemp("made") / "project"
    (folder / "realms" / "acme").mkdir(parents=True)
    (folder / "realms" / "acme" / "realm.json").write_text("{}")
    (folder / "sojourn.toml").write_text('[keys]\nmasterKeyFile = "../master.key"\n')

    async def make() -> None:
        await install(load_project(folder, {}).settings)
        async with opened(folder) as engine:
            await engine.rules.users.add("main", "anna", PASSWORD)
            (folder / "secret").write_bytes(await engine.rules.seals.secret("of the test"))

    asyncio.run(make())
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path / made.name


async def check(engine: Engine, project: Path) -> None:
    """All that is sealed opens, the engine signs, and what it makes now opens too."""
    rules, realm = engine.rules, engine.realm("acme")
    assert await rules.seals.secret("of the test") == (project / "secret").read_bytes()
    account = await rules.users.find("main", "anna")
    assert account is not None
    begun = await rules.sessions.begin(realm, account_identity(account, 0), Device())
    issued = await rules.tokens.issue(realm, begun.session, scope=None, expires_at=rules.clock.now() + HOUR)
    claims = await rules.tokens.verify(realm, issued.token)
    assert (await rules.sessions.open_token(realm, claims)).session.id == begun.session.id
    await rules.key_life.rotate(realm)
    await rules.seals.secret("made just now")


def files(project: Path) -> list[str]:
    return sorted(
        path.name.partition("-")[0]
        for path in project.parent.iterdir()
        if path.name.startswith("master") and path.suffix != ".signed"
    )


def test_every_sealed_column_is_in_the_list() -> None:
    assert unlisted() == []


async def test_a_change_of_the_key_seals_everything_anew_and_keeps_the_old_key(project: Path) -> None:
    before = (project.parent / "master.key").read_bytes()
    async with opened(project) as engine:
        done = await engine.rules.seals.rekey(actor="host")
        # The keys of acme and of operators, the secret of the accounts, and that of the test.
        assert done.sealed == 4
        await check(engine, project)
        events = await engine.rules.audit.recent(20)
        assert any(event.kind == "KEY_CHANGE" and "rekeyed" in event.detail for event in events)
    assert (project.parent / "master.key").read_bytes() != before
    assert done.old is not None
    assert done.old.read_bytes() == before
    for path in project.parent.glob("master.key*"):
        assert path.stat().st_mode & 0o077 == 0
    assert files(project) == ["master.key", "master.key.lock", "master.key.old"]
    async with opened(project) as engine:
        await check(engine, project)
    shutil.copy(done.old, project.parent / "master.key")
    with pytest.raises(MasterKeyMissing):
        async with opened(project):
            pass


async def test_the_old_key_can_be_removed(project: Path) -> None:
    async with opened(project) as engine:
        assert (await engine.rules.seals.rekey(keep_old=False)).old is None
    assert files(project) == ["master.key", "master.key.lock"]


async def test_an_engine_that_runs_goes_on_over_a_change_by_another_process(project: Path) -> None:
    async with opened(project) as serving, opened(project) as other:
        await check(serving, project)
        await other.rules.seals.rekey()
        await check(serving, project)
        await other.rules.seals.rekey()
        await serving.rules.seals.secret("sealed after two changes")
    async with opened(project) as engine:
        await check(engine, project)
        await engine.rules.seals.secret("sealed after two changes")


async def test_two_changes_at_once_are_one_after_the_other(project: Path) -> None:
    async with opened(project) as engine:
        with MasterKeyFile(project.parent / "master.key").changing(), pytest.raises(RekeyUnderWay):
            await engine.rules.seals.rekey()
        await engine.rules.seals.rekey()
        await check(engine, project)


async def test_what_does_not_open_stops_the_change(project: Path) -> None:
    async with opened(project) as engine:
        broken = schema.engine_secret.update().values(sealed=b"0" * 60)
        await engine.rules.db.write(lambda connection: connection.execute(broken).rowcount)
        with pytest.raises(MasterKeyMissing):
            await engine.rules.seals.rekey()
        in_force = select(schema.installation.c.master)
        name = await engine.rules.db.read(lambda connection: connection.execute(in_force).scalar_one())
    assert name == read_master_key(project.parent / "master.key").name


async def test_without_a_file_there_is_nothing_to_change(project: Path) -> None:
    async with opened(project) as engine:
        rules = engine.rules
        seals = Seals(rules.db, read_master_key(project.parent / "master.key"), rules.audit)
        with pytest.raises(NoKeyFile):
            await seals.rekey()


async def test_a_stray_next_key_does_no_harm(project: Path) -> None:
    stray = project.parent / "master.key.next"
    stray.write_bytes(new_master_key())
    stray.chmod(0o600)
    async with opened(project) as engine:
        await check(engine, project)
        await engine.rules.seals.rekey()
        await check(engine, project)
    assert not stray.exists()


def killed_at(project: Path, point: int) -> int:
    """Change the key and die at that point; how many points there were when it did not."""
    done = nursery.run([str(CHILD), str(project), str(point)], os.environ, timeout=HANGS)
    assert done.returncode in (0, -9), done.stderr
    return int(done.stdout) if done.returncode == 0 else 0


async def test_killed_at_any_point_the_engine_starts_with_the_old_or_the_new_key(made: Path, tmp_path: Path) -> None:
    first = tmp_path / "first"
    shutil.copytree(made.parent, first)
    points = killed_at(first / made.name, 0)
    assert points == 10
    outcomes = set()
    for number in range(1, points + 1):
        place = tmp_path / str(number)
        shutil.copytree(made.parent, place)
        project = place / made.name
        before = (place / "master.key").read_bytes()
        assert killed_at(project, number) == 0
        async with opened(project) as engine:
            await check(engine, project)
            outcomes.add((place / "master.key").read_bytes() == before)
            await engine.rules.seals.rekey()
            await check(engine, project)
    assert outcomes == {True, False}


async def test_the_keys_of_a_ring_outlive_a_change(project: Path) -> None:
    async with opened(project) as engine:
        life: KeyLife = engine.rules.key_life
        before = [key.kid for key in await life.list(engine.realm("acme"))]
        await engine.rules.seals.rekey()
        assert [key.kid for key in await life.list(engine.realm("acme"))] == before

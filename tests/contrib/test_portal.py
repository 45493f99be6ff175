"""The portal: synchronous code, other event loops, forked processes and the end of the process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.config.problems import ConfigError
from sojourn.contrib.portal import Portal, portal_of
from sojourn.core.errors import SessionUnknown
from tests.patience import HANGS

pytestmark = pytest.mark.anyio


async def where(engine: Engine) -> int:
    assert engine.realm("main").name == "main"
    return threading.get_ident()


async def refused(_engine: Engine) -> None:
    raise SessionUnknown


def test_every_call_runs_on_the_one_thread_of_the_engine(portal: Portal) -> None:
    first = portal.call(where)
    assert first == portal.call(where) != threading.get_ident()
    assert asyncio.run(portal.acall(where)) == first


def test_an_error_of_the_act_reaches_its_caller(portal: Portal) -> None:
    with pytest.raises(SessionUnknown):
        portal.call(refused)
    with pytest.raises(SessionUnknown):
        asyncio.run(portal.acall(refused))


async def test_the_first_call_of_another_event_loop_does_not_block_it(portal: Portal) -> None:
    ticks = 0

    async def ticking() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(ticking())
    await portal.acall(where)
    beside.cancel()
    assert ticks > 1


async def test_an_act_that_has_begun_is_finished_when_its_caller_is_cancelled(portal: Portal) -> None:
    begun, go, done = threading.Event(), threading.Event(), threading.Event()

    async def act(_engine: Engine) -> None:
        begun.set()
        while not go.is_set():
            await asyncio.sleep(0.001)
        done.set()

    waiting = asyncio.create_task(portal.acall(act))
    await asyncio.to_thread(begun.wait, HANGS)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    assert await asyncio.to_thread(done.wait, HANGS)


def test_many_threads_start_one_engine(folder: Path) -> None:
    portal = Portal(folder)
    found: set[int] = set()
    threads = [threading.Thread(target=lambda: found.add(portal.call(where))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    portal.close()
    assert len(found) == 1


def test_a_closed_portal_opens_again_at_the_next_call(portal: Portal) -> None:
    first = portal.call(_engine)
    portal.close()
    assert portal.call(_engine) is not first


async def _engine(engine: Engine) -> Engine:
    return engine


def test_an_engine_that_cannot_open_says_why_and_is_tried_again(folder: Path) -> None:
    portal = Portal(folder)
    realm = folder / "realms" / "main" / "realm.json"
    good = realm.read_text()
    realm.write_text("{")
    for _ in range(2):
        with pytest.raises(ConfigError):
            portal.call(where)
    realm.write_text(good)
    assert portal.call(where)
    portal.close()


def test_the_thread_of_the_engine_cannot_wait_for_itself(portal: Portal) -> None:
    async def nested(_engine: Engine) -> None:
        portal.call(where)

    with pytest.raises(RuntimeError, match="wait for itself"):
        portal.call(nested)


def test_a_folder_has_one_portal_in_a_process(folder: Path) -> None:
    assert portal_of(folder) is portal_of(str(folder))
    assert portal_of(folder) is not portal_of(folder.parent)


def test_a_forked_process_starts_an_engine_of_its_own_and_leaves_the_parents_alone(folder: Path) -> None:
    done = _run(
        folder,
        """
        import os, sys, threading
        from pathlib import Path
        from sojourn.contrib.portal import portal_of

        async def begin(engine):
            from sojourn.model.session import Device, Identity
            begun = await engine.rules.sessions.begin(engine.realm("main"), Identity(), Device(), fields={"n": "1"})
            return str(begun.handle)

        def read(handle):
            async def act(engine):
                session = await engine.session("main", handle)
                return await session.fields.increment("n")
            return portal_of(Path(sys.argv[1])).call(act)

        portal = portal_of(Path(sys.argv[1]))
        handle = portal.call(begin)
        children = []
        for _ in range(2):
            child = os.fork()
            if child == 0:
                assert threading.active_count() == 1
                read(handle)
                sys.exit(0)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
        print(read(handle))
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "4\n", "")


def test_a_fork_in_the_middle_of_a_write_leaves_the_child_no_lock_to_wait_for(folder: Path) -> None:
    done = _run(
        folder,
        """
        import os, sys, threading
        from pathlib import Path
        from sojourn.contrib.portal import portal_of

        writing, go = threading.Event(), threading.Event()

        def change(connection):
            connection.exec_driver_sql("UPDATE generation SET number = number + 1")
            writing.set()
            go.wait()

        async def write(engine):
            await engine.rules.db.write(change)

        portal = portal_of(Path(sys.argv[1]))
        beside = threading.Thread(target=portal.call, args=(write,))
        beside.start()
        writing.wait()
        threading.Timer(0.3, go.set).start()
        child = os.fork()
        go.set()
        if child == 0:
            portal.call(write)
            sys.exit(0)
        beside.join()
        print(os.waitpid(child, 0)[1])
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_what_a_child_commits_is_kept_when_its_parent_closes_the_database(folder: Path) -> None:
    done = _run(
        folder,
        """
        import os, sys
        from pathlib import Path
        from sojourn.contrib.portal import portal_of

        def change(connection):
            connection.exec_driver_sql("UPDATE generation SET number = number + 1000")

        async def write(engine):
            await engine.rules.db.write(change)

        async def read(engine):
            return (await engine.rules.db.generation()).number

        portal = portal_of(Path(sys.argv[1]))
        before = portal.call(read)
        (told, tell), (asked, ask) = os.pipe(), os.pipe()
        child = os.fork()
        if child == 0:
            portal.call(write)
            os.write(tell, b".")
            os.read(asked, 1)
            portal.call(write)
            os._exit(0)
        os.read(told, 1)
        portal.call(read)
        portal.close()
        os.write(ask, b".")
        assert os.waitpid(child, 0)[1] == 0
        assert 2000 <= portal.call(read) - before < 3000
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_end_of_the_process_closes_the_engine_in_silence(folder: Path) -> None:
    done = _run(
        folder,
        """
        import sys
        from contextlib import asynccontextmanager
        from sojourn.bootstrap import Engine
        from sojourn.contrib.portal import Portal

        @asynccontextmanager
        async def opening():
            async with Engine.open(sys.argv[1]) as engine:
                yield engine
            print("closed")

        async def nothing(engine):
            return None

        Portal(opening).call(nothing)
        """,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "closed\n", "")


def _run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(folder.parent)}
    script = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(code), str(folder)]
    return subprocess.run(script, env=environment, capture_output=True, text=True, check=False, timeout=HANGS)

"""The engine database under several processes, and under kill -9."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import insert

from sojourn.core.errors import StoreBusy
from sojourn.engine.database import EngineDatabase, schema
from tests.patience import HANGS

pytestmark = pytest.mark.anyio

URL = "sqlite:///var/engine.db"

#: Opens the database, then writes numbered groups and says each number after its write was acknowledged.
WRITER = """
import asyncio, pathlib, sys
from sqlalchemy import insert
from sojourn.engine.database import EngineDatabase, schema

async def main(project, prefix, most):
    db = await EngineDatabase.open("sqlite:///var/engine.db", pathlib.Path(project))
    print(db.installation, flush=True)
    for number in range(int(most)):
        row = insert(schema.user_group).values(directory="main", name=f"{prefix}{number}", created=1)
        await db.write(lambda connection: connection.execute(row).rowcount)
        print(number, flush=True)
    await db.close()

asyncio.run(main(*sys.argv[1:]))
"""


def start(project: Path, prefix: str, most: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(project), prefix, str(most)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def names(project: Path) -> set[str]:
    connection = sqlite3.connect(project / "var/engine.db")
    found = {name for (name,) in connection.execute("SELECT name FROM user_group").fetchall()}
    connection.close()
    return found


def test_two_processes_that_start_at_once_share_one_fresh_database(tmp_path: Path) -> None:
    writers = [start(tmp_path, prefix, 40) for prefix in "ab"]
    said = [writer.communicate(timeout=HANGS)[0].split() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0]
    assert said[0][0] == said[1][0]
    assert names(tmp_path) == {f"{prefix}{number}" for prefix in "ab" for number in range(40)}


@pytest.mark.parametrize("after", [3, 30])
async def test_what_was_acknowledged_survives_kill_9_and_the_next_process_writes_on(project: Path, after: int) -> None:
    writer = start(project, "k", 100_000)
    assert writer.stdout is not None
    writer.stdout.readline()
    acknowledged = [int(writer.stdout.readline()) for _ in range(after)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in writer.communicate(timeout=HANGS)[0].split()]
    db = await EngineDatabase.open(URL, project, patience=5)
    row = insert(schema.user_group).values(directory="main", name="mine", created=1)
    await db.write(lambda connection: connection.execute(row).rowcount)
    await db.close()
    found = names(project)
    assert {"mine", *(f"k{number}" for number in acknowledged)} <= found
    assert len(found) <= len(acknowledged) + 2


#: Writes while the file system takes no more bytes, then goes on.
FULL_DISK = """
import asyncio, pathlib, resource, signal, sys
from sqlalchemy import insert
from sojourn.core.errors import OutcomeUnknown
from sojourn.engine.database import EngineDatabase, schema

async def main(project):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    db = await EngineDatabase.open("sqlite:///var/engine.db", project)

    async def add(name):
        row = insert(schema.user_group).values(directory="main", name=name, created=1)
        await db.write(lambda connection: connection.execute(row).rowcount)

    await add("before")
    room = (project / "var/engine.db-wal").stat().st_size
    for more in (0, 5_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room + more, resource.RLIM_INFINITY))
        try:
            await add("refused" * 3_000)
        except OutcomeUnknown:
            print("refused")
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await add("after")
    await db.close()

asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


def test_a_full_disk_acknowledges_nothing_and_is_survived(project: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(project)]
    said = subprocess.run(command, check=True, timeout=HANGS, capture_output=True, text=True).stdout.split()
    assert said == ["refused", "refused"]
    assert names(project) == {"before", "after"}


async def test_a_writer_waits_for_the_gate_that_another_process_holds(project: Path) -> None:
    hold = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
    db = await EngineDatabase.open(URL, project, patience=0.05)
    command = [sys.executable, "-c", hold, str(project / "var/engine.db.writer")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: ASYNC220 - one line is read
    assert holder.stdout is not None
    holder.stdout.readline()
    row = insert(schema.user_group).values(directory="main", name="mine", created=1)
    with pytest.raises(StoreBusy):
        await db.write(lambda connection: connection.execute(row).rowcount)
    holder.communicate(timeout=HANGS)
    await db.write(lambda connection: connection.execute(row).rowcount)
    await db.close()
    assert names(project) == {"mine"}

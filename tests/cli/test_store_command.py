"""``sojourn store``: what the stores promise, and their schemas."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sojourn.data.migrate import HEAD as OF_DATA
from sojourn.engine.database.migrate import HEAD
from sojourn.stores.sqlite.connection import SCHEMA
from tests.cli.conftest import Line
from tests.servers.postgres import PostgresServer
from tests.servers.valkey import ValkeyServer


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Gives the project another session store."""
    return lambda url: monkeypatch.setenv("SOJOURN_STORES_SESSION", url)


def levels(report: dict[str, list[dict[str, str]]]) -> set[str]:
    return {finding["level"] for finding in report["findings"]}


def test_a_fresh_project_is_sound_and_its_session_store_is_not_made_by_the_look(line: Line) -> None:
    (line.project / "var/state.db").unlink(missing_ok=True)
    found = line.json("store", "check")
    assert found["ok"] is True
    assert found["stores"]["engine"]["facts"]["schema"] == HEAD
    assert levels(found["stores"]["session"]) == {"warning"}
    assert not (line.project / "var/state.db").exists()


def test_the_contract_and_the_findings_of_both_stores_are_shown(line: Line) -> None:
    assert line.json("store", "migrate") == {"session": f"{SCHEMA}", "engine": HEAD, "application": OF_DATA}
    found = line.json("store", "check")["stores"]
    assert found["session"]["name"] == "sqlite"
    assert "power failure" in found["session"]["durability"]
    assert {"journal mode", "synchronous", "file system", "permissions"} <= {
        finding["what"] for finding in found["session"]["findings"]
    }
    assert {"settings", "pages", "schema"} <= {finding["what"] for finding in found["engine"]["findings"]}
    text = line.run("store", "check").stdout
    assert "session store: sqlite, every acknowledged write survives" in text
    assert "engine store: sqlite" in text


def test_migrating_twice_changes_nothing(line: Line) -> None:
    first = line.json("store", "migrate")
    assert line.json("store", "migrate") == first


def test_an_engine_database_of_the_first_release_is_migrated(line: Line) -> None:
    from sqlalchemy import create_engine

    from tests.engine.test_database_migrations import fill_first_revision

    for path in (line.project / "var").glob("engine.db*"):
        path.unlink()
    fill_first_revision(line.project / "var/engine.db")
    assert line.json("store", "migrate")["engine"] == HEAD
    with create_engine(f"sqlite:///{line.project}/var/engine.db").connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM installation").scalar_one() == "here"


def test_an_open_file_mode_is_a_warning_and_damage_a_failure(line: Line) -> None:
    line.json("store", "migrate")
    state, engine = line.project / "var/state.db", line.project / "var/engine.db"
    state.chmod(0o644)
    found = line.json("store", "check")
    assert "warning" in levels(found["stores"]["session"])
    engine.write_bytes(b"no database" * 1_000)
    done = line.run("store", "check", "--json")
    assert done.exit_code == 1
    assert '"ok":false' in done.stdout
    assert "the engine database is damaged" in done.stdout


def test_a_newer_store_is_named_and_left_alone(line: Line) -> None:
    line.json("store", "migrate")
    tool = sqlite3.connect(line.project / "var/state.db")
    tool.execute("PRAGMA user_version = 99")
    tool.close()
    done = line.run("store", "check")
    assert done.exit_code == 1
    assert "newer version" in done.stdout
    assert line.run("store", "migrate").exit_code == 1


def test_each_database_of_the_application_is_looked_at(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_DATABASES_REPORTS_URL", "sqlite:///var/reports.db")
    fresh = line.json("store", "check")["stores"]
    assert levels(fresh["application"]) == levels(fresh["databases.reports"]) == {"ok"}
    assert not (line.project / "var/reports.db").exists()
    done = line.json("store", "migrate")
    assert done["application"] == done["databases.reports"] == OF_DATA
    tool = sqlite3.connect(line.project / "var/reports.db")
    tool.execute("CREATE TABLE parent (iKey INTEGER PRIMARY KEY)")
    tool.execute("CREATE TABLE child (iKey INTEGER PRIMARY KEY, p REFERENCES parent ON DELETE CASCADE)")
    tool.execute("CREATE TABLE keyless (a INTEGER)")
    tool.execute("CREATE TRIGGER acts AFTER INSERT ON parent BEGIN DELETE FROM keyless; END")
    tool.close()
    found = line.json("store", "check")["stores"]
    warned, sound = (
        {one["what"]: one["text"] for one in found[name]["findings"] if one["level"] == "warning"}
        for name in ("databases.reports", "application")
    )
    # The file system of the tests may be a warning of its own.
    assert warned.keys() - sound.keys() == {"triggers", "foreign keys", "keys"}
    assert warned["keys"].startswith("no key of one column in keyless")
    (line.project / "var/app.db").write_bytes(b"no database" * 1_000)
    assert "the database of the application is damaged" in line.run("store", "check").stdout


def test_memory_promises_nothing_and_says_so(line: Line, say: Callable[[str], None]) -> None:
    say("memory://")
    found = line.json("store", "check")["stores"]["session"]
    assert (found["name"], levels(found)) == ("memory", {"warning"})


@pytest.fixture
def server() -> Iterator[ValkeyServer]:
    made = ValkeyServer()
    yield made
    made.remove()


def test_valkey_is_probed_with_its_clock_and_its_absence_is_a_failure(
    line: Line, server: ValkeyServer, say: Callable[[str], None]
) -> None:
    server.start("always")
    say(server.url)
    text = line.run("store", "check").stdout
    assert "clock: the store's clock is" in text
    assert "appendfsync" in text
    server.stop()
    gone = line.run("store", "check")
    assert gone.exit_code == 1
    assert "failure opening" in gone.stdout


def test_postgresql_is_probed_and_a_password_is_never_shown(
    line: Line, postgres_server: PostgresServer, say: Callable[[str], None]
) -> None:
    url = postgres_server.new_database()
    say(url.replace("tests@", "tests:very-secret@"))
    assert set(line.json("store", "migrate")) == {"session", "engine", "application"}
    done = line.run("store", "check")
    assert "postgresql" in done.stdout
    assert "clock: the store's clock is" in done.stdout
    postgres_server.drop_database(url)
    gone = line.run("store", "check")
    assert gone.exit_code == 1
    for said in (done, gone):
        assert "very-secret" not in said.output


def test_a_folder_without_an_engine_database_is_a_failure_and_stays_as_it_is(line: Line, tmp_path: Path) -> None:
    for path in (line.project / "var").glob("engine.db*"):
        path.unlink()
    done = line.run("store", "check")
    assert done.exit_code == 1
    assert "sojourn init makes it" in done.stdout
    assert not (line.project / "var/engine.db").exists()

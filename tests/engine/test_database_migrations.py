"""The migrations against the schema, and what a start costs."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from sojourn.core.errors import StoreVersion
from sojourn.engine.database import EngineDatabase, schema
from sojourn.engine.database.migrate import HEAD, alembic_config

pytestmark = pytest.mark.anyio

URL = "sqlite:///var/engine.db"

Shape = set[tuple[str, str, str]]


def shape(file: Path) -> Shape:
    """Every table, index and trigger with its text, blanks and quotes aside."""
    connection = sqlite3.connect(file)
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE name <> 'alembic_version'").fetchall()
    connection.close()
    return {
        (kind, name, "".join(sql.replace('"', "").split())) for kind, name, sql in rows if sql and "alembic" not in sql
    }


async def test_all_migrations_make_the_very_schema(tmp_path: Path) -> None:
    db = await EngineDatabase.open(URL, tmp_path)
    await db.close()
    engine = create_engine(f"sqlite:///{tmp_path}/declared.db")
    schema.metadata.create_all(engine)
    engine.dispose()
    declared = shape(tmp_path / "declared.db")
    assert len(declared) > len(schema.metadata.tables) + 3 * len(schema.FACTS)
    assert shape(tmp_path / "var/engine.db") == declared


async def test_the_head_that_a_start_compares_with_is_the_newest_revision(tmp_path: Path) -> None:
    with create_engine("sqlite://").connect() as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == HEAD


async def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(project: Path) -> None:
    tool = sqlite3.connect(project / "var/engine.db", isolation_level=None)
    tool.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreVersion):
        await EngineDatabase.open(URL, project)
    assert tool.execute("SELECT version_num FROM alembic_version").fetchall() == [("9999",)]
    tool.close()


def test_a_start_on_a_migrated_file_imports_no_migration_tool(project: Path) -> None:
    program = f"""
import asyncio, pathlib, sys
import sojourn
assert "sqlalchemy" not in sys.modules
from sojourn.engine.database import EngineDatabase
db = asyncio.run(EngineDatabase.open({URL!r}, pathlib.Path(sys.argv[1])))
asyncio.run(db.close())
assert "sqlalchemy" in sys.modules and "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program, str(project)], check=True, timeout=30)

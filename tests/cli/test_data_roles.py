"""``sojourn data roles``, and what ``sojourn store`` says of a database of the application on PostgreSQL."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Line
from tests.servers.postgres import PostgresServer, name_of


def test_an_operator_makes_the_roles_with_what_is_printed(
    line: Line, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres_server.new_database()
    postgres_server.run("CREATE ROLE till LOGIN", f"ALTER DATABASE {name_of(url)} OWNER TO till")
    monkeypatch.setenv("SOJOURN_STORES_APPLICATION", url.replace("tests@", "till@"))
    refused = line.run("store", "migrate", "--json")
    assert refused.exit_code == 1
    assert "sojourn data roles" in refused.output
    printed = line.run("data", "roles").stdout
    assert "SCRAM-SHA-256$" in printed
    postgres_server.run(printed, database=name_of(url))
    assert line.json("data", "roles")["statements"][0].startswith("DO $$")
    assert line.json("data", "define", "CREATE TABLE one (key BIGINT PRIMARY KEY)") == {"statements": 1}
    assert line.json("data", "query", "SELECT count(*) AS n FROM one") == [{"n": 0}]
    # The server of the tests does not sync, which is a failure.
    found = json.loads(line.run("store", "check", "--json").stdout)["stores"]["application"]
    assert found["name"] == "postgresql"
    assert found["facts"]["reader"] == f"sojourn_{name_of(url)}_reader"
    levels = {finding["what"]: finding["level"] for finding in found["findings"]}
    assert [levels[what] for what in ("schema", "roles", "rights", "functions")] == ["ok"] * 4
    postgres_server.drop_database(url)


def test_a_database_in_a_file_has_no_roles(line: Line) -> None:
    assert "data.no_roles" in line.run("data", "roles", "--json").output
    assert "database.unknown" in line.run("data", "roles", "--database", "other", "--json").output

"""Files of routes: what is wrong is said with file and line, everything at once; and which route a request finds.

Each file in ``cases`` says in its first lines what is expected of it: ``#! 8: message``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sojourn.config.problems import ConfigError, Problem
from sojourn.config.project import Project, RealmFolder
from sojourn.config.settings import Settings
from sojourn.model.realm import RealmConfig
from sojourn.scripting.routes.loader import read_routes
from sojourn.scripting.routes.paths import BadPathParameter, parse_path
from sojourn.scripting.routes.table import RouteTable, check_routes, load_routes, realm_hosts

CASES = Path(__file__).parent / "cases"
REALMS = {
    "acme": RealmFolder("acme", RealmConfig(), {}, ()),
    "shop": RealmFolder("shop", RealmConfig(hosts=("shop.example",)), {}, ()),
    "club": RealmFolder("club", RealmConfig(hosts=("club.example",)), {}, ()),
}


def project_of(folder: Path) -> Project:
    return Project(Settings(project=folder), REALMS, ())


def written(folder: Path, **files: str) -> Project:
    for place in ("routes", "scripts"):
        (folder / place).mkdir(exist_ok=True)
    for name in ("one.js", "two.js"):
        (folder / "scripts" / name).write_text("1")
    for name, text in files.items():
        (folder / "routes" / f"{name}.yaml").write_text(text)
    return project_of(folder)


def table(folder: Path, **files: str) -> RouteTable:
    return load_routes(written(folder, **files))


def found(routes: RouteTable, path: str, method: str = "GET", host: str = "127.0.0.1:8420") -> str | int:
    """Which line answers; 405 and 404 for none."""
    there = routes.find(path, method, host)
    if there is None:
        return 404
    return f"{there.match.route.file.removeprefix('routes/')}:{there.match.route.line}" if there.match else 405


@pytest.mark.parametrize("path", sorted(CASES.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_broken_file_of_routes_is_told_line_by_line(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    project = written(tmp_path, case=text)
    problems: list[Problem] = []
    routes = read_routes(project, problems)
    expected = [f"routes/case.yaml:{line[3:]}" for line in text.splitlines() if line.startswith("#! ")]
    assert [str(problem) for problem in sorted(problems)] == expected
    broken = any(problem.severity == "error" for problem in problems)
    assert broken or routes
    if broken:
        with pytest.raises(ConfigError):
            load_routes(project)


ORDER = """\
realm: acme
routes:
  - path: /a/new
    script: ufs:/one.js
  - path: /a/:id
    method: [GET, POST]
    script: ufs:/one.js
  - path: /a/*rest
    script: ufs:/one.js
  - path: /
    script: ufs:/one.js
  - path: /late
    script: ufs:/one.js
  - path: /*all
    order: 100
    script: ufs:/one.js
  - path: /early/:x
    order: -1
    script: ufs:/one.js
"""


def test_the_first_route_that_fits_answers(tmp_path: Path) -> None:
    routes = table(tmp_path, b=ORDER)
    assert found(routes, "/a/new") == "b.yaml:3"
    assert found(routes, "/a/7") == "b.yaml:5"
    assert found(routes, "/a/new", "POST") == "b.yaml:5"
    assert found(routes, "/a/7", "DELETE") == 405
    assert found(routes, "/a/7", "HEAD") == "b.yaml:5"
    assert found(routes, "/a/7/8") == "b.yaml:8"
    assert found(routes, "/") == "b.yaml:10"
    assert found(routes, "/late") == "b.yaml:12"
    assert found(routes, "/early/1") == "b.yaml:17"
    assert found(routes, "/other/things") == "b.yaml:14"
    there = routes.find("/a/7", "DELETE", "x")
    assert there is not None
    assert {name: route.line for name, route in there.methods.items()} == {"GET": 5, "POST": 5}


def test_nothing_leads_to_paths_of_the_engine_or_climbs(tmp_path: Path) -> None:
    routes = table(tmp_path, b=ORDER)
    for path in (
        "/pipeline/x",
        "/realms/a/login",
        "/console",
        "/metrics",
        "/health/live",
        "/api/v1/x",
        "/api/openapi.json",
    ):
        assert found(routes, path) == 404
    for path in ("/a/../b", "/./a", "/..", "/x\0", "/" + "a" * 9_000, "no-slash", ""):
        assert found(routes, path) == 404
    assert found(routes, "/api/orders") == "b.yaml:14"
    assert found(routes, "/pipelines") == "b.yaml:14"


def test_files_come_in_their_order_and_then_by_name(tmp_path: Path) -> None:
    one = "realm: acme\norder: {}\nroutes:\n  - path: /{}\n    script: ufs:/one.js\n"
    routes = table(tmp_path, a=one.format(0, ":x"), b=one.format(-5, "y"), c=one.format(0, "z"))
    assert [route.file for route in routes.routes()] == ["routes/b.yaml", "routes/a.yaml", "routes/c.yaml"]
    assert found(routes, "/y") == "b.yaml:4"
    assert found(routes, "/z") == "a.yaml:4"
    assert [str(note) for note in routes.notes] == [
        "routes/c.yaml:4: warning: /z is never reached: /:x of routes/a.yaml:4 comes first"
    ]


def test_the_same_route_in_two_files_is_refused_where_it_is_said_the_second_time(tmp_path: Path) -> None:
    one = "realm: acme\nroutes:\n  - path: /a/:{}\n    method: [GET, PUT]\n    script: ufs:/one.js\n"
    project = written(tmp_path, a=one.format("x"), b=one.format("y"))
    assert [str(problem) for problem in check_routes(project)] == [
        "routes/b.yaml:3: GET/PUT /a/:y is declared twice, it is also in routes/a.yaml:3"
    ]


def test_realms_that_answer_on_their_own_hosts_may_share_a_path(tmp_path: Path) -> None:
    one = "realm: {}\nroutes:\n  - path: /\n    script: ufs:/one.js\n"
    routes = table(tmp_path, a=one.format("shop"), b=one.format("club"), c=one.format("acme"))
    assert found(routes, "/", host="shop.example") == "a.yaml:3"
    assert found(routes, "/", host="club.example:8420") == "b.yaml:3"
    assert found(routes, "/", host="elsewhere") == "c.yaml:3"
    only = table(tmp_path, c=one.format("shop").replace("path: /", "path: /shop"))
    assert found(only, "/shop", host="elsewhere") == "c.yaml:3"  # its realm refuses that host
    assert realm_hosts(project_of(tmp_path)) == {"shop": {"shop.example"}, "club": {"club.example"}}


@pytest.mark.parametrize(
    ("path", "asked", "values"),
    [
        ("/a/:x", "a/b c", {"x": "b c"}),
        ("/:n<number>", "12", {"n": 12}),
        ("/:n<number>", "-1.5e3", {"n": -1500}),
        ("/:n<number>", "0.25", {"n": 0.25}),
        ("/:on<boolean>/:off<boolean>", "1/false", {"on": True, "off": False}),
        ("/:d<date>", "2026-11-22", {"d": datetime(2026, 11, 22, tzinfo=UTC)}),
        ("/:d<date>", "2026-11-22T10:00:00.5+02:00", {"d": datetime(2026, 11, 22, 8, 0, 0, 500_000, UTC)}),
        ("/:s<string>", "7", {"s": "7"}),
        ("/f/*path", "f/parent/file.js", {"path": "parent/file.js"}),
        ("/f/*path", "f", {"path": ""}),
        ("/f/*", "f/x/y", {}),
    ],
)
def test_parameters_are_values_of_the_types_they_name(path: str, asked: str, values: dict[str, object]) -> None:
    parsed = parse_path(path)
    texts = parsed.match(asked.split("/"))
    assert texts is not None
    assert parsed.values(texts) == values
    assert {name: type(value) for name, value in parsed.values(texts).items()} == {
        name: type(value) for name, value in values.items()
    }


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("number", text) for text in ("", "x", "1e999", "NaN", "Infinity", "0x10", "1_0", "\u0661", "1" * 41)),
        *(("boolean", text) for text in ("TRUE", "yes", "2")),
        *(("date", text) for text in ("today", "2026-13-01", "9999-12-31T23:59:59-23:59", "22.11.2026")),
    ],
)
def test_a_part_of_the_path_that_is_no_such_value_is_a_bad_request(kind: str, text: str) -> None:
    with pytest.raises(BadPathParameter):
        parse_path(f"/:p<{kind}>").values({"p": text})


def test_an_empty_part_is_no_parameter() -> None:
    assert parse_path("/a/:x").match(["a", ""]) is None
    assert parse_path("/a/:x").match(["a"]) is None
    assert parse_path("/a/:x").match(["a", "b", ""]) is None

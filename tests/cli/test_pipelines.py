from __future__ import annotations

import json

from typer.testing import CliRunner

from sojourn.cli.app import app
from tests.cli.conftest import Line

TRIAL = """\
pipeline: trial
version: "2.3"
realm: acme
trigger: {type: rest, methods: [POST]}
flow:
  - {step: keep, component: session-management, params: {operation: PUT, fields: [a]}}
  - {step: replace, component: json-generator, params: {json: {shop: "{{ global.shop.name }}"}}}
  - {step: restore, component: session-management, params: {operation: GET, fields: [a]}}
"""


def test_a_test_run_prints_the_message_after_every_step(line: Line) -> None:
    (line.project / "pipelines" / "trial.yaml").write_text(TRIAL)
    done = line.json("pipelines", "test", "trial.yaml", "--input", '{"a":12345678901234567}')
    assert [(step["step"], step["message"]) for step in done["steps"]] == [
        ("keep", {"a": 12345678901234567}),
        ("replace", {"shop": "Acme Shop"}),
        ("restore", {"shop": "Acme Shop", "a": 12345678901234567}),
    ]
    assert done["error"] is None
    text = line.run("pipelines", "test", "trial.yaml", "--input", "-", stdin='{"a":1}').stdout
    assert text.splitlines()[-1] == '=> {"shop":"Acme Shop","a":1}'


def test_a_flow_that_fails_says_so_and_exits_with_one(line: Line) -> None:
    done = line.run("pipelines", "test", "cart-view.yaml", "--json")
    assert done.exit_code == 1
    assert "no authenticated session" in json.loads(done.stdout)["error"]


def test_input_that_is_no_json_is_refused(line: Line) -> None:
    done = line.run("pipelines", "test", "cart-view.yaml", "--input", "{", "--json")
    assert (done.exit_code, json.loads(done.stdout)["code"]) == (1, "request.invalid_json")


def test_the_pipelines_are_listed_with_their_paths(line: Line) -> None:
    (line.project / "pipelines" / "trial.yaml").write_text(TRIAL)
    found = {pipeline["name"]: pipeline for pipeline in line.json("pipelines", "list")}
    assert found["trial"]["path"] == "/pipeline/acme/v2/trial"
    assert found["trial"]["version"] == "2.3"
    assert found["cart-add"]["requiredScopes"] == ["cart.write"]


def test_a_component_is_shown_with_its_parameters() -> None:
    done = CliRunner().invoke(app, ["pipelines", "components", "session-management", "--json"])
    (shown,) = json.loads(done.stdout)
    assert {parameter["name"] for parameter in shown["parameters"]} >= {"operation", "sessionType", "fields", "scoped"}
    assert "sessionType" in CliRunner().invoke(app, ["pipelines", "components", "session-management"]).stdout

"""Short ways to write pipelines in tests."""

from __future__ import annotations

from typing import Any

from sojourn.config.documents import document_of
from sojourn.config.problems import Problem
from sojourn.config.project import RealmFolder
from sojourn.core.json import Json
from sojourn.model.realm import RealmConfig
from sojourn.pipelines import trial
from sojourn.pipelines.loader import compile_plan
from sojourn.pipelines.model import Plan

Step = dict[str, Any]

REALMS = {name: RealmFolder(name, RealmConfig(), {}, ()) for name in ("acme", "beta")}


def step(component: str, *, name: str = "", params: dict[str, Any] | None = None, **flows: Any) -> Step:
    return {"step": name or component, "component": component, "params": params or {}, **flows}


def session(operation: str, *fields: str, kind: str = "LOCAL", scoped: bool = False) -> Step:
    params = {"operation": operation, "sessionType": kind, "fields": list(fields), "scoped": scoped}
    return step("session-management", params=params)


def put(*fields: str, scoped: bool = False) -> Step:
    return session("PUT", *fields, scoped=scoped)


def get(*fields: str, scoped: bool = False) -> Step:
    return session("GET", *fields, scoped=scoped)


def delete(*fields: str, scoped: bool = False) -> Step:
    return session("DELETE", *fields, scoped=scoped)


def put_global(*fields: str) -> Step:
    return session("PUT", *fields, kind="GLOBAL")


def get_global(*fields: str) -> Step:
    return session("GET", *fields, kind="GLOBAL")


def delete_global(*fields: str) -> Step:
    return session("DELETE", *fields, kind="GLOBAL")


def make(value: Json) -> Step:
    return step("json-generator", params={"json": value})


def block(process: list[Step], exception: list[Step] | None = None) -> Step:
    if exception:
        return step("block-execution", onProcess=process, onException=exception)
    return step("block-execution", onProcess=process)


def throw(message: str = "Error", code: int = 500) -> Step:
    return step("throw-error", params={"errorMessage": message, "errorCode": code})


def generate(**params: Any) -> Step:
    return step("jwt", params={"operation": "GENERATE", "failOnError": True, **params})


def problems_of(
    *steps: Step, name: str = "p", version: str = "1.0", realm: str = "acme", **trigger: Any
) -> tuple[Plan | None, list[Problem]]:
    data = {
        "pipeline": name,
        "version": version,
        "realm": realm,
        "trigger": {"type": "rest", **trigger},
        "flow": list(steps),
    }
    problems: list[Problem] = []
    return compile_plan(document_of(f"pipelines/{name}.yaml", data), REALMS, problems), problems


def plan(*steps: Step, name: str = "p", version: str = "1.0", realm: str = "acme", **trigger: Any) -> Plan:
    found, problems = problems_of(*steps, name=name, version=version, realm=realm, **trigger)
    assert found is not None, problems
    return found


async def run(message: Json, *steps: Step) -> trial.Trace:
    """A test run of a pipeline of ``steps``."""
    return await trial.test_run(plan(*steps), message)


async def final(message: Json, *steps: Step) -> Json:
    """The last message of a test run that comes to its end."""
    done = await run(message, *steps)
    assert done.error is None
    return done.message

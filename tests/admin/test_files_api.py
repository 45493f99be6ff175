"""Files of ``vfs:`` in the admin API."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sojourn.bootstrap import Engine
from sojourn.core import json
from sojourn.engine.files.deploying import Write
from sojourn.engine.security.actors import HOST
from sojourn.model.file_path import parse_path
from tests.admin.conftest import Hire
from tests.http.wire_client import Client, Pair

pytestmark = pytest.mark.anyio


async def write(admin: Client, who: Pair, path: str, text: str = "1", **more: Any) -> dict[str, Any]:
    answer = await admin.post("/api/v1/files", who, value={"path": path, "text": text, **more})
    assert answer.status == 200, answer.body
    return answer.json()  # type: ignore[no-any-return]


async def test_the_life_of_a_file(admin: Client, hire: Hire) -> None:
    who = await hire("engine.deploy:acme")
    made = await write(admin, who, "/acme/jobs/night run.js", "one \0 \U0001f600")
    assert (made["uri"], made["version"]) == ("vfs:/acme/jobs/night%20run.js", 1)
    changed = await write(admin, who, "/acme/jobs/night run.js", "two", type="application/x-startup", expected=1)
    assert (changed["key"], changed["version"], changed["type"]) == (made["key"], 2, "application/x-startup")
    path = f"/api/v1/files/{made['key']}"
    assert (await admin.get(f"{path}/content", who)).json() == {"version": 2, "text": "two", "base64": None}
    assert (await admin.get(f"{path}/content?version=1", who)).json()["text"] == "one \0 \U0001f600"
    moved = await admin.post(f"{path}/move", who, value={"path": "/acme/day.js"})
    assert moved.json()["path"] == "/acme/day.js"
    assert (await admin.request("DELETE", path, who)).status == 200
    shown = (await admin.get(path, who)).json()
    assert (shown["deleted"], [one["act"] for one in shown["versions"]]) == (
        True,
        ["deleted", "renamed", "written", "created"],
    )
    assert shown["versions"][0]["actor"].startswith("op-")
    deleted = (await admin.get("/api/v1/files?realm=acme&deleted=true", who)).json()
    assert [one["key"] for one in deleted["files"]] == [made["key"]]
    restored = await admin.post(f"{path}/restore", who, value={"version": 1})
    assert (restored.json()["path"], restored.json()["version"]) == ("/acme/day.js", 5)


async def test_pages_and_folders(admin: Client, hire: Hire) -> None:
    who = await hire("engine.deploy:*")
    for number in range(3):
        await write(admin, who, f"/shared/lib/{number}.js")
    found, after = list[str](), 0
    while True:
        page = (await admin.get(f"/api/v1/files?realm=shared&limit=2&after={after}", who)).json()
        found += [one["path"] for one in page["files"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert found == ["/shared", "/shared/lib", "/shared/lib/0.js", "/shared/lib/1.js", "/shared/lib/2.js"]
    folder = (await admin.get("/api/v1/files?realm=shared", who)).json()["files"][1]["key"]
    assert (await admin.request("DELETE", f"/api/v1/files/{folder}", who)).json()["code"] == "file.folder_not_empty"
    assert (await admin.request("DELETE", f"/api/v1/files/{folder}?recursive=true", who)).status == 200


async def test_an_operator_sees_and_writes_the_files_of_his_realms(engine: Engine, admin: Client, hire: Hire) -> None:
    keys = {}
    for owner in ("acme", "web", "shared"):
        wanted = Write(parse_path(f"/{owner}/x.js", "vfs"), b"1")
        keys[owner] = (await engine.rules.files.deploying.write([wanted], HOST))[0].key
    for grants, may in (
        (("engine.deploy:acme",), {"acme"}),
        (("engine.deploy:acme@acme",), {"acme"}),
        (("engine.deploy:*@web",), {"web"}),
        (("engine.deploy:*",), {"acme", "web", "shared"}),
        (("engine.deploy:web@acme", "engine.deploy:acme@acme"), {"acme"}),
        (("engine.deploy:shared", "engine.deploy:web"), {"web"}),
    ):
        who = await hire(*grants)
        for owner, key in keys.items():
            listed = await admin.get(f"/api/v1/files?realm={owner}", who)
            read = await admin.get(f"/api/v1/files/{key}/content", who)
            written = await admin.post("/api/v1/files", who, value={"path": f"/{owner}/y.js", "text": "1"})
            moved = await admin.post(f"/api/v1/files/{key}/move", who, value={"path": f"/{owner}/x.js"})
            statuses = [listed.status, read.status, written.status, moved.status]
            refused = 403 if owner == "shared" else 404
            assert statuses == ([200] * 4 if owner in may else [refused, 404, 403, 404]), (grants, owner)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"path": "/acme/../web/x.js", "text": ""}, "file.bad_path"),
        ({"path": "/acme/%2e%2e/x.js", "text": ""}, "file.bad_path"),
        ({"path": "/nobody/x.js", "text": ""}, "file.bad_path"),
        ({"path": "/acme/nul.js", "text": ""}, "file.bad_path"),
        ({"path": "/acme/x.js", "text": "", "type": "x"}, "file.bad_path"),
        ({"path": "/acme/x.js"}, "request.malformed"),
        ({"path": "/acme/x.js", "text": "", "base64": ""}, "request.malformed"),
        ({"path": "/acme/x.js", "base64": "%"}, "request.malformed"),
        ({"path": "/acme/x.js", "text": "", "expected": 4}, "file.changed"),
        ({"path": "/acme/X.JS", "text": ""}, "file.taken"),
        ({"path": "/acme/x.js/y.js", "text": ""}, "file.taken"),
    ],
)
async def test_what_is_refused(admin: Client, hire: Hire, body: dict[str, Any], code: str) -> None:
    who = await hire("engine.deploy:*")
    await write(admin, who, "/acme/x.js")
    answer = await admin.post("/api/v1/files", who, value=body)
    assert (answer.status // 100, answer.json()["code"]) == (4, code)


async def test_a_large_file_and_one_that_is_too_large(admin: Client, hire: Hire) -> None:
    who = await hire("engine.deploy:acme")
    content = b"\xff\0" * (2 << 20)
    body = {"path": "/acme/x.bin", "base64": base64.b64encode(content).decode()}
    made = (await admin.post("/api/v1/files", who, value=body)).json()
    assert made["size"] == len(content)
    read = (await admin.get(f"/api/v1/files/{made['key']}/content", who)).json()
    assert (read["text"], base64.b64decode(read["base64"])) == (None, content)
    body["base64"] = base64.b64encode(content + b"x").decode()
    assert (await admin.post("/api/v1/files", who, value=body)).json()["code"] == "file.too_large"


async def test_the_audit_log_names_operator_and_change(engine: Engine, admin: Client, hire: Hire) -> None:
    await write(admin, await hire("engine.deploy:acme"), "/acme/x.js", "let a = 1")
    event = next(one for one in await engine.rules.audit.recent() if one.kind == "DEPLOY")
    detail = json.decode(event.detail)
    assert isinstance(detail, dict)
    assert (event.realm, detail["file"], detail["diff"]) == (
        *(engine.realm("acme").id, "/acme/x.js"),
        ["@@ -0,0 +1 @@", "+let a = 1"],
    )
    assert event.actor.startswith("op-")
    assert event.session
    assert event.address


async def test_health_names_a_script_whose_last_good_version_is_in_use(engine: Engine, admin: Client) -> None:
    file = engine.project.settings.project / "scripts" / "x.js"
    file.parent.mkdir(exist_ok=True)
    realm = engine.realm("acme")
    for text in ("1", "let = ;"):
        file.write_text(text)
        assert (await engine.scripts.sources.find("ufs:/x.js", realm)).code == "1"
    ready = await admin.get("/health/ready")
    assert ready.status == 200
    (said,) = ready.json()["project"]
    assert said.startswith("ufs:/x.js: SyntaxError")
    file.write_text("2")
    await engine.scripts.sources.find("ufs:/x.js", realm)
    assert (await admin.get("/health/ready")).json()["project"] == []

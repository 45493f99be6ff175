"""A new password by a mailed code over HTTP: one answer for every name, and nobody waits for a mail."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.outbound.mail import Mail
from tests.http.conftest import PASSWORD
from tests.http.wire_client import Client, cookie_of
from tests.patience import HANGS

pytestmark = pytest.mark.anyio

NEW = "eight loud otters at dusk"


@pytest.fixture
def pipelines() -> None:
    """None are needed here."""


@pytest.fixture
async def dora(engine: Engine) -> None:
    await engine.rules.users.add("main", "dora", PASSWORD, "dora@example.org")


def code_in(folder: Path) -> str:
    (mail,) = (folder / "var" / "outbox").iterdir()
    found = re.search(r"^    (\S{11})\r?$", mail.read_text(), re.MULTILINE)
    assert found is not None
    mail.unlink()
    return found[1]


async def test_a_code_from_the_outbox_gives_a_new_password(
    client: Client, engine: Engine, folder: Path, dora: None
) -> None:
    login = await client.post("/realms/web/login", value={"userName": "dora", "password": PASSWORD})
    asked = await client.post("/realms/web/password-reset", value={"userName": "dora"})
    assert asked.status == 202
    await engine.rules.mailer.idle()
    code = code_in(folder)
    body = {"userName": "dora", "code": code, "newPassword": NEW}
    weak = await client.post("/realms/web/password-reset/confirm", value=body | {"newPassword": "short"})
    assert (weak.status, weak.json()["code"]) == (400, "user.weak_password")
    done = await client.post("/realms/web/password-reset/confirm", value=body)
    assert (done.status, done.cookies) == (200, [])
    ended = await client.get("/realms/web/session", cookie_of(login))
    assert (ended.status, ended.json()["reason"]) == (401, "password-changed")
    again = await client.post("/realms/web/password-reset/confirm", value=body)
    assert (again.status, again.json()["code"]) == (403, "password.code_refused")
    assert (await client.post("/realms/web/login", value={"userName": "dora", "password": NEW})).status == 200


async def test_the_answers_are_the_same_for_every_name(client: Client, dora: None) -> None:
    seen = []
    for name in ("dora", "ana", "nobody", "", "x" * 5_000):
        asked = await client.post("/realms/web/password-reset", value={"userName": name})
        refused = await client.post(
            "/realms/web/password-reset/confirm", value={"userName": name, "code": "A" * 11, "newPassword": NEW}
        )
        seen.append((asked.status, asked.json(), refused.status, refused.json() | {"executionKey": ""}))
    assert all(one == seen[0] for one in seen)
    assert (seen[0][0], seen[0][2]) == (202, 403)


async def test_nobody_waits_for_a_mail(client: Client, engine: Engine, dora: None) -> None:
    gate = asyncio.Event()

    class Slow:
        async def send(self, _mail: Mail) -> None:
            await gate.wait()

    engine.rules.mailer._port = Slow()
    async with asyncio.timeout(HANGS):
        assert (await client.post("/realms/web/password-reset", value={"userName": "dora"})).status == 202
    gate.set()
    await engine.rules.mailer.idle()


@pytest.mark.parametrize("path", ["password-reset", "password-reset/confirm"])
async def test_only_our_own_pages_ask_and_only_in_json(client: Client, path: str) -> None:
    body = {"userName": "ana", "code": "x", "newPassword": NEW}
    foreign = await client.post(f"/realms/web/{path}", ("sec-fetch-site", "cross-site"), value=body)
    assert (foreign.status, foreign.json()["code"]) == (403, "request.cross_site")
    text = await client.request(
        "POST", f"/realms/web/{path}", ("sec-fetch-site", "same-origin"), ("content-type", "text/plain"), body="{}"
    )
    assert text.status == 415
    wrong: tuple[object, ...] = ({}, [], {"userName": 7, "code": 7, "newPassword": 7})
    for bad in wrong:
        assert (await client.post(f"/realms/web/{path}", value=bad)).status == 400
    assert (await client.get(f"/realms/web/{path}")).status == 405

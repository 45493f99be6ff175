"""The statements of the pipeline reference (§11) that can be seen on the wire, by their numbers."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from sojourn.bootstrap import Engine
from sojourn.config.problems import ConfigError
from sojourn.config.project import load_project
from sojourn.core.clock import SECOND, ManualClock
from sojourn.pipelines.deployment import load_pipelines
from tests.http.conftest import bearer
from tests.http.wire_client import Client, Pair
from tests.pipelines.gate import locked

pytestmark = pytest.mark.anyio

PUT, GET, DELETE = "/pipeline/acme/v1/put", "/pipeline/acme/v7/get", "/pipeline/acme/v1/delete"
CLAIMS = "/pipeline/acme/v1/claims"


def claims_of(token: str) -> dict[str, object]:
    part = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


async def partner(client: Client, key: Pair, sub: str = "1") -> Pair:
    answer = await client.post("/pipeline/acme/v1/partner", key, value={"sub": sub})
    assert answer.status == 200, answer
    return ("authorization", answer.header("authorization"))


async def test_22_a_value_is_seen_by_its_own_token_only(client: Client) -> None:
    ana, ben = await bearer(client, "ana"), await bearer(client, "ben")
    assert (await client.post(PUT, ana, value={"k": 1})).status == 200
    assert (await client.get(GET, ben)).json() == {}
    assert (await client.get(GET, ana)).json() == {"k": 1}


async def test_23_another_pipeline_of_another_major_sees_the_value(client: Client, token: Pair) -> None:
    exact = b'{"k":{"deep":[1,2.50]}}'
    assert (await client.request("POST", PUT, token, ("content-type", "application/json"), body=exact)).status == 200
    answer = await client.get(GET, token)
    assert answer.body == exact


@pytest.mark.parametrize("trigger", ["{type: rest, methods: [GET]}", "{type: event, eventName: e}"])
async def test_24_a_global_step_without_a_token_is_refused_at_deploy(folder: Path, trigger: str) -> None:
    (folder / "pipelines" / "bad.yaml").write_text(
        f'pipeline: bad\nversion: "1.0"\nrealm: acme\ntrigger: {trigger}\nflow:\n'
        "  - step: remember-me\n    component: session-management\n"
        "    params: {operation: GET, sessionType: GLOBAL, fields: [k]}\n"
    )
    with pytest.raises(ConfigError, match="remember-me"):
        load_pipelines(load_project(folder, {}))


async def test_26_an_expired_token_never_reaches_the_flow(client: Client, key: Pair, clock: ManualClock) -> None:
    own = await partner(client, key)
    clock.advance(60 * SECOND)
    for path in (CLAIMS, GET):
        answer = await client.get(path, own)
        assert (answer.status, answer.json()) == (401, {"exp": "token expired"})


async def test_27_an_altered_token_is_refused(client: Client, token: Pair) -> None:
    head, body, signature = token[1].removeprefix("Bearer ").split(".")
    other = "A" if signature[10] != "A" else "B"
    altered = f"Bearer {head}.{body}.{signature[:10]}{other}{signature[11:]}"
    answer = await client.get(CLAIMS, ("authorization", altered))
    assert (answer.status, answer.json()) == (401, {"message": "Invalid signature"})
    for algorithm in ("none", "HS256", "RS256"):
        forged = (
            base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "typ": "at+jwt"}).encode()).rstrip(b"=").decode()
        )
        for third in ("", signature):
            answer = await client.get(CLAIMS, ("authorization", f"Bearer {forged}.{body}.{third}"))
            assert answer.status == 401


async def test_28_a_key_without_a_token_and_a_token_without_a_key(client: Client, key: Pair, token: Pair) -> None:
    without_token = await client.get("/pipeline/acme/v1/keyed", key)
    assert (without_token.status, without_token.json()) == (401, {"message": "Unauthorized"})
    without_key = await client.get("/pipeline/acme/v1/keyed", token)
    assert (without_key.status, without_key.json()) == (401, {"message": "No API key found in request"})


async def test_29_a_deleted_value_is_gone_for_others(client: Client, token: Pair) -> None:
    await client.post(PUT, token, value={"k": 1})
    await client.post(DELETE, token)
    assert (await client.get(GET, token)).json() == {}


async def test_30_a_token_of_another_realm_is_refused(client: Client, engine: Engine) -> None:
    foreign = await bearer(client, "ana", "web")
    answer = await client.get(CLAIMS, foreign)
    assert (answer.status, answer.json()) == (401, {"message": "No credentials found for given 'iss'"})


async def test_31_local_and_global_values_do_not_mix(client: Client, token: Pair) -> None:
    answer = await client.post("/pipeline/acme/v1/both", token)
    assert answer.json() == {"local": "local", "k": "global"}


async def test_32_generate_puts_the_token_into_a_response_header(client: Client, key: Pair) -> None:
    answer = await client.post("/pipeline/acme/v1/partner", key, value={"sub": "1"})
    assert (answer.status, answer.json()) == (200, {"status": "logged"})
    claims = claims_of(answer.header("authorization").removeprefix("Bearer "))
    assert claims["sub"] == "1"
    assert claims["scopes"] == ["A", "B"]
    assert claims["realm"] == "acme"
    assert claims["consumer_name"]
    assert answer.header("cache-control") == "no-store"


async def test_33_the_life_of_a_token_is_what_the_step_says(client: Client, key: Pair) -> None:
    token = (await partner(client, key))[1].removeprefix("Bearer ")
    claims = claims_of(token)
    assert isinstance(claims["exp"], int)
    assert isinstance(claims["iat"], int)
    assert claims["exp"] - claims["iat"] == 60


async def test_33_a_life_over_the_limit_is_a_configuration_error(folder: Path) -> None:
    path = folder / "pipelines" / "partner.yaml"
    path.write_text(path.read_text().replace("expiresIn: 60000", "expiresIn: 31536000001"))
    with pytest.raises(ConfigError, match=r"partner\.yaml:"):
        load_pipelines(load_project(folder, {}))


async def test_35_decode_gives_the_claims(client: Client, token: Pair) -> None:
    answer = await client.get(CLAIMS, token)
    assert answer.json()["body"]["dataToken"] == claims_of(token[1].removeprefix("Bearer "))


async def test_36_a_body_over_the_limit_is_413_before_any_step(client: Client) -> None:
    answer = await client.request(
        "POST", "/pipeline/acme/v1/echo", ("content-type", "application/json"), body=b"1" * 1001
    )
    assert (answer.status, answer.json()["message"]) == (413, "Request size limit exceeded")


async def test_37_a_flow_over_its_time_is_500_with_an_empty_body(client: Client, token: Pair, folder: Path) -> None:
    with locked(folder):
        answer = await client.post("/pipeline/acme/v1/slow", token)
    assert (answer.status, answer.body) == (500, b"")
    assert answer.header("x-content-type-options") == "nosniff"


async def test_39_a_failed_assert_names_its_status(client: Client) -> None:
    answer = await client.get("/pipeline/acme/v1/refuse")
    assert answer.status == 403
    body = answer.json()
    assert set(body) == {"timestamp", "error", "code"}
    assert (body["error"], body["code"]) == ("not here", 403)


async def test_40_path_and_query_parameters_are_one_object_of_texts(client: Client) -> None:
    answer = await client.get("/pipeline/acme/v1/orders/7?x=1")
    assert answer.json()["queryAndPath"] == {"id": "7", "x": "1"}


@pytest.mark.parametrize("route", ["/:id/orders", "/orders/:other"])
async def test_40_a_route_that_starts_with_a_parameter_or_is_taken_is_refused_at_deploy(
    folder: Path, route: str
) -> None:
    path = folder / "pipelines" / "refuse.yaml"
    path.write_text(path.read_text().replace("methods: [GET]", f'methods: [GET], routes: ["{route}"]'))
    with pytest.raises(ConfigError):
        load_pipelines(load_project(folder, {}))

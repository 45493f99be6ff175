"""What an integrator's clients see, over real sockets."""

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.conftest import PASSWORD, Client, Shop, login
from tests.e2e.process import EngineProcess
from tests.patience import HANGS


def test_two_pipelines_share_the_global_session_of_a_token(ana: Client) -> None:
    assert ana.add("A1", 2).json() == {"stored": True}
    assert ana.view().json()["cart"] == {"sku": "A1", "qty": 2}


def test_two_accounts_have_carts_of_their_own(ana: Client, ben: Client) -> None:
    ana.add("A1")
    ben.add("B2")
    assert ana.view().json()["cart"]["sku"] == "A1"
    assert ben.view().json()["cart"]["sku"] == "B2"


def test_two_logins_of_one_account_are_two_sessions(shop: Shop, engine: EngineProcess, ana: Client) -> None:
    ana.add("A1")
    assert login(shop, engine, "ana").view().json()["cart"] == {}


def test_numbers_come_back_digit_for_digit(shop: Shop, engine: EngineProcess, ana: Client) -> None:
    body = b'{"sku":12345678901234567,"qty":10.10}'
    headers = shop.headers(ana.token) | {"content-type": "application/json"}
    assert engine_post(engine, "/pipeline/acme/v1/cart-add", body, headers) == 200
    assert b'{"sku":12345678901234567,"qty":10.10}' in ana.view().body


def engine_post(engine: EngineProcess, path: str, body: bytes, headers: dict[str, str]) -> int:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=HANGS)
    connection.request("POST", path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    "body", [{"userName": "ana", "password": "wrong"}, {"userName": "nobody", "password": "x"}, {}]
)
def test_every_bad_credential_gets_the_same_answer(shop: Shop, engine: EngineProcess, body: object) -> None:
    answer = engine.post("/pipeline/acme/v1/login", body, shop.headers())
    assert answer.status == 401
    told = answer.json()
    assert (told["error"], told["code"]) == ("Invalid credentials", 401)
    assert set(told) == {"timestamp", "error", "code"}
    assert "authorization" not in answer.headers


def test_the_gateway_answers_as_the_reference_says(shop: Shop, engine: EngineProcess, ana: Client) -> None:
    view = "/pipeline/acme/v1/cart-view"
    no_key = engine.get(view, {"authorization": f"Bearer {ana.token}"})
    assert (no_key.status, no_key.json()) == (401, {"message": "No API key found in request"})
    wrong_key = engine.get(view, shop.headers(ana.token) | {"apikey": "sjk_wrong"})
    assert (wrong_key.status, wrong_key.json()) == (401, {"message": "Invalid authentication credentials"})
    no_token = engine.get(view, shop.headers())
    assert (no_token.status, no_token.json()) == (401, {"message": "Unauthorized"})
    altered = engine.get(view, shop.headers(tamper(ana.token)))
    assert (altered.status, altered.json()) == (401, {"message": "Invalid signature"})
    nowhere = engine.get("/pipeline/acme/v1/nowhere", shop.headers(ana.token))
    assert (nowhere.status, nowhere.json()) == (404, {"message": "no Route matched with those values"})


def tamper(token: str) -> str:
    """The token with another subject and the old signature."""
    header, claims, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged = base64.urlsafe_b64encode(json.dumps(said | {"sub": "ben"}).encode()).rstrip(b"=").decode()
    return f"{header}.{forged}.{signature}"


def test_a_password_is_in_no_token_no_answer_and_no_log(shop: Shop, engine: EngineProcess, ana: Client) -> None:
    claims = base64.urlsafe_b64decode(ana.token.split(".")[1] + "==").decode()
    assert PASSWORD not in claims
    seen = engine.log.read_text()
    for secret in (PASSWORD, ana.token, shop.key):
        assert secret not in seen


def test_after_logout_the_token_is_dead_while_sixteen_writers_keep_writing(ana: Client) -> None:
    ended = threading.Event()
    late_successes: list[int] = []

    def write(number: int) -> int:
        tries = 0
        while True:
            after_the_end = ended.is_set()
            status = ana.add(f"W{number}").status
            tries += 1
            if after_the_end:
                late_successes.extend([number] if status == 200 else [])
                return tries

    with ThreadPoolExecutor(16) as pool:
        writers = [pool.submit(write, number) for number in range(16)]
        while not all(ana.view().status == 200 for _ in range(3)):
            pass
        assert ana.logout().json() == {"status": "revoked"}
        ended.set()
        assert all(writer.result() >= 1 for writer in writers)
    assert late_successes == []
    dead = ana.view()
    assert dead.status == 401
    assert (dead.json()["message"], dead.json()["reason"]) == ("Session ended", "logout")


def test_sixty_four_parallel_puts_of_different_fields_are_all_there(shop: Shop) -> None:
    names = [f"f{number}" for number in range(64)]
    for name in names:
        (shop.folder / "pipelines" / f"put-{name}.yaml").write_text(put_pipeline(name))
    read_all = ", ".join(names)
    (shop.folder / "pipelines" / "all.yaml").write_text(get_pipeline(read_all))
    from tests.e2e.process import running

    with running(shop.engine()) as engine:
        client = login(shop, engine)
        with ThreadPoolExecutor(64) as pool:
            done = list(pool.map(lambda name: client.call("POST", f"put-{name}", {"value": name}).status, names))
        assert done == [200] * 64
        found = client.call("GET", "all").json()
    assert {name: found.get(name) for name in names} == {name: name for name in names}


HEAD = """\
pipeline: {name}
version: "1.0"
realm: acme
trigger: {{type: rest, methods: [{method}], apiKey: true, tokenJwt: true}}
flow:
"""


def put_pipeline(field: str) -> str:
    return HEAD.format(name=f"put-{field}", method="POST") + (
        f"""  - {{step: shape, component: json-generator, params: {{json: {{{field}: "{{{{ message.body.value }}}}"}}}}}}\n"""
        f"  - {{step: put, component: session-management, params: {{operation: PUT, sessionType: GLOBAL, fields: [{field}]}}}}\n"
    )


def get_pipeline(fields: str) -> str:
    return HEAD.format(name="all", method="GET") + (
        f'  - {{step: get, component: session-management, params: {{operation: GET, sessionType: GLOBAL, fields: "{fields}"}}}}\n'
    )


def test_an_operator_sees_and_ends_a_session_and_the_user_is_told_why(shop: Shop, ana: Client) -> None:
    ana.add("A1")
    listed = shop.run("sessions", "list", "--realm", "acme", "--user", "ana")
    assert isinstance(listed, list)
    session = listed[0]["id"]
    shop.run("sessions", "end", session, "--reason", "lost phone")
    answer = ana.view()
    assert (answer.status, answer.json()["reason"]) == (401, "dropped")
    why = shop.run("sessions", "why", session)
    assert isinstance(why, dict)
    assert (why["reason"], why["rule"]) == ("dropped", "lost phone")
    assert shop.run("sessions", "list", "--realm", "acme", "--user", "ana") == []


def test_a_disabled_account_is_out_with_its_next_request(shop: Shop, ana: Client, ben: Client) -> None:
    assert ana.view().status == 200
    shop.run("users", "disable", "ana")
    answer = ana.view()
    assert (answer.status, answer.json()["reason"]) == (401, "user-disabled")
    assert ben.view().status == 200


def test_a_scope_taken_by_an_operator_is_gone_with_the_next_request(shop: Shop, ana: Client) -> None:
    assert ana.add("A1").status == 200
    shop.run("scopes", "revoke", "ana", "cart.write")
    answer = ana.add("A2")
    assert (answer.status, answer.json()["message"]) == (403, "insufficient scope")
    assert ana.view().status == 200
    shop.run("scopes", "grant", "ana", "cart.write", "--realm", "acme")
    assert ana.add("A3").status == 200


def test_a_revoked_api_key_is_refused_with_the_next_request(shop: Shop, ana: Client) -> None:
    assert ana.view().status == 200
    shop.run("apikeys", "revoke", "web", "--realm", "acme")
    assert ana.view().json() == {"message": "Invalid authentication credentials"}


def test_the_log_has_no_traceback_after_all_that(tmp_path: Path, ana: Client) -> None:
    ana.logout()
    ana.view()
    assert "Traceback" not in ana.engine.log.read_text()

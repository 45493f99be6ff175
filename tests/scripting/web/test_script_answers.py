"""What becomes of what a script says: its value, its response, its errors."""

from __future__ import annotations

import pytest

from tests.scripting.web.conftest import OURS, Site, told

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("code", "status", "kind", "body"),
    [
        (
            "({a: 1, b: [true, null, undefined], c: undefined})",
            200,
            "application/json",
            b'{"a":1,"b":[true,null,null]}',
        ),
        ("[]", 200, "application/json", b"[]"),
        ("'h\\u00e9'", 200, "text/plain; charset=utf-8", "hé".encode()),
        ("''", 200, "text/plain; charset=utf-8", b""),
        ("12.5", 200, "application/json", b"12.5"),
        ("false", 200, "application/json", b"false"),
        ("null", 200, "application/json", b"null"),
        ("undefined", 204, "", b""),
        ("", 204, "", b""),
        (
            "[new Date(0), 0/0, 10n, -0, 2n ** 80n]",
            200,
            "application/json",
            b'["1970-01-01T00:00:00.000Z",null,10,0,1208925819614629174706176]',
        ),
        ("new Uint8Array([0, 255])", 200, "application/octet-stream", b"\x00\xff"),
        ("response.statusCode = 201; ({})", 201, "application/json", b"{}"),
        ("response.statusCode = 404; undefined", 404, "", b""),
        ("response.contentType = 'text/csv'; 'a;b'", 200, "text/csv; charset=utf-8", b"a;b"),
        ("response.write('a'); response.write('b'); ({ignored: true})", 200, "text/plain; charset=utf-8", b"ab"),
        ("response.statusCode = 204; 'nothing goes with it'", 204, "text/plain; charset=utf-8", b""),
        ("response.write('a'); response.stop(); response.write('b')", 200, "text/plain; charset=utf-8", b"a"),
        ("try { response.write('a'); response.stop() } catch {} 'b'", 200, "text/plain; charset=utf-8", b"a"),
        ("Promise.resolve({later: 1})", 200, "application/json", b'{"later":1}'),
    ],
)
async def test_the_value_of_a_script_is_its_answer(site: Site, code: str, status: int, kind: str, body: bytes) -> None:
    answer = await site.get(site.route(code))
    assert (answer.status, answer.header("content-type"), answer.body) == (status, kind, body)


# --- controllers and interceptors ---

CONTROLLER = """
  let made = 0;
  module.exports = class Orders {
    constructor() { this.number = ++made; }
    show(id, when) { return {id, kind: typeof id, when, number: this.number}; }
    create(request, response, session) {
      response.statusCode = 201;
      return [request.method, request.body.asJson(), session.userName];
    }
    async later(id) { return id * 2; }
  };
"""


async def test_a_controller_is_made_and_its_action_called_with_what_it_names(site: Site) -> None:
    path = site.route(controller=CONTROLLER, action="show(id, when)", under="/:id<number>/:when<date>")
    shown = await site.get(f"{path}/7/2026-11-22")
    assert shown.json() == {"id": 7, "kind": "number", "when": "2026-11-22T00:00:00.000Z", "number": 1}
    assert (await site.get(f"{path}/seven/2026-11-22")).json()["code"] == "route.bad_parameter"
    create = site.route(controller=CONTROLLER, action="create(request, response, session)")
    made = await site.post(create, value={"a": 1})
    assert (made.status, made.json()) == (201, ["POST", {"a": 1}, "anonymous"])
    later = site.route(controller=CONTROLLER, action="later(id)", under="/:id<number>")
    assert (await site.get(f"{later}/21")).json() == 42


async def test_a_module_may_export_an_object_or_a_function(site: Site) -> None:
    thing = site.route(
        controller="exports.hello = function (name) { return 'hello ' + name; }", action="hello(name)", under="/:name"
    )
    assert (await site.get(f"{thing}/ana")).body == b"hello ana"
    plain = site.route(controller="module.exports = (request, response) => { response.write(request.path); }")
    assert (await site.get(plain)).body == plain.encode()
    for wrong in (
        {"controller": "exports.a = 1", "action": "a"},
        {"controller": "exports.a = 1"},
        {"controller": "module.exports = 5", "action": "a"},
    ):
        assert (await site.get(site.route(**wrong))).status == 500


async def test_parameters_of_the_path_are_in_the_request(site: Site) -> None:
    path = site.route("request.pathParams", under="/:n<number>/:on<boolean>/*rest")
    assert (await site.get(f"{path}/1.5/true/a/b")).json() == {"n": 1.5, "on": True, "rest": "a/b"}


async def test_interceptors_come_before_and_after(site: Site) -> None:
    note = site.script(
        "module.exports = () => { globalThis.seen = request.path; response.setHeader('X-Seen', 'yes'); }"
    )
    guard = site.script("module.exports = () => request.params.stop ? {stopped: true} : undefined")
    wrap = site.script("module.exports = (value) => ({wrapped: value})")
    path = site.route("seen", before=[note, guard], after=[wrap])
    passed = await site.get(path)
    assert (passed.json(), passed.header("x-seen")) == ({"wrapped": path}, "yes")
    assert (await site.get(f"{path}?stop=1")).json() == {"stopped": True}
    ends = site.script("module.exports = () => response.stopAndRedirect('/login')")
    away = await site.get(site.route("response.write('never')", before=[ends]))
    assert (away.status, away.header("location"), away.body) == (302, "/login", b"")


async def test_the_body_is_text_json_or_a_stream(site: Site) -> None:
    show = "[request.body.asText(), request.body === request.body, request.body instanceof require('@nginstack/engine/lib/http/RequestBody')]"
    assert (await site.post(site.route(show), value=[1])).json() == ["[1]", True, True]
    stream = "let got; request.saveToStream({write(bytes) { got = bytes; }}); [got instanceof Uint8Array, got.length, got[0]]"
    assert (await site.client.request("POST", site.route(stream), OURS, body=b"\xff\x00")).json() == [True, 2, 255]
    bad = await site.client.request("POST", site.route("request.body.asJson()"), OURS, body=b"{")
    assert (bad.status, bad.json()["message"], bad.json()["code"]) == (400, "The body is not valid JSON.", "http.400")
    for code in (
        "request.body = 1",
        "new (require('@nginstack/engine/lib/http/RequestBody'))()",
        "request.saveToStream({})",
    ):
        assert (await site.get(site.route(f"'use strict'; {code}"))).status == 500


FORM = (
    b'--b1\r\nContent-Disposition: form-data; name="Title"\r\n\r\nOl\xc3\xa1\r\n'
    b'--b1\r\nContent-Disposition: form-data; name="doc"; filename="a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nh\xc3\xa9\r\n--b1--\r\n"
)


async def test_a_form_with_a_file_is_read(site: Site) -> None:
    multipart = ("content-type", "multipart/form-data; boundary=b1")
    show = """
      const [file, ...others] = request.files;
      const RequestFile = require('@nginstack/engine/lib/http/RequestFile');
      ({ form: request.form, file, others, text: file.asText(), bytes: [...new Uint8Array(file.asBytes())],
         kind: file instanceof RequestFile, frozen: Object.isFrozen(file) && Object.isFrozen(request.files) })
    """
    answer = await site.client.request("POST", site.route(show), OURS, multipart, body=FORM)
    assert answer.json() == {
        "form": {"title": "Olá"},
        "file": {"name": "doc", "fileName": "a.txt", "contentType": "text/plain", "size": 3},
        "others": [],
        "text": "hé",
        "bytes": [104, 195, 169],
        "kind": True,
        "frozen": True,
    }
    assert (await site.get(site.route("request.files"))).json() == []


async def test_a_form_that_is_none_is_the_clients_mistake(site: Site) -> None:
    multipart = ("content-type", "multipart/form-data; boundary=b1")
    for code in ("request.form", "request.files.length"):
        bad = await site.client.request("POST", site.route(code), OURS, multipart, body=FORM[:-10])
        assert told(bad)[::2] == (400, "request.bad_form")
    caught = "let name; try { request.files } catch (e) { name = e.name + ' ' + e.code } name"
    answer = await site.client.request("POST", site.route(caught), OURS, multipart, body=b"x")
    assert answer.body == b"BadForm request.bad_form"
    for code in ("new (require('@nginstack/engine/lib/http/RequestFile'))()", "'use strict'; request.files = []"):
        assert (await site.get(site.route(code))).status == 500


# --- failures ---


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("throw new Error('secret /etc/passwd')", (500, "The script has failed.", "script.failed")),
        ("throw 'text'", (500, "The script has failed.", "script.failed")),
        ("throw null", (500, "The script has failed.", "script.failed")),
        ("throw {code: 404, message: 'no'}", (500, "The script has failed.", "script.failed")),
        ("nowhere.to.be.found", (500, "The script has failed.", "script.failed")),
        ("syntax error here", (500, "The script has failed.", "script.failed")),
        ("throw new HttpError.NotFound('No such order.')", (404, "No such order.", "http.404")),
        ("throw new HttpError('Too early.', '', 'inside', 425)", (425, "Too early.", "http.425")),
        ("throw HttpError(new Error('Broken.'))", (500, "Broken.", "http.500")),
        ("throw new HttpError('', '', '', 409)", (409, "Conflict", "http.409")),
        ("response.statusCode = 1", (500, "The script has failed.", "script.failed")),
        ("session.newSessionToken('a')", (401, "Unauthorized", "auth.required")),
        ("session.loginByAuthToken('sjt_x')", (401, "The token was refused.", "authtoken.refused")),
        ("require('./none')", (500, "The script has failed.", "script.failed")),
        (
            "const e = new Error('x'); e.code = 'session.ended'; throw e",
            (500, "The script has failed.", "script.failed"),
        ),
        ("Promise.reject(new HttpError.Forbidden('No.'))", (403, "No.", "http.403")),
    ],
)
async def test_a_failure_tells_the_client_what_it_may_know_and_nothing_more(
    site: Site, code: str, expected: tuple[int, str, str]
) -> None:
    answer = await site.get(site.route(f"response.setHeader('X-Mine', '1'); {code}"))
    assert told(answer) == expected
    assert answer.header("x-mine") == ""
    for inside in (b"passwd", b"inside", b"ufs:", b"stack", b".js"):
        assert inside not in answer.body


async def test_the_solution_of_an_http_error_is_for_the_client(site: Site) -> None:
    answer = await site.get(site.route("throw new HttpError('No stock.', 'Order less.', 'table x', 409)"))
    assert answer.json()["solution"] == "Order less."
    unavailable = await site.get(site.route("throw new HttpError.ServiceUnavailable('Later.')"))
    assert (unavailable.status, unavailable.header("retry-after")) == (503, "1")
    who = await site.get(site.route("throw new HttpError.Unauthorized('Who?')"))
    assert (who.status, who.header("www-authenticate")) == (401, 'Bearer realm="api"')


async def test_limits_end_a_script_with_their_name(site: Site) -> None:
    for code, name in (
        ("for (;;) {}", "script.timeout"),
        ("for (;;) response.write('x'.repeat(100))", "script.output_too_large"),
        ("'x'.repeat(2000)", "script.output_too_large"),
    ):
        assert told(await site.get(site.route(code, realm="small")))[::2] == (500, name)
    assert (await site.get(site.route("'x'.repeat(1000)", realm="small"))).status == 200


async def test_a_script_that_is_gone_is_our_failure(site: Site) -> None:
    path = site.route("1")
    file = site.folder / "scripts" / f"t{int(path[2:]) - 1}.js"
    file.unlink()
    answer = await site.get(path)
    file.write_text("1")
    assert told(answer) == (500, "The script has failed.", "script.failed")


# --- early answers ---


async def test_what_is_sent_is_with_the_client_before_the_script_ends(site: Site) -> None:
    site.script("let n = 0; module.exports = {n};", "state.js")
    path = site.route(
        """
        response.statusCode = 202; response.write('taken'); response.send();
        let late; try { response.write('more') } catch (error) { late = error.name }
        let login; try { session.login('ana', 'x') } catch (error) { login = error.name }
        globalThis.outcome = [late, login];
        throw new Error('after the answer');
        """,
        realm="till",
    )
    answer = await site.get(path)
    assert (answer.status, answer.body) == (202, b"taken")
    (cookie,) = [text for text in answer.cookies if "sojourn_sid" in text]
    seen = await site.get(site.route("outcome", realm="till"), ("cookie", cookie.partition(";")[0]))
    assert seen.json() == ["ResponseAlreadySent", "ResponseAlreadySent"]


async def test_a_login_before_send_is_with_the_answer(site: Site) -> None:
    code = "session.login('ana', 'seven quiet otters at dawn'); response.write('x'); response.send(); 1"
    answer = await site.post(site.route(code, realm="web"))
    (cookie,) = [text for text in answer.cookies if "sojourn_sid" in text]
    who = await site.get(site.route("session.userName", realm="web"), ("cookie", cookie.partition(";")[0]))
    assert who.body == b"ana"

"""What becomes of what a script says: its value, its response, its errors."""

from __future__ import annotations

import pytest

from tests.scripting.web.conftest import Site

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

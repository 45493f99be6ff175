"""Bad input and what is told of it [ASVS 16.5.1]."""

from __future__ import annotations

import re

from sojourn.cli.attest.findings import check, need
from sojourn.cli.attest.scene import Scene

_JSON = ("content-type", "application/json")

#: What an answer to a stranger never holds.
_INSIDE = re.compile(rb"Traceback|File \"|\.py\b|sqlite|SELECT |sqlalchemy|psycopg|/home/|/usr/", re.IGNORECASE)

_BODIES = {
    "no JSON": b"{",
    "another shape": b"[1, 2]",
    "deep nesting": b"[" * 5_000 + b"]" * 5_000,
    "a name twice": b'{"userName": "a", "userName": "b", "password": "c"}',
    "no UTF-8": b'{"userName": "\xff\xfe", "password": "x"}',
    "NUL": b'{"userName": "a\\u0000b", "password": "xxxxxxxxxxxxxxx"}',
    "a lone surrogate": b'{"userName": "\\ud800", "password": "xxxxxxxxxxxxxxx"}',
    "great numbers": b'{"userName": 1e999, "password": 12345678901234567890123}',
    "too large": b'{"userName": "' + b"x" * 200_000 + b'"}',
}


@check("16.5.1", "Errors are generic and handled: no stack, no SQL, no path")
async def generic(scene: Scene) -> str:
    """Bodies, paths and headers that nobody sends."""
    answers = [(name, await scene.ask("POST", "login", _JSON, body=body)) for name, body in _BODIES.items()]
    answers += [
        ("a strange path", await scene.ask("GET", "%00%ff../..")),
        ("a strange method", await scene.ask("BREW", "login")),
        ("a strange token", await scene.who(("authorization", "Bearer \x7f\x7f.\x7f.\x7f"))),
        ("two tokens", await scene.who(("authorization", "Bearer a"), ("authorization", "Bearer b"))),
        ("a strange cookie", await scene.who(("cookie", "=; ;;sojourn_sid.=\x7f"))),
    ]
    for name, seen in answers:
        need(400 <= seen.status < 500, f"{name}: {seen}")  # noqa: PLR2004 - the HTTP status is its own name
        need(_INSIDE.search(seen.body) is None, f"{name}: {seen}: the answer tells what is inside")
        need(bool(seen.member("message")) and bool(seen.member("code")), f"{name}: {seen}: no message and code")
    return f"{len(answers)} kinds of bad input: 4xx with message, code and name of the execution only"

"""Requests that other sites make in a user's browser [ASVS 3.5, 7.6.2]."""

from __future__ import annotations

from sojourn.cli.attest.findings import check, need
from sojourn.cli.attest.scene import OURS, Scene, session_cookie
from sojourn.cli.attest.visitor import Pair

_FORM: Pair = ("content-type", "application/x-www-form-urlencoded")
_FOREIGN: Pair = ("origin", "https://evil.example")

#: What a browser sends with a request of another site, by its name in the evidence.
FOREIGN: dict[str, tuple[Pair, ...]] = {
    "Sec-Fetch-Site: cross-site": (("sec-fetch-site", "cross-site"), ("content-type", "application/json")),
    "Sec-Fetch-Site: same-site": (("sec-fetch-site", "same-site"), ("content-type", "application/json")),
    "Sec-Fetch-Site beats our Origin": (("sec-fetch-site", "cross-site"), ("origin", "OURS")),
    "foreign Origin": (_FOREIGN, ("content-type", "application/json")),
    "Origin null": (("origin", "null"), ("content-type", "application/json")),
    "a plain form": (_FORM,),
    "nothing at all": (),
}

_REFUSED = (403, 415)


def _pairs(scene: Scene, pairs: tuple[Pair, ...]) -> list[Pair]:
    return [(name, scene.visitor.origin if value == "OURS" else value) for name, value in pairs]


@check("3.5.1", "What a cookie authorizes is refused to requests of other sites")
async def with_cookie(scene: Scene) -> str:
    """A logout, in every way in which another site can send it; then in our own."""
    known = await scene.login()
    for name, pairs in FOREIGN.items():
        seen = await scene.ask("POST", "logout", known.cookie.shown, *_pairs(scene, pairs))
        need(seen.status in _REFUSED, f"{name}: {seen}")
    alive = await scene.who(known.cookie.shown, OURS)
    need(alive.status == 200, f"the session has ended: {alive}")  # noqa: PLR2004 - the HTTP status is its own name
    own = await scene.ask("POST", "logout", known.cookie.shown, OURS)
    need(own.status == 200, f"our own page: {own}")  # noqa: PLR2004
    return f"{len(FOREIGN)} kinds of foreign requests refused, our own done"


@check("3.5.2", "What a plain form can send without asking first changes nothing")
async def simple(scene: Scene) -> str:
    """A login in the types of forms: JSON in them is no JSON."""
    value = b'{"userName":"user","password":"%b"}' % scene.run.accounts["user"].encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        seen = await scene.ask("POST", "login", OURS, ("content-type", kind), body=value)
        need(seen.status in _REFUSED and session_cookie(seen) is None, f"{kind}: {seen}")
    return "415 for text/plain and the types of forms"


@check("3.5.3", "Safe methods change nothing")
async def methods(scene: Scene) -> str:
    """GET and HEAD of what has an effect."""
    known = await scene.login()
    for path in ("login", "logout", f"sessions/{known.sid}/end"):
        for method in ("GET", "HEAD"):
            seen = await scene.ask(method, path, known.cookie.shown, OURS)
            need(seen.status == 405, f"{seen}")  # noqa: PLR2004 - the HTTP status is its own name
    alive = await scene.who(known.cookie.shown, OURS)
    need(alive.status == 200, f"the session has ended: {alive}")  # noqa: PLR2004
    return "405 for GET and HEAD of login, logout and end"


@check("7.6.2", "No other site logs a user in")
async def login(scene: Scene) -> str:
    """The login in every way in which another site can send it."""
    value = {"userName": "user", "password": scene.run.accounts["user"]}
    for name in ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "foreign Origin", "Origin null"):
        pairs = [pair for pair in FOREIGN[name] if pair[0] != "content-type"]
        seen = await scene.ask("POST", "login", *pairs, value=value)
        need(seen.status in _REFUSED and session_cookie(seen) is None, f"{name}: {seen}")
    return "logins of other sites refused, no cookie set"

"""Headers of answers [ASVS 3.4, 14.3]."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.cli.attest.findings import NotApplicable, check, need
from sojourn.cli.attest.scene import OURS, Scene
from sojourn.cli.attest.visitor import Seen

#: Policies that tell another site nothing beyond our origin.
_REFERRER = frozenset({"same-origin", "no-referrer", "strict-origin", "strict-origin-when-cross-origin"})
_FOREIGN = "https://evil.example"


async def _answers(scene: Scene) -> Sequence[Seen]:
    """One answer of each kind: done, refused, not found, not allowed."""
    known = await scene.login()
    return [
        known.answer,
        await scene.who(known.bearer),
        await scene.who(known.cookie.shown, OURS),
        await scene.who(),
        await scene.ask("GET", "nothing"),
        await scene.ask("GET", "login"),
        await scene.ask("GET", ".well-known/jwks.json"),
        await scene.visitor.ask("GET", "/"),
    ]


async def _each(scene: Scene, name: str, *words: str) -> str:
    answers = await _answers(scene)
    for seen in answers:
        value = seen.header(name)
        for word in words:
            need(word in value, f"{seen}: {name} is {value!r}")
    return f"{name}: {answers[0].header(name)} on {len(answers)} answers"


@check("3.4.1", "Strict-Transport-Security on HTTPS, for a year at least")
async def transport(scene: Scene) -> str:
    """On HTTPS only: elsewhere browsers ignore it."""
    if not scene.https:
        raise NotApplicable("plain HTTP on loopback")
    for seen in await _answers(scene):
        value = seen.header("strict-transport-security")
        age = value.lower().partition("max-age=")[2].partition(";")[0].strip()
        need(age.isdigit() and int(age) >= 31_536_000, f"{seen}: {value or 'absent'}")  # noqa: PLR2004 - a year
    return "max-age of a year"


@check("3.4.2", "No other origin reads an answer with credentials")
async def sharing(scene: Scene) -> str:
    """With a foreign Origin, and with ``null``, also before the request itself."""
    known = await scene.login()
    for origin in (_FOREIGN, "null"):
        asked = (("origin", origin), ("access-control-request-method", "POST"))
        for seen in (
            await scene.who(known.cookie.shown, ("origin", origin)),
            await scene.who(known.bearer, ("origin", origin)),
            await scene.ask("OPTIONS", "logout", known.cookie.shown, *asked),
        ):
            allowed = seen.header("access-control-allow-origin")
            need(allowed not in (origin, "*"), f"{seen}: Access-Control-Allow-Origin: {allowed}")
    return f"no Access-Control-Allow-Origin for {_FOREIGN} and null"


@check("3.4.3", "Content-Security-Policy with object-src 'none' and base-uri 'none'")
async def policy(scene: Scene) -> str:
    """On every answer."""
    return await _each(scene, "content-security-policy", "object-src 'none'", "base-uri 'none'")


@check("3.4.4", "X-Content-Type-Options: nosniff")
async def sniffing(scene: Scene) -> str:
    """On every answer."""
    return await _each(scene, "x-content-type-options", "nosniff")


@check("3.4.5", "Referrer-Policy keeps paths from other sites")
async def referrer(scene: Scene) -> str:
    """On every answer."""
    for seen in await _answers(scene):
        value = seen.header("referrer-policy")
        need(value in _REFERRER, f"{seen}: Referrer-Policy is {value!r}")
    return f"Referrer-Policy: {value}"


@check("3.4.6", "No site frames an answer")
async def framing(scene: Scene) -> str:
    """On every answer."""
    return await _each(scene, "content-security-policy", "frame-ancestors 'none'")


@check("14.3.2", "Answers with personal data, cookies or tokens are kept by no cache")
async def caching(scene: Scene) -> str:
    """The login, who I am, my sessions, a refusal."""
    known = await scene.login()
    answers = [
        known.answer,
        await scene.who(known.bearer),
        await scene.ask("GET", "sessions", known.bearer),
        await scene.who(),
    ]
    for seen in answers:
        need("no-store" in seen.header("cache-control"), f"{seen}: Cache-Control is {seen.header('cache-control')!r}")
    return f"Cache-Control: no-store on {len(answers)} answers"


@check("14.3.1", "A logout clears what the browser has kept")
async def clearing(scene: Scene) -> str:
    """Cached answers, and the cookie of the session."""
    known = await scene.login()
    seen = await scene.ask("POST", "logout", known.cookie.shown, OURS)
    value = seen.header("clear-site-data")
    need('"cache"' in value, f"{seen}: Clear-Site-Data is {value!r}")
    need('"cookies"' not in value and '"*"' not in value, f"{seen}: clears cookies of other applications: {value}")
    gone = [cookie.name for cookie in seen.cookies if cookie.expires_at_once]
    need(known.cookie.name in gone, f"{seen}: {known.cookie.name} is not removed")
    return f"Clear-Site-Data: {value}; {known.cookie.name} removed"

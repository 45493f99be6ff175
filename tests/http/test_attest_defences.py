"""``sojourn attest`` sees each defence that is switched off, under the id of its requirement."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from httpx2 import ASGITransport

from sojourn.bootstrap import Engine
from sojourn.cli.attest.findings import CHECKS
from sojourn.cli.attest.report import examine
from sojourn.cli.attest.scene import Scene, Told
from sojourn.cli.attest.visitor import visiting
from sojourn.config.project import load_project
from sojourn.core.errors import NotFound, SessionUnknown
from sojourn.engine import attest as runs
from sojourn.engine import sessions
from sojourn.engine.passwords import credentials
from sojourn.engine.passwords.throttling import Throttling, Try
from sojourn.engine.security.actors import HOST
from sojourn.engine.tokens import access_tokens as tokens
from sojourn.engine.tokens import verification
from sojourn.engine.tokens.claims import read_claims
from sojourn.http import crosssite, endpoints, farewell
from sojourn.http.attesting import described
from sojourn.http.opening import Opener
from sojourn.http.own_sessions import OwnSessions
from sojourn.http.wire import AsgiApp, Event
from sojourn.identity.password import Cost, PasswordHasher
from sojourn.model.realm import Realm
from tests.http.test_attest import RATE, URL, pipelines, real

pytestmark = pytest.mark.anyio

__all__ = ["pipelines", "real"]

Patch = pytest.MonkeyPatch
Switch = Callable[[Patch, Engine], AsgiApp | None]
HTTPS = "https://shop.example.com"

OFF: dict[str, tuple[str, Switch]] = {}


def off(id_: str, name: str) -> Callable[[Switch], Switch]:
    """Declare what switches the defence of requirement ``id_`` off; it may give an application to examine instead."""

    def declare(switch: Switch) -> Switch:
        OFF[f"{id_} {name}"] = (id_, switch)
        return switch

    return declare


class Sent(NamedTuple):
    """An answer on its way out."""

    path: str
    asked: dict[bytes, bytes]
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def changed(app: AsgiApp, change: Callable[[Sent], Sent]) -> AsgiApp:
    """``app`` with other answers."""

    async def other(scope: Any, receive: Any, send: Any) -> None:
        start: Event = {}

        async def caught(event: Event) -> None:
            nonlocal start
            if event["type"] == "http.response.start":
                start = event
                return
            headers = [pair for pair in start["headers"] if pair[0] != b"content-length"]
            asked = dict(scope["headers"])
            done = change(Sent(scope["path"], asked, start["status"], headers, event.get("body", b"")))
            length = (b"content-length", b"%d" % len(done.body))
            await send({"type": "http.response.start", "status": done.status, "headers": [*done.headers, length]})
            await send({"type": "http.response.body", "body": done.body if scope["method"] != "HEAD" else b""})

        await app(scope, receive, caught)

    return other


def without(pattern: bytes, name: bytes) -> Callable[[Sent], Sent]:
    """Takes ``pattern`` out of the header ``name``."""

    def change(sent: Sent) -> Sent:
        return sent._replace(
            headers=[(known, re.sub(pattern, b"", value) if known == name else value) for known, value in sent.headers]
        )

    return change


def _with(sent: Sent, *headers: tuple[bytes, bytes]) -> Sent:
    return sent._replace(headers=[*sent.headers, *headers])


def cookie_off(id_: str, name: str, pattern: bytes) -> None:
    """Cookies without an attribute."""

    @off(id_, name)
    def switch(_patch: Patch, engine: Engine) -> AsgiApp:
        return changed(engine.application(), without(pattern, b"set-cookie"))


def header_off(id_: str, name: str, header: bytes, pattern: bytes = b".*") -> None:
    """Answers without a header, or a part of it."""

    @off(id_, name)
    def switch(_patch: Patch, engine: Engine) -> AsgiApp:
        return changed(engine.application(), without(pattern, header))


cookie_off("3.3.1", "without Secure", rb"; Secure")
cookie_off("3.3.2", "without SameSite", rb"; SameSite=\w+")
cookie_off("3.3.3", "without Path", rb"; Path=/")
cookie_off("3.3.4", "without HttpOnly", rb"; HttpOnly")
header_off("3.4.1", "without HSTS", b"strict-transport-security")
header_off("3.4.3", "without object-src", b"content-security-policy", b"object-src 'none'; ")
header_off("3.4.4", "without nosniff", b"x-content-type-options")
header_off("3.4.5", "without Referrer-Policy", b"referrer-policy")
header_off("3.4.6", "without frame-ancestors", b"content-security-policy", b"frame-ancestors 'none'; ")
header_off("14.3.1", "without Clear-Site-Data", b"clear-site-data")
header_off("14.3.2", "without no-store", b"cache-control")


@off("3.3.3", "with a Domain")
def domain(_patch: Patch, engine: Engine) -> AsgiApp:
    return changed(
        engine.application(),
        lambda sent: sent._replace(
            headers=[(n, v + b"; Domain=example.com" if n == b"set-cookie" else v) for n, v in sent.headers]
        ),
    )


@off("3.3.5", "with a great cookie")
def great(_patch: Patch, engine: Engine) -> AsgiApp:
    return changed(
        engine.application(), lambda sent: _with(sent, (b"set-cookie", b"a=" + b"x" * 4_096 + b"; HttpOnly"))
    )


@off("3.4.2", "every origin reads")
def shared(_patch: Patch, engine: Engine) -> AsgiApp:
    def change(sent: Sent) -> Sent:
        origin = sent.asked.get(b"origin", b"")
        return _with(sent, (b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true"))

    return changed(engine.application(), change)


@off("14.3.1", "the cookie stays after a logout")
def kept(patch: Patch, _engine: Engine) -> None:
    patch.setattr(farewell, "expire_session_cookie", lambda name: (b"x-kept", name))


def trust_everybody(patch: Patch, _engine: Engine) -> None:
    patch.setattr(crosssite, "is_ours", lambda _head, _arrival: True)


off("3.5.1", "no check of the sender")(trust_everybody)
off("7.6.2", "no check of the sender")(trust_everybody)


@off("3.5.1", "same-site counts as ours")
def neighbours(patch: Patch, _engine: Engine) -> None:
    true = crosssite.is_ours
    patch.setattr(
        crosssite, "is_ours", lambda head, arrival: head.get(b"sec-fetch-site") == b"same-site" or true(head, arrival)
    )


@off("3.5.2", "JSON in any type")
def any_type(patch: Patch, _engine: Engine) -> None:
    patch.setattr(crosssite, "media_type", lambda _head: b"application/json")


@off("3.5.3", "logout by GET")
def by_get(_patch: Patch, engine: Engine) -> AsgiApp:
    app = engine.application()
    methods, answer = app._paths["logout"]
    app._paths["logout"] = ((*methods, "GET"), answer)
    return app


@off("3.5.4", "metrics for everybody")
def metrics(_patch: Patch, engine: Engine) -> AsgiApp:
    def change(sent: Sent) -> Sent:
        return sent._replace(status=200, body=b"up 1") if sent.path == "/metrics" else sent

    return changed(engine.application(), change)


@off("4.1.3", "every peer is a proxy")
def proxies(_patch: Patch, engine: Engine) -> AsgiApp:
    server = engine.rules.settings.server
    msgspec.structs.force_setattr(server, "trusted_proxies", ("0.0.0.0/0",))
    return engine.application()


@off("8.4.1", "a token of any realm")
def any_realm(patch: Patch, engine: Engine) -> None:
    true = sessions.Sessions.open
    place: list[Realm] = []
    found = runs.Attest.realm

    async def realm(self: runs.Attest, name: str, secret: str) -> Realm | None:
        known = await found(self, name, secret)
        place.extend([known] if known else [])
        return known

    async def opened(self: sessions.Sessions, realm: Realm, handle: Any, via: Any) -> Any:
        for each in (realm, *place):
            try:
                return await true(self, each, handle, via)
            except SessionUnknown:
                continue
        raise SessionUnknown

    patch.setattr(runs.Attest, "realm", realm)
    patch.setattr(sessions.Sessions, "open", opened)


@off("7.2.3", "short secrets")
def short(patch: Patch, _engine: Engine) -> None:
    patch.setattr(
        endpoints, "set_session_cookie", lambda name, handle: (b"set-cookie", name + b"=" + str(handle)[:60].encode())
    )


@off("11.5.1", "secrets that count")
def counting(_patch: Patch, engine: Engine) -> AsgiApp:
    number = iter(range(10**6))

    def change(sent: Sent) -> Sent:
        def plain(match: re.Match[bytes]) -> bytes:
            return match[1] + b"%043d" % next(number)

        pattern = rb"(sojourn_sid\.[^=]+=[\w-]{43}\.)[\w-]{43}"
        return sent._replace(
            headers=[(n, re.sub(pattern, plain, v) if n == b"set-cookie" else v) for n, v in sent.headers]
        )

    return changed(engine.application(), change)


@off("7.2.4", "a login leaves the session that came along")
def unrotated(patch: Patch, _engine: Engine) -> None:
    async def nobody(*_given: Any) -> None:
        return None

    patch.setattr(Opener, "current", nobody)


@off("7.2.4", "an unknown secret is adopted")
def adopted(_patch: Patch, engine: Engine) -> AsgiApp:
    def change(sent: Sent) -> Sent:
        shown = sent.asked.get(b"cookie", b"")
        return _with(sent, (b"set-cookie", shown + b"; Path=/; HttpOnly")) if sent.status == 401 and shown else sent

    return changed(engine.application(), change)


@off("14.2.1", "a token in the query")
def in_query(_patch: Patch, engine: Engine) -> AsgiApp:
    app = engine.application()

    async def other(scope: Any, receive: Any, send: Any) -> None:
        name, _, value = scope.get("query_string", b"").partition(b"=")
        more = [(b"authorization", b"Bearer " + value)] if name == b"access_token" else []
        await app({**scope, "headers": [*scope["headers"], *more]}, receive, send)

    return other


@off("16.2.5", "answers that repeat what was shown")
def echo(_patch: Patch, engine: Engine) -> AsgiApp:
    return changed(engine.application(), lambda sent: _with(sent, (b"x-asked", sent.asked.get(b"authorization", b""))))


@off("16.5.1", "errors with a stack")
def stack(_patch: Patch, engine: Engine) -> AsgiApp:
    return changed(
        engine.application(),
        lambda sent: sent._replace(body=sent.body[:-1] + b',"trace":"Traceback"}') if sent.status == 400 else sent,
    )


async def unchecked(self: tokens.Tokens, realm: Realm, token: str) -> Any:
    """The claims of a token that nobody has verified."""
    import base64

    payload = token.split(".")[1].strip()
    return read_claims(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), "")


def believe(patch: Patch, _engine: Engine) -> None:
    patch.setattr(tokens.Tokens, "verify", unchecked)


for _id in ("9.1.1", "9.1.2", "9.1.3", "9.2.1", "9.2.2", "9.2.3"):
    off(_id, "tokens that nobody verifies")(believe)


@off("9.2.2", "any type")
def any_purpose(patch: Patch, _engine: Engine) -> None:
    class Whatever(str):
        __slots__ = ()

        def __ne__(self, other: object) -> bool:
            return False

        __hash__ = str.__hash__

    patch.setattr(verification, "ACCESS_TYPE", Whatever(verification.ACCESS_TYPE))


@off("9.2.4", "one audience for all")
def one_audience(patch: Patch, _engine: Engine) -> None:
    patch.setattr(tokens.Tokens, "audience", lambda _self, _realm: "sojourn")


@off("7.4.1", "a logout that ends nothing")
def endless(patch: Patch, _engine: Engine) -> None:
    from sojourn.model.session import End

    async def end(self: Any, _access: Any, reason: Any = "logout", *, address: str = "") -> End:
        return End(reason, 0)

    patch.setattr(sessions.Sessions, "end", end)


@off("7.4.2", "a disabled account goes on")
def undisabled(patch: Patch, _engine: Engine) -> None:
    async def nothing(*_given: Any) -> None:
        return None

    patch.setattr(runs.Attest, "disable", nothing)


@off("7.4.5", "an operator who ends nothing")
def powerless(patch: Patch, _engine: Engine) -> None:
    async def nothing(*_given: Any) -> int:
        return 0

    patch.setattr(runs.Attest, "end_sessions", nothing)


@off("7.5.2", "a list of one")
def blind(patch: Patch, _engine: Engine) -> None:
    async def live(_self: Any, access: Any, _after: Any) -> Any:
        return (access.session,)

    patch.setattr(OwnSessions, "_live", live)


def _longer(patch: Patch, **values: Any) -> None:
    true = runs._config
    patch.setattr(runs, "_config", lambda name, run: msgspec.structs.replace(true(name, run), **values))


@off("7.3.1", "no idle limit")
def sleepless(patch: Patch, _engine: Engine) -> None:
    _longer(patch, session_idle=60_000)


@off("7.3.2", "no absolute limit")
def eternal(patch: Patch, _engine: Engine) -> None:
    _longer(patch, session_lifetime=60_000)


@off("7.1.2", "any number of sessions")
def unlimited(patch: Patch, _engine: Engine) -> None:
    _longer(patch, max_sessions_per_user=None)


@off("6.2.8", "passwords without their case")
def folded(patch: Patch, _engine: Engine) -> None:
    true = credentials.Credentials.check

    async def check(self: Any, realm: Any, shown: Any, **more: Any) -> Any:
        found = await true(self, realm, shown, **more)
        return found or await true(self, realm, msgspec_replaced(shown, shown.password.swapcase()), **more)

    patch.setattr(credentials.Credentials, "check", check)


def msgspec_replaced(shown: Any, password: str) -> Any:
    """``shown`` with another password."""
    return shown._replace(password=password)


@off("6.3.8", "another answer for who is unknown")
def telling(patch: Patch, engine: Engine) -> None:
    true = credentials.Credentials.check

    async def check(self: Any, realm: Any, shown: Any, **more: Any) -> Any:
        if await engine.rules.users.find(realm.config.directory, shown.user_name) is None:
            raise NotFound("there is no such user")
        return await true(self, realm, shown, **more)

    patch.setattr(credentials.Credentials, "check", check)


@off("6.3.8", "more time for who is known")
def slow(patch: Patch, engine: Engine) -> None:
    import anyio

    true = credentials.Credentials.check

    async def check(self: Any, realm: Any, shown: Any, **more: Any) -> Any:
        if await engine.rules.users.find(realm.config.directory, shown.user_name) is not None:
            await anyio.sleep(0.3)
        return await true(self, realm, shown, **more)

    patch.setattr(credentials.Credentials, "check", check)


@off("6.3.1", "no throttling")
def untiring(patch: Patch, engine: Engine) -> None:
    async def admit(self: Throttling, *_given: Any, **_more: Any) -> Try:
        return Try(self._power(), self._clock, ())

    patch.setattr(Throttling, "admit", admit)


@off("6.3.1", "no device is known again")
def forgetful(_patch: Patch, engine: Engine) -> AsgiApp:
    return changed(
        engine.application(),
        lambda sent: sent._replace(
            headers=[pair for pair in sent.headers if pair[0] != b"set-cookie" or b"sojourn_sid." in pair[1]]
        ),
    )


async def examined(engine: Engine, url: str, id_: str, app: AsgiApp | None) -> Any:
    """The finding of one requirement."""
    run = await engine.rules.attest.start(HOST)
    told = Told.read(described(run))
    transport = ASGITransport(app=app or engine.application(), client=("127.0.0.1", 50_000))
    async with visiting(url, transport, rate=RATE) as visitor:
        (finding,) = await examine(Scene(visitor, told), [id_])
    await engine.rules.attest.end(run.realm)
    return finding


#: What only HTTPS can have, or where a proxy is believed only there.
ON_HTTPS = frozenset({"3.3.1", "3.4.1", "4.1.3"})


@pytest.fixture
async def on_https(folder: Path) -> AsyncIterator[Engine]:
    """An engine that is reached by HTTPS."""
    (folder / "sojourn.toml").write_text(f'[keys]\nmasterKeyFile = "../master.key"\n[server]\npublicUrl = "{HTTPS}"\n')
    hasher = PasswordHasher(Cost(memory=8, passes=1), workers=1)
    async with Engine.open(load_project(folder, {}), hasher=hasher) as opened:
        yield opened


@pytest.mark.parametrize("name", [name for name, (id_, _) in OFF.items() if id_ not in ON_HTTPS])
async def test_a_defence_that_is_switched_off_fails_under_its_id(
    real: Engine, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    id_, switch = OFF[name]
    finding = await examined(real, URL, id_, switch(monkeypatch, real))
    assert (finding.id, finding.outcome) == (id_, "fail"), finding
    # Not because nothing works at all.
    assert "right password" not in finding.evidence
    assert " 500" not in finding.evidence


async def test_on_https_everything_applies_and_what_is_off_fails(
    on_https: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for id_ in ("3.3.1", "3.3.3", "3.4.1", "7.4.1", "3.5.1", "4.1.3"):
        finding = await examined(on_https, HTTPS, id_, None)
        assert finding.outcome == "pass", finding
    for id_, switch in OFF.values():
        if id_ in ON_HTTPS:
            finding = await examined(on_https, HTTPS, id_, switch(monkeypatch, on_https))
            assert (finding.id, finding.outcome) == (id_, "fail"), finding


def test_each_requirement_has_a_defence_that_can_be_switched_off() -> None:
    held_elsewhere = {"6.2.1", "6.2.4", "7.4.3"}
    assert {check.id for check in CHECKS} - {id_ for id_, _ in OFF.values()} == held_elsewhere

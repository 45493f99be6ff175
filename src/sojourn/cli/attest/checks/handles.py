"""Session identifiers [ASVS 7.2, 11.5.1, 14.2.1]."""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Sequence

from sojourn.cli.attest.findings import check, need
from sojourn.cli.attest.scene import OURS, Scene, session_cookie

_HANDLE = re.compile(r"([A-Za-z0-9_-]{43,})\.([A-Za-z0-9_-]{43,})")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

#: Handles that are looked at.
_MANY = 12

#: Of the octets of so many handles at least this share has to differ from those of the next one.
_DIFFERENT = 0.9

#: 32 octets in the spelling of our handles, chosen by a client.
_CHOSEN = base64.urlsafe_b64encode(b"chosen by a client, not by you!!").decode().rstrip("=")


async def _handles(scene: Scene) -> Sequence[tuple[str, str]]:
    found = []
    for _ in range(_MANY):
        cookie = (await scene.login()).cookie
        match = _HANDLE.fullmatch(cookie.value)
        need(match is not None, f"{cookie.name} is no id and secret of 256 bits each")
        assert match is not None
        found.append((match[1], match[2]))
    return found


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@check("7.2.3", "Session secrets are references with 256 random bits, each used once")
async def unique(scene: Scene) -> str:
    """A dozen logins."""
    found = await _handles(scene)
    parts = [part for pair in found for part in pair]
    need(len(set(parts)) == len(parts), "an id or a secret came twice, or they are the same")
    need(not any(_UUID.search(part) for part in parts), "a handle has the layout of a UUID")
    return f"{len(parts)} different values of 256 bits"


@check("11.5.1", "Session secrets look random in every place")
async def random(scene: Scene) -> str:
    """No octet of neighbours is alike more often than by chance."""
    secrets = [_octets(secret) for _, secret in await _handles(scene)]
    pairs = [
        (one, two) for first, second in itertools.pairwise(secrets) for one, two in zip(first, second, strict=False)
    ]
    different = sum(one != two for one, two in pairs) / len(pairs)
    need(different >= _DIFFERENT, f"only {different:.0%} of the octets differ from one login to the next")
    return f"{different:.0%} of {len(pairs)} octets differ from one login to the next"


@check("7.2.4", "A login gives a new secret, and ends the old one")
async def rotation(scene: Scene) -> str:
    """A login of the same account with the cookie of the one before; then cookie and token of before."""
    first = await scene.login()
    second = await scene.login("user", first.cookie.shown, OURS)
    need(second.cookie.value != first.cookie.value, "the secret is the same after the login")
    for name, shown in (("cookie", first.cookie.shown), ("token", first.bearer)):
        seen = await scene.who(shown, OURS)
        need(seen.status == 401, f"the {name} of before the login: {seen}")  # noqa: PLR2004 - its own name
        need(session_cookie(seen) is None, f"the {name} of before the login is answered with a cookie")
    seen = await scene.who(second.cookie.shown, OURS)
    need(seen.status == 200, f"the new cookie: {seen}")  # noqa: PLR2004
    return "new secret at the login; cookie and token of before: 401"


@check("7.2.4", "A login gives a new secret, and ends the old one")
async def adoption(scene: Scene) -> str:
    """A handle that the client chose is adopted neither by a visit nor by a login, and no visit makes a session."""
    name = (await scene.login()).cookie.name
    chosen = f"{_CHOSEN}.{_CHOSEN[::-1]}"
    seen = await scene.who(("cookie", f"{name}={chosen}"), OURS)
    need(seen.status == 401, f"an unknown cookie: {seen}")  # noqa: PLR2004
    need(session_cookie(seen) is None, "an unknown cookie is answered with a session cookie")
    known = await scene.login("user", ("cookie", f"{name}={chosen}"), OURS)
    kept = set(chosen.split(".")) & set(known.cookie.value.split("."))
    need(not kept, "the login adopted what the client chose")
    return "a handle that the client chose is never adopted"


@check("14.2.1", "Secrets are taken from no URL and stand in none")
async def urls(scene: Scene) -> str:
    """Handle and token as parameters of the query."""
    known = await scene.login()
    for parameter, value in (
        ("ngin_sid", known.cookie.value),
        ("access_token", known.token),
        ("token", known.token),
        ("apikey", known.token),
    ):
        seen = await scene.ask("GET", f"session?{parameter}={value}")
        need(seen.status == 401, f"?{parameter}=: {seen}")  # noqa: PLR2004
        need(not seen.header("location"), f"?{parameter}=: is sent elsewhere")
    return "handles in a query: 401"


@check("16.2.5", "No answer repeats a secret that was shown")
async def echoes(scene: Scene) -> str:
    """Refusals of a token, a cookie and a password."""
    known = await scene.login()
    secret = known.cookie.value.partition(".")[2]
    wrong = "not the password of anybody here"
    for seen, shown in (
        (await scene.who(("authorization", f"Bearer {known.token}x")), known.token),
        (await scene.who(("cookie", f"{known.cookie.name}={known.cookie.value}x"), OURS), secret),
        (await scene.who(known.cookie.shown, OURS), secret),
        (await scene.ask("POST", "login", value={"userName": "one", "password": wrong}), wrong),
        (await scene.ask("GET", "sessions", known.bearer), secret),
    ):
        told = seen.body + "\n".join(f"{name}: {value}" for name, value in seen.headers).encode()
        need(shown.encode() not in told, f"{seen}: repeats what was shown")
    return "refusals and lists repeat neither token, cookie nor password"

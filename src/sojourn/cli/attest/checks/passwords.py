"""Passwords at the login [ASVS 6.2, 6.3.8]."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from sojourn.cli.attest.findings import check, need
from sojourn.cli.attest.scene import OURS, In, Scene, session_cookie
from sojourn.cli.attest.visitor import Seen

#: Tries whose times are compared, of each kind.
_TIMES = 5

#: How much longer one kind may take than the other: so many times, and so many seconds.
_TIMES_AS_LONG, _LONGER = 1.5, 0.05

#: Members and headers that are of one answer alone.
_OWN = frozenset({"executionKey"})
_OWN_HEADERS = frozenset({"date", "content-length", "set-cookie", "retry-after"})


async def _try(scene: Scene, name: str, password: str) -> Seen:
    return await scene.ask("POST", "login", value={"userName": name, "password": password})


@check("6.2.8", "A password is checked exactly as it was typed")
async def exact(scene: Scene) -> str:
    """Shortened, lengthened, in another case."""
    password = scene.run.accounts["one"]
    for name, typed in (
        ("without its last letter", password[:-1]),
        ("with a blank behind", password + " "),
        ("in another case", password.swapcase()),
    ):
        seen = await _try(scene, "one", typed)
        need(seen.status != 200, f"{name}: {seen}")  # noqa: PLR2004 - the HTTP status is its own name
    await scene.login("one")
    return "shortened, lengthened and in another case: refused"


@check("6.3.8", "A refused login does not tell whether the account exists", last=True)
async def uniform(scene: Scene) -> str:
    """The same status, body and headers, and about the same time."""
    there, absent = [], []
    for number in range(_TIMES):
        name = ("one", "two", "three", "changer", "user")[number]
        there.append(await _try(scene, name, "not the password of this account"))
        absent.append(await _try(scene, f"nobody{number}", "not the password of this account"))
    for seen in (*there, *absent):
        need(seen.status in (401, 429), f"{seen}")
        need(_face(seen) == _face(there[0]), f"{seen}: differs from {there[0]}")
    slow, quick = sorted((_median(there), _median(absent)), reverse=True)
    need(slow <= quick * _TIMES_AS_LONG + _LONGER, f"{slow * 1000:.0f} ms and {quick * 1000:.0f} ms")
    return f"{there[0].status} with one body for both; {_median(there) * 1000:.0f} and {_median(absent) * 1000:.0f} ms"


def _face(seen: Seen) -> tuple[int, Mapping[str, object], frozenset[str]]:
    value = seen.json()
    body = {name: said for name, said in value.items() if name not in _OWN} if isinstance(value, dict) else {}
    return seen.status, body, frozenset(name for name, _ in seen.headers if name not in _OWN_HEADERS)


def _median(answers: list[Seen]) -> float:
    return statistics.median(seen.took for seen in answers)


async def _change(scene: Scene, known: In, new: str) -> Seen:
    """The own password from ``changer``'s present one to ``new``."""
    value = {"oldPassword": scene.run.accounts["changer"], "newPassword": new}
    scene.visitor.hide(new)
    return await scene.ask("POST", "password", known.cookie.shown, OURS, value=value)


@check("6.2.1", "New passwords have at least 15 characters where nothing else is asked for")
async def short(scene: Scene) -> str:
    """One of 14 characters."""
    seen = await _change(scene, await scene.login("changer"), "xq7-vw2.mk9_tz")
    need(400 <= seen.status < 500, f"14 characters: {seen}")  # noqa: PLR2004 - the HTTP status is its own name
    need(seen.status not in (401, 404), f"14 characters: {seen}")
    return f"14 characters: {seen.status} {seen.member('code')}"


@check("6.2.4", "New passwords are compared with those that everybody tries")
async def common(scene: Scene) -> str:
    """One that is long enough and in every list."""
    seen = await _change(scene, await scene.login("changer"), "passwordpassword")
    need(400 <= seen.status < 500, f"passwordpassword: {seen}")  # noqa: PLR2004
    need(seen.status not in (401, 404), f"passwordpassword: {seen}")
    return f"passwordpassword: {seen.status} {seen.member('code')}"


@check("7.4.3", "A changed password ends the other sessions of the account", last=True)
async def change(scene: Scene) -> str:
    """The session that changes it goes on under a new secret; the other one is dead, and so is the old password."""
    here, there = await scene.login("changer"), await scene.login("changer")
    changed = await _change(scene, here, f"{scene.run.accounts['changer']} and more of it")
    need(changed.status == 200, f"{changed}")  # noqa: PLR2004
    for name, shown in (("another session", there.cookie), ("the old secret", here.cookie)):
        seen = await scene.who(shown.shown, OURS)
        need(seen.status == 401, f"{name} after the change: {seen}")  # noqa: PLR2004
    fresh = session_cookie(changed)
    need(fresh is not None, "the session that changed it got no new secret")
    assert fresh is not None
    alive = await scene.who(fresh.shown, OURS)
    need(alive.status == 200, f"the session that changed it: {alive}")  # noqa: PLR2004
    old = await _try(scene, "changer", scene.run.accounts["changer"])
    need(old.status == 401, f"the old password: {old}")  # noqa: PLR2004
    return "other sessions, old secret and old password: 401; the session that changed it goes on"

"""Ends of sessions [ASVS 7.4, 7.5.2]."""

from __future__ import annotations

from sojourn.cli.attest.findings import check, need
from sojourn.cli.attest.scene import OURS, In, Scene


async def _dead(scene: Scene, known: In, why: str) -> None:
    for name, shown in (("cookie", known.cookie.shown), ("token", known.bearer)):
        seen = await scene.who(shown, OURS, realm=known.realm)
        need(seen.status == 401, f"{name} after {why}: {seen}")  # noqa: PLR2004 - the HTTP status is its own name


async def _alive(scene: Scene, known: In, why: str) -> None:
    seen = await scene.who(known.cookie.shown, OURS, realm=known.realm)
    need(seen.status == 200, f"{why}: {seen}")  # noqa: PLR2004


@check("7.4.1", "After a logout no handle of the session opens anything")
async def logout(scene: Scene) -> str:
    """Cookie and token, also after the next login."""
    known = await scene.login()
    seen = await scene.ask("POST", "logout", known.bearer)
    need(seen.status == 200, f"{seen}")  # noqa: PLR2004
    await _dead(scene, known, "the logout")
    await scene.login("user", known.cookie.shown, OURS)
    await _dead(scene, known, "the next login")
    return "cookie and token: 401 after the logout and after the next login"


@check("7.4.2", "When an account is disabled its sessions are dead on the next request")
async def disabled(scene: Scene) -> str:
    """An account that an operator disables."""
    known = await scene.login("leaver")
    await _alive(scene, known, "before it was disabled")
    await scene.act("disable", "leaver")
    await _dead(scene, known, "the account was disabled")
    value = {"userName": "leaver", "password": scene.run.accounts["leaver"]}
    again = await scene.ask("POST", "login", value=value)
    need(again.status == 401, f"the disabled account logs in: {again}")  # noqa: PLR2004
    return "cookie, token and password of a disabled account: 401"


@check("7.4.5", "An operator ends sessions at once")
async def operator(scene: Scene) -> str:
    """All sessions of an account; the user is told that an operator did it, and no name."""
    first, second = await scene.login("two"), await scene.login("two")
    await scene.act("end", "two")
    await _dead(scene, first, "the operator's end")
    await _dead(scene, second, "the operator's end")
    told = await scene.who(first.cookie.shown, OURS)
    need(told.member("reason") == "dropped" and told.member("by") == "an operator", f"{told}")
    return "two sessions of an account: 401 dropped, by an operator"


@check("7.5.2", "Users see their own sessions and end any of them")
async def own(scene: Scene) -> str:
    """The list, and the end of another one."""
    here, there = await scene.login("one"), await scene.login("one")
    stranger = await scene.login("three")
    seen = await scene.ask("GET", "sessions", here.bearer)
    listed = {row.get("id") for row in seen.json().get("sessions", [])}
    need({here.sid, there.sid} <= listed, f"{seen}: not all own sessions are listed")
    need(stranger.sid not in listed, f"{seen}: sessions of others are listed")
    foreign = await scene.ask("POST", f"sessions/{stranger.sid}/end", here.bearer)
    need(foreign.status == 404, f"the session of another account: {foreign}")  # noqa: PLR2004
    ended = await scene.ask("POST", f"sessions/{there.sid}/end", here.bearer)
    need(ended.status == 200, f"{ended}")  # noqa: PLR2004
    await _dead(scene, there, "its end")
    await _alive(scene, here, "the session that ended another")
    await _alive(scene, stranger, "the session of another account")
    return "own sessions are listed, one was ended, another account's was not"

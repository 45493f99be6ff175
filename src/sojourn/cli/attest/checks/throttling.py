"""Guessing passwords [ASVS 6.3.1]."""

from __future__ import annotations

from sojourn.cli.attest.findings import check, need
from sojourn.cli.attest.scene import Scene

#: Wrong passwords that are tried; with them a guesser would have to be slowed down long ago.
_TRIES = 40


@check("6.3.1", "Guessing a password is slowed down, and the genuine user still gets in", last=True)
async def guessing(scene: Scene) -> str:
    """Wrong passwords of one account, then the right one from a device that is known and from one that is not."""
    known = await scene.login("victim")
    device = "; ".join(f"{cookie.name}={cookie.value}" for cookie in known.answer.cookies if cookie != known.cookie)
    right = {"userName": "victim", "password": scene.run.accounts["victim"]}
    tried = 0
    for tried in range(1, _TRIES + 1):
        seen = await scene.ask("POST", "login", value={"userName": "victim", "password": f"wrong password {tried}"})
        if seen.status == 429:  # noqa: PLR2004 - the HTTP status is its own name
            break
    stranger = await scene.ask("POST", "login", value=right)
    need(stranger.status != 200, f"after {tried} wrong passwords the right one from anywhere: {stranger}")  # noqa: PLR2004
    need(bool(device), "no device is known again, so a guesser locks the genuine user out")
    genuine = await scene.ask("POST", "login", ("cookie", device), value=right)
    need(genuine.status == 200, f"the genuine user: {genuine}")  # noqa: PLR2004
    return f"after {tried} wrong passwords a stranger is refused ({stranger.status}), the known device gets in"

"""Limits of sessions [ASVS 7.1.2, 7.3]."""

from __future__ import annotations

import asyncio
import time

from sojourn.cli.attest.findings import Failed, check, need
from sojourn.cli.attest.scene import OURS, Scene
from sojourn.engine.attest import BRIEF_IDLE, BRIEF_LIFETIME

_IDLE, _LIFETIME = BRIEF_IDLE / 1_000, BRIEF_LIFETIME / 1_000
#: Seconds that clocks and answers may take.
_SLACK = 0.4


@check("7.3.1", "A session ends when it was idle for too long", waits=True)
async def idle(scene: Scene) -> str:
    """In the realm of seconds."""
    known = await scene.login("one", realm=scene.run.brief)
    await asyncio.sleep(_IDLE + _SLACK)
    seen = await scene.who(known.cookie.shown, OURS, realm=known.realm)
    need(seen.status == 401, f"{_IDLE + _SLACK:.1f} s idle of {_IDLE:.0f}: {seen}")  # noqa: PLR2004 - its own name
    return f"limit {_IDLE:.0f} s: 401 {seen.member('reason')}"


@check("7.3.2", "A session ends at its absolute limit, however busy it is", waits=True)
async def absolute(scene: Scene) -> str:
    """In the realm of seconds, with a request each half of the idle limit."""
    began = time.monotonic()
    known = await scene.login("two", realm=scene.run.brief)
    # It began somewhere in between, late when the machine is busy with the password: it is dead counted from here.
    opened = time.monotonic()
    while (lasted := time.monotonic() - opened) < _LIFETIME + _SLACK:
        seen = await scene.who(known.cookie.shown, OURS, realm=known.realm)
        if seen.status == 401:  # noqa: PLR2004
            lived = time.monotonic() - began
            need(lived >= _LIFETIME - 2 * _SLACK, f"dead after {lived:.1f} s of {_LIFETIME:.0f}: {seen}")
            return f"limit {_LIFETIME:.0f} s: 401 {seen.member('reason')}"
        await asyncio.sleep(min(_IDLE / 4, max(0.0, _LIFETIME + _SLACK - lasted)))
    seen = await scene.who(known.bearer, realm=known.realm)
    if seen.status != 401:  # noqa: PLR2004
        raise Failed(f"alive after {lasted:.1f} s of {_LIFETIME:.0f}: {seen}")
    return f"limit {_LIFETIME:.0f} s: 401 {seen.member('reason')}"


@check("7.1.2", "The number of sessions of an account is limited as the realm says")
async def parallel(scene: Scene) -> str:
    """In a realm where an account has two, and the oldest goes."""
    first = await scene.login("three", realm=scene.run.brief)
    second = await scene.login("three", realm=scene.run.brief)
    third = await scene.login("three", realm=scene.run.brief)
    statuses = [
        (await scene.who(known.cookie.shown, OURS, realm=known.realm)).status for known in (first, second, third)
    ]
    need(statuses == [401, 200, 200], f"three logins where two may live: {statuses}")
    return "two sessions where two may live; the third login ended the oldest"

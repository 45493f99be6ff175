"""Each row of the host functions in docs/reference/rights.md: nobody without the right gets through, who has it does."""

from __future__ import annotations

import pytest

import sojourn.scripting.api  # noqa: F401 - declares what scripts see
from sojourn.bootstrap import Engine
from sojourn.core.errors import InsufficientScope, SojournError, Unauthorized
from sojourn.engine.security.declared import ANYONE, LOGGED_IN, SELF
from sojourn.scripting.declare import CLASSES, Member, wire_name
from tests.scripting.session.conftest import PASSWORD, Desk, Open

pytestmark = pytest.mark.anyio

ROWS: list[tuple[str, Member]] = [
    (wire_name(spec, member), member) for spec in sorted(CLASSES.values()) for member in spec.members
]
SCOPES = sorted({member.right for _, member in ROWS} - {ANYONE, LOGGED_IN, SELF})


async def answer(desk: Desk, function: str) -> str:
    """Code of what a call without arguments ends in: the right is asked for before they are looked at."""
    try:
        await desk(function)
    except SojournError as error:
        return error.code
    return "done"


async def test_nobody_may_call_only_what_anyone_may(open_desk: Open) -> None:
    refused = [name for name, member in ROWS if member.right != ANYONE]
    assert len(refused) > 20
    desk = await open_desk()
    for function in refused:
        assert (function, await answer(desk, function)) == (function, Unauthorized.code)


async def test_an_account_without_the_scope_is_refused(open_desk: Open, engine: Engine) -> None:
    """With every other scope of the table but those that hold the place of it."""
    scoped = [(name, member.right) for name, member in ROWS if member.right in SCOPES]
    assert scoped
    for right in SCOPES:
        desk = await hired(open_desk, engine, f"all-but-{right}", {*SCOPES} - {right})
        assert right not in desk.run.session.access.scope
        for function, needed in scoped:
            if needed == right:
                assert (function, await answer(desk, function)) == (function, InsufficientScope.code)


async def test_who_has_the_right_gets_through(open_desk: Open, engine: Engine) -> None:
    """What is then said of the arguments, or of the act, is another matter."""
    for number, (function, member) in enumerate(ROWS):
        scopes = {member.right} & set(SCOPES)
        desk = await hired(open_desk, engine, f"clerk-{number}", scopes)
        refusals = {Unauthorized.code} if member.also else {Unauthorized.code, InsufficientScope.code}
        said = await answer(desk, function)
        assert said not in refusals, function


async def hired(open_desk: Open, engine: Engine, name: str, scopes: set[str]) -> Desk:
    """An execution of an account with these scopes and no others."""
    await engine.rules.users.add("main", name, PASSWORD)
    for scope in sorted(scopes):
        await engine.rules.grants.grant(name, scope)
    desk = await open_desk()
    assert await desk("Session.login", name, PASSWORD) is True
    return desk.again()

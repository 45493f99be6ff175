"""Members whose value the worker is told with the task say the same as when they are asked."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from sojourn.core.errors import SojournError
from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.declare import get, steady_members
from sojourn.scripting.dispatch import Dispatcher
from tests.scripting.session.conftest import PASSWORD, Open, request

pytestmark = pytest.mark.anyio

#: What changes who acts, and what does not.
STEPS: list[tuple[str, tuple[Any, ...]]] = [
    ("Session.login", ("anna", PASSWORD)),
    ("Session.login", ("anna", "wrong")),
    ("SessionFields.put", ({"a": 1},)),
    ("Session.setTimeout", (5,)),
    ("Session.login", ("ben", PASSWORD)),
    ("Session.newSessionToken", ("cart.read",)),
    ("Session.setPassword", ("another correct horse",)),
    ("Session.logout", ()),
    ("Session.login", ("anna", PASSWORD)),
    ("Session.trackingId=", ("mine",)),
]


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("served", [True, False])
async def test_what_was_told_is_what_would_be_answered(open_desk: Open, *, recorded: bool, served: bool) -> None:
    run = (await open_desk(recorded=recorded)).run
    run.exchange = request() if served else None
    dispatcher = Dispatcher(run)
    known, names = dispatcher.facts(True), set()
    for step in [None, *STEPS]:
        if step is not None:
            with suppress(SojournError):
                await dispatcher.call(*step)
            known = dispatcher.facts(False) or known
        assert known is not None
        assert known == {name: await dispatcher.call(name, []) for name in known}
        assert dispatcher.facts(False) is None
        names.add(known["Session.userName"])
    assert names == {"anonymous", "anna", "ben"}


def test_what_is_steady_needs_no_right_and_is_plain() -> None:
    members = steady_members()
    assert {"Session.id", "Session.userKey", "Session.hasRequest"} <= {name for name, _, _ in members}
    for _, spec, member in members:
        assert member.right == ANYONE
        assert member.kind in {"get", "method"}
        assert spec.instance


@pytest.mark.parametrize("wrong", [{"right": "logged-in"}, {"right": ANYONE, "deprecated": "Use another one."}])
def test_no_other_member_can_be_steady(wrong: dict[str, str]) -> None:
    with pytest.raises(TypeError, match="told to every script"):
        get("secret: string", **wrong, steady=True)

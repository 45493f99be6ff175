"""What host functions do for a session that another process has ended while its script runs on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

import sojourn.scripting.api  # noqa: F401 - declares the host functions
from sojourn.bootstrap import Engine
from sojourn.core.errors import SessionEnded, StaleSession
from sojourn.engine.live import Session
from sojourn.scripting.dispatch import Dispatcher
from sojourn.scripting.run import Kept, Run
from sojourn.scripting.values import Value
from tests.scripting.runner.conftest import PASSWORD

pytestmark = pytest.mark.anyio


async def acting(engine: Engine) -> tuple[Session, Dispatcher]:
    session = await engine.login("shop", "anna", PASSWORD)
    assert session is not None
    shown = Session(engine.rules, session.access)
    run = Run(rules=engine.rules, session=shown, execution_key="k", scripts=["ufs:/sum.js"], kept=Kept(), runtime="ije")
    return session, Dispatcher(run)


async def test_a_session_that_ended_elsewhere_reads_and_writes_nothing_that_needs_a_login(engine: Engine) -> None:
    session, host = await acting(engine)
    key = session.user_key
    assert await host.call("Security.getUserScopes", [key]) == ["stock.read", "stock.write"]
    await session.end()
    calls: list[tuple[str, Sequence[Value]]] = [
        ("Security.getUserScopes", [key]),
        ("Security.encryptSecret", [key, "secret"]),
        ("VirtualFileSystem.fileExists", ["/shop/x.js"]),
        ("Session.revokeAuthTokenByKey", [1]),
    ]
    for function, args in calls:
        with pytest.raises(SessionEnded):
            await host.call(function, args)


async def test_nor_does_one_that_has_another_identity_by_now(engine: Engine) -> None:
    session, host = await acting(engine)
    key = session.user_key
    await session.logout()
    with pytest.raises(StaleSession):
        await host.call("Security.getUserScopes", [key])

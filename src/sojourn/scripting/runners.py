"""How a script comes by a runner: which realm and which session it may have, how many, how deep; and ``executeScript``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from sojourn.core.clock import SECOND
from sojourn.core.errors import Forbidden
from sojourn.engine.live import Session
from sojourn.model.realm import Realm
from sojourn.scripting.declare import BadArgument
from sojourn.scripting.environments import Environment
from sojourn.scripting.files import Source
from sojourn.scripting.run import Run
from sojourn.scripting.runner import Runner, RunnersExhausted, let_go
from sojourn.scripting.runtime import RuntimeName
from sojourn.scripting.values import Value

#: How deep runners may start runners.
MOST_DEEP: Final = 8
#: Runners that one execution may hold, with those of all that it causes.
MOST_RUNNERS: Final = 16
#: Runners that an outermost execution, with all that it causes, may make one after the other.
MOST_OPENED: Final = 1_000
#: The runtime of a runner that says nothing.
DEFAULT_RUNTIME: Final[RuntimeName] = "ije"


class RealmClosed(Forbidden):
    """Scripts of this realm may not open a runner there: the other realm has to name it in its runnersFrom."""

    code = "runner.realm_closed"


class Wish(NamedTuple):
    """The options of a runner."""

    runtime: Literal["ije", "v8"] | None = None
    realm: str | None = None
    session_id: str | None = None
    #: Milliseconds to wait for a busy session; None = not at all.
    wait_timeout: int | None = None


async def open_runner(caller: Run, reference: str | int, wish: Wish) -> Runner:
    """A runner for ``caller``, which is disposed when that execution is over at the latest.

    Raises ``ScriptUnknown``, :class:`RunnersExhausted`, :class:`RealmClosed`; for a session: ``SessionUnknown`` unless this
    session has made it through a runner, ``SessionBusy`` while another one works with it, ``TurnTimeout`` when it still does
    after ``waitTimeout``.
    """
    if caller.depth >= MOST_DEEP:
        raise RunnersExhausted(f"script runners start script runners at most {MOST_DEEP} deep")
    if caller.nesting.runners >= MOST_RUNNERS:
        raise RunnersExhausted
    if caller.nesting.opened >= MOST_OPENED:
        raise RunnersExhausted(f"one execution makes at most {MOST_OPENED} script runners")
    await caller.session.check()
    caller.nesting.opened += 1
    caller.nesting.runners += 1
    try:
        runner = await _opened(caller, reference, wish)
    except BaseException:
        caller.nesting.runners -= 1
        raise
    caller.closing.append(runner.dispose)
    return runner


async def _opened(caller: Run, reference: str | int, wish: Wish) -> Runner:
    standalone = caller.rules.sessions.standalone
    if wish.session_id is not None:
        session = await _reopened(caller, wish, wish.session_id)
        try:
            source = await _source(caller, reference, session.realm)
        except BaseException:
            let_go(caller, session.id, lasting=True)
            raise
        return Runner(caller, source, session, None)
    realm = _realm(caller, wish.realm)
    source = await _source(caller, reference, realm)
    lasting = wish.realm is not None and realm.stateful
    if lasting:
        # Who comes back to it is recognised by its id.
        await caller.recorded()
    access = await standalone.begin(realm, maker=caller.session.access, what=f"script {source.uri}", lasting=lasting)
    session = Session(caller.rules, access)
    if lasting:
        await caller.service.reserved.wait(session.id, caller.execution_key, 0)
        _hold_on(caller, session.id)
        return Runner(caller, source, session, None)
    runtime = (wish.runtime or DEFAULT_RUNTIME) if wish.realm is None else None

    async def acquire() -> Environment:
        claimed: Environment = await caller.service.claim(session, visitor=caller.nesting.visitor, runtime=runtime)
        return claimed

    return Runner(caller, source, session, acquire)


async def _reopened(caller: Run, wish: Wish, sid: str) -> Session:
    """A lasting session of the caller's, when nobody else works with it."""
    standalone, maker = caller.rules.sessions.standalone, caller.session.access
    access = await standalone.reopen(maker, sid)
    if wish.realm is not None and wish.realm != access.realm.name:
        raise BadArgument(f"the session is one of realm {access.realm.name!r}, not of {wish.realm[:100]!r}")
    left = caller.deadline - time.monotonic()
    patience = min(wish.wait_timeout / SECOND, max(left, 0)) if wish.wait_timeout else 0
    waited = await caller.service.reserved.wait(sid, caller.execution_key, patience)
    try:
        if waited:
            await caller.session.check()
            access = await standalone.reopen(maker, sid)
    except BaseException:
        caller.service.reserved.pass_on(sid)
        raise
    _hold_on(caller, sid)
    return Session(caller.rules, access)


def _realm(caller: Run, name: str | None) -> Realm:
    """The realm of a new session; what is closed and what is not there are one answer."""
    if name is None or name == caller.realm.name:
        return caller.realm
    realm = caller.rules.realms.get(name)
    if realm is None or caller.realm.name not in realm.config.runners_from:
        raise RealmClosed
    return realm


async def _source(caller: Run, reference: str | int, realm: Realm) -> Source:
    found: Source = await caller.service.sources.find(reference, realm)
    return found


def _hold_on(caller: Run, sid: str) -> None:
    standing = caller.rules.sessions.standalone.find(sid)
    if standing is not None:
        standing.held = True


async def execute_script(caller: Run, reference: str | int, pairs: Sequence[Value]) -> Value:
    """Run a script once as the caller's user, with parameters as global variables; its last value."""
    if len(pairs) % 2:
        raise BadArgument("parameters come in pairs of name and value")
    named = dict(zip(pairs[::2], pairs[1::2], strict=True)) if all(isinstance(one, str) for one in pairs[::2]) else None
    if named is None:
        raise BadArgument("the name of a parameter is a text")
    runner = await open_runner(caller, reference, Wish())
    try:
        await runner.login_by_session()
        for name, value in named.items():
            await runner.publish(str(name), value)
        return await runner.run()
    finally:
        await runner.dispose()

"""One run of a script that nothing but the engine itself asks for: at the command line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from sojourn.core.ids import new_execution_key
from sojourn.engine.live import Session
from sojourn.model.realm import Realm
from sojourn.model.user import Account
from sojourn.scripting.order import Order, Trace
from sojourn.scripting.runtime import WriteGlobal
from sojourn.scripting.service import Scripts
from sojourn.scripting.values import Value


class Errand(NamedTuple):
    """What is to be run."""

    #: URI or key of the script.
    reference: str | int
    realm: Realm
    #: Whom it acts for; None for nobody.
    account: Account | None = None
    #: Global variables that it finds.
    parameters: Mapping[str, Value] = {}


async def run_alone(scripts: Scripts, errand: Errand, trace: Trace) -> Value:
    """The last value of a script in a session and an environment of its own; ``trace`` tells what it did, also on failure.

    Raises ``ScriptUnknown``, ``NotAdmittedThere`` for an account that the realm does not admit, and as
    ``Scripts.execute``.
    """
    source = await scripts.sources.find(errand.reference, errand.realm)
    standalone = scripts.rules.sessions.standalone
    access = await standalone.begin(errand.realm, maker=None, what=f"script {source.uri}")
    try:
        if errand.account is not None:
            access = await standalone.become(access, errand.account)
        session = Session(scripts.rules, access)
        environment = await scripts.claim(session, nested=False, runtime=errand.realm.config.runtime)
        order = Order(
            session=session,
            task="",
            execution_key=new_execution_key(),
            what=f"script {source.uri}",
            scripts=(source.uri,),
            standalone=True,
            environment=environment,
            trace=trace,
        )
        # What the script does is told from here on; to start a worker takes longer than most scripts.
        trace.began = time.perf_counter()
        try:
            async with scripts.hold(order) as held:
                held.run.runs(source.text)
                for name, value in errand.parameters.items():
                    await held.execute(WriteGlobal(name, value))
                return await held.execute(source.task)
        finally:
            await scripts.give_back(environment)
    finally:
        standalone.end(access.session.id, "logout")

"""One execution of scripts: for whom, with what, and what its host functions share."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from sojourn.core.errors import SojournError, StaleSession
from sojourn.engine.live import Session
from sojourn.engine.rules import Rules
from sojourn.model.realm import Realm
from sojourn.model.token import ScriptChain, ScriptText
from sojourn.scripting.budget import Budget
from sojourn.scripting.values import Value

#: Host objects that the scripts of one environment may hold at once.
MOST_HANDLES = 10_000


class TooManyHandles(SojournError):
    """The scripts of this environment hold too many objects of the host."""

    code = "script.too_many_handles"


@dataclass(slots=True)
class HostHandle:
    """An object of the host that a script holds by its number."""

    object: Any
    #: Epoch of the session under which it was made: it is of no use under any other.
    epoch: int
    #: Gives back what the object holds, called once when no script can reach it any more.
    release: Callable[[], Awaitable[object]] | None = None


@dataclass(slots=True)
class Kept:
    """What goes with an environment from one execution to the next, beside its global scope.

    In a stateful realm it lives as long as the environment; a stateless one gets a fresh one for every execution.
    """

    startup_scripts_executed: bool = False
    tracking_id: str = ""
    create_key_license: int = 0
    #: How many keys the session may still make, None without a limit; each call of ``limitKeyCreation`` counts anew.
    key_limit: int | None = None
    last_path: str = ""
    #: Changes of ``engine.env`` that only this session sees; None removes a variable.
    env: dict[str, str | None] = field(default_factory=dict)
    #: The default connection to the database, None before its first use. See ``sojourn.scripting.api.databases``.
    database: Any = None
    handles: dict[int, HostHandle] = field(default_factory=dict)
    next_handle: int = 1


@dataclass(slots=True)
class Nesting:
    """What executions share of which one has caused the other, by a script runner."""

    #: Whether the outermost one works for nobody that is known.
    visitor: bool = False
    #: Whether the outermost one serves a request: then a client is there who could log in afresh.
    attended: bool = False
    #: Runners that all of them together hold.
    runners: int = 0
    #: Runners that there were so far.
    opened: int = 0
    #: Entries that all of them together have written into the log.
    logged: int = 0


@dataclass(slots=True, kw_only=True)
class Run:
    """What the host functions of one execution work with. It always acts as :attr:`session`, whatever the worker says."""

    rules: Rules
    #: The session that the script acts as; a login or logout gives it another identity, secret and epoch.
    session: Session
    #: Name of the execution in logs and answers.
    execution_key: str
    #: URIs of the running script and of the scripts that called it, the innermost first; only the server knows them.
    scripts: Sequence[str]
    kept: Kept
    #: ``ije`` or ``v8``.
    runtime: str
    #: Request and response, None without a request. See ``sojourn.scripting.exchange``.
    exchange: Any = None
    #: Texts that the environment runs, by their URI, since its global scope was made: an older one may have left something.
    texts: dict[str, dict[ScriptText, None]] = field(default_factory=dict)
    #: Texts of the scripts that have caused it.
    callers: Sequence[ScriptText] = ()
    #: Parameters of the script and of a task, by name.
    parameters: dict[str, Value] = field(default_factory=dict)
    #: Told what the script logs: level and text.
    log: Callable[[str, str], object] | None = None
    #: The services of the node: modules, files, runners. See ``sojourn.scripting.service``.
    service: Any = None
    #: What it shares with the executions that it causes, and with the one that caused it.
    nesting: Nesting = field(default_factory=Nesting)
    #: How many executions are around it.
    depth: int = 0
    #: What the present task may use of CPU, None before the first one.
    budget: Budget | None = None
    #: When its time is up, by ``time.monotonic()``; what it causes ends then too.
    deadline: float = math.inf
    #: Awaited when the execution is over: they give back what it has taken.
    closing: list[Callable[[], Awaitable[object]]] = field(default_factory=list)
    #: Whether the session shall be ended when the execution is over: ``session.setTimeout(0)``.
    ends_session: bool = False
    #: Gives the session a record where it has none yet and the client can keep it: before the first write, after a login.
    record: Callable[[], Awaitable[object]] | None = None

    @property
    def realm(self) -> Realm:
        """Where the session lives."""
        return self.session.realm

    def changing_identity(self) -> None:
        """Raise where the session cannot get another identity any more, because its client could not be told."""
        if self.exchange is not None:
            self.exchange.before_identity_changes()

    async def changed_identity(self) -> None:
        """What follows from another identity: the licence of keys is gone, and a session without a record may get one."""
        self.kept.create_key_license = 0
        await self.recorded()

    async def recorded(self) -> None:
        """Give the session its record where it has none yet and can have one."""
        if self.record is not None:
            await self.record()

    def own_session(self) -> Session:
        """The session for what is the account's own: without a request, its own or that of the execution which has
        caused it, nobody is there who could log in afresh.
        """
        if self.exchange is None and not self.nesting.attended:
            self.session.access = replace(self.session.access, unattended=True)
        return self.session

    def runs(self, text: ScriptText) -> None:
        """Note that the environment runs ``text`` from now on."""
        self.texts.setdefault(text.uri, {})[text] = None

    def chain(self) -> ScriptChain:
        """:attr:`scripts` with the texts that run."""
        known: dict[str | ScriptText, None] = {}
        for uri in self.scripts:
            found = [*self.texts.get(uri, ()), *(text for text in self.callers if text.uri == uri)]
            known.update(dict.fromkeys(found or [uri]))
        return tuple(known)

    async def check_scripts(self) -> None:
        """Raise ``AuthTokenRefused`` where the session is that of a token on the request which is not for these texts."""
        behind = self.session.access.transient
        if behind is not None and behind.token is not None and behind.token.scripts:
            await self.rules.sessions.transients.check_scripts(behind.token, self.chain())

    def keep(self, thing: object, release: Callable[[], Awaitable[object]] | None = None) -> int:
        """The number by which scripts hold ``thing`` from now on; raises :class:`TooManyHandles`.

        ``release`` gives back what it holds: awaited once, when the session has another epoch or the environment goes.
        """
        if len(self.kept.handles) >= MOST_HANDLES:
            raise TooManyHandles
        number = self.kept.next_handle
        self.kept.next_handle = number + 1
        self.kept.handles[number] = HostHandle(thing, self.session.access.session.epoch, release)
        return number

    def held(self, number: object) -> Any:
        """The object behind a number; raises ``StaleSession`` when it was made under another epoch or is gone."""
        found = self.kept.handles.get(number) if isinstance(number, int) else None
        epoch = self.session.access.session.epoch
        if found is None or found.epoch != epoch:
            raise StaleSession(epoch)
        return found.object

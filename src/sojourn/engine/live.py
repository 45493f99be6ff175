"""The public Python face of a live session: ``session.fields.put(…)``, ``session.end()``.

Each call is a check and an act of its own against the session store; nothing is cached, so there is nothing to save.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from sojourn.core import json
from sojourn.core.clock import Clock
from sojourn.core.errors import BadRequest
from sojourn.core.ids import SessionHandle
from sojourn.engine.access import Access
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens import Tokens
from sojourn.model import field
from sojourn.model.field import Changed, Field, Op
from sojourn.model.realm import Realm
from sojourn.model.scope import ScopeSet
from sojourn.model.session import EndReason

#: Integers below this, the everyday ones, need no decimal to be spelled.
_SMALL = 2**63


class Versioned(NamedTuple):
    """The value of a field with the version that :meth:`Fields.put_if` compares; version 0 = absent."""

    value: Any
    version: int


class Bag(Protocol):
    """Where :class:`Fields` reads and writes."""

    async def read(self) -> Mapping[str, Field]:
        """The fields as they are now."""
        ...

    async def write(self, ops: Sequence[Op]) -> Changed:
        """Apply all of ``ops`` or none."""
        ...


class SessionBag:
    """The fields of an open session; each call is a check of its own."""

    def __init__(self, sessions: Sessions, access: Access) -> None:
        self._sessions = sessions
        self._access = access

    async def read(self) -> Mapping[str, Field]:
        """The fields as they are now."""
        return await self._sessions.fields(self._access)

    async def write(self, ops: Sequence[Op]) -> Changed:
        """Apply all of ``ops`` or none."""
        return await self._sessions.change(self._access, ops)


class Fields:
    """The GLOBAL fields of one session: JSON values under names.

    Every method raises ``SessionEnded`` and ``StaleSession`` (the session changed its identity since it was opened).
    Every write is one atomic act, returns the session's version after it, and raises ``FieldLimit`` when a name, a value
    or the whole is too large, ``BadOperand`` when an operation does not fit the value, ``InvalidJson`` for what JSON
    cannot hold, and ``CrossSiteWrite`` in a request from another site.
    """

    def __init__(self, bag: Bag) -> None:
        self._bag = bag

    async def get(self, name: str, default: Any = None) -> Any:
        """The value of the field as it is now, or ``default``. Numbers come back as they were put, digit for digit."""
        found = (await self._bag.read()).get(name)
        return default if found is None else json.decode_native(found.text)

    async def get_with_version(self, name: str) -> Versioned:
        """The value with its version, for :meth:`put_if`; ``(None, 0)`` when absent."""
        found = (await self._bag.read()).get(name)
        return Versioned(None, 0) if found is None else Versioned(json.decode_native(found.text), found.version)

    async def all(self) -> dict[str, Any]:
        """Every field."""
        fields = await self._bag.read()
        return {name: json.decode_native(found.text) for name, found in fields.items()}

    async def put(self, /, **values: Any) -> int:
        """Set fields; others stay as they are."""
        return await self.put_all(values)

    async def put_all(self, values: Mapping[str, Any]) -> int:
        """Like :meth:`put`, for names that are no Python names."""
        return await self._change(*(field.put(name, _text(value)) for name, value in values.items()))

    async def put_if(self, name: str, value: Any, *, version: int) -> int:
        """Set the field only while it has ``version`` (0 = while absent); raises ``FieldConflict`` with both versions."""
        return await self._change(field.put_if(name, _text(value), version))

    async def delete(self, *names: str) -> int:
        """Remove fields; absent ones are no error."""
        return await self._change(*(field.delete(name) for name in names))

    async def delete_if(self, name: str, *, version: int) -> int:
        """Remove the field only while it has ``version``; raises ``FieldConflict``."""
        return await self._change(field.put_if(name, "", version))

    async def increment(self, name: str, by: float | Decimal = 1) -> int | float | Decimal:
        """Add ``by`` and return the exact sum; an absent field counts as 0."""
        changed = await self._bag.write([field.increment(name, _plain(by))])
        total: int | float | Decimal = json.decode_native(changed.values[name])
        return total

    async def append(self, name: str, item: Any) -> int:
        """Add ``item`` at the end of an array; an absent field counts as ``[]``."""
        return await self._change(field.append(name, _text(item)))

    async def merge(self, name: str, patch: Mapping[str, Any]) -> int:
        """Set members of an object (None removes one), not deeper; an absent field counts as ``{}``."""
        return await self._change(field.merge(name, _text(dict(patch))))

    async def _change(self, *ops: Op) -> int:
        return (await self._bag.write(ops)).version


class Session:
    """A live session, opened by one handle."""

    def __init__(
        self, sessions: Sessions, tokens: Tokens, clock: Clock, access: Access, handle: SessionHandle | None = None
    ) -> None:
        self._sessions = sessions
        self._tokens = tokens
        self._clock = clock
        #: The outcome of the check that opened it.
        self.access = access
        #: ``<id>.<secret>`` for the client, None when it was not this call that made it. Keep it secret.
        self.handle = handle
        self.fields = Fields(SessionBag(sessions, access))

    def __repr__(self) -> str:
        return f"<Session {self.id} of {self.user_name} in {self.realm.name}>"

    @property
    def id(self) -> str:
        """Public id; to know it opens nothing."""
        return self.access.session.id

    @property
    def realm(self) -> Realm:
        """Where the session lives."""
        return self.access.realm

    @property
    def user_name(self) -> str:
        """Name of the account, ``anonymous`` without one."""
        account = self.access.account
        return account.name if account else self.access.session.identity.user_name

    @property
    def user_key(self) -> int:
        """Key of the account, -1 without one."""
        return self.access.session.identity.user_key

    @property
    def subject(self) -> str:
        """``sub`` of an external principal, else empty."""
        return self.access.session.identity.subject

    @property
    def scope(self) -> ScopeSet:
        """The effective scope at the time of the check: handle ∩ session ∩ account."""
        return self.access.scope

    async def check(self) -> None:
        """Raise ``SessionEnded`` or ``StaleSession`` unless the session still lives and is the same."""
        await self._sessions.check(self.access)

    async def end(self, reason: EndReason = "logout") -> None:
        """End it for good: every handle of it is dead when this returns."""
        await self._sessions.end(self.access, reason)

    async def token(self, *, scope: Iterable[str] | None = None, lifetime: int | None = None) -> str:
        """A new JWT of this session.

        Args:
            scope: Part of :attr:`scope`; None = all that this handle may.
            lifetime: Milliseconds until ``exp``, at most the realm's ``maxTokenLifetime``; None = its ``tokenLifetime``.
                A token never outlives the session.

        Raises:
            InsufficientScope: A word of ``scope`` is not in :attr:`scope`.
            BadRequest: ``lifetime`` is out of range.
        """
        config = self.realm.config
        lasts = config.token_lifetime if lifetime is None else lifetime
        if not 0 < lasts <= config.max_token_lifetime:
            raise BadRequest(f"a token of this realm lives 1 to {config.max_token_lifetime} ms")
        issued = await self._tokens.renew(self.access, expires_at=self._clock.now() + lasts, scope=scope)
        return issued.token


def _text(value: Any) -> str:
    json.check_finite(value)
    return json.encode_text(value)


def _plain(number: float | Decimal) -> str:
    """``number`` without an exponent, as increments take it; the store refuses what is not finite or too long."""
    if type(number) is int and abs(number) < _SMALL:
        return str(number)
    return format(Decimal(repr(number)) if isinstance(number, float) else Decimal(number), "f")

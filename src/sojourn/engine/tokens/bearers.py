"""The one check of whatever a request shows in ``Authorization``: JWT, AuthToken, session token, or a password."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections import OrderedDict
from collections.abc import Collection
from typing import Final, Literal, NamedTuple

from sojourn.core.clock import MINUTE, Clock
from sojourn.core.errors import TokenRefused, Unauthorized
from sojourn.engine.access import Access
from sojourn.engine.database import Generation
from sojourn.engine.facts import Facts
from sojourn.engine.login import Logins
from sojourn.engine.sessions import Sessions
from sojourn.engine.tokens import session_tokens, transients
from sojourn.engine.tokens.access_tokens import Tokens
from sojourn.engine.tokens.uses import TokenUses
from sojourn.model.realm import Realm
from sojourn.model.token import ScriptChain
from sojourn.model.user import Account

#: How long a name with its password is remembered to have been right, and how many are.
REMEMBERED_FOR: Final = MINUTE
MOST_REMEMBERED: Final = 10_000

BearerKind = Literal["jwt", "auth", "session"]

#: Every kind of bearer token.
ANY_BEARER: Final[frozenset[BearerKind]] = frozenset({"jwt", "auth", "session"})


def kind_of(text: str) -> BearerKind:
    """What a bearer token is by its prefix; it may still be nothing at all."""
    if text.startswith(transients.PREFIX):
        return "auth"
    return "session" if text.startswith(session_tokens.PREFIX) else "jwt"


class BasicRefused(Unauthorized):
    """Invalid credentials"""

    code = "auth.basic_refused"


class Bearers:
    """Opens what stands in ``Authorization``."""

    def __init__(
        self, *, tokens: Tokens, sessions: Sessions, uses: TokenUses, logins: Logins, facts: Facts, clock: Clock
    ) -> None:
        self._tokens = tokens
        self._sessions = sessions
        self._transients = sessions.transients
        self._uses = uses
        self._pairs = _Pairs(logins, facts, clock)

    async def open(
        self,
        realm: Realm,
        text: str,
        address: str = "",
        admits: Collection[BearerKind] = ANY_BEARER,
        scripts: ScriptChain = (),
    ) -> Access:
        """The session of a bearer token; ``scripts`` are those that serve the request, for an AuthToken that names some.

        A JWT opens the session that it names; what another token opens has no record. Raises ``TokenRefused``, ``type``
        for a kind that is not among ``admits``; ``AuthTokenRefused``, ``SessionEnded`` and the other kinds of ``Unauthorized``, and ``Unavailable`` when the first
        use of an AuthToken from where it comes cannot be audited.
        """
        kind = kind_of(text)
        if kind not in admits:
            raise TokenRefused("type")
        if kind == "auth":
            access = await self._transients.open_token(realm, text, address, scripts)
            assert access.transient is not None
            assert access.transient.token is not None
            await self._uses.note(
                access.transient.token, realm.id, access.session.identity.user_name, address, "bearer"
            )
            return access
        if kind == "session":
            return await self._transients.session_tokens.open(realm, text, address)
        claims = self._tokens.recall(realm, text) or await self._tokens.verify(realm, text)
        return await self._sessions.open_token(realm, claims)

    async def basic(self, realm: Realm, pair: bytes, address: str = "") -> Access:
        """The account of ``{realm}-{user}:{password}``, as ``Authorization: Basic`` spells it after Base64.

        A right pair is remembered for at most a minute, in this process, while no fact of the engine changes. Raises
        :class:`BasicRefused` for whatever is wrong, ``TooManyTries``, ``LoginBusy``.
        """
        try:
            name, colon, password = pair.decode().partition(":")
        except UnicodeDecodeError:
            raise BasicRefused from None
        prefix = f"{realm.name}-"
        if not colon or not name.startswith(prefix):
            raise BasicRefused
        found = await self._pairs.check(realm, name.removeprefix(prefix), password, address)
        if found is None:
            raise BasicRefused
        return self._transients.open_account(realm, *found, address)


class _Right(NamedTuple):
    """A pair that was right."""

    generation: Generation
    account: Account
    at: int


class _Pairs:
    """Names and passwords that were right a moment ago, as HMACs under a key that only this process has."""

    def __init__(self, logins: Logins, facts: Facts, clock: Clock) -> None:
        self._logins = logins
        self._facts = facts
        self._clock = clock
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, _Right] = OrderedDict()

    async def check(self, realm: Realm, name: str, password: str, address: str) -> tuple[Account, int] | None:
        """The account with its scopes, and when its password was checked; None when refused."""
        place = self._place(realm, name, password)
        known, generation, now = self._known.get(place), (await self._facts.current()).generation, self._clock.now()
        if known is not None and known.generation == generation and 0 <= now - known.at < REMEMBERED_FOR:
            return known.account, known.at
        self._known.pop(place, None)
        account = await self._logins.authenticate(realm, name, password, address)
        if account is None:
            return None
        # Under the generation of before the check: what changed meanwhile makes the next request look again.
        self._known[place] = _Right(generation, account, now)
        if len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return account, now

    def _place(self, realm: Realm, name: str, password: str) -> bytes:
        text = f"{realm.id}:{len(name)}:{name}{password}".encode()
        return hmac.new(self._key, text, hashlib.sha256).digest()

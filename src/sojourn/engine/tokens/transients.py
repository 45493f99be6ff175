"""Handles without a record behind them: AuthToken, session token, and a password on the request.

Each gives identity for one execution. It is checked anew before every act, as every session is.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from sojourn.core.clock import Clock
from sojourn.core.errors import AuthTokenRefused, SessionEnded, Unauthorized
from sojourn.core.ids import same, secret_hash
from sojourn.core.prefixed import is_prefixed
from sojourn.engine.access import Access, Transient, Via, effective_scope
from sojourn.engine.facts import LIVE_STATES, Facts
from sojourn.engine.lookups import EVERYWHERE
from sojourn.engine.tokens.records import TokenRecord
from sojourn.engine.tokens.script_scopes import ScriptFiles
from sojourn.engine.tokens.session_tokens import SessionTokens
from sojourn.model.realm import Realm
from sojourn.model.scope import NO_SCOPE, ScopeSet
from sojourn.model.session import Device, Identity, Session
from sojourn.model.token import ScriptChain
from sojourn.model.user import Account, account_identity, account_principal

#: What the text of an AuthToken begins with.
PREFIX: Final = "sjt_"

_FOREVER = 1 << 53


class Transients:
    """Opens AuthTokens and the accounts of passwords, and looks at them again."""

    def __init__(self, facts: Facts, scripts: ScriptFiles, session_tokens: SessionTokens, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock
        #: The scripts of the project, as token scopes name them.
        self.scripts = scripts
        #: Handles of stateful sessions.
        self.session_tokens = session_tokens

    async def find(self, realm: Realm, text: str) -> TokenRecord:
        """The live AuthToken with this text that holds in ``realm``.

        Raises :class:`AuthTokenRefused`: ``unknown`` alike for what has another form or checksum, for another realm's
        and for what was never authorized; ``revoked``; ``expired``.
        """
        digest = secret_hash(text) if is_prefixed(text, PREFIX) else b""
        record = await (await self._facts.current()).auth_token(digest) if digest else None
        if record is None or not same(record.digest, digest) or record.realm not in (EVERYWHERE, realm.id):
            raise AuthTokenRefused("unknown")
        dead = record.dead(self._clock.now())
        if dead is not None:
            raise AuthTokenRefused(dead)
        return record

    async def account(self, realm: Realm, record: TokenRecord) -> Account:
        """The account of a token, with its scopes in ``realm``; raises :class:`AuthTokenRefused` ``user-unusable``."""
        facts = await self._facts.current()
        account = await facts.account(realm, record.account)
        if account is None or not _admitted(realm, account):
            raise AuthTokenRefused("user-unusable")
        if record.actor is not None and await facts.acting(record.actor) is None:
            raise AuthTokenRefused("user-unusable")
        return account

    async def identity(self, account: Account, record: TokenRecord) -> Identity:
        """Who acts when ``account`` acts through the token."""
        acting = None if record.actor is None else await (await self._facts.current()).acting(record.actor)
        return Identity(
            principal=account_principal(account.key),
            user_key=account.key,
            user_name=account.name,
            scope=tuple(record.scope.split()),
            login_at=self._clock.now(),
            auth_token=record.key,
            actor_key=record.actor or 0,
            actor=acting.name if acting else "",
        )

    async def check_scripts(self, record: TokenRecord, chain: ScriptChain) -> None:
        """Raise :class:`AuthTokenRefused` ``script-not-allowed`` unless these scripts may use the token."""
        await self.scripts.check(record.scripts, chain)

    async def open_token(self, realm: Realm, text: str, address: str = "", scripts: ScriptChain = ()) -> Access:
        """What an AuthToken on a request opens; raises :class:`AuthTokenRefused`.

        ``scripts`` are those that serve the request. One with script scopes opens nothing where there are none.
        """
        record = await self.find(realm, text)
        if record.scripts and not scripts:
            raise AuthTokenRefused(
                "script-not-allowed", "This token can be used only by the scripts that it names, not on a request."
            )
        await self.check_scripts(record, scripts)
        return await self.open_record(realm, record, await self.account(realm, record), address)

    async def open_record(self, realm: Realm, record: TokenRecord, account: Account, address: str) -> Access:
        """What a token opens whose scripts were checked, for its account."""
        session = _session(realm, await self.identity(account, record), self._clock.now(), record.expires, address)
        actor = await self._facts.actor_scopes(realm, session.identity)
        scope = effective_scope(session, account, None, actor)
        behind = Transient(token=record, expires=record.expires)
        return _access(realm, session, account, scope, behind, "auth-token", delegated=True)

    def open_account(self, realm: Realm, account: Account, at: int, address: str) -> Access:
        """What a password on a request opens, which was checked at the instant ``at``."""
        session = _session(realm, account_identity(account, at), self._clock.now(), None, address)
        return _access(realm, session, account, account.scopes, Transient(), "basic", delegated=False)

    def open_nobody(self, realm: Realm, device: Device, via: Via, *, read_only: bool = False) -> Access:
        """What a visitor has who shows nothing: nobody's session, for this execution."""
        session = replace(_session(realm, Identity(), self._clock.now(), None, device.address), device=device)
        nobody = _access(realm, session, None, NO_SCOPE, Transient(), via, delegated=False)
        return replace(nobody, read_only=read_only)

    async def again(self, access: Access) -> None:
        """Raise unless ``access``, which has no record, still holds.

        :class:`SessionEnded` ``token-revoked`` when the AuthToken is dead, :class:`AuthTokenRefused` ``user-unusable``,
        ``Unauthorized`` when the account or its password is another by now; of a session token what
        :meth:`SessionTokens.again` raises.
        """
        facts, realm, behind = await self._facts.current(), access.realm, access.transient
        if behind is not None and behind.digest:
            await self.session_tokens.again(access)
            return
        if behind is not None and behind.token is not None:
            record = await facts.auth_token_by_key(behind.token.key)
            if record is None or record.dead(self._clock.now()) is not None:
                raise SessionEnded("token-revoked", self._clock.now())
            await self.account(realm, record)
            return
        if access.kind == "anonymous":
            return
        account = await facts.account(realm, access.session.identity.user_key)
        known = access.account
        if account is None or known is None or not _admitted(realm, account) or account.auth_epoch != known.auth_epoch:
            raise Unauthorized


def _admitted(realm: Realm, account: Account) -> bool:
    """Whether what was handed on by ``account`` still holds in ``realm``. A lock stops new logins with a password only."""
    needed = realm.config.login_scope
    return account.state in LIVE_STATES and (needed is None or needed in account.scopes)


def _session(realm: Realm, identity: Identity, now: int, expires: int | None, address: str) -> Session:
    """The record that there is not."""
    return Session(
        id="",
        realm=realm.id,
        secret=b"",
        identity=identity,
        device=Device(address=address),
        created=now,
        last=now,
        absolute=_FOREVER if expires is None else expires,
        epoch=0,
    )


def _access(  # noqa: PLR0917 - the parts of one answer
    realm: Realm,
    session: Session,
    account: Account | None,
    scope: ScopeSet,
    behind: Transient,
    via: Via,
    *,
    delegated: bool,
) -> Access:
    return Access(
        realm=realm,
        session=session,
        fields={},
        via=via,
        scope=scope,
        delegated=delegated,
        account=account,
        transient=behind,
    )

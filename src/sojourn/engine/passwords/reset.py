"""A new password by a mailed code. Whether a name has an account, a mail address or a code, no answer and no time tells."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sojourn.config.mail import is_mail_address
from sojourn.core import json
from sojourn.core.clock import MINUTE, Clock
from sojourn.core.errors import Conflict, Forbidden, StoreUnavailable, TooManyTries
from sojourn.core.ids import same
from sojourn.core.json import Json
from sojourn.engine.audit.log import Audit, Outcome
from sojourn.engine.database import EngineDatabase
from sojourn.engine.keys.seals import Seals
from sojourn.engine.passwords.mailing import Mailer
from sojourn.engine.passwords.notices import Notices
from sojourn.engine.passwords.records import Kept, PasswordRecords
from sojourn.engine.passwords.throttling import Kind, Throttling, Try
from sojourn.engine.security.actors import Actor, Actors
from sojourn.identity.password import WeakPassword
from sojourn.model.realm import Realm
from sojourn.model.user import Account
from sojourn.outbound.mail import Mail
from sojourn.stores.base import SessionStore
from sojourn.stores.limited import OneTime

#: How long a code is good, in milliseconds.
CODE_FOR = 10 * MINUTE

#: Bytes of a code: 64 random bits are 11 characters.
_BYTES = 8

#: How often a code is put again when another request has put one at the very moment.
_TRIES = 5

#: The scope that starts a reset for another account.
MANAGE_SCOPE = "security.manageUsers"


class CodeRefused(Forbidden):
    """This code is not good: it is wrong, too old, or was used."""

    code = "password.code_refused"


class NoMailAddress(Conflict):
    """This account has no mail address that a code could go to."""

    code = "password.no_mail_address"


class Letter(NamedTuple):
    """How the mail with the code shall look."""

    #: Text with the placeholder ``{$confirmationCode}``; empty = ours.
    content: str = ""
    sender_name: str = ""


#: The text that stands in :mod:`sojourn.engine.passwords.notices`.
OURS = Letter()


class PasswordResets:
    """Starts and finishes resets."""

    def __init__(
        self,
        *,
        records: PasswordRecords,
        throttling: Throttling,
        store: SessionStore,
        seals: Seals,
        mailer: Mailer,
        notices: Notices,
        actors: Actors,
        db: EngineDatabase,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._records = records
        self._throttling = throttling
        self._store = store
        self._seals = seals
        self._mailer = mailer
        self._notices = notices
        self._actors = actors
        self._db = db
        self._audit = audit
        self._clock = clock

    async def start(self, realm: Realm, user_name: str, address: str = "") -> None:
        """Mail a code to the account of that name, if it is one that may have it; nothing tells whether it is.

        All that depends on the account happens after this has returned. Raises ``TooManyTries`` for an address block that
        asks too often, and ``Unavailable``.
        """
        await self._counted("reset", realm, user_name, address)
        detail: dict[str, Json] = {"userName": user_name}
        await self._audit.record("PASSWORD_RESET_REQUEST", realm=realm.id, outcome="ok", address=address, detail=detail)

        async def compose() -> Mail | None:
            kept = await self._records.find(realm.config.directory, user_name)
            # Who has no password here has another way in, which nobody but an operator changes.
            if kept is None or kept.stored is None or not _may(kept.account):
                return None
            return await self._mail(kept, OURS)

        await self._mailer.post("PASSWORD_RESET_REQUEST", compose, realm=realm.id, detail=detail)

    async def start_for(self, actor: Actor, key: int, letter: Letter = OURS) -> None:
        """Mail a code to an account at the wish of an operator, who learns neither the code nor the password.

        Needs ``security.manageUsers`` and every scope that the account has. Raises ``InsufficientScope``,
        ``DelegatedHandle``, ``UserUnknown``, :class:`NoMailAddress`, and ``TooManyTries`` after three mails in an hour.
        """
        await self._actors.check_over(actor, MANAGE_SCOPE, key)
        kept = await self._records.get(key)
        if not _may(kept.account):
            raise NoMailAddress
        detail: dict[str, Json] = {"name": kept.account.name, "act": "started by an operator"}
        await self._audit.record("PASSWORD_RESET_REQUEST", realm="", outcome="ok", detail=detail, **actor.audited)
        mail = await self._mail(kept, letter)
        if mail is None:
            raise TooManyTries(60 * MINUTE)

        async def compose() -> Mail:
            return mail

        await self._mailer.post("PASSWORD_RESET_REQUEST", compose, realm="", detail=detail)

    async def finish(self, realm: Realm, user_name: str, code: str, new: str, address: str = "") -> Account:
        """Set a new password by a code: it is used up, all sessions end, all AuthTokens are revoked.

        Raises :class:`CodeRefused` for every code that is not good, and alike for every name that has none;
        ``WeakPassword`` for the new password, and then the code is still good; ``TooManyTries``, ``LoginBusy``.
        """
        tried = await self._counted("code", realm, user_name, address)
        subject = await self._throttling.subject(realm.config.directory, user_name)
        admitted = await self._throttling.admit_code(subject)
        name = _name(subject)
        text = await self._one_time().look(name, self._clock.now())
        kept = await self._records.find(realm.config.directory, user_name)
        right = await self._fits(subject, text, code, kept)
        if not (admitted and right) or kept is None or not _may(kept.account):
            await self._confirmed(realm, user_name, address, "failed")
            raise CodeRefused
        await tried.succeeded()
        try:
            order = (await self._records.order(kept, new, same=True))._replace(over=kept.stored)
        except WeakPassword:
            await self._throttling.give_back_code(subject)
            raise
        taken = await self._one_time().take(name, self._clock.now())
        if taken is None or not taken.first or taken.text != text:
            await self._confirmed(realm, user_name, address, "failed")
            raise CodeRefused
        actor = Actor(kept.account.name, kept.account.key, address=address)

        def work(connection: Connection) -> Account:
            changed = self._records.replace(connection, order, actor)
            self._records.audited(connection, changed, actor, "reset", realm.id)
            return changed

        account = await self._db.write(work)
        await self._confirmed(realm, user_name, address, "ok")
        await self._records.clear(account.key, actor)
        await self._notices.password_changed(account, realm.id, address)
        return account

    async def _mail(self, kept: Kept, letter: Letter) -> Mail | None:
        """The mail with a new code, which replaces the one before; None when enough were sent this hour."""
        account = kept.account
        if not await self._throttling.admit_mail(account.key):
            await self._audit.refused("password.too_many_mails", "", detail={"name": account.name})
            return None
        code = base64.urlsafe_b64encode(os.urandom(_BYTES)).rstrip(b"=").decode()
        subject = self._throttling.account(account.key)
        await self._put(subject, code, account)
        return self._notices.code(account, code, CODE_FOR // MINUTE, letter.content, letter.sender_name)

    async def _put(self, subject: str, code: str, account: Account) -> None:
        store, name, now = self._one_time(), _name(subject), self._clock.now()
        mac = await self._mac(subject, code, account.auth_epoch, account.email)
        text = json.encode_text({"mac": mac.hex(), "epoch": account.auth_epoch})
        for _ in range(_TRIES):
            await store.drop(name)
            if await store.put(name, text, now + CODE_FOR, now):
                await self._throttling.forget_codes(subject)
                return
        raise StoreUnavailable("another code was put at the same moment")

    async def _fits(self, subject: str, text: str | None, code: str, kept: Kept | None) -> bool:
        """Whether ``code`` is the one behind ``text``, in the same time when there is none."""
        found: dict[str, Any] = json.decode(text) if text else {"mac": "", "epoch": -1}
        # A password or mail address that was changed meanwhile makes the code useless.
        mac = (await self._mac(subject, code, found["epoch"], kept.account.email if kept else "")).hex()
        right = same(mac.encode(), str(found["mac"]).encode())
        return right and kept is not None and kept.account.auth_epoch == found["epoch"]

    async def _mac(self, subject: str, code: str, epoch: int, email: str) -> bytes:
        key = await self._seals.secret("mailed codes")
        text = "\0".join(("password reset", subject, str(epoch), email, code))
        return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()

    async def _counted(self, kind: Kind, realm: Realm, user_name: str, address: str) -> Try:
        try:
            return await self._throttling.admit(kind, realm, user_name, address)
        except TooManyTries as error:
            await self._audit.refused(error.code, address, realm=realm.id)
            raise

    async def _confirmed(self, realm: Realm, user_name: str, address: str, outcome: Outcome) -> None:
        detail: dict[str, Json] = {"userName": user_name}
        await self._audit.record(
            "PASSWORD_RESET_CONFIRMATION", realm=realm.id, outcome=outcome, address=address, detail=detail
        )

    def _one_time(self) -> OneTime:
        if not isinstance(self._store, OneTime):
            raise StoreUnavailable("the session store keeps no values that are taken once")
        return self._store


def _may(account: Account) -> bool:
    return account.intact and account.state == "active" and is_mail_address(account.email)


def _name(subject: str) -> str:
    # The subject of a name that nobody has may be of any characters.
    return f"password-reset:{hashlib.sha256(subject.encode('utf-8', 'surrogatepass')).hexdigest()}"

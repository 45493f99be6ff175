"""What users are told by mail: codes, and changes that somebody else may have made in their name."""

from __future__ import annotations

from sojourn.config.mail import is_mail_address
from sojourn.core.clock import Clock, iso
from sojourn.core.json import Json
from sojourn.engine.passwords.mailing import Mailer
from sojourn.model.user import Account
from sojourn.outbound.mail import Mail

#: What stands for the code in a text of an operator's own.
PLACEHOLDER = "{$confirmationCode}"

_CODE = """Hello {name},

somebody, probably you, asked for a new password at {origin}.

The code is

    {code}

It is good for {minutes} minutes and for one new password. Enter it where you asked for it.
If it was not you, do nothing: without the code nothing changes.
"""

_CHANGED = """Hello {name},

the password of your account at {origin} was changed at {at}{place}.

If it was not you, ask for a new password there at once, and tell those who run it.
"""

_MAIL_CHANGED = """Hello {name},

the mail address of your account at {origin} was changed at {at}.
The old address was {old}, the new one is {new}.

If it was not you, tell those who run it at once.
"""


class Notices:
    """Writes the mails. Addresses in them come from ``publicUrl`` alone, never from a request."""

    def __init__(self, mailer: Mailer, public_url: str, clock: Clock) -> None:
        self._mailer = mailer
        self._origin = public_url
        self._clock = clock

    def code(self, account: Account, code: str, minutes: int, content: str = "", sender_name: str = "") -> Mail:
        """The mail with a code; ``content`` is a text of one's own with :data:`PLACEHOLDER`."""
        text = content.replace(PLACEHOLDER, code) if content else ""
        text = text or _CODE.format(name=account.name, origin=self._origin, code=code, minutes=minutes)
        return Mail(account.email, "Your code for a new password", text, sender_name=sender_name)

    async def password_changed(self, account: Account, realm: str = "", address: str = "") -> None:
        """Tell the owner of an account that its password was changed, from ``address`` where that is known."""
        place = f" from {address}" if address else ""
        text = _CHANGED.format(name=account.name, origin=self._origin, at=iso(self._clock.now()), place=place)
        await self._tell(account, account.email, "Your password was changed", text, realm)

    async def mail_changed(self, account: Account, old: str, new: str, realm: str = "") -> None:
        """Tell both addresses that the mail address of an account was changed."""
        told = {"old": old or "none", "new": new or "none"}
        text = _MAIL_CHANGED.format(name=account.name, origin=self._origin, at=iso(self._clock.now()), **told)
        for address in (old, new):
            await self._tell(account, address, "Your mail address was changed", text, realm)

    async def _tell(self, account: Account, address: str, subject: str, text: str, realm: str) -> None:
        if not is_mail_address(address):
            return

        async def compose() -> Mail:
            return Mail(address, subject, text)

        detail: dict[str, Json] = {"name": account.name, "subject": subject}
        await self._mailer.post("USER_CHANGE", compose, realm=realm, detail=detail)

"""Mails to users: what one is, and the port that sends it.

The server is named by the operator in ``sojourn.toml``, so the guard of addresses that authors and users name does not
stand here. How a mail goes out is loaded with the first one: most processes never send any.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

from sojourn.config.settings import MailSettings
from sojourn.core.clock import Clock
from sojourn.core.errors import Unavailable


class MailFailed(Unavailable):
    """The mail could not be sent."""

    code = "mail.failed"


class Mail(NamedTuple):
    """One mail to one address."""

    to: str
    subject: str
    text: str
    #: The same as HTML, empty for none.
    html: str = ""
    #: Name beside the sender's address.
    sender_name: str = ""

    def __repr__(self) -> str:
        return f"Mail({self.subject!r}, …)"


class MailPort(Protocol):
    """Sends mails."""

    async def send(self, mail: Mail) -> None:
        """Hand ``mail`` over; raises :class:`MailFailed` when it certainly was not taken, or nobody can tell."""
        ...


def mail_port(settings: MailSettings, project: Path, clock: Clock) -> MailPort:
    """What the settings name. Raises ``BadAddress`` and ``BadCredentials``."""
    from sojourn.outbound.mail_sending import OutboxMail, SmtpMail

    return SmtpMail(settings, project, clock) if settings.smtp else OutboxMail(settings, project, clock)

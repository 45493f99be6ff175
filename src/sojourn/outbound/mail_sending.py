"""How mails go out: over SMTP with verified TLS, or as files in a folder.

A mail never carries a line break in a header, and has exactly one recipient.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import smtplib
import ssl
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, make_msgid
from pathlib import Path

from sojourn.config.mail import MailServer, is_mail_address, read_credentials
from sojourn.config.settings import MailSettings
from sojourn.core.clock import Clock
from sojourn.outbound.mail import Mail, MailFailed

#: Seconds that each step of a conversation with a server may take.
TIMEOUT = 30.0

_CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
_MOST_SUBJECT = 200


def composed(mail: Mail, sender: str, now: int) -> EmailMessage:
    """``mail`` as a message; raises :class:`MailFailed` for what is no address."""
    if not is_mail_address(mail.to):
        raise MailFailed("this is not an address that a mail can go to")
    plain = mail.to.isascii() and sender.isascii()
    message = EmailMessage(policy=SMTP if plain else SMTPUTF8)
    message["From"] = _address(sender, _line(mail.sender_name))
    message["To"] = _address(mail.to)
    message["Subject"] = _line(mail.subject)
    message["Date"] = format_datetime(datetime.fromtimestamp(now // 1_000, UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].encode("idna").decode() or None)
    # No out-of-office note, and no mail for what bounces.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message


class SmtpMail:
    """Over SMTP: TLS from the start (``smtps``) or by STARTTLS, verified; without TLS only to this machine."""

    def __init__(self, settings: MailSettings, project: Path, clock: Clock, tls: ssl.SSLContext | None = None) -> None:
        """``tls``: which certificates are trusted, None = those of the system."""
        self._server = MailServer.parse(settings.smtp)
        self._credentials = read_credentials(settings.credential_file, project) if settings.credential_file else None
        self._sender = settings.sender
        self._clock = clock
        self._tls = tls

    async def send(self, mail: Mail) -> None:
        """Hand it to the server."""
        message = composed(mail, self._sender, self._clock.now())
        try:
            await asyncio.to_thread(self._send, message, mail.to)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # The texts of a server may hold what was sent to it.
            raise MailFailed(f"the mail server did not take the mail: {type(error).__name__}") from None

    def _send(self, message: EmailMessage, to: str) -> None:
        tls = self._tls or ssl.create_default_context()
        host, port = self._server.host, self._server.port
        with self._connected(host, port, tls) as smtp:
            smtp.ehlo()
            if not self._server.implicit_tls:
                self._secure(smtp, tls)
            if self._credentials is not None:
                _log_in(smtp, *self._credentials)
            options = [] if message.policy is SMTP else ["SMTPUTF8"]
            smtp.send_message(message, self._sender, [to], mail_options=options)

    def _connected(self, host: str, port: int, tls: ssl.SSLContext) -> smtplib.SMTP:
        if self._server.implicit_tls:
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT, context=tls)
        return smtplib.SMTP(host, port, timeout=TIMEOUT)

    def _secure(self, smtp: smtplib.SMTP, tls: ssl.SSLContext) -> None:
        if smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
            smtp.ehlo()
        elif not self._server.loopback:
            raise smtplib.SMTPNotSupportedError("the server offers no TLS")


class OutboxMail:
    """As files: one mail a file, which appears whole and which only its owner may read."""

    def __init__(self, settings: MailSettings, project: Path, clock: Clock) -> None:
        self._folder = project / settings.outbox
        self._sender = settings.sender
        self._clock = clock

    async def send(self, mail: Mail) -> None:
        """Write it."""
        now = self._clock.now()
        message = composed(mail, self._sender, now)
        try:
            await asyncio.to_thread(self._write, f"{now}-{secrets.token_hex(8)}.eml", message.as_bytes())
        except OSError as error:
            raise MailFailed(f"the outbox cannot be written: {error.strerror}") from None

    def _write(self, name: str, text: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        begun = self._folder / f".{name}"
        with os.fdopen(os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            try:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                with suppress(OSError):
                    begun.unlink()
                raise
        begun.replace(self._folder / name)


def _log_in(smtp: smtplib.SMTP, user: str, password: str) -> None:
    """Log in by the one mechanism that fits: a refusal is one, and no other way is tried with the same password."""
    if "PLAIN" in smtp.esmtp_features.get("auth", "").upper().split():
        smtp.user, smtp.password = user, password
        smtp.auth("PLAIN", smtp.auth_plain)
    else:
        smtp.login(user, password)


def _address(address: str, name: str = "") -> Address:
    # By its parts: as a whole it would have to be ASCII.
    user, _, domain = address.rpartition("@")
    return Address(name, user, domain)


def _line(text: str) -> str:
    """``text`` as one line of a header."""
    return _CONTROLS.sub(" ", text)[:_MOST_SUBJECT].strip()

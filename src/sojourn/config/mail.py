"""The mail server of ``[mail]``: its address, and the file with its credentials."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sojourn.config.addresses import BadAddress, check_host, is_loopback
from sojourn.config.settings import key_file
from sojourn.core.errors import SojournError

_PORTS = {"smtps": 465, "smtp": 587}
_MOST = 4_096

#: One address and nothing else: no list, no comment, no route, no quoting.
_ADDRESS = re.compile(r"[^\s<>()\[\]\\,;:@\"\x00-\x1f\x7f]+@[^\s<>()\[\]\\,;:@\"\x00-\x1f\x7f]+")
_LONGEST = 254


class BadCredentials(SojournError):
    """The credentials of the mail server cannot be read."""

    code = "mail.credentials"


class MailServer(NamedTuple):
    """Where mails are handed over."""

    host: str
    port: int
    #: TLS from the first byte; otherwise STARTTLS.
    implicit_tls: bool

    @classmethod
    def parse(cls, url: str) -> MailServer:
        """``smtps://HOST[:PORT]`` or ``smtp://HOST[:PORT]``; raises ``BadAddress``."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise BadAddress(f"{url!r} is no address of a mail server") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise BadAddress("expected smtps://HOST[:PORT] or smtp://HOST[:PORT]")
        if parts.username is not None or parts.password is not None:
            raise BadAddress("user and password belong into the file that credentialFile names")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise BadAddress("nothing goes behind host and port")
        if port == 0:
            raise BadAddress("0 is no port")
        check_host(parts.hostname)
        return cls(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "smtps")

    @property
    def loopback(self) -> bool:
        """Whether it is on this machine, so that nobody listens on the way."""
        return is_loopback(self.host)


def is_mail_address(text: str) -> bool:
    """Whether ``text`` is one mail address that can stand in a header and in an envelope as it is."""
    return len(text) <= _LONGEST and _ADDRESS.fullmatch(text) is not None


def read_credentials(name: str, project: Path) -> tuple[str, str]:
    """User and password from the first line of the file; raises :class:`BadCredentials`."""
    path = key_file(name, project)
    try:
        if path.stat().st_mode & 0o077:
            raise BadCredentials(f"{path} may be read by others; make its mode 0600")
        with path.open("rb") as file:
            line = file.read(_MOST).decode().partition("\n")[0].rstrip("\r")
    except OSError as error:
        raise BadCredentials(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadCredentials(f"{path} is not text") from None
    user, colon, password = line.partition(":")
    if not (user and colon and password):
        raise BadCredentials(f"the first line of {path} is user:password")
    return user, password

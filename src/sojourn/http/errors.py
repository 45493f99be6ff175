"""What only HTTP can refuse: the errors of this layer."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.core.errors import BadRequest, SojournError, Unauthorized, Unavailable


class UntrustedProxy(BadRequest):
    """The request carries forwarding headers, but its sender is not listed in trustedProxies of sojourn.toml."""

    code = "request.untrusted_proxy"


class LoginRefused(Unauthorized):
    """Invalid credentials"""

    code = "login.refused"


class MethodNotAllowed(SojournError):
    """The method is not allowed here."""

    code = "request.method_not_allowed"
    status = 405

    def __init__(self, allowed: Sequence[str]) -> None:
        super().__init__()
        #: The methods that are allowed.
        self.allowed = tuple(allowed)


class BodyTooLarge(SojournError):
    """Request size limit exceeded"""

    code = "request.too_large"
    status = 413


class BodyTooSlow(SojournError):
    """The request body did not arrive in time."""

    code = "request.timeout"
    status = 408


class UnsupportedMediaType(SojournError):
    """This content type is not accepted here."""

    code = "request.content_type"
    status = 415


class MisdirectedRequest(SojournError):
    """This server does not answer for that host."""

    code = "request.misdirected"
    status = 421


class InsecureCookie(SojournError):
    """insecure_cookie: a session cookie needs HTTPS, or a socket, Host and publicUrl that are all loopback."""

    code = "request.insecure_cookie"
    status = 500


class Draining(Unavailable):
    """The server is shutting down."""

    code = "engine.draining"


class ClientGone(Exception):
    """The client left before its request was read; there is nobody to answer."""

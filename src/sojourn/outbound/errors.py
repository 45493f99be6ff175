"""Why nothing came back from outside. What these say is for operators: a client reads the sentence of the class."""

from __future__ import annotations

from sojourn.core.errors import Unavailable


class OutboundFailed(Unavailable):
    """Another server that is needed here did not answer as it should."""

    code = "outbound.failed"


class AddressRefused(OutboundFailed):
    """Another server that is needed here has an address that must not be connected to."""

    code = "outbound.address_refused"

    def __init__(self, host: str, address: str, kind: str) -> None:
        super().__init__(f"{host} is {address}, a {kind} address; it is not among the allowed ones")
        #: The name that was asked for.
        self.host = host
        #: The first address of it, that was refused.
        self.address = address
        #: ``loopback``, ``private``, ``link-local`` …
        self.kind = kind

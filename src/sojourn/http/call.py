"""One request on its way through the engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache

from sojourn.core.ids import new_execution_key
from sojourn.http.clients import UNTRACKED
from sojourn.http.origin import Arrival
from sojourn.http.replies import Reply
from sojourn.http.wire import Head, Header, Receive, Scope
from sojourn.model.realm import Realm
from sojourn.model.session import Device

_MAX_AGENT = 256

#: What sends an answer.
Deliver = Callable[[Reply], Awaitable[None]]


class Call:
    """A request whose host and proxies are checked; its body is still to come."""

    __slots__ = (
        *(
            "arrival",
            "client",
            "cookies",
            "deliver",
            "delivered",
            "execution_key",
            "head",
            "headers",
            "method",
            "path",
            "query",
            "realm",
            "receive",
            "scope",
        ),
    )

    def __init__(self, scope: Scope, receive: Receive, head: Head, arrival: Arrival) -> None:
        self.scope = scope
        self.receive = receive
        self.head = head
        self.arrival = arrival
        self.method: str = scope["method"]
        #: Below the mount point, percent-decoded.
        self.path = below_mount(scope)
        #: The query string as it arrived.
        self.query: bytes = scope.get("query_string", b"")
        #: The name of this request in answers and logs.
        self.execution_key = new_execution_key()
        #: The realm that the path names, once it is found.
        self.realm: Realm | None = None
        #: The device that it comes from, where that realm tracks clients.
        self.client = UNTRACKED
        #: Cookies that the answer sets, whatever it is: those of the client and of the affinity.
        self.cookies: tuple[Header, ...] = ()
        #: Other headers that every answer to it carries.
        self.headers: tuple[Header, ...] = ()
        #: Sends an answer before its making is over; then there is no other.
        self.deliver: Deliver = _nowhere
        #: Whether an answer was sent.
        self.delivered = False

    @property
    def device(self) -> Device:
        """What is known of the client."""
        return device(self.head, self.arrival, self.client.id)


async def _nowhere(_reply: Reply) -> None:
    """Where nobody waits for an answer."""


def device(head: Head, arrival: Arrival, client: str = "") -> Device:
    """What a request says of the client that sends it; ``client`` is :attr:`sojourn.http.clients.Client.id`."""
    return _device(arrival.address, head.get(b"user-agent") or b"", client)


@lru_cache(maxsize=1024)
def _device(address: str, agent: bytes, client: str) -> Device:
    return Device(client=client, address=address, agent=agent[:_MAX_AGENT].decode("latin-1"))


def below_mount(scope: Scope) -> str:
    """The path of a request without the prefix under which the application is mounted."""
    path: str = scope["path"]
    root = scope.get("root_path")
    return path[len(root) :] if root and path.startswith(root) else path

"""A scene: what is there at first, and the clients that meet in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sojourn.model.field import Field
from sojourn.model.session import Loaded, Session
from sojourn.stores.base import SessionStore


@dataclass
class Memory:
    """What one client knows; its steps read and write it."""

    #: Whom the scene is about; nobody else in the store has this principal.
    principal: str
    #: The session that the client acts on, as it last knew it: its id, its epoch.
    session: Session
    #: What it loaded last.
    seen: Loaded | None = None


#: One act of a client on the store. What the store refuses is an outcome like another: the client goes on.
Step = Callable[[SessionStore, Memory], Awaitable[object]]

#: Makes what the clients find, for the principal that is handed in; the session that they all begin with.
Prepare = Callable[[SessionStore, str], Awaitable[Session]]


class Client(NamedTuple):
    """One client, and what it does in its own order."""

    name: str
    steps: tuple[Step, ...]


class Scene(NamedTuple):
    """Clients that meet at one session, or at one principal."""

    name: str
    clients: tuple[Client, ...]
    prepare: Prepare
    #: How many sessions of the principal may live, when the scene is about that.
    most: int | None = None
    #: Whether it is about a bag too.
    shares: bool = False
    #: Whether it does what other sessions in the store feel, such as a sweep: then one order runs at a time.
    alone: bool = False


class Found(NamedTuple):
    """The store at the end of one order, looked at with the time of its beginning."""

    #: The session that all clients began with, as it was then.
    start: Loaded
    #: The sessions that were acted on, as they are.
    sessions: Mapping[str, Loaded | None]
    #: Ids of the principal's live sessions.
    listed: frozenset[str]
    #: The fields of the principal's bag at first and at last.
    bag_before: Mapping[str, Field]
    bag: Mapping[str, Field]

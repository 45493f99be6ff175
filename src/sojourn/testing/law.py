"""What a law is: an id, a sentence, one idea; and that a session of another realm goes through it unchanged."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeVar

import pytest

from sojourn.core.errors import SojournError
from sojourn.core.ids import new_token, secret_hash
from sojourn.model.session import Device, End, Fences, Identity, Loaded, Rotation, Session
from sojourn.stores.base import SessionStore

#: The instant at which laws begin.
T = 1_800_000_000_000

#: The realm of the law, and another one in which nothing may change. Ids of realms are opaque.
HERE = "realm-here"
THERE = "realm-there"

ALICE = "a:1"
BOB = "a:2"

LOGOUT = End("logout", T)

_YEARS = 10 * 365 * 24 * 3_600_000

_P = ParamSpec("_P")
_E = TypeVar("_E", bound=SojournError)
_Law = Callable[Concatenate[Any, Any, _P], Awaitable[None]]


def law(law_id: str, *, bystander: bool = True) -> Callable[[_Law[_P]], _Law[_P]]:
    """Mark a method as the law ``law_id``; with ``bystander`` another realm is watched while it runs."""

    def mark(statement: _Law[_P]) -> _Law[_P]:
        @functools.wraps(statement)
        async def stated(self: Any, store: Any, *args: _P.args, **kwargs: _P.kwargs) -> None:
            try:
                before = await _plant(store) if bystander else None
                await statement(self, store, *args, **kwargs)
                if before is not None:
                    assert await store.load(THERE, before.session.id, T) == before, "a session of another realm changed"
                    assert list(await store.list(THERE, None, T)) == [before.session]
            except SojournError as error:
                raise AssertionError(f"an act was refused with {error.code}, it should be answered") from error

        marked: _Law[_P] = pytest.mark.law(law_id)(stated)
        return marked

    return mark


async def _plant(store: SessionStore) -> Loaded:
    other = a_session(realm=THERE, idle=0, absolute=_YEARS)
    await store.create(other, {"x": '"theirs"'}, T)
    loaded = await store.load(THERE, other.id, T)
    assert loaded is not None
    return loaded


def laws_of(suite: type) -> list[tuple[str, str]]:
    """Every law of a class of laws: its id and the name of its method."""
    named = ((name, getattr(getattr(suite, name), "pytestmark", ())) for name in dir(suite) if name.startswith("test_"))
    return [(mark.args[0], name) for name, marks in named for mark in marks if mark.name == "law"]


def a_session(
    *,
    realm: str = HERE,
    principal: str = ALICE,
    created: int = T,
    idle: int = 1_000,
    absolute: int = 10_000,
    sid: str = "",
    address: str = "192.0.2.1",
) -> Session:
    """A new session with a fresh id and secret; limits in milliseconds from ``created``."""
    return Session(
        id=sid or new_token(),
        realm=realm,
        secret=secret_hash(new_token()),
        identity=Identity(principal=principal, user_key=1, user_name="alice", full_scope=True, login_at=created),
        device=Device(client="c1", address=address, agent="law/1"),
        fences=Fences(account=1, realm=2, engine=3),
        created=created,
        last=created,
        idle=idle,
        absolute=created + absolute,
    )


def a_rotation(
    *, principal: str = BOB, keep: frozenset[str] | None = None, idle: int = 2_000, absolute: int = T + 20_000
) -> Rotation:
    """A login: a fresh secret and another identity."""
    return Rotation(
        secret=secret_hash(new_token()),
        identity=Identity(principal=principal, user_key=2, user_name="bob", scope=("read",), login_at=T),
        device=Device(client="c2", address="192.0.2.2", agent="law/2"),
        fences=Fences(account=4, realm=5, engine=6),
        idle=idle,
        absolute=absolute,
        keep=keep,
    )


async def created(store: SessionStore, fields: dict[str, str] | None = None, **about: Any) -> Session:
    """:func:`a_session` that is in ``store`` already."""
    session = a_session(**about)
    await store.create(session, fields or {}, session.created)
    return session


async def refused(kind: type[_E], act: Awaitable[object]) -> _E:
    """The error that ``act`` is refused with; it is an assertion that it is a ``kind``."""
    try:
        answer = await act
    except kind as error:
        return error
    except SojournError as error:
        raise AssertionError(f"refused with {error.code}, not with {kind.code}") from error
    raise AssertionError(f"answered {answer!r}, should be refused with {kind.code}")


async def all_refused(kind: type[_E], *acts: Awaitable[object]) -> list[_E]:
    """:func:`refused` for each of ``acts``, which run at the same time."""
    outcomes = await asyncio.gather(*(refused(kind, act) for act in acts), return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, kind)]
    for outcome in outcomes:
        if not isinstance(outcome, kind):
            raise outcome
    return errors


async def outcomes_of(kind: type[_E], acts: Iterable[Awaitable[object]]) -> tuple[int, list[_E]]:
    """How many of ``acts``, which run at the same time, were answered, and the errors of those that were refused."""
    outcomes = await asyncio.gather(*acts, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, kind)]
    for outcome in outcomes:
        if isinstance(outcome, BaseException) and not isinstance(outcome, kind):
            raise outcome
    return len(outcomes) - len(errors), errors


async def texts(store: SessionStore, session: Session, now: int = T) -> dict[str, str]:
    """The fields of a live session as JSON text."""
    loaded = await store.load(session.realm, session.id, now)
    assert loaded is not None, "the session does not live"
    return {name: field.text for name, field in loaded.fields.items()}

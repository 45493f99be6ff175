"""What a method of ``Security`` needs of who calls it, declared beside the method and asked before it runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Concatenate, Final, NamedTuple, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Caller")

#: Besides a scope: nothing at all, an account, the account that the method is about.
ANYONE: Final = "anyone"
LOGGED_IN: Final = "logged-in"
SELF: Final = "self"

_NEED: Final = "__need__"


class Need(NamedTuple):
    """What one method needs."""

    #: ``anyone``, ``logged-in``, ``self``, or a scope.
    right: str
    #: Whether the account itself needs no scope for what it asks about itself.
    own: bool = False
    #: Whether the one that acts needs every scope of the account that the method is about.
    over: bool = False
    #: What else it needs, in words for the table.
    also: str = ""
    #: Whether the login must be fresh where a client asks (``Access.own``).
    fresh: bool = False
    #: What it is called in the product that scripts were written for.
    seed: str = ""


class Caller(Protocol):
    """Who calls: asked by the method before it runs, about the account that its first argument names."""

    async def admit(self, need: Need, about: int | None) -> None:
        """Raise unless the caller has what is needed."""


def needs(
    right: str, *, own: bool = False, over: bool = False, also: str = "", fresh: bool = False, seed: str = ""
) -> Callable[[Callable[Concatenate[S, P], Awaitable[R]]], Callable[Concatenate[S, P], Awaitable[R]]]:
    """Declare the right of a method. Its first argument is the key of an account where ``own`` or ``over`` is said."""
    need = Need(right, own, over, also, fresh, seed)

    def declare(
        method: Callable[Concatenate[S, P], Awaitable[R]],
    ) -> Callable[Concatenate[S, P], Awaitable[R]]:
        about = next((name for name in list(inspect.signature(method).parameters)[1:]), "")
        assert not (own or over or right == SELF) or about == "user_key", method

        @functools.wraps(method)
        async def asked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            key = None
            if about == "user_key":
                found = args[0] if args else kwargs.get(about)
                key = found if isinstance(found, int) else None
            await self.admit(need, key)
            return await method(self, *args, **kwargs)

        setattr(asked, _NEED, need)
        return asked

    return declare


def declared(kind: type[Caller]) -> dict[str, Need]:
    """What each public method of ``kind`` needs. Raises ``TypeError`` when one says nothing: it is never callable then."""
    found = {}
    for name, method in inspect.getmembers(kind, inspect.isroutine):
        if name.startswith("_") or name == "admit":
            continue
        need = getattr(method, _NEED, None)
        if need is None:
            raise TypeError(f"{kind.__name__}.{name} declares no right")
        found[name] = need
    return found

"""One declaration of each operation of the admin API: path, right, what goes in and out. Routes and OpenAPI follow from it."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from sojourn.admin.shapes import Nothing, Shape
from sojourn.core.errors import SojournError
from sojourn.data.changes import Changes
from sojourn.engine.manager import SessionManager
from sojourn.engine.rules import Rules
from sojourn.engine.security.operators import Operator, Operators, Right
from sojourn.http.body import SMALL
from sojourn.http.call import Call
from sojourn.http.origin import Origins
from sojourn.http.wire import Header
from sojourn.model.realm import Realm

#: Where the API lives on the admin listener.
PREFIX = "/api/v1"

#: The header of an answer in lines that says where the next one begins; absent on the last.
NEXT = b"sojourn-next"

Method = Literal["GET", "POST", "DELETE"]
Q = TypeVar("Q", bound=Shape)
B = TypeVar("B", bound=Shape)


class Plane(NamedTuple):
    """What the operations work with."""

    rules: Rules
    manager: SessionManager
    operators: Operators
    origins: Origins
    changes: Changes


class Needs(NamedTuple):
    """Who may ask."""

    #: Whether an operator has to be logged in.
    login: bool = True
    #: The right that is needed in some realm; None = every operator may.
    right: Right | None = None
    #: Whether it is needed in every realm.
    everywhere: bool = False
    #: What else is needed, in words for the reference; the operation asks for it within its own transaction.
    also: str = ""


ANYONE = Needs(login=False)
OPERATOR = Needs()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Generic[Q, B]):
    """One request whose sender may ask what it asks."""

    plane: Plane
    call: Call
    path: Mapping[str, str]
    query: Q
    body: B
    #: Who asks; None where nobody has to be logged in.
    operator: Operator | None
    #: The realms in which the operator has the right that is needed; nothing of any other is in the answer.
    realms: Sequence[Realm]

    @property
    def acting(self) -> Operator:
        """Who asks."""
        assert self.operator is not None
        return self.operator


class Reply(NamedTuple):
    """An answer with headers of its own."""

    value: Shape | Sequence[Shape]
    headers: tuple[Header, ...] = ()


Run = Callable[[Asked[Any, Any]], Awaitable[Shape | Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation."""

    method: Method
    #: Below :data:`PREFIX`, with ``{sid}`` and ``{realm}`` as placeholders.
    path: str
    needs: Needs
    query: type[Shape]
    body: type[Shape]
    answer: type[Shape]
    #: What it refuses, besides what every operation does.
    raises: tuple[type[SojournError], ...]
    #: Whether it answers with JSON lines, one ``answer`` each, and the place where they go on in :data:`NEXT`.
    lines: bool
    #: Whether it reads only, although its method may say otherwise or a secret is read: what is not is audited.
    reads: bool
    #: Most bytes of its body.
    most: int
    run: Run

    @property
    def name(self) -> str:
        """Its name, for the audit log and for generated clients."""
        head, *rest = self.run.__name__.rstrip("_").split("_")
        return head + "".join(word.capitalize() for word in rest)

    @property
    def group(self) -> str:
        """What it belongs to: ``login``, ``sessions``, ``ends``, ``keys`` …."""
        return self.run.__module__.rpartition(".")[2]

    @property
    def doc(self) -> str:
        """What it does."""
        return inspect.getdoc(self.run) or ""


OPERATIONS: list[Operation] = []


def operation(
    method: Method,
    path: str,
    *,
    answer: type[Shape],
    needs: Needs = OPERATOR,
    query: type[Shape] = Nothing,
    body: type[Shape] = Nothing,
    raises: tuple[type[SojournError], ...] = (),
    lines: bool = False,
    reads: bool | None = None,
    most: int = SMALL,
) -> Callable[[Run], Run]:
    """Declare the decorated function as an operation. Its docstring is its page in the reference."""

    def declare(run: Run) -> Run:
        made = Operation(
            method=method,
            path=path,
            needs=needs,
            query=query,
            body=body,
            answer=answer,
            raises=raises,
            lines=lines,
            reads=method == "GET" if reads is None else reads,
            most=most,
            run=run,
        )
        assert made.doc, made.name
        OPERATIONS.append(made)
        return run

    return declare

"""What a check finds: pass, fail or not applicable, with the evidence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    from sojourn.cli.attest.scene import Scene

Outcome = Literal["pass", "fail", "not applicable"]


class Finding(NamedTuple):
    """The outcome of one requirement."""

    #: Id of the requirement in OWASP ASVS 5.0.
    id: str
    requirement: str
    outcome: Outcome
    evidence: str


class Failed(Exception):
    """The requirement is not met; the text is the evidence."""


class NotApplicable(Exception):
    """It cannot be seen here; the text says why."""


#: Looks at one thing; gives the evidence that it is as it should be.
Look = Callable[["Scene"], Awaitable[str]]


class Check(NamedTuple):
    """One thing that is looked at for a requirement; several may be for the same."""

    id: str
    requirement: str
    look: Look
    #: Whether it waits for time to pass, and so runs beside the others.
    waits: bool
    #: Whether it uses up tries, and so runs after the others.
    last: bool


CHECKS: Final[list[Check]] = []


def check(id_: str, requirement: str, *, waits: bool = False, last: bool = False) -> Callable[[Look], Look]:
    """Declare the decorated function as a check of the requirement ``id_``."""

    def declare(look: Look) -> Look:
        CHECKS.append(Check(id_, requirement, look, waits, last))
        return look

    return declare


def need(held: bool, otherwise: str) -> None:
    """Fail with the evidence ``otherwise`` unless ``held``."""
    if not held:
        raise Failed(otherwise)

"""jwt: tokens of the engine."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from sojourn.core import json
from sojourn.core.json import Json
from sojourn.model.realm import MAX_TOKEN_LIFETIME
from sojourn.model.scope import parse_scopes
from sojourn.pipelines.component import Example, Outcome, Params, View, component, doc
from sojourn.pipelines.effects import Generate, Revoke
from sojourn.pipelines.errors import StepFailed
from sojourn.pipelines.numbers import whole
from sojourn.pipelines.powers import TokenOrder


class Operation(StrEnum):
    """What is done."""

    GENERATE = "GENERATE"
    DECODE = "DECODE"
    REVOKE = "REVOKE"

    @classmethod
    def _missing_(cls, value: object) -> Operation | None:
        return next((operation for operation in cls if operation.value == str(value).strip().upper()), None)


class Jwt(Params, frozen=True):
    """Parameters of ``jwt``."""

    operation: Annotated[Operation, doc("GENERATE, DECODE or REVOKE, in any case.")] = Operation.GENERATE
    scopes: Annotated[
        str | tuple[str, ...] | None,
        doc(
            "Selects from the account's scopes, or from the trigger's `grants`; a list or a text with commas. "
            "Without it: all of them. An empty one: none.",
            template="text",
        ),
    ] = None
    expires_in: Annotated[
        int | str | None,
        doc(
            "Life of the token in milliseconds, at most 31536000000; 0 or absent: `tokenLifetime` of the realm.",
            template="text",
        ),
    ] = None
    idle: Annotated[
        int | str | None,
        doc("Idle limit of the new session in milliseconds; 0 or absent: none.", template="text"),
    ] = None
    renew: Annotated[bool, doc("GENERATE a new token of the request's own session instead of a new session.")] = False
    fail_on_error: Annotated[bool, doc("Whether an error ends the flow; else it becomes the message.")] = False


_NOBODY = "step 'example': the request has no token"

_LOGGED: Json = {"status": "logged"}

EXAMPLES = (
    Example(
        "a session and a token for an external principal",
        params={"scopes": "cart.read, cart.write", "expiresIn": "3600000", "idle": 60_000},
        message={"sub": "u-7", "name": "Ana"},
        want=_LOGGED,
        effects=(
            Generate(
                TokenOrder(
                    claims={"sub": "u-7", "name": "Ana"},
                    scopes=("cart.read", "cart.write"),
                    expires_in=3_600_000,
                    idle=60_000,
                )
            ),
        ),
    ),
    Example(
        "all scopes, the realm's usual life",
        message={"sub": "u-7"},
        want=_LOGGED,
        effects=(Generate(TokenOrder(claims={"sub": "u-7"})),),
    ),
    Example(
        "a new token of the same session",
        params={"operation": "generate", "renew": True, "scopes": []},
        fields={},
        message={},
        want=_LOGGED,
        effects=(Generate(TokenOrder(claims={}, scopes=(), renew=True)),),
    ),
    Example(
        "the claims of the request's token",
        params={"operation": "DECODE"},
        fields={},
        message={"x": 1},
        want={"body": {"dataToken": {"sub": "ana", "realm": "acme"}}},
    ),
    Example(
        "the end of its session",
        params={"operation": "REVOKE"},
        fields={},
        want={"status": "revoked"},
        effects=(Revoke(),),
    ),
    Example(
        "without a token there is nothing to decode",
        params={"operation": "DECODE"},
        want={"success": False, "error": _NOBODY, "message": _NOBODY, "code": 401},
    ),
    Example(
        "a time that is no number ends the flow where failOnError says so",
        params={"expiresIn": "{{ message.life }}", "failOnError": True},
        message={"life": "long"},
        error="pipeline.step_failed",
    ),
)


@component("jwt", since="0.1", examples=EXAMPLES)
def jwt(p: Jwt, message: Json, view: View) -> Outcome:
    """GENERATE a session with its token, DECODE the request's token, or REVOKE it by ending its session.

    GENERATE makes a login session of the account that the last successful `login` step authenticated; otherwise of the
    external principal that the message names in `sub`, whose other properties become claims. Registered claims and
    those of the engine (`iss`, `exp`, `sid`, `realm`, `scopes` …) are refused. The token goes into the reply's header
    `Authorization: Bearer …`; the message becomes `{"status": "logged"}`. An execution makes one session: a second
    GENERATE ends the first. DECODE gives `{"body": {"dataToken": {claims}}}`; REVOKE gives `{"status": "revoked"}`.
    """
    if p.operation is Operation.REVOKE:
        return Outcome({"status": "revoked"}, (Revoke(),))
    if p.operation is Operation.DECODE:
        claims = view.claims()
        if claims is None:
            raise StepFailed("the request has no token", 401)
        return Outcome({"body": {"dataToken": dict(claims)}})
    order = TokenOrder(
        claims=message,
        scopes=None if p.scopes is None else scope_list(p.scopes),
        expires_in=duration(p.expires_in, "expiresIn"),
        idle=duration(p.idle, "idle"),
        renew=p.renew,
    )
    return Outcome({"status": "logged"}, (Generate(order),))


def scope_list(scopes: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """The scopes of a list, a text with commas, or a text of a JSON array; raises ``BadScope``."""
    if isinstance(scopes, str) and scopes.startswith("["):
        listed = json.decode(scopes)
        if not all(isinstance(word, str) for word in listed):
            raise StepFailed("scopes is not a list of texts", 422)
        return parse_scopes(listed)
    return parse_scopes(scopes, commas=True)


def duration(value: Json, name: str) -> int:
    """The milliseconds that ``value`` spells, 0 where it is absent; raises :class:`StepFailed`."""
    milliseconds = whole(value, name)
    if not 0 <= milliseconds <= MAX_TOKEN_LIFETIME:
        raise StepFailed(f"{name} is 0 to {MAX_TOKEN_LIFETIME} ms", 422)
    return milliseconds

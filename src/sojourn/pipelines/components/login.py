"""login: authenticate an account in this execution."""

from __future__ import annotations

from typing import Annotated

from sojourn.core.json import Json
from sojourn.pipelines.component import EXAMPLE_TIME, Example, Outcome, Params, View, component, doc
from sojourn.pipelines.effects import Authenticate
from sojourn.pipelines.errors import InvalidCredentials


class Login(Params, frozen=True):
    """Parameters of ``login``."""

    user_name: Annotated[str, doc("Name or e-mail address of the account.", template="text")] = (
        "{{ message.body.userName }}"
    )
    password: Annotated[str, doc("Its password.", template="text")] = "{{ message.body.password }}"  # noqa: S105 - where it is, not what it is


_REFUSED = {"timestamp": EXAMPLE_TIME, "error": "Invalid credentials", "code": 401}

EXAMPLES = (
    Example(
        "name and password of the body; both are taken out of the message",
        message={"body": {"userName": "ana", "password": "correct", "next": "/"}},
        want={"body": {"next": "/"}, "user": {"key": 7, "name": "ana", "scopes": ["cart.read", "cart.write"]}},
        effects=(Authenticate("ana", "correct"),),
    ),
    Example(
        "from elsewhere in the message",
        params={"userName": "{{ message.form.user }}", "password": "{{ message.form.pass }}"},
        message={"form": {"user": "ana", "pass": "correct"}},
        want={"form": {}, "user": {"key": 7, "name": "ana", "scopes": ["cart.read", "cart.write"]}},
        effects=(Authenticate("ana", "correct"),),
    ),
    Example(
        "every refusal is the same error",
        message={"body": {"userName": "ana", "password": "wrong"}},
        want=_REFUSED,
        effects=(Authenticate("ana", "wrong"),),
        error="pipeline.invalid_credentials",
    ),
    Example("nothing given", message={"body": None}, want=_REFUSED, error="pipeline.invalid_credentials"),
)


@component("login", since="0.1", examples=EXAMPLES)
def login(p: Login, message: Json, view: View) -> Outcome:
    """Check name and password of an account of the realm.

    On success the message passes on without both, plus `user: {key, name, scopes}`, and a later `jwt` step of this
    execution makes a session of that account. On failure the flow ends with `{timestamp, error: "Invalid credentials",
    code: 401}`, whatever was wrong.

    The answer of a pipeline is its own: it neither reads nor sets the cookie by which an account knows a device again.
    While others try passwords of the account its user waits here as they do, and gets in by `POST /realms/{realm}/login`
    from a device that was logged in there before.
    """
    if not p.user_name or not p.password:
        raise InvalidCredentials
    for path in (view.paths.get("userName"), view.paths.get("password")):
        message = _without(message, path) if path else message
    return Outcome(message, (Authenticate(p.user_name, p.password),))


def _without(message: Json, path: tuple[str, ...]) -> Json:
    """``message`` without the property at ``path``; what is not on the way is shared."""
    if not isinstance(message, dict) or path[0] not in message:
        return message
    rest = {name: value for name, value in message.items() if name != path[0]}
    return rest if len(path) == 1 else {**message, path[0]: _without(message[path[0]], path[1:])}

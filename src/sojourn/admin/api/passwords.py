"""Passwords: an operator starts a reset, and learns neither the code nor the password."""

from __future__ import annotations

from sojourn.admin.answers import Done
from sojourn.admin.api.users import MANAGE, actor, seen
from sojourn.admin.operation import Asked, operation
from sojourn.admin.shapes import Nothing
from sojourn.core.errors import InsufficientScope, TooManyTries
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.passwords.reset import NoMailAddress


@operation(
    "POST",
    "/users/{user}/password-reset",
    needs=MANAGE,
    answer=Done,
    raises=(UserUnknown, NoMailAddress, TooManyTries, InsufficientScope),
)
async def start_reset(asked: Asked[Nothing, Nothing]) -> Done:
    """Mail a code for a new password to an account, also for its first one; at most three an hour."""
    account = await seen(asked)
    await asked.plane.rules.passwords.start_reset_for(actor(asked), account.key)
    return Done()

"""What comes from outside the message: the time and fresh identifiers, both handed in with the scope."""

from __future__ import annotations

from sojourn.pipelines.expressions.functions.declare import Example, function
from sojourn.pipelines.expressions.scope import Run

#: Heading in the reference.
GROUP = "Time and identifiers"


@function("NOW", GROUP, examples=(Example("NOW()", 1_800_000_000_000),))
def now(run: Run) -> int:
    """The present instant in milliseconds since 1970-01-01 UTC."""
    return run.scope.clock.now()


@function("UUID", GROUP, examples=(Example("UUID()", "4caad555-09b5-479c-98b4-ac72ffbb486c"),))
def uuid(run: Run) -> str:
    """A new identifier at each call. It names things; as a secret it is not made."""
    return run.scope.new_uuid()

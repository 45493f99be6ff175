"""What goes into the admin API: parameters and bodies."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sojourn.admin.shapes import Kind, RealmName, SessionId, Shape
from sojourn.core.clock import DAY, HOUR
from sojourn.core.errors import BadRequest

#: Sessions that one page may hold.
MOST_IN_A_PAGE = 200

_NO_NUL = r"^[^\x00]*$"
_NO_CONTROLS = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"
Name = Annotated[str, Meta(min_length=1, max_length=254, pattern=_NO_NUL)]
Text = Annotated[
    str, Meta(max_length=500, pattern=_NO_CONTROLS, description="Why; operators and the session's user read it.")
]


class Credentials(Shape, frozen=True, kw_only=True):
    """Who logs in."""

    user_name: Annotated[str, Meta(max_length=1_000, pattern=_NO_NUL, description="Name or mail address.")]
    password: Annotated[str, Meta(max_length=10_000)]


class SessionsQuery(Shape, frozen=True, kw_only=True):
    """Which sessions are listed; all that the operator may see unless something is named."""

    realm: RealmName | None = None
    user: Annotated[Name, Meta(description="Name or mail address of an account.")] | None = None
    directory: Annotated[Name, Meta(description="Directory of that account.")] = "main"
    space: Annotated[Name, Meta(description="Space of an external principal.")] | None = None
    subject: Annotated[str, Meta(max_length=1_000, pattern=_NO_NUL, description="Its subject.")] | None = None
    kind: Annotated[Kind, Meta(description="Whom the session acts for.")] | None = None
    state: Annotated[
        Literal["live", "ended"], Meta(description="Live ones, or those that ended in the last 30 days.")
    ] = "live"
    limit: Annotated[int, Meta(ge=1, le=MOST_IN_A_PAGE, description="Sessions in one page.")] = 50
    cursor: Annotated[str, Meta(max_length=1_000, description="`next` of the page before.")] | None = None

    def __post_init__(self) -> None:
        """One owner, named completely."""
        if (self.space is None) != (self.subject is None):
            raise BadRequest("space and subject go together")
        if self.user is not None and self.subject is not None:
            raise BadRequest("name a user, or a space and subject")


class RealmQuery(Shape, frozen=True, kw_only=True):
    """One realm, or all that the operator may see."""

    realm: RealmName | None = None


class AuditQuery(Shape, frozen=True, kw_only=True):
    """Which events; every condition that is given has to hold."""

    since: Annotated[str, Meta(max_length=40, description="Not before this instant, ISO 8601.")] | None = None
    until: Annotated[str, Meta(max_length=40, description="Before this instant.")] | None = None
    kind: Annotated[str, Meta(max_length=1_000, description="One log type, or several with commas between.")] = ""
    outcome: Annotated[Literal["ok", "failed", "refused"], Meta(description="How it went.")] | None = None
    realm: (
        Annotated[
            str,
            Meta(
                pattern="^([a-z0-9][a-z0-9_-]{0,59}|-)$",
                description="Name of a realm, `-` for the engine's own events.",
            ),
        ]
        | None
    ) = None
    actor: Annotated[str, Meta(max_length=1_000, pattern=_NO_NUL, description="Who acted.")] = ""
    session: Annotated[SessionId, Meta(description="Public id of a session.")] | None = None
    address: Annotated[
        str, Meta(max_length=100, pattern=_NO_NUL, description="An address or a block of them: `192.0.2.0/24`.")
    ] = ""
    cause: Annotated[str, Meta(max_length=100, pattern=_NO_NUL, description="Why it was refused: an error code.")] = ""
    text: Annotated[
        str, Meta(max_length=200, pattern=_NO_NUL, description="Stands in the detail, in whatever case.")
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=1_000, description="Events in one page.")] = 100
    cursor: Annotated[str, Meta(max_length=100, description="`next` of the page before.")] | None = None


class Reason(Shape, frozen=True, kw_only=True):
    """Why something is done."""

    reason: Text = ""


class DropOrder(Shape, frozen=True, kw_only=True):
    """End a session, and let its user know before."""

    reason: Annotated[
        str, Meta(max_length=500, pattern=_NO_CONTROLS, description="Shown to the user while the session still lives.")
    ] = ""
    after: Annotated[int, Meta(ge=0, le=DAY, description="Milliseconds until it ends.")] = 180_000


class EndOfUser(Shape, frozen=True, kw_only=True):
    """End all sessions of an account."""

    user: Annotated[Name, Meta(description="Name or mail address.")]
    directory: Name = "main"
    realm: Annotated[
        RealmName | None,
        Meta(description="Only those that live in this realm; default: everywhere, and logins under way too."),
    ] = None
    reason: Text = ""


class CleanUp(Shape, frozen=True, kw_only=True):
    """How to clean up."""

    wait: Annotated[bool, Meta(description="Answer when it has finished.")] = True
    timeout: Annotated[int, Meta(ge=0, le=HOUR, description="Milliseconds to wait; then it goes on by itself.")] = (
        30_000
    )

"""What the endpoints of a realm take: small JSON from our own pages, and nothing else."""

from __future__ import annotations

from typing import Any, NamedTuple

from sojourn.core.errors import BadRequest, CrossSiteWrite
from sojourn.core.ids import is_id
from sojourn.core.json import decode
from sojourn.http import crosssite
from sojourn.http.body import SMALL, check_announced, has_body, read_body
from sojourn.http.call import Call
from sojourn.http.errors import UnsupportedMediaType

_JSON_TYPE = b"application/json"


class Credentials(NamedTuple):
    """The body of a login."""

    user_name: str
    password: str
    #: Public id of an own session that shall make room, empty for none.
    end_session: str = ""
    #: The password from now on; None = as it is.
    new_password: str | None = None


async def admit(call: Call) -> None:
    """Refuse what is too large or comes from another site."""
    await check_announced(call.receive, call.head, SMALL)
    if not crosssite.is_ours(call.head, call.arrival):
        raise CrossSiteWrite


async def json_body(call: Call, most: int = SMALL) -> Any:
    """The JSON body of a request of at most ``most`` bytes, None without a body; never in another type."""
    body = await read_body(call.receive, most) if has_body(call.scope, call.head) else b""
    if not body:
        return None
    if crosssite.media_type(call.head) != _JSON_TYPE:
        raise UnsupportedMediaType
    return decode(body)


def refresh_token(body: Any) -> str:
    """The token that a refresh shows; raises ``BadRequest``."""
    token = body.get("refreshToken") if isinstance(body, dict) else None
    if not isinstance(token, str):
        raise BadRequest("expected an object with refreshToken")
    return token


def credentials(body: Any) -> Credentials:
    """What a login says; raises ``BadRequest``."""
    if not isinstance(body, dict):
        raise BadRequest("expected an object with userName and password")
    user_name, password, end_session = body.get("userName"), body.get("password"), body.get("endSession", "")
    new_password = body.get("newPassword")
    if not isinstance(user_name, str) or not isinstance(password, str):
        raise BadRequest("userName and password are texts")
    if not isinstance(end_session, str) or (end_session and not is_id(end_session)):
        raise BadRequest("endSession is the id of a session")
    if new_password is not None and not isinstance(new_password, str):
        raise BadRequest("newPassword is a text")
    return Credentials(user_name, password, end_session, new_password)


def texts(body: Any, *names: str) -> tuple[str, ...]:
    """The texts that a body has to hold under these names; raises ``BadRequest``."""
    if not isinstance(body, dict):
        raise BadRequest(f"expected an object with {' and '.join(names)}")
    found = tuple(text for name in names if isinstance(text := body.get(name), str))
    if len(found) != len(names):
        raise BadRequest(f"{' and '.join(names)} are texts")
    return found

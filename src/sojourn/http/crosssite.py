"""Whether a request was made by our own pages, by no page at all, or by another site."""

from __future__ import annotations

from sojourn.core.errors import CrossSiteWrite
from sojourn.http.origin import Arrival
from sojourn.http.wire import Head

SAFE_METHODS = frozenset({"GET", "HEAD"})

#: What a plain form can send without asking first.
_FORM_TYPES = frozenset({b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain", b""})
#: Headers that a plain form cannot send and that no proxy adds.
_SCRIPT_HEADERS = frozenset({b"x-requested-with", b"x-csrf-token", b"apikey", b"x-session-id"})


def is_ours(head: Head, arrival: Arrival) -> bool:
    """Whether the request counts as ours: the rule for whatever the cookie authenticates or a login would set.

    ``Sec-Fetch-Site`` decides where it stands, then ``Origin``, then what a plain form cannot send. ``same-site`` is
    not ours.
    """
    if head.has(b"sec-fetch-site"):
        return head.get(b"sec-fetch-site") in (b"same-origin", b"none")
    if head.has(b"origin"):
        return head.get(b"origin") == arrival.origin
    return media_type(head) not in _FORM_TYPES or head.has_any(_SCRIPT_HEADERS) or _bears_token(head)


def guard(head: Head, arrival: Arrival, method: str) -> bool:
    """Whether the session of a cookie is **read-only** in this request.

    Raises ``CrossSiteWrite`` for an unsafe method that is not ours.
    """
    if is_ours(head, arrival):
        return False
    if method not in SAFE_METHODS:
        raise CrossSiteWrite
    return True


def _bears_token(head: Head) -> bool:
    """Whether there is a bearer token; browsers add ``Basic`` and its likes on their own, but never that."""
    return any(value[:7].lower() == b"bearer " for value in head.all(b"authorization"))


def media_type(head: Head) -> bytes:
    """The content type without its parameters, in lower case; empty when there is none or more than one."""
    value = head.get(b"content-type")
    return value.partition(b";")[0].strip().lower() if value else b""

"""What authors see of a request: nothing in it is, or was, a credential."""

from __future__ import annotations

from collections.abc import Mapping

from sojourn.http import handles
from sojourn.http.call import Call
from sojourn.http.cookies import without_ours

_NEVER_SEEN = frozenset({b"apikey", b"x-session-id", b"cookie"})
_NEVER_SEEN_WITH_TOKEN = _NEVER_SEEN | {b"authorization"}
_CREDENTIAL_PARAMETERS = (handles.API_KEY, handles.SESSION_ID)


def seen_query(query: bytes) -> Mapping[str, str]:
    """The parameters of the query string."""
    return {name: value for name, value in handles.parse_query(query) if name not in _CREDENTIAL_PARAMETERS}


def seen_query_string(query: bytes) -> str:
    """The query string, everything else octet for octet."""
    pairs = query.split(b"&")
    kept = [pair for pair in pairs if handles.parameter_name(pair) not in _CREDENTIAL_PARAMETERS]
    return (query if len(kept) == len(pairs) else b"&".join(kept)).decode("latin-1")


def seen_headers(call: Call, *, consumed: bool) -> Mapping[str, str]:
    """What authors see of the headers: no API key, no session, no cookie of ours, no token that was consumed."""
    hidden = _NEVER_SEEN_WITH_TOKEN if consumed else _NEVER_SEEN
    seen: dict[str, str] = {}
    for name, value in call.head.raw:
        if name not in hidden:
            seen[name.decode("latin-1")] = value.decode("latin-1")
    if call.head.repeats:
        seen = {name: b", ".join(call.head.all(name.encode("latin-1"))).decode("latin-1") for name in seen}
    if call.head.has(b"cookie"):
        kept = without_ours(call.head.all(b"cookie"))
        if kept:
            seen["cookie"] = kept.decode("latin-1")
    return seen

"""What can go wrong with the server, in Sojourn's own error classes."""

from __future__ import annotations

import msgspec

from sojourn.core.errors import (
    OutcomeUnknown,
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    Unavailable,
)

# What stands in the server's answer, or in what a client makes of it; first match. A server that answers so has refused
# the command before its first write: every script checks first and writes then.
_BY_WORD: tuple[tuple[tuple[str, ...], type[Unavailable]], ...] = (
    (("OOM",), StoreFull),
    (("ReadOnly", "READONLY", "NOREPLICAS", "NoReplicas", "MISCONF", "MisConf"), StoreReadOnly),
    (("WRONGTYPE", "user_script:", "attempt to", "bad argument"), StoreCorrupt),
    (("LOADING", "BusyLoading", "BUSY", "NotBusy", "TRYAGAIN", "TryAgain", "ClusterDown", "CLUSTERDOWN"), StoreBusy),
    (("MASTERDOWN", "MasterDown", "inflight", "slot"), StoreBusy),
)
_REFUSED = ("NOPERM", "NOAUTH", "WRONGPASS", "PermissionDenied", "AuthenticationFailed", "Permission denied")

#: What reading an element of odd form raises.
ODD = (ValueError, KeyError, IndexError, TypeError, AttributeError, msgspec.MsgspecError)


def typed(text: str, *, sent: bool) -> Exception:
    """An answer of the server that begins with an error, as the caller shall see it; ``sent`` = of a command that writes."""
    if any(word in text for word in _REFUSED):
        return StoreUnavailable("the session store's server refuses this user; nothing was written")
    if text.startswith("MOVED"):
        return StoreUnavailable("the session store's server belongs to a cluster: add ?cluster=true to its URL")
    for words, kind in _BY_WORD:
        if any(word in text for word in words):
            return kind()
    return OutcomeUnknown() if sent else StoreUnavailable()


def refusal(text: str, where: str) -> Unavailable:
    """Why no connection to ``where`` came about."""
    if "No primary" in text or "ReadOnly" in text:
        return StoreReadOnly(f"the server at {where} is a replica; the session store needs the primary")
    if any(word in text for word in (*_REFUSED, "Password authentication")):
        return StoreUnavailable(f"the server at {where} refuses this user or password")
    return StoreUnavailable(f"no session store answers at {where}; nothing was written")

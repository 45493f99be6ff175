"""What can go wrong with the server, in Sojourn's own error classes."""

from __future__ import annotations

import msgspec
from glide import ClosingError, GlideError
from glide import ConnectionError as ConnectionBroken
from glide import TimeoutError as TimedOut

from sojourn.core.errors import (
    OutcomeUnknown,
    SojournError,
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
    Unavailable,
)

# What stands in the client's message, first match. A server that answers so has refused the command before its first
# write: every script checks first and writes then.
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


def is_loss(error: Exception) -> bool:
    """Whether the connection is at fault, so that the command may or may not have been run."""
    return isinstance(error, ConnectionBroken | TimedOut)


def typed(error: Exception, *, sent: bool) -> Exception:
    """``error`` as the caller shall see it; ``sent`` = a command that writes had been sent."""
    if isinstance(error, SojournError) or not isinstance(error, GlideError):
        return error
    if isinstance(error, ClosingError):
        return StoreUnavailable("the session store is closed")
    if is_loss(error):
        return OutcomeUnknown() if sent else StoreUnavailable()
    text = str(error)
    if any(word in text for word in _REFUSED):
        return StoreUnavailable("the session store's server refuses this user; nothing was written")
    for words, kind in _BY_WORD:
        if any(word in text for word in words):
            return kind()
    return OutcomeUnknown() if sent else StoreUnavailable()

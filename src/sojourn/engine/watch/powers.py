"""What a session store must be able to do beside keeping sessions, so that logins may rest on it."""

from __future__ import annotations

from sojourn.core.errors import StoreUnavailable
from sojourn.stores.base import SessionStore
from sojourn.stores.limited import OneTime, Throttle

_NEEDED: tuple[tuple[type, str], ...] = ((OneTime, "values that one caller can take"), (Throttle, "counters of tries"))


def check_powers(store: SessionStore) -> None:
    """Raise ``StoreUnavailable`` when ``store`` lacks a power: without them tries and codes would be unbounded."""
    wanting = [what for power, what in _NEEDED if not isinstance(store, power)]
    if wanting:
        raise StoreUnavailable(f"logins need a session store that keeps {' and '.join(wanting)}, and this one does not")

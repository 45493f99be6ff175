"""Names of keys, and the hash tags that keep together what one script works on."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import lru_cache
from hashlib import sha256
from string import ascii_letters, digits
from typing import NamedTuple

#: Installation, counter, and how the keys are spread. Every key begins with ``sj:``; an ACL may allow nothing else.
META = "sj:m:{0}"

#: What :meth:`~sojourn.stores.base.Lifecycle.ping` writes.
PING = "sj:p:{0}"

_SIGNS = ascii_letters + digits + "-_"
_PAIRS = frozenset(first + second for first in _SIGNS for second in _SIGNS)


class Registry(NamedTuple):
    """The keys of an owner's registry, in the order in which scripts expect them."""

    #: Claimed ids by creation.
    claimed: str
    #: The claims.
    claims: str
    #: Ids of tombstones by creation.
    ended: str
    bag: str
    #: Of all owners with this tag: when to look at which bag.
    bags_due: str


class Keys:
    """The keys of one store.

    On one server all of them have one tag, so that each index is one key. In a cluster there are 4,096 tags: a session's
    is the first two characters of its id, an owner's those of a digest. Both are even, since ids are random.
    """

    def __init__(self, *, spread: bool) -> None:
        self.spread = spread
        self.tags = tuple(f"{{{pair}}}" for pair in sorted(_PAIRS)) if spread else ("{0}",)

    def tag(self, sid: str) -> str:
        """The hash tag of session ``sid``."""
        if not self.spread:
            return "{0}"
        pair = sid[:2]
        return f"{{{pair if pair in _PAIRS else _digest(sid)[:2]}}}"

    def once(self, name: str) -> str:
        """The hash of a value that one caller can take."""
        return f"sj:o:{self._tag_of_name(name)}{name}"

    def throttle(self, name: str) -> str:
        """The hash of a counter of tries."""
        return f"sj:t:{self._tag_of_name(name)}{name}"

    def _tag_of_name(self, name: str) -> str:
        return f"{{{_digest(name)[:2]}}}" if self.spread else "{0}"

    def registry(self, realm: str, owner: str) -> Registry:
        """The registry of an owner."""
        return _registry(realm, owner, self.spread)


@lru_cache(maxsize=4096)
def _registry(realm: str, owner: str, spread: bool) -> Registry:  # noqa: FBT001 - a cache takes positions
    digest = _digest(f"{realm}\0{owner}")
    tag = f"{{{digest[:2] if spread else 0}}}"
    return Registry(
        f"sj:u:{tag}{digest}", f"sj:n:{tag}{digest}", f"sj:d:{tag}{digest}", f"sj:b:{tag}{digest}", bags_due(tag)
    )


def _digest(text: str) -> str:
    return urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip("=")


def session(tag: str, sid: str) -> str:
    """The hash of a session."""
    return f"sj:s:{tag}{sid}"


def due(tag: str) -> str:
    """When the sweeper shall look at which session."""
    return f"sj:w:{tag}"


def bags_due(tag: str) -> str:
    """When the sweeper shall look at which bag."""
    return f"sj:g:{tag}"


def live(tag: str, realm: str) -> str:
    """Sessions of a realm without end, by creation."""
    return f"sj:r:{tag}{realm}"


def ended(tag: str, realm: str) -> str:
    """Tombstones of a realm, by creation."""
    return f"sj:e:{tag}{realm}"


def counts(tag: str) -> str:
    """How many sessions live, by kind and realm."""
    return f"sj:c:{tag}"

"""Scopes: what a word of a scope list is, and what a request may do in the end.

A scope is 1-100 characters of ``[A-Za-z0-9._:/?%-]``, compared exactly; besides these only the word
``engine.deploy:*`` is one. Lists are split first, then each word is checked; a word that does not fit is an error,
never skipped. An empty list means *no scope*, never all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from sojourn.core.errors import BadScope

#: Nobody outside the engine's own grants may give these, whatever their case.
RESERVED_PREFIXES = ("security.", "database.", "engine.", "system.", "sojourn.")

#: Script scopes: conditions on who may use a token, never rights.
CONDITION_PREFIXES = ("vfs:", "ufs:")

_WORD = re.compile(r"[A-Za-z0-9._:/?%-]{1,100}")
_DEPLOY_ANYWHERE = "engine.deploy:*"

ScopeSet = frozenset[str]
NO_SCOPE: ScopeSet = frozenset()


def parse_scope(word: str) -> str:
    """``word`` itself when it is a scope; raises :class:`BadScope`."""
    if _WORD.fullmatch(word) is None and word != _DEPLOY_ANYWHERE:
        raise BadScope(f"{word[:100]!r} is not a scope: 1-100 characters of A-Z a-z 0-9 . _ : / ? % -")
    return word


def parse_scopes(words: str | Iterable[str], *, commas: bool = False) -> tuple[str, ...]:
    """The scopes of a list, each once, first occurrence first.

    ``words`` is a text split at blanks (and at commas with ``commas``, as pipelines write it) or a sequence of words.
    """
    if isinstance(words, str):
        words = (words.replace(",", " ") if commas else words).split()
    return tuple(dict.fromkeys(parse_scope(word) for word in words))


def is_reserved(scope: str) -> bool:
    """Whether ``scope`` starts with a prefix of the engine, in any case."""
    return scope.casefold().startswith(RESERVED_PREFIXES)


def is_condition(scope: str) -> bool:
    """Whether ``scope`` is a script scope (``vfs:``, ``ufs:``)."""
    return scope.startswith(CONDITION_PREFIXES)


@lru_cache(maxsize=1024)
def narrow(handle: ScopeSet | None, session: ScopeSet | None, account: ScopeSet | None) -> ScopeSet:
    """The effective scope: ``handle ∩ session ∩ account``.

    None stands for a term that does not narrow: a handle or session that carries all its account has, and the missing
    account of an external principal. Three Nones are a programming error and give no scope. Script scopes are
    conditions, not rights, and are kept.
    """
    terms = [term for term in (handle, session, account) if term is not None]
    if len(terms) <= 1:
        return terms[0] if terms else NO_SCOPE
    limits = [term for term in (handle, session) if term is not None]
    kept = frozenset(scope for term in limits for scope in term if is_condition(scope))
    return terms[0].intersection(*terms[1:]) | kept


class RouteScope(NamedTuple):
    """Who may use a route: ``a b +c !d``."""

    #: At least one of these, where there are any.
    some: ScopeSet
    #: ``+word``: all of these.
    every: ScopeSet
    #: ``!word``: none of these.
    none: ScopeSet

    def admits(self, effective: ScopeSet, held: ScopeSet) -> bool:
        """Whether a request may use the route.

        ``effective`` is what it may do; ``held`` is all that its account and its session have, so that a narrower token
        never passes where its user would not. Script scopes are conditions and satisfy nothing.
        """
        if self.none & held or self.none & effective or not self.every <= effective:
            return False
        return not self.some or bool(self.some & effective)


def parse_route_scope(text: str) -> RouteScope:
    """The words of a route's scope; an empty one admits everybody who may come at all.

    Raises :class:`BadScope` for what is no word, for a script scope, and for a word that is needed and forbidden.
    """
    some, every, none = set[str](), set[str](), set[str]()
    for word in text.split():
        name = parse_scope(word.removeprefix(word[0]) if word[0] in "+!" else word)
        if is_condition(name):
            raise BadScope(f"{name!r} names a script: that is no right")
        {"+": every, "!": none}.get(word[0], some).add(name)
    both = (some | every) & none
    if both:
        raise BadScope(f"{min(both)!r} is needed and forbidden")
    return RouteScope(frozenset(some), frozenset(every), frozenset(none))

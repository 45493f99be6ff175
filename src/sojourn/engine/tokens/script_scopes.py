"""Script scopes: which scripts may use an AuthToken, in the one spelling that each of them has.

They are conditions and no rights. A token that names scripts is taken only while the running script and every caller of
it is one of them, each with the very bytes that it had when the token's owner said so.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from sojourn.core.errors import AuthTokenRefused, BadRequest
from sojourn.model.scope import is_condition, parse_scopes

_KEPT = "-._~"
_UFS = "ufs:"


class BadScript(BadRequest):
    """This script scope names no script that can use a token."""

    code = "authtoken.bad_script"


def canonical(words: Iterable[str]) -> str:
    """The words of a scope with its script scopes in their one spelling; raises :class:`BadScript`, ``BadScope``."""
    spelled = [_canonical(word) if is_condition(word) else word for word in words]
    return " ".join(parse_scopes(spelled))


class ScriptFiles:
    """The files below ``scripts/`` of the project, as scripts are named."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def digests(self, scope: str) -> Mapping[str, bytes]:
        """The script scopes of ``scope`` with the SHA-256 of each file as it is now; raises :class:`BadScript`."""
        named = [word for word in scope.split() if is_condition(word)]
        return await asyncio.to_thread(self._digests, named) if named else {}

    async def check(self, allowed: Mapping[str, bytes], chain: Sequence[str]) -> None:
        """Raise ``AuthTokenRefused`` ``script-not-allowed`` unless every script of ``chain`` is allowed and unchanged.

        ``chain`` is the running script and its callers, as the server knows them; an empty one is no script at all.
        """
        if not allowed:
            return
        if not chain or not all([await self._fits(allowed, uri) for uri in chain]):
            raise AuthTokenRefused("script-not-allowed")

    async def _fits(self, allowed: Mapping[str, bytes], uri: str) -> bool:
        try:
            spelled = _canonical(uri)
        except BadScript:
            return False
        granted = allowed.get(spelled)
        return bool(granted) and granted == await asyncio.to_thread(self._digest, spelled)

    def _digests(self, uris: Sequence[str]) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        for uri in uris:
            digest = self._digest(uri) if uri.startswith(_UFS) else b""
            if digest is None:
                raise BadScript(f"there is no script {uri}")
            found[uri] = digest
        return found

    def _digest(self, uri: str) -> bytes | None:
        """SHA-256 of a file, by its exact name and not through a link; None when there is none."""
        if not uri.startswith(_UFS):
            return None
        place = self._root
        for name in map(unquote, uri.removeprefix(_UFS + "/").split("/")):
            try:
                # The listing tells the case, which some file systems do not mind.
                if all(entry.name != name for entry in place.iterdir()):
                    return None
            except OSError:
                return None
            place /= name
            if place.is_symlink():
                return None
        try:
            return hashlib.sha256(place.read_bytes()).digest() if place.is_file() else None
        except OSError:
            return None


def _canonical(word: str) -> str:
    kind, _, path = word.partition(":")
    if kind == "vfs" and path.startswith("ikey?"):
        key = path.removeprefix("ikey?")
        if not key.removeprefix("-").isdecimal() or not key.isascii():
            raise BadScript(f"{word} names no key")
        return f"vfs:ikey?{int(key)}"
    names = [unquote(name) for name in path.split("/")]
    odd = any(name in ("", ".", "..") or not name.isprintable() or {"/", "\\"} & set(name) for name in names[1:])
    if names[0] or len(names) == 1 or odd:
        raise BadScript(f"{word} is no path of a script: {kind}:/folder/name.js, blanks as %20")
    return f"{kind}:" + "/".join(quote(name, safe=_KEPT) for name in names)

"""Script scopes: which scripts may use an AuthToken, in the one spelling that each of them has.

They are conditions and no rights. A token that names scripts is taken only while the running script and every caller of
it is one of them, each with the very bytes that it had when the token's owner said so: the text that runs counts, not what
its file holds by now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sojourn.core.errors import AuthTokenRefused, BadRequest
from sojourn.engine.files.file import File, FileUnreadable
from sojourn.engine.files.files import Files
from sojourn.model.file_path import BadPath, FileKey, parse_reference
from sojourn.model.scope import is_condition, parse_scopes
from sojourn.model.token import ScriptChain, ScriptText


class BadScript(BadRequest):
    """This script scope names no script that can use a token."""

    code = "authtoken.bad_script"


def canonical(words: Iterable[str]) -> str:
    """The words of a scope with its script scopes in their one spelling; raises :class:`BadScript`, ``BadScope``."""
    spelled = [_canonical(word) if is_condition(word) else word for word in words]
    return " ".join(parse_scopes(spelled))


class ScriptFiles:
    """The files of scripts, as script scopes name them."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def digests(self, scope: str) -> Mapping[str, bytes]:
        """The script scopes of ``scope`` with the SHA-256 of each file as it is now; raises :class:`BadScript`."""
        found: dict[str, bytes] = {}
        for word in filter(is_condition, scope.split()):
            file = await self._file(word)
            if file is None:
                raise BadScript(f"there is no script {word}")
            found[word] = file.digest
        return found

    async def check(self, allowed: Mapping[str, bytes], chain: ScriptChain) -> None:
        """Raise ``AuthTokenRefused`` ``script-not-allowed`` unless every script of ``chain`` is allowed and unchanged.

        ``chain`` is the running script and its callers, as the server knows them; an empty one is no script at all.
        """
        if not allowed:
            return
        if not chain or not all([await self._fits(allowed, one) for one in chain]):
            raise AuthTokenRefused("script-not-allowed")

    async def _fits(self, allowed: Mapping[str, bytes], script: str | ScriptText) -> bool:
        """Whether a script is allowed by its path or by its key, with this text."""
        if isinstance(script, str):
            file = await self._file(script)
            if file is None:
                return False
            script = ScriptText(file.place.uri, file.digest, file.key)
        named = [script.uri, *([FileKey(script.key).uri] if script.key else [])]
        return any(allowed.get(name) == script.digest for name in named)

    async def _file(self, uri: str) -> File | None:
        """A file as it is now; None when there is none or it cannot be read."""
        try:
            return await self._files.any(parse_reference(uri))
        except (BadPath, FileUnreadable):
            return None


def _canonical(word: str) -> str:
    try:
        return parse_reference(word).uri
    except BadPath as error:
        raise BadScript(f"{word} is no script: {error.message}") from None

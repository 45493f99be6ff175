"""Exports of the change log: one JSON object a line, and a last line in which the engine signs how far its log has come.

Whoever keeps an export elsewhere can show later that a log was cut, or exchanged together with all that the engine knows.
Anybody checks the signature with :func:`sojourn.jose.verify` and the key beside it; that the key is the engine's, he has to
know from before.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from sojourn.core import json
from sojourn.core.clock import iso
from sojourn.core.errors import BadRequest, InvalidJson, TokenRefused
from sojourn.data.chain import Seal
from sojourn.engine.keys.seals import Seals
from sojourn.identity import compact, jwk

#: The name of the engine's secret from which the key for heads is made.
KEY_FROM: Final = "change log heads"

#: What a signed head says that it is.
TYPE: Final = "sojourn-change-head"

#: Longest line of a signed head, in bytes.
_LONGEST: Final = 8_192


class BadExport(BadRequest):
    """This is no export of this engine, or not as it was written."""

    code = "changes.bad_export"


class SignedHead(NamedTuple):
    """How far a log had come, as the engine has signed it."""

    database: str
    place: int
    mac: bytes
    #: When it was signed, ISO 8601.
    at: str
    #: How many changes were exported with it, and the SHA-256 of their lines in hexadecimal digits.
    changes: int
    digest: str


class Heads:
    """Signs heads, with an Ed25519 key of its own, and reads them."""

    def __init__(self, seals: Seals) -> None:
        self._seals = seals
        self._key: OKPKey | None = None

    async def public(self) -> dict[str, Any]:
        """The key with which signed heads are checked, as a JWK."""
        return (await self._private()).as_dict(private=False)

    async def sign(self, installation: str, database: str, seal: Seal, now: int, lines: Lines) -> str:
        """The head as a compact JWS; ``lines`` are those before it in the export."""
        said = {
            "installation": installation,
            "database": database,
            "place": seal.place,
            "last": seal.last,
            "mac": seal.mac.hex(),
            "at": iso(now),
            "changes": lines.count,
            "sha256": lines.digest,
        }
        key = await self._private()
        return compact.sign({"alg": "EdDSA", "typ": TYPE}, json.encode(said), key)

    async def read(self, token: str) -> SignedHead:
        """What a head says that this engine has signed; raises :class:`BadExport` for any other text."""
        try:
            form = compact.read(token)
            chosen = jwk.load(await self.public())
            compact.check_signature(token, form, chosen.key, chosen.algorithms)
        except TokenRefused as error:
            raise BadExport("the head of this export was not signed by this engine") from error
        if form.header.get("typ") != TYPE:
            raise BadExport("this is not the head of a change log")
        said = json.decode(form.payload)
        mac = bytes.fromhex(said["mac"])
        return SignedHead(said["database"], said["place"], mac, said["at"], said["changes"], said["sha256"])

    async def _private(self) -> OKPKey:
        if self._key is None:
            secret = await self._seals.secret(KEY_FROM)
            raw = hmac.digest(secret, b"signing", "sha256")
            public = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
            members = {"x": compact.encode_part(public), "d": compact.encode_part(raw)}
            self._key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "use": "sig", **members})
        return self._key


class Lines:
    """Counts and digests the lines of an export as they are written or read."""

    def __init__(self) -> None:
        self._found = hashlib.sha256()
        self.count = 0

    async def of(self, rows: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
        """Each row as a line."""
        async for row in rows:
            line = json.encode(row) + b"\n"
            self.take(line)
            yield line

    def take(self, line: bytes) -> None:
        """Count a line, its end included."""
        self._found.update(line)
        self.count += 1

    @property
    def digest(self) -> str:
        """Of all lines so far."""
        return self._found.hexdigest()


async def read_export(heads: Heads, lines: Iterable[bytes]) -> SignedHead:
    """The head of an export, when it and all lines before it are as they were written. Raises :class:`BadExport`."""
    seen, last = Lines(), b""
    for line in lines:
        if last:
            seen.take(last)
        last = line
    try:
        found = json.decode(last) if len(last) <= _LONGEST else None
    except InvalidJson:
        found = None
    token = found.get("head") if isinstance(found, dict) else None
    if not isinstance(token, str):
        raise BadExport("the last line of an export is its head, and this one is none")
    head = await heads.read(token)
    if (seen.count, seen.digest) != (head.changes, head.digest):
        raise BadExport("the lines of this export are not those that were signed")
    return head

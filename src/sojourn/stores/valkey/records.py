"""Session hashes: the record as elements, what scripts do not look at as JSON ``.b``, one element for each field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from sojourn.core.errors import StoreCorrupt, StoreVersion
from sojourn.model.field import Field, size
from sojourn.model.session import Device, End, Fences, Identity, IssuedToken, Rotation, Session, Tombstone, death
from sojourn.stores.valkey.failures import ODD

#: Format of what this version writes.
FORMAT = 1

#: The elements of a record, in the order of :func:`of_list`.
ELEMENTS = (b".r", b".o", b".h", b".a", b".l", b".i", b".x", b".e", b".v", b".b", b".t", b".z", b".V")

_FIELD = ord("f")


class About(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a record holds beside what scripts look at."""

    identity: Identity = Identity()
    device: Device = Device()
    fences: Fences = Fences()
    replaced: bytes = b""
    replaced_at: int = 0


class Record(NamedTuple):
    """A record as it was read."""

    session: Session
    owner: str
    #: Its end where one was written.
    end: End | None

    def death(self, now: int) -> End | None:
        """Its end as of ``now``, None while it lives."""
        one = self.session
        return death(self.end, last=one.last, idle=one.idle, absolute=one.absolute, now=now)

    def is_of(self, realm: str, owner: str) -> bool:
        """Whether it is one of that owner's."""
        return self.session.realm == realm and self.owner == owner

    def leaves(self, realm: str, owner: str) -> int:
        """When it ceases to be one of that owner's, or ceased: by its end, its death to come, or a rotation."""
        if not self.is_of(realm, owner):
            return self.session.replaced_at
        return self.end.at if self.end else self.session.dies_at

    @property
    def stone(self) -> Tombstone | None:
        """Its tombstone where one was written."""
        return Tombstone(self.session, self.end) if self.end else None


_encoder = msgspec.json.Encoder()
_about = msgspec.json.Decoder(About)
_end = msgspec.json.Decoder(End)
_token = msgspec.json.Decoder(IssuedToken)


def of_hash(sid: str, found: Mapping[bytes, bytes]) -> Record | None:
    """The record in a whole hash; None when there is none (an empty hash, or only a cancelled claim).

    Raises ``StoreVersion`` for one of a newer engine, ``StoreCorrupt`` for one that cannot be read.
    """
    if b".r" not in found:
        return None
    try:
        if int(found[b".V"]) > FORMAT:
            raise StoreVersion
        end = found.get(b".z")
        return Record(_session(sid, found), found[b".o"].decode(), decode_end(end) if end else None)
    except ODD as error:
        raise StoreCorrupt from error


def _session(sid: str, found: Mapping[bytes, bytes]) -> Session:
    about = _decode_about(found[b".b"])
    return Session(
        id=sid,
        realm=found[b".r"].decode(),
        secret=bytes.fromhex(found[b".h"].decode()),
        replaced=about.replaced,
        replaced_at=about.replaced_at,
        identity=about.identity,
        device=about.device,
        fences=about.fences,
        tokens=_tokens(found.get(b".t")),
        created=int(found[b".a"]),
        last=int(found[b".l"]),
        idle=int(found[b".i"]),
        absolute=int(found[b".x"]),
        epoch=int(found[b".e"]),
        version=int(found[b".v"]),
    )


def of_list(sid: str, found: Sequence[bytes | None]) -> Record | None:
    """The record in :data:`ELEMENTS` as read."""
    return of_hash(sid, {name: value for name, value in zip(ELEMENTS, found, strict=True) if value is not None})


def fields_of(found: Mapping[bytes, bytes]) -> dict[str, Field]:
    """The fields in a whole hash; raises ``StoreCorrupt``."""
    fields = {}
    try:
        for name, value in found.items():
            if name[0] == _FIELD:
                version, _, text = value.partition(b":")
                fields[name[1:].decode()] = Field(int(version), text.decode())
    except ODD as error:
        raise StoreCorrupt from error
    return fields


def elements(session: Session, fields: Mapping[str, str], nonce: str) -> list[str]:
    """The hash of a new session as element, value, element …; every field has the version of the session."""
    weight = sum(size(name, text) for name, text in fields.items())
    found = [".r", session.realm, ".o", session.owner, ".k", session.identity.kind]
    found += [".h", session.secret.hex(), ".b", about_of(session), ".q", nonce, ".V", str(FORMAT)]
    for name, number in (
        (".a", session.created),
        (".l", session.last),
        (".i", session.idle),
        (".x", session.absolute),
        (".e", session.epoch),
        (".v", session.version),
        (".n", weight),
        (".f", len(fields)),
    ):
        found += [name, str(number)]
    if session.tokens:
        found += [".t", token_lines(session.tokens)]
    for name, text in fields.items():
        found += [f"f{name}", f"{session.version}:{text}"]
    return found


def about_of(session: Session) -> str:
    """Element ``.b`` of ``session``."""
    return _encoder.encode(
        About(
            identity=session.identity,
            device=session.device,
            fences=session.fences,
            replaced=session.replaced,
            replaced_at=session.replaced_at,
        )
    ).decode()


def rotated(to: Rotation, now: int, *, realm: str, sid: str, created: int, secret: bytes) -> Session:
    """The record after a rotation at ``now``; its last access, epoch and version are the script's answer."""
    return Session(
        id=sid,
        realm=realm,
        secret=to.secret,
        replaced=secret,
        replaced_at=now,
        identity=to.identity,
        device=to.device,
        fences=to.fences,
        tokens=to.tokens,
        created=created,
        last=now,
        idle=to.idle,
        absolute=to.absolute,
    )


@lru_cache(maxsize=4096)
def _decode_about(text: bytes) -> About:
    """Element ``.b``. It cannot be changed and says nothing of whether the session lives, so equal texts share it."""
    return _about.decode(text)


def principal_in(about: bytes) -> str:
    """The principal in an element ``.b``."""
    return _decode_about(about).identity.principal


def token_lines(tokens: Sequence[IssuedToken]) -> str:
    """Element ``.t``: a line for each token, its expiry before the rest, so that a script can drop the expired."""
    return "\n".join(f"{token.expires} {_encoder.encode(token).decode()}" for token in tokens)


def _tokens(lines: bytes | None) -> tuple[IssuedToken, ...]:
    if not lines:
        return ()
    return tuple(_token.decode(line.partition(b" ")[2]) for line in lines.split(b"\n"))


def encode_end(end: End) -> str:
    """``end`` as JSON."""
    return _encoder.encode(end).decode()


def decode_end(value: bytes) -> End:
    """Element ``.z``."""
    return _end.decode(value.partition(b":")[2])

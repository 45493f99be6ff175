"""Rows as the statements give them: the record as columns, what belongs to it as JSON, its fields as one JSON object."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import msgspec

from sojourn.model.field import Field
from sojourn.model.session import Device, End, Fences, Identity, IssuedToken, Loaded, Session, Tombstone, death
from sojourn.stores.base import Count
from sojourn.stores.postgres.wire import Row, Value, bytes_of, number_of, text_of_key

#: Columns of a record, as every statement that gives one begins.
RECORD = 13


class About(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a record holds beside its columns."""

    identity: Identity = Identity()
    device: Device = Device()
    fences: Fences = Fences()


_KINDS: dict[bytes, Literal["anonymous", "account", "external"]] = {
    b"anonymous": "anonymous",
    b"account": "account",
    b"external": "external",
}

_encoder = msgspec.json.Encoder()
_about = msgspec.json.Decoder(About)
_end = msgspec.json.Decoder(End)
_tokens = msgspec.json.Decoder(tuple[IssuedToken, ...])
_fields = msgspec.json.Decoder(dict[str, Field])


def record(row: Row) -> Session:
    """The record in the first columns of ``row``."""
    (sid, realm, secret, replaced, replaced_at, created, last, idle, absolute, epoch, version, tokens, text) = row[
        :RECORD
    ]
    about = decode_about(bytes_of(text))
    return Session(
        id=text_of_key(sid),
        realm=text_of_key(realm),
        secret=bytes_of(secret),
        replaced=bytes_of(replaced),
        replaced_at=number_of(replaced_at),
        identity=about.identity,
        device=about.device,
        fences=about.fences,
        tokens=() if tokens is None else _tokens.decode(tokens),
        created=number_of(created),
        last=number_of(last),
        idle=number_of(idle),
        absolute=number_of(absolute),
        epoch=number_of(epoch),
        version=number_of(version),
    )


def loaded(row: Row) -> Loaded:
    """A row of statement ``load``: record and fields."""
    return Loaded(record(row), fields(row[RECORD]))


def fields(column: Value) -> dict[str, Field]:
    """Fields as one JSON object; NULL = none."""
    return {} if column is None else _fields.decode(column)


def tombstone(row: Row) -> Tombstone:
    """A row of record and end."""
    return Tombstone(record(row), end_of(row[RECORD]))


def end_of(column: Value) -> End:
    """Column ``ended`` of an ended session."""
    return _end.decode(bytes_of(column))


def count(row: Row) -> Count:
    """A row of statement ``counts``."""
    realm, kind, live = row
    return Count(text_of_key(realm), _KINDS[bytes_of(kind)], number_of(live))


def is_due(session: Session, now: int) -> bool:
    """Whether a session without a tombstone is past its limits."""
    end = death(None, last=session.last, idle=session.idle, absolute=session.absolute, now=now)
    return end is not None


def end_text(end: End) -> bytes:
    """``end`` as column ``ended``."""
    return _encoder.encode(end)


def token_text(token: IssuedToken) -> str:
    """``token`` as one item of column ``tokens``."""
    return _encoder.encode(token).decode()


@lru_cache(maxsize=2048)
def decode_about(text: bytes) -> About:
    """Column ``about``. It cannot be changed and says nothing of whether the session lives, so equal texts share it."""
    return _about.decode(text)


def about_text(identity: Identity, device: Device, fences: Fences) -> bytes:
    """Column ``about``."""
    return _encoder.encode(About(identity=identity, device=device, fences=fences))

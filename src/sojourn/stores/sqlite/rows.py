"""Session rows: the record as columns, what belongs to it as JSON ``about``, its fields as JSON ``doc``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from sojourn.core.errors import StoreCorrupt
from sojourn.model.field import Field
from sojourn.model.session import Device, End, Fences, Identity, IssuedToken, Loaded, Session, Tombstone, death

#: Characters; the text of a larger value lies in a row of its own.
LARGE = 1024

Row = tuple[Any, ...]

#: Fields as a change sees them: name -> version and the JSON string of the text, decoded only where needed.
Doc = dict[str, tuple[int, msgspec.Raw]]

#: Columns of a record, as every statement that gives one begins.
_RECORD = 10


class About(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """What a record holds beside its columns."""

    identity: Identity = Identity()
    device: Device = Device()
    fences: Fences = Fences()
    tokens: tuple[IssuedToken, ...] = ()
    replaced: bytes = b""
    replaced_at: int = 0


class Written(NamedTuple):
    """The fields of a session in their columns, with the large values beside them."""

    fields: int
    bytes: int
    large: int
    doc: str


_encoder = msgspec.json.Encoder()
_about = msgspec.json.Decoder(About)
_end = msgspec.json.Decoder(End)
_fields = msgspec.json.Decoder(dict[str, Field])
_values = msgspec.json.Decoder(dict[str, str])


def record(row: Row) -> Session:
    """The record in the first ten columns of ``row``."""
    sid, realm, secret, created, last, idle, absolute, epoch, version, text = row[:_RECORD]
    about = decode_about(text)
    return Session(
        id=sid,
        realm=realm,
        secret=secret,
        replaced=about.replaced,
        replaced_at=about.replaced_at,
        identity=about.identity,
        device=about.device,
        fences=about.fences,
        tokens=about.tokens,
        created=created,
        last=last,
        idle=idle,
        absolute=absolute,
        epoch=epoch,
        version=version,
    )


def loaded(sid: str, realm: str, row: Row) -> Loaded:
    """A row of statement ``load``: the record without its first two columns, doc, large values."""
    return Loaded(record((sid, realm, *row)), fields_of(row[-2], row[-1]))


def fields_of(doc: str, values: str | None) -> dict[str, Field]:
    """The fields of column ``doc`` and of the large ``values`` beside it."""
    fields = _fields.decode(doc)
    if values is not None:
        _fill_in(fields, _values.decode(values))
    return fields


def _fill_in(fields: dict[str, Field], values: Mapping[str, str]) -> None:
    for name, field in fields.items():
        if field.version < 0:
            if name not in values:
                raise StoreCorrupt
            fields[name] = Field(-field.version, values[name])


def tombstone(row: Row) -> Tombstone:
    """A row of record and end."""
    return Tombstone(record(row), _end.decode(row[_RECORD]))


def end_text(end: End) -> str:
    """``end`` as column ``ended``."""
    return _encoder.encode(end).decode()


def judge(ended: str | None, last: int, idle: int, absolute: int, now: int) -> End | None:
    """The end of the session as of ``now``, None while it lives."""
    return death(_end.decode(ended) if ended else None, last=last, idle=idle, absolute=absolute, now=now)


def about_of(session: Session) -> str:
    """Column ``about`` of ``session``."""
    about = About(
        identity=session.identity,
        device=session.device,
        fences=session.fences,
        tokens=session.tokens,
        replaced=session.replaced,
        replaced_at=session.replaced_at,
    )
    return encode_about(about)


@lru_cache(maxsize=2048)
def decode_about(text: str) -> About:
    """Column ``about``. It cannot be changed and says nothing of whether the session lives, so equal texts share it."""
    return _about.decode(text)


def encode_about(about: About) -> str:
    """``about`` as its column."""
    return _encoder.encode(about).decode()


#: Column ``doc`` with the texts still encoded, and one of them: the field's text, or for a large value its size in
#: bytes as digits.
decode_doc = msgspec.json.Decoder(Doc).decode
text_of = msgspec.json.Decoder(str).decode


def encode_doc(doc: Doc) -> str:
    """``doc`` as its column."""
    return _encoder.encode(doc).decode()


def entry(version: int, text: str) -> tuple[int, msgspec.Raw]:
    """What stands in the doc for a field: the text, or for a large one its size under the negative version."""
    if len(text) > LARGE:
        return -version, msgspec.Raw(_encoder.encode(str(len(text.encode()))))
    return version, msgspec.Raw(_encoder.encode(text))

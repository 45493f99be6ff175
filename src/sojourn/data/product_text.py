"""The description of a product: the text with which its development goes on in another database.

Whoever has it can read it and write another one, so it proves nothing; see :meth:`sojourn.data.products.Products.enable`.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

import msgspec

from sojourn.core.errors import BadRequest

#: Keys of a product's range.
SIZE: Final = 2**24

#: How far below zero a range may begin, in ranges: below the keys that are constants of the seed, and a number in JavaScript.
PLACES: Final = (2**9, 2**29)

#: What a description begins with.
PREFIX: Final = "sjp1_"

#: A verifier of Argon2id with what it costs: KiB, passes, lanes. One that costs more would hold up all logins.
_VERIFIER: Final = re.compile(r"\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d)\$")
_MOST_COST: Final = (262_144, 16, 4)


class BadProduct(BadRequest):
    """This does not describe a product."""

    code = "product.bad_description"


class Description(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product on its way to another database. Raises ``ValueError`` for one that cannot be."""

    key: Annotated[int, msgspec.Meta(ge=-SIZE * PLACES[1], le=-SIZE * PLACES[0], multiple_of=SIZE)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    version: Annotated[str, msgspec.Meta(max_length=100)]
    #: The first key that nobody has given out yet.
    next: int
    #: Verifier of the master password.
    password: Annotated[str, msgspec.Meta(max_length=500)]
    keys: Annotated[list[Annotated[int, msgspec.Meta(lt=0)]], msgspec.Meta(max_length=10_000)] = []

    def __post_init__(self) -> None:
        """Check what the types do not say."""
        if not self.key < self.next <= self.key + SIZE:
            raise ValueError("next is not within the range")
        found = _VERIFIER.match(self.password)
        if found is None or any(int(given) > most for given, most in zip(found.groups(), _MOST_COST, strict=True)):
            raise ValueError("password is no verifier")


def to_text(told: Description) -> str:
    """The description as text."""
    return PREFIX + msgspec.json.encode(told).hex()


def from_text(text: str) -> Description:
    """The description that a text is. Raises :class:`BadProduct`."""
    try:
        if not text.startswith(PREFIX):
            raise BadProduct
        return checked(msgspec.json.decode(bytes.fromhex(text.removeprefix(PREFIX))))
    except ValueError:
        raise BadProduct from None


def checked(found: object) -> Description:
    """``found`` as a description. Raises :class:`BadProduct`."""
    try:
        return msgspec.convert(found, Description)
    except msgspec.ValidationError as error:
        raise BadProduct(f"this does not describe a product: {error}") from None

"""Keys of records: whole numbers that are given out once, whatever becomes of the record or of the transaction.

Positive keys are those of the installation. Single ones come from a stock that each process takes from the database in
blocks; a block that somebody asks for is taken as such. Within a database a key is never given out twice, over all
processes and restarts. There are gaps: the rest of a stock is lost with its process, and a key that was given out stays
used when its record is undone. Keys of one block follow each other; keys of two calls are in no promised order.

Negative keys belong to a product, see :mod:`sojourn.data.products`. All keys are whole numbers that JavaScript holds.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final, NamedTuple

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from sojourn.core import json
from sojourn.core.errors import BadRequest, Conflict, InsufficientScope, SojournError
from sojourn.data import schema
from sojourn.data.changelog import Draft, append
from sojourn.data.port import Backend, Guard
from sojourn.data.terms import PRODUCT, Author, Terms
from sojourn.model.scope import ScopeSet

#: The largest block.
MOST: Final = 1_000_000

#: Keys that a process takes at once for those who ask for one.
STOCK: Final = 100

#: The last key of all, the largest whole number that JavaScript holds.
LAST: Final = 2**53 - 1

#: Where the keys begin that are asked for with ``useHighKeys``.
HIGH: Final = 2**52

_counter, _product = schema.key_counter, schema.product


class BadQuantity(BadRequest):
    """Keys are made one at a time or in blocks of up to a million."""

    code = "key.bad_quantity"


class KeyLimit(SojournError):
    """The session has reached its limit of new keys."""

    code = "key.limit"
    status = 413
    told = ("limit",)

    def __init__(self, limit: int) -> None:
        super().__init__()
        #: How many keys it may still make.
        self.limit = limit


class KeysExhausted(Conflict):
    """There are no more keys of this kind."""

    code = "key.exhausted"


class ProductUnknown(BadRequest):
    """A product is named by its key, a negative whole number."""

    code = "product.unknown"


class ProductNotDeveloped(Conflict):
    """The keys of this product are made in another database."""

    code = "product.not_developed"


class _Block(NamedTuple):
    """Keys that somebody asks for by number, or of a product: they have a row in the change log."""

    author: Author
    product: int
    quantity: int
    now: int
    high: bool = False

    def take(self, connection: Connection) -> int:
        """The first of them."""
        if self.product:
            first = take_of_product(connection, self.product, self.quantity)
        else:
            first = take(connection, self.quantity, high=self.high)
        content = json.encode_text({"quantity": self.quantity, "product": self.product})
        append(connection, self.author, [Draft("KEY_CREATION", key=first, content=content)], 0, self.now)
        return first


class Keys:
    """Makes the keys of one database for one process."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        #: The next key of the stock, and the first that is no longer in it.
        self._next = self._end = 0
        self._filling = asyncio.Lock()

    @property
    def remaining(self) -> int:
        """Keys that are left in the stock of this process."""
        return self._end - self._next

    async def create(
        self,
        author: Author,
        scopes: ScopeSet,
        terms: Terms,
        quantity: int = 1,
        *,
        now: int,
        high: bool = False,
        positive: bool = False,
        guard: Guard | None = None,
    ) -> int:
        """The first of ``quantity`` new keys that follow each other, under the session's licence and limit.

        ``now`` is when, in milliseconds since 1970. ``high`` takes positive keys of the upper half, ``positive`` ignores the licence. ``guard`` is asked before the
        database gives keys out. Raises :class:`BadQuantity`, :class:`KeyLimit` (before anything is taken),
        :class:`KeysExhausted`, :class:`ProductUnknown`, :class:`ProductNotDeveloped`, ``InsufficientScope``.
        """
        if not 1 <= quantity <= MOST:
            raise BadQuantity
        product = 0 if positive else terms.create_key_license
        if product:
            check_product_right(product, scopes)
        charge(terms, quantity)
        try:
            if product:
                return await self._block(_Block(author, product, quantity, now), guard)
            if quantity > 1 or high:
                return await self._block(_Block(author, 0, quantity, now, high=high), guard)
            return await self._one()
        except BaseException:
            charge(terms, -quantity)
            raise

    async def _one(self) -> int:
        async with self._filling:
            if self._next == self._end:
                first = await self._backend.write(lambda connection: take(connection, STOCK, high=False))
                self._next, self._end = first, first + STOCK
            self._next += 1
            return self._next - 1

    async def _block(self, block: _Block, guard: Guard | None) -> int:
        return await self._backend.write(block.take, guard)


def charge(terms: Terms, quantity: int) -> None:
    """Count keys against the session's limit; raises :class:`KeyLimit` when it does not allow so many."""
    if terms.key_limit is None:
        return
    if quantity > terms.key_limit:
        raise KeyLimit(terms.key_limit)
    terms.key_limit -= quantity


def check_product_right(product: int, scopes: ScopeSet) -> None:
    """Raise ``InsufficientScope`` unless these scopes allow to change the product."""
    if f"{PRODUCT}{product}" not in scopes:
        raise InsufficientScope(f"a product is changed by who has the scope {PRODUCT}{product}")


def take(connection: Connection, quantity: int, *, high: bool) -> int:
    """The first of ``quantity`` positive keys. Raises :class:`KeysExhausted`."""
    name = "high" if high else "low"
    raised = update(_counter).where(_counter.c.name == name).values(next=_counter.c.next + quantity)
    if connection.execute(raised).rowcount == 0:
        _begin(connection, name)
        connection.execute(raised)
    end = connection.execute(select(_counter.c.next).where(_counter.c.name == name)).scalar_one()
    if end > (LAST + 1 if high else HIGH):
        raise KeysExhausted
    return int(end) - quantity


def take_of_product(connection: Connection, product: int, quantity: int) -> int:
    """The first of ``quantity`` keys of a product. Raises :class:`KeysExhausted`, :class:`ProductUnknown` …"""
    of_it = _product.c.key == product
    raised = update(_product).where(of_it, _product.c.developed).values(next=_product.c.next + quantity)
    if connection.execute(raised).rowcount == 0:
        known = connection.execute(select(_product.c.key).where(of_it)).first()
        raise ProductNotDeveloped if known else ProductUnknown
    found = connection.execute(select(_product.c.next, _product.c.high).where(of_it)).one()
    if found.next - 1 > found.high:
        raise KeysExhausted
    return int(found.next) - quantity


def _begin(connection: Connection, name: str) -> None:
    """Make the row of a stock. Where another transaction makes it at the same moment, that one's is used."""
    with suppress(IntegrityError), connection.begin_nested():
        connection.execute(insert(_counter).values(name=name, next=HIGH if name == "high" else 1))

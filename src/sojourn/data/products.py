"""Products, the licences of the seed (``iLicense``): who delivers records to many databases makes them with negative keys.

A product owns a range of negative keys that no other product has, and single keys besides. Its keys are made in one
database only, where its *development* is enabled; else two databases would make the same key. Among the databases of one
engine a lease in the engine database sees to that. Between engines the *description* of a product travels, a text that
its master password opens: :meth:`Products.disable` gives the one with which development goes on elsewhere.

Who has the scope ``database.product:<key>`` may change the records of a product and make its keys.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from sqlalchemy import Connection, Row, insert, select, update

from sojourn.core.clock import DAY
from sojourn.core.errors import Conflict, Forbidden, InsufficientScope
from sojourn.data import schema
from sojourn.data.keys import ProductUnknown, check_product_right
from sojourn.data.port import Backend
from sojourn.data.product_text import PLACES, SIZE, Description, checked, from_text, to_text
from sojourn.engine.leases import Leases
from sojourn.identity.password import PasswordHasher
from sojourn.model.scope import ScopeSet

#: For how long development is enabled: until it is disabled.
_FOR_EVER: Final = 100 * 365 * DAY

_table, _single = schema.product, schema.product_key


class ProductExists(Conflict):
    """There is another product with this name or with these keys."""

    code = "product.exists"


class ProductElsewhere(Conflict):
    """Another database of this engine makes the keys of this product."""

    code = "product.developed_elsewhere"


class WrongProductPassword(Forbidden):
    """This is not the master password of the product."""

    code = "product.wrong_password"


class Made(NamedTuple):
    """A new product."""

    key: int
    #: For :meth:`Products.enable`.
    description: str


class Product(NamedTuple):
    """A product."""

    #: The lowest key of its range, and its own.
    key: int
    name: str
    #: The highest key of its range.
    high: int
    #: Whether its keys are made in this database.
    developed: bool
    version: str


class Products:
    """The products of one database. Who may call what is for the caller to ask; passwords are checked here.

    Raises ``LoginBusy`` when too many passwords are being checked.
    """

    def __init__(self, backend: Backend, leases: Leases, hasher: PasswordHasher) -> None:
        self._backend = backend
        self._leases = leases
        self._hasher = hasher

    async def list(self) -> list[Product]:
        """All of them by name."""
        query = select(_table).order_by(_table.c.name)
        return [_product(row) for row in await self._backend.read(lambda c: c.execute(query).all())]

    async def get(self, product: int) -> Product:
        """The product with this key; raises ``ProductUnknown``."""
        return _product(await self._row(product))

    async def create(self, name: str, password: str, *, version: str = "", keys: Collection[int] = ()) -> Made:
        """Make a product with a range of its own and ``keys`` besides.

        Its development is not enabled yet, not even here. Raises :class:`BadProduct`, :class:`ProductExists`,
        ``WeakPassword``.
        """
        self._hasher.check_new(password, names=(name,))
        stored = await self._hasher.hash(password)

        def work(connection: Connection) -> Description:
            key = _free_range(connection)
            made = checked(
                {
                    "key": key,
                    "name": name,
                    "version": version,
                    "next": key + 1,
                    "password": stored,
                    "keys": sorted(set(keys)),
                }
            )
            _add(connection, made)
            return made

        told = await self._backend.write(work)
        return Made(told.key, to_text(told))

    async def enable(self, description: str, password: str) -> Product:
        """Let this database make the keys of a product; the product becomes known here where it was not.

        ``password`` is the master password: that of the description, of a product that is known here the one it has here.

        Raises :class:`BadProduct`, :class:`WrongProductPassword`, :class:`ProductExists`, :class:`ProductElsewhere`.
        """
        told = from_text(description)
        known = select(_table.c.password).where(_table.c.key == told.key)
        stored = await self._backend.read(lambda c: c.execute(known).scalar_one_or_none())
        # Of a product that is known here the description proves nothing: anybody can write one with a password of his own.
        if not await self._hasher.verify(stored or told.password, password):
            raise WrongProductPassword
        if not await self._leases.hold(_lease(told.key), self._backend.name, _FOR_EVER):
            raise ProductElsewhere

        def work(connection: Connection) -> Product:
            there = connection.execute(select(_table).where(_table.c.key == told.key)).one_or_none()
            if there is None:
                _add(connection, told)
            goes_on = max(told.next, there.next if there else told.next)
            enabled = update(_table).where(_table.c.key == told.key)
            connection.execute(enabled.values(next=goes_on, developed=True))
            return _product(connection.execute(select(_table).where(_table.c.key == told.key)).one())

        return await self._backend.write(work)

    async def disable(self, product: int, password: str) -> str:
        """Let this database make no more keys of a product; its description, for where development goes on.

        Raises ``ProductUnknown``, :class:`WrongProductPassword`.
        """
        await self._check(product, password)

        def work(connection: Connection) -> Description:
            connection.execute(update(_table).where(_table.c.key == product).values(developed=False))
            row = connection.execute(select(_table).where(_table.c.key == product)).one()
            singles = connection.execute(select(_single.c.key).where(_single.c.product == product)).scalars().all()
            return Description(
                key=row.key,
                name=row.name,
                version=row.version,
                next=row.next,
                password=row.password,
                keys=sorted(singles),
            )

        told = await self._backend.write(work)
        await self._leases.release(_lease(product), self._backend.name)
        return to_text(told)

    async def is_developed(self, product: int) -> bool:
        """Whether this database makes the keys of a product; raises ``ProductUnknown``."""
        return (await self.get(product)).developed

    async def authenticate(self, product: int, password: str) -> bool:
        """Whether this is the master password of a product; raises ``ProductUnknown``."""
        return await self._hasher.verify((await self._row(product)).password, password)

    async def change_password(self, product: int, current: str, new: str) -> None:
        """Give a product another master password. Raises ``ProductUnknown``, :class:`WrongProductPassword`, ``WeakPassword``."""
        row = await self._check(product, current)
        self._hasher.check_new(new, names=(row.name,))
        stored = await self._hasher.hash(new)
        # A change that another one has overtaken is refused: its caller has not shown the password of now.
        changed = (
            update(_table).where(_table.c.key == product, _table.c.password == row.password).values(password=stored)
        )
        if await self._backend.write(lambda c: c.execute(changed).rowcount) == 0:
            raise WrongProductPassword

    async def of_key(self, key: int) -> Product | None:
        """The product that a key belongs to; None for a positive key and for one that no product here has."""
        if key >= 0:
            return None
        return await self._backend.read(lambda connection: _owner(connection, key))

    async def _row(self, product: int) -> Row[tuple[object, ...]]:
        query = select(_table).where(_table.c.key == product)
        row = await self._backend.read(lambda c: c.execute(query).one_or_none())
        if row is None:
            raise ProductUnknown
        return row

    async def _check(self, product: int, password: str) -> Row[tuple[object, ...]]:
        row = await self._row(product)
        if not await self._hasher.verify(row.password, password):
            raise WrongProductPassword
        return row


def check_may_change(connection: Connection, keys: Iterable[object], scopes: ScopeSet) -> None:
    """Raise ``InsufficientScope`` unless all records with these keys may be changed: the negative ones are of a product."""
    negative = {key for key in keys if isinstance(key, int) and key < 0}
    known: set[int] = set()
    for key in negative:
        if _range_of(key) in known:
            continue
        found = _owner(connection, key)
        if found is None:
            raise InsufficientScope(f"the key {key} is negative and belongs to no product of this database")
        check_product_right(found.key, scopes)
        if found.key == _range_of(key):
            known.add(found.key)


def _owner(connection: Connection, key: int) -> Product | None:
    single = select(_single.c.product).where(_single.c.key == key).scalar_subquery()
    row = connection.execute(select(_table).where((_table.c.key == _range_of(key)) | (_table.c.key == single))).first()
    return _product(row) if row else None


def _range_of(key: int) -> int:
    """The lowest key of the range that a key lies in."""
    return key // SIZE * SIZE


def _free_range(connection: Connection) -> int:
    """A range that no product of this database has; by chance, so that those of other databases have others."""
    low, high = PLACES
    while True:
        key = -SIZE * (low + secrets.randbelow(high - low))
        if connection.execute(select(_table.c.key).where(_table.c.key == key)).first() is None:
            return key


def _add(connection: Connection, told: Description) -> None:
    if connection.execute(select(_table.c.key).where(_table.c.name == told.name)).first() is not None:
        raise ProductExists
    if any(_owner(connection, key) is not None for key in told.keys):
        raise ProductExists("one of these keys belongs to another product")
    connection.execute(
        insert(_table).values(
            key=told.key,
            name=told.name,
            high=told.key + SIZE - 1,
            next=told.next,
            password=told.password,
            developed=False,
            version=told.version,
        )
    )
    if told.keys:
        connection.execute(insert(_single), [{"key": key, "product": told.key} for key in told.keys])


def _product(row: Row[tuple[object, ...]]) -> Product:
    return Product(row.key, row.name, row.high, bool(row.developed), row.version)


def _lease(product: int) -> str:
    return f"product:{product}"

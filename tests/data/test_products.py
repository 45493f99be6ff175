"""Products, on every database."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from sqlalchemy import Connection

from sojourn.core.errors import InsufficientScope
from sojourn.data.keys import ProductUnknown, take_of_product
from sojourn.data.port import Backend, Bounds, Statement
from sojourn.data.product_text import PREFIX, SIZE, BadProduct
from sojourn.data.products import (
    ProductElsewhere,
    ProductExists,
    Products,
    WrongProductPassword,
    check_may_change,
)
from sojourn.data.terms import PRODUCT
from sojourn.identity.password import WeakPassword
from sojourn.model.scope import NO_SCOPE

pytestmark = pytest.mark.anyio

PASSWORD = "seven green lamps of ours"
OTHER = "another correct horse battery"


async def test_a_product_has_a_range_and_single_keys_of_its_own(products: Products) -> None:
    shop = await products.create("shop", PASSWORD, version="1.2", keys=[-7, -8])
    bank = await products.create("bank", PASSWORD)
    found = {one.name: one for one in await products.list()}
    assert found["shop"].high == shop.key + SIZE - 1
    assert found["shop"].version == "1.2"
    assert shop.key % SIZE == bank.key % SIZE == 0
    assert shop.key != bank.key
    for key, name in ((shop.key, "shop"), (shop.key + SIZE - 1, "shop"), (bank.key + 5, "bank"), (-7, "shop")):
        owner = await products.of_key(key)
        assert owner is not None
        assert owner.name == name
    assert await products.of_key(5) is None
    assert await products.of_key(-9) is None


async def test_names_and_single_keys_are_taken_once(products: Products) -> None:
    await products.create("shop", PASSWORD, keys=[-7])
    with pytest.raises(ProductExists):
        await products.create("shop", PASSWORD)
    with pytest.raises(ProductExists):
        await products.create("bank", PASSWORD, keys=[-7])
    with pytest.raises(BadProduct):
        await products.create("bank", PASSWORD, keys=[7])
    with pytest.raises(BadProduct):
        await products.create("", PASSWORD)
    with pytest.raises(WeakPassword):
        await products.create("bank", "short")


async def test_development_is_enabled_by_the_master_password(products: Products) -> None:
    shop = await products.create("shop", PASSWORD)
    assert not await products.is_developed(shop.key)
    with pytest.raises(WrongProductPassword):
        await products.enable(shop.description, OTHER)
    assert not await products.is_developed(shop.key)
    assert (await products.enable(shop.description, PASSWORD)).developed
    assert await products.is_developed(shop.key)


async def test_only_one_database_of_the_engine_develops_a_product(products: Products, other_products: Products) -> None:
    shop = await products.create("shop", PASSWORD)
    await products.enable(shop.description, PASSWORD)
    with pytest.raises(ProductElsewhere):
        await other_products.enable(shop.description, PASSWORD)
    moved = await products.disable(shop.key, PASSWORD)
    assert (await other_products.enable(moved, PASSWORD)).key == shop.key
    with pytest.raises(ProductElsewhere):
        await products.enable(shop.description, PASSWORD)
    assert not await products.is_developed(shop.key)


async def test_development_goes_on_behind_the_keys_that_were_made(
    products: Products, other_products: Products, backend: Backend, other_backend: Backend
) -> None:
    shop = await products.create("shop", PASSWORD, keys=[-7])
    await products.enable(shop.description, PASSWORD)
    assert await backend.write(lambda c: take_of_product(c, shop.key, 10)) == shop.key + 1
    moved = await products.disable(shop.key, PASSWORD)
    await other_products.enable(moved, PASSWORD)
    assert await other_backend.write(lambda c: take_of_product(c, shop.key, 1)) == shop.key + 11
    owner = await other_products.of_key(-7)
    assert owner is not None
    assert owner.key == shop.key
    back = await other_products.disable(shop.key, PASSWORD)
    await products.enable(shop.description, PASSWORD)
    # An old description never leads back to keys that this database has made itself.
    assert await backend.write(lambda c: take_of_product(c, shop.key, 1)) == shop.key + 11
    await products.enable(back, PASSWORD)
    assert await backend.write(lambda c: take_of_product(c, shop.key, 1)) == shop.key + 12


async def test_a_password_is_changed_by_who_knows_it(products: Products) -> None:
    shop = await products.create("shop", PASSWORD)
    with pytest.raises(WrongProductPassword):
        await products.change_password(shop.key, OTHER, OTHER)
    await products.change_password(shop.key, PASSWORD, OTHER)
    assert not await products.authenticate(shop.key, PASSWORD)
    assert await products.authenticate(shop.key, OTHER)


async def test_of_two_changes_of_a_password_at_once_one_holds(products: Products) -> None:
    shop = await products.create("shop", PASSWORD)
    done = await asyncio.gather(
        products.change_password(shop.key, PASSWORD, OTHER),
        products.change_password(shop.key, PASSWORD, f"{OTHER}!"),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in done) == ["NoneType", "WrongProductPassword"]


async def test_nobody_takes_a_product_over_with_a_description_of_his_own(products: Products) -> None:
    shop = await products.create("shop", PASSWORD)
    told = msgspec.json.decode(bytes.fromhex(shop.description.removeprefix(PREFIX)))
    other = await products.create("other", OTHER)
    forged = told | {"password": msgspec.json.decode(bytes.fromhex(other.description.removeprefix(PREFIX)))["password"]}
    with pytest.raises(WrongProductPassword):
        await products.enable(PREFIX + msgspec.json.encode(forged).hex(), OTHER)
    assert await products.authenticate(shop.key, PASSWORD)
    assert not await products.is_developed(shop.key)


@pytest.mark.parametrize("product", [5, 0, -5, -SIZE * 600])
async def test_an_unknown_product_is_refused(products: Products, product: int) -> None:
    for act in (products.get, products.is_developed):
        with pytest.raises(ProductUnknown):
            await act(product)
    with pytest.raises(ProductUnknown):
        await products.authenticate(product, PASSWORD)
    with pytest.raises(ProductUnknown):
        await products.disable(product, PASSWORD)


async def test_a_forged_description_is_refused(products: Products) -> None:
    shop = await products.create("shop", PASSWORD)
    told = msgspec.json.decode(bytes.fromhex(shop.description.removeprefix(PREFIX)))
    dear = told["password"].replace("m=", "m=9")
    for change in (
        {"key": told["key"] + 1},
        {"key": -SIZE},
        {"next": told["key"]},
        {"next": told["key"] + SIZE + 1},
        {"password": "x"},
        {"password": dear.replace("m=9", "m=99999")},
        {"name": ""},
        {"keys": [1]},
        {"more": 1},
    ):
        forged = PREFIX + msgspec.json.encode(told | change).hex()
        with pytest.raises(BadProduct):
            await products.enable(forged, PASSWORD)
    for text in ("", "sjp1_", "sjp1_zz", shop.description[:-4], shop.description.replace("sjp1_", "sjp2_")):
        with pytest.raises(BadProduct):
            await products.enable(text, PASSWORD)


async def test_records_of_a_product_are_changed_with_its_scope(products: Products, backend: Backend) -> None:
    shop = await products.create("shop", PASSWORD, keys=[-7])
    scopes = frozenset({f"{PRODUCT}{shop.key}"})

    async def check(*keys: object, having: frozenset[str] = scopes) -> None:
        def work(connection: Connection) -> None:
            check_may_change(connection, keys, having)

        await backend.read(work)

    await check(1, "a", shop.key, shop.key + 5, -7)
    await check(1, "-7", having=NO_SCOPE)
    for keys in ((shop.key + 1,), (-7,), (1, -7)):
        with pytest.raises(InsufficientScope):
            await check(*keys, having=NO_SCOPE)
    with pytest.raises(InsufficientScope):
        await check(-8)


async def test_statements_of_authors_see_products_without_their_passwords(products: Products, backend: Backend) -> None:
    shop = await products.create("shop", PASSWORD, version="1.2")
    await products.enable(shop.description, PASSWORD)
    (found,) = await backend.query([Statement('SELECT * FROM "iLicense"')], Bounds())
    names = [column.name for column in found.columns]
    assert names == ["iKey", "iName", "iProductVersion", "iLowestKey", "iHighestKey", "iDevelopment"]
    assert list(found.rows) == [(shop.key, "shop", "1.2", shop.key, shop.key + SIZE - 1, True)]
    tables = await backend.tables()
    assert tables["iLicense"].view

"""Keys of records, on every database."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from sojourn.core.errors import InsufficientScope, SessionEnded
from sojourn.data.keys import (
    HIGH,
    MOST,
    STOCK,
    BadQuantity,
    KeyLimit,
    Keys,
    KeysExhausted,
    ProductNotDeveloped,
    ProductUnknown,
)
from sojourn.data.port import Backend
from sojourn.data.product_text import SIZE
from sojourn.data.products import Products
from sojourn.data.terms import PRODUCT, Author
from sojourn.model.scope import NO_SCOPE, ScopeSet

pytestmark = pytest.mark.anyio

ANA = Author(user_key=7, user_name="ana")
PASSWORD = "seven green lamps of ours"


@dataclass
class Terms:
    tracking_id: str = ""
    create_key_license: int = 0
    key_limit: int | None = None


class Maker:
    """Makes keys at one instant."""

    def __init__(self, backend: Backend) -> None:
        self.keys = Keys(backend)

    async def create(self, author: Author, scopes: ScopeSet, terms: Terms, quantity: int = 1, **options: Any) -> int:
        return await self.keys.create(author, scopes, terms, quantity, now=1_000, **options)


@pytest.fixture
def keys(backend: Backend) -> Maker:
    return Maker(backend)


async def test_keys_are_positive_and_never_the_same(keys: Maker, backend: Backend) -> None:
    terms, other = Terms(), Maker(backend)
    made = [await one.create(ANA, NO_SCOPE, terms) for _ in range(STOCK + 5) for one in (keys, other)]
    assert min(made) >= 1
    assert len(set(made)) == len(made)
    assert 0 <= keys.keys.remaining < STOCK


async def test_a_block_follows_itself_and_meets_no_other_key(keys: Maker) -> None:
    terms = Terms()
    blocks = await asyncio.gather(*(keys.create(ANA, NO_SCOPE, terms, 7) for _ in range(10)))
    singles = await asyncio.gather(*(keys.create(ANA, NO_SCOPE, terms) for _ in range(30)))
    found = [first + place for first in blocks for place in range(7)] + list(singles)
    assert len(set(found)) == len(found)


async def test_high_keys_lie_above_all_others(keys: Maker) -> None:
    assert await keys.create(ANA, NO_SCOPE, Terms(), high=True) == HIGH
    assert await keys.create(ANA, NO_SCOPE, Terms(), 3, high=True) == HIGH + 1
    assert await keys.create(ANA, NO_SCOPE, Terms()) < HIGH


@pytest.mark.parametrize("quantity", [0, -1, MOST + 1])
async def test_a_quantity_that_is_none_is_refused(keys: Maker, quantity: int) -> None:
    with pytest.raises(BadQuantity):
        await keys.create(ANA, NO_SCOPE, Terms(), quantity)


async def test_a_limit_counts_single_keys_and_blocks(keys: Maker) -> None:
    terms = Terms(key_limit=3)
    await keys.create(ANA, NO_SCOPE, terms, 2)
    await keys.create(ANA, NO_SCOPE, terms)
    with pytest.raises(KeyLimit):
        await keys.create(ANA, NO_SCOPE, terms)
    terms.key_limit = 2
    with pytest.raises(KeyLimit) as refused:
        await keys.create(ANA, NO_SCOPE, terms, 3)
    assert refused.value.limit == 2
    await keys.create(ANA, NO_SCOPE, terms, 2)
    terms.key_limit = None
    await keys.create(ANA, NO_SCOPE, terms, 100)


async def test_what_fails_does_not_count(keys: Maker) -> None:
    async def ended() -> None:
        raise SessionEnded("logout")

    terms = Terms(key_limit=5)
    with pytest.raises(SessionEnded):
        await keys.create(ANA, NO_SCOPE, terms, 5, guard=ended)
    assert terms.key_limit == 5
    terms.create_key_license = -5
    with pytest.raises(InsufficientScope):
        await keys.create(ANA, NO_SCOPE, terms, 5)
    assert terms.key_limit == 5


async def test_of_many_at_once_no_more_are_made_than_the_limit_allows(keys: Maker) -> None:
    terms = Terms(key_limit=4)
    made = await asyncio.gather(*(keys.create(ANA, NO_SCOPE, terms) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(one, int) for one in made) == 4
    assert sum(isinstance(one, KeyLimit) for one in made) == 6


async def test_keys_of_a_product_are_negative_and_in_its_range(keys: Maker, products: Products) -> None:
    made = await products.create("shop", PASSWORD)
    terms, scopes = Terms(create_key_license=made.key), frozenset({f"{PRODUCT}{made.key}"})
    with pytest.raises(ProductNotDeveloped):
        await keys.create(ANA, scopes, terms)
    product = await products.enable(made.description, PASSWORD)
    found = [await keys.create(ANA, scopes, terms), await keys.create(ANA, scopes, terms, 3)]
    assert found == [made.key + 1, made.key + 2]
    assert made.key < min(found) <= max(found) + 2 <= product.high < 0
    assert await keys.create(ANA, scopes, terms, positive=True) > 0
    terms.create_key_license = 0
    assert await keys.create(ANA, scopes, terms) > 0
    with pytest.raises(KeysExhausted):
        await _all_of(keys, scopes, Terms(create_key_license=made.key))


async def _all_of(keys: Maker, scopes: frozenset[str], terms: Terms) -> None:
    for _ in range(SIZE // MOST + 1):
        await keys.create(ANA, scopes, terms, MOST)


async def test_keys_of_no_product_are_refused(keys: Maker) -> None:
    terms, scopes = Terms(create_key_license=-SIZE * 600), frozenset({f"{PRODUCT}{-SIZE * 600}"})
    with pytest.raises(ProductUnknown):
        await keys.create(ANA, scopes, terms)

"""Who may change the records of which product: scopes of accounts, given by who knows the product's master password."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sojourn.core.errors import BadRequest
from sojourn.data.keys import ProductUnknown
from sojourn.data.products import Products, WrongProductPassword
from sojourn.data.terms import PRODUCT
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import Actor
from sojourn.engine.security.methods import Security
from sojourn.model.realm import Realm


class PasswordsMissing(BadRequest):
    """For each product that is new to the account, give its master password, in the order of the products."""

    code = "product.passwords_missing"


class ProductRights:
    """The products that accounts of one realm may change, as one actor may see and set it."""

    def __init__(self, rules: Rules, products: Products, realm: Realm, actor: Actor) -> None:
        self._rules = rules
        self._products = products
        self._realm = realm
        self._actor = actor
        self._security = Security(rules, actor, realm)

    async def changeable(self, user_key: int) -> Sequence[int]:
        """Keys of the products that an account may change here. Raises ``UserUnknown``, ``InsufficientScope``."""
        scopes = set(await self._security.get_user_scopes(user_key))
        return [one.key for one in await self._products.list() if f"{PRODUCT}{one.key}" in scopes]

    async def can_change(self, user_key: int, record: int) -> bool:
        """Whether an account may change the record with this key. Raises as :meth:`changeable`."""
        allowed = await self.changeable(user_key)
        found = await self._products.of_key(record)
        return record >= 0 or (found is not None and found.key in allowed)

    async def change(self, user_key: int, products: Sequence[int] | None, passwords: Sequence[str]) -> None:
        """Let an account change these products and no others; None stands for every product of the database.

        What an operator has granted for every realm stays. Raises ``UserUnknown``, ``ProductUnknown``,
        :class:`PasswordsMissing`, ``WrongProductPassword``, ``InsufficientScope``; nothing is changed then.
        """
        self._rules.rights.check_grants(self._actor)
        there = set(await self.changeable(user_key))
        known = [one.key for one in await self._products.list()]
        wanted = known if products is None else list(dict.fromkeys(products))
        if not set(wanted) <= set(known):
            raise ProductUnknown
        added = [key for key in wanted if key not in there]
        if len(passwords) != len(added):
            raise PasswordsMissing
        for key, password in zip(added, passwords, strict=True):
            if not await self._products.authenticate(key, password):
                raise WrongProductPassword
        await self.give(user_key, added)
        await self._take(user_key, there.difference(wanted))

    async def give(self, user_key: int, products: Iterable[int]) -> None:
        """Let an account change these products too; whether the caller may is asked before."""
        name, directory = await self._name(user_key), self._realm.config.directory
        for key in products:
            await self._rules.grants.grant(
                name, f"{PRODUCT}{key}", self._realm.id, directory=directory, actor=self._actor
            )

    async def _take(self, user_key: int, products: Iterable[int]) -> None:
        name, directory = await self._name(user_key), self._realm.config.directory
        for key in products:
            await self._rules.grants.revoke(
                name, f"{PRODUCT}{key}", self._realm.id, directory=directory, actor=self._actor
            )

    async def _name(self, user_key: int) -> str:
        found = await self._rules.users.get(user_key)
        if found is None or found.directory != self._realm.config.directory:
            raise UserUnknown
        return found.name

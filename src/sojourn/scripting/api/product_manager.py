"""The global ``productManager``: products, and who may change their records."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from sojourn.data.product_rights import ProductRights
from sojourn.data.products import Products
from sojourn.data.terms import MANAGE_PRODUCTS
from sojourn.engine.accounts.directory import UserUnknown
from sojourn.engine.security.declared import ANYONE, LOGGED_IN
from sojourn.engine.security.rights import PERMISSIONS
from sojourn.scripting.declare import HostClass, exposed, method, static

_MAX: Final = 2**53 - 1

Key = Annotated[int, msgspec.Meta(ge=-_MAX, le=_MAX)]


class ProductInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What ``createProduct`` takes."""

    name: str
    version: str = ""
    #: Single negative keys that belong to it besides its range.
    keys: list[Key] = []


@exposed("ProductManager", "lib/product/ProductManager", "context/productManager", instance="productManager")
class ProductManager(HostClass):
    """Products: who delivers records to many databases makes them with negative keys, each product in a range of its own.

    The keys of a product are made in one database only, where its development is enabled; set
    ``session.createKeyLicense`` to the key of the product there. To change its records takes the scope
    ``database.product:<key>``. Products are those of the database ``main``.

    Example::

        session.login('anna', 'correct horse battery');
        productManager.getProductFromKey(5); // => null
    """

    @static("getInstance(): ProductManager", ANYONE)
    def get_instance(self) -> None:
        """The global ``productManager``."""

    # --- products ---

    @method(
        "createProduct(productInfo: ProductInfo, userId: string, password: string): string",
        MANAGE_PRODUCTS,
        writes=True,
    )
    async def create_product(self, product_info: ProductInfo, user_id: str, password: str) -> str:
        """Make a product with a range of keys of its own, and give its description for ``enableDevelopment``.

        ``password`` becomes the master password of the product. The user with the name ``userId`` may change the product
        from then on; empty for nobody. Raises ``ProductExists``, ``BadProduct``, ``WeakPassword``, ``UserUnknown``.
        """
        user = await self._user(user_id)
        made = await (await self._products()).create(
            product_info.name, password, version=product_info.version, keys=product_info.keys
        )
        if user is not None:
            await (await self._rights()).give(user, [made.key])
        return made.description

    @method(
        "enableDevelopment(productStream: string, password: string): void",
        MANAGE_PRODUCTS,
        writes=True,
    )
    async def enable_development(self, product_stream: str, password: str) -> None:
        """Let this database make the keys of the product that ``productStream`` describes.

        Raises ``BadProduct``, ``WrongProductPassword``, ``ProductElsewhere`` while another database of the engine makes
        them. Databases of other engines are not known here: disable the development there first.
        """
        await (await self._products()).enable(product_stream, password)

    @method(
        "disableDevelopment(product: number, password: string): string",
        MANAGE_PRODUCTS,
        writes=True,
    )
    async def disable_development(self, product: Key, password: str) -> str:
        """Let this database make no more keys of a product; gives the description for the database where it goes on.

        Ours. Raises ``ProductUnknown``, ``WrongProductPassword``.
        """
        return await (await self._products()).disable(product, password)

    @method("isDevelopmentEnabled(product: number): boolean", LOGGED_IN)
    async def is_development_enabled(self, product: Key) -> bool:
        """Whether this database makes the keys of a product; raises ``ProductUnknown``."""
        return await (await self._products()).is_developed(product)

    @method("authenticatePassword(product: number, password: string): boolean", MANAGE_PRODUCTS)
    async def authenticate_password(self, product: Key, password: str) -> bool:
        """Whether this is the master password of a product; raises ``ProductUnknown``."""
        return await (await self._products()).authenticate(product, password)

    @method(
        "changePassword(product: number, currentPassword: string, newPassword: string): void",
        MANAGE_PRODUCTS,
        writes=True,
    )
    async def change_password(self, product: Key, current_password: str, new_password: str) -> None:
        """Give a product another master password. Raises ``ProductUnknown``, ``WrongProductPassword``, ``WeakPassword``."""
        await (await self._products()).change_password(product, current_password, new_password)

    # --- keys ---

    @method("getProductFromKey(key: number): number | null", LOGGED_IN)
    async def get_product_from_key(self, key: Key) -> int | None:
        """Key of the product that a key belongs to; null for a positive key, and for one of no product known here."""
        found = await (await self._products()).of_key(key)
        return found.key if found else None

    @method("getProductNameFromKey(key: number): string", LOGGED_IN)
    async def get_product_name_from_key(self, key: Key) -> str:
        """Name of that product, else empty."""
        found = await (await self._products()).of_key(key)
        return found.name if found else ""

    # --- users ---

    @method("getChangeableProducts(userKey: number): number[]", LOGGED_IN, also="of others `security.viewUsers`")
    async def get_changeable_products(self, user_key: Key) -> list[int]:
        """Keys of the products whose records an account may change in this realm. Raises ``UserUnknown``."""
        return list(await (await self._rights()).changeable(user_key))

    @method(
        "setChangeableProducts(userKey: number, products: number[] | null, passwords: string[]): void",
        LOGGED_IN,
        also=f"`{PERMISSIONS}`",
        writes=True,
    )
    async def set_changeable_products(self, user_key: Key, products: list[Key] | None, passwords: list[str]) -> None:
        """Say which products an account may change in this realm: these and no others; null is every product known here.

        ``passwords`` are the master passwords of the products that are new to the account, in the order of ``products``.
        Raises ``UserUnknown``, ``ProductUnknown``, ``PasswordsMissing``, ``WrongProductPassword``; nothing is changed then.
        """
        await (await self._rights()).change(user_key, products, passwords)

    @method(
        "userCanChangeRecord(recordKey: number, userKey: number): boolean",
        LOGGED_IN,
        also="of others `security.viewUsers`",
    )
    async def user_can_change_record(self, record_key: Key, user_key: Key) -> bool:
        """Whether an account may change the record with this key: always for a positive one. Raises ``UserUnknown``."""
        return await (await self._rights()).can_change(user_key, record_key)

    async def _products(self) -> Products:
        rules = self.run.rules
        return Products(await self.run.service.databases.named(), rules.leases, rules.hasher)

    async def _user(self, user_id: str) -> int | None:
        found = await self.run.rules.users.find(self.run.realm.config.directory, user_id) if user_id else None
        if user_id and found is None:
            raise UserUnknown
        return found.key if found else None

    async def _rights(self) -> ProductRights:
        access = self.run.session.access
        actor = await self.run.rules.actors.of(access, access.session.device.address)
        return ProductRights(self.run.rules, await self._products(), self.run.realm, actor)

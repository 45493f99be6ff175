"""``productManager``: what scripts do with products."""

from __future__ import annotations

import pytest

from tests.scripting.session.conftest import PASSWORD, Theatre

pytestmark = pytest.mark.anyio

LOGIN = f"session.login('anna', '{PASSWORD}');"
CAUGHT = "const caught = (act) => { try { return act() } catch (error) { return error.code } };"
MASTER = "seven green lamps of ours"

# A new scope is there from the next login on.
MADE = f"""{CAUGHT} {LOGIN}
    const stream = productManager.createProduct({{ name: 'shop', keys: [-7] }}, 'anna', '{MASTER}');
    const product = productManager.getProductFromKey(-7);
    session.login('anna', '{PASSWORD}');
"""


async def test_a_product_is_made_by_who_may(stage: Theatre) -> None:
    session = await stage.session()
    refused = f"{CAUGHT} {LOGIN} caught(() => productManager.createProduct({{ name: 'x' }}, '', '{MASTER}'))"
    assert await stage.play(session, refused) == "auth.insufficient_scope"
    assert (
        await stage.play(await stage.session(), f"{CAUGHT} caught(() => productManager.getProductFromKey(-7))")
        == "auth.required"
    )
    await stage.engine.rules.grants.grant("anna", "database.manageProducts")
    told = await stage.play(
        await stage.session(),
        MADE
        + f"""
        const before = productManager.isDevelopmentEnabled(product);
        productManager.enableDevelopment(stream, '{MASTER}');
        session.createKeyLicense = product;
        [typeof stream, before, productManager.isDevelopmentEnabled(product), session.createKeyLicense === product,
            productManager.getProductNameFromKey(product + 5), productManager.getProductNameFromKey(5),
            productManager.getProductFromKey(-8), productManager.getChangeableProducts(session.userKey).length,
            productManager.userCanChangeRecord(-7, session.userKey), productManager.userCanChangeRecord(-8, session.userKey),
            productManager.userCanChangeRecord(8, session.userKey), productManager === ProductManager.getInstance()]
        """,
    )
    assert told == ["string", False, True, True, "shop", "", None, 1, True, False, True, True]


async def test_passwords_and_development_are_for_who_knows_the_master_password(stage: Theatre) -> None:
    await stage.engine.rules.grants.grant("anna", "database.manageProducts")
    told = await stage.play(
        await stage.session(),
        MADE
        + f"""
        const found = [caught(() => productManager.enableDevelopment(stream, 'wrong')),
            productManager.authenticatePassword(product, 'wrong'), productManager.authenticatePassword(product, '{MASTER}'),
            caught(() => productManager.changePassword(product, 'wrong', '{MASTER}!'))];
        productManager.changePassword(product, '{MASTER}', '{MASTER}!');
        const old = caught(() => productManager.enableDevelopment(stream, '{MASTER}'));
        productManager.enableDevelopment(stream, '{MASTER}!');
        const moved = productManager.disableDevelopment(product, '{MASTER}!');
        [...found, old, productManager.isDevelopmentEnabled(product), moved !== stream,
            caught(() => productManager.isDevelopmentEnabled(-99)), caught(() => productManager.enableDevelopment('x', 'y'))]
        """,
    )
    wrong = "product.wrong_password"
    assert told[:4] == [wrong, False, True, wrong]
    assert told[4:] == [wrong, False, True, "product.unknown", "product.bad_description"]


async def test_who_may_change_a_product_is_set_with_its_password(stage: Theatre) -> None:
    rules = stage.engine.rules
    for scope in ("database.manageProducts", "security.managePermissions", "security.viewUsers"):
        await rules.grants.grant("anna", scope)
    told = await stage.play(
        await stage.session(),
        MADE
        + f"""
        const ben = security.findUser('ben');
        const set = (products, ...passwords) =>
            caught(() => productManager.setChangeableProducts(ben, products, passwords)) ??
            productManager.getChangeableProducts(ben).length;
        [set([product]), set([product], 'wrong'), set([-99], '{MASTER}'), set([product], '{MASTER}'), set(null),
            productManager.userCanChangeRecord(-7, ben), set([]), productManager.userCanChangeRecord(-7, ben)]
        """,
    )
    assert told == ["product.passwords_missing", "product.wrong_password", "product.unknown", 1, 1, True, 0, False]

"""API keys: shown once, told apart from typing errors, revoked for good."""

import pytest

from sojourn.core.ids import secret_hash
from sojourn.core.prefixed import is_prefixed, new_prefixed
from sojourn.engine.audit.log import Audit
from sojourn.engine.database import EngineDatabase
from sojourn.engine.keys.apikeys import ApiKeyExists, ApiKeys, ApiKeyUnknown, BadApiKeyName, is_api_key
from sojourn.engine.realms import Realms
from sojourn.model.realm import Realm

pytestmark = pytest.mark.anyio


async def test_a_key_is_shown_once_and_only_its_hash_is_kept(
    api_keys: ApiKeys, realm: Realm, db: EngineDatabase, audit: Audit
) -> None:
    made = await api_keys.add("shop", realm, ["cart-add", "cart-view"], actor="root")
    assert made.api_key.pipelines == {"cart-add", "cart-view"}
    assert len(made.text) == len("sjk_") + 43 + 6
    assert await api_keys.list(realm) == [made.api_key]
    dump = await db.read(lambda connection: connection.exec_driver_sql("SELECT * FROM api_key").all())
    assert secret_hash(made.text) in dump[0]
    assert made.text not in str(dump)
    events = await audit.recent()
    assert made.text not in str(events)
    assert (events[0].kind, events[0].realm, events[0].actor) == ("API_KEY_CHANGE", realm.id, "root")


async def test_two_keys_are_never_alike(api_keys: ApiKeys, realm: Realm) -> None:
    texts = {(await api_keys.add(f"k{number}", realm)).text for number in range(20)}
    assert len(texts) == 20


async def test_a_name_is_unique_among_the_live_keys_of_a_realm(api_keys: ApiKeys, realm: Realm, realms: Realms) -> None:
    other = realms.get("other")
    assert other is not None
    first = await api_keys.add("shop", realm)
    with pytest.raises(ApiKeyExists):
        await api_keys.add("SHOP", realm)
    assert (await api_keys.add("shop", other)).api_key.realm_id == other.id
    await api_keys.revoke(realm, "Shop", actor="root")
    again = await api_keys.add("shop", realm)
    assert again.api_key.key > first.api_key.key
    assert await api_keys.list(realm) == [again.api_key]


async def test_a_key_is_revoked_by_name_or_number_and_only_in_its_realm(
    api_keys: ApiKeys, realm: Realm, realms: Realms
) -> None:
    other = realms.get("other")
    assert other is not None
    made = (await api_keys.add("shop", realm, ["cart-add"])).api_key
    for name_or_key in ("shop", made.key):
        with pytest.raises(ApiKeyUnknown):
            await api_keys.revoke(other, name_or_key)
    assert await api_keys.revoke(realm, made.key) == made
    with pytest.raises(ApiKeyUnknown):
        await api_keys.revoke(realm, made.key)


@pytest.mark.parametrize("name", ["", " shop", "a\nb", "x" * 101])
async def test_a_name_that_does_not_print_is_refused(api_keys: ApiKeys, realm: Realm, name: str) -> None:
    with pytest.raises(BadApiKeyName):
        await api_keys.add(name, realm)
    with pytest.raises(BadApiKeyName):
        await api_keys.add("shop", realm, [name])
    assert await api_keys.list(realm) == []


def test_every_change_of_one_character_is_told_as_a_typing_error() -> None:
    text = new_prefixed("sjk_")
    assert is_api_key(text)
    for at in range(len(text)):
        wrong = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        assert not is_api_key(wrong), at
    for wrong in ("", "sjk_", text[:-1], text + "0", text.replace("sjk_", "sjt_"), f" {text}", text + "\n"):
        assert not is_api_key(wrong)
    assert not is_prefixed(text, "sjt_")

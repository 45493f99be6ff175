"""Identity providers of the project: what is kept of them, and what their state does to sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sojourn.config.project import ProviderFile
from sojourn.core.clock import ManualClock
from sojourn.core.errors import SessionEnded
from sojourn.engine.providers.providers import BadSecret, Provider, ProviderDisabled, ProviderUnknown, SecretMissing
from sojourn.engine.rules import Rules
from sojourn.engine.security.actors import HOST
from sojourn.engine.sessions import Begun
from sojourn.model.provider import ProviderConfig
from sojourn.model.session import Device
from sojourn.model.user import Account, account_identity
from tests.engine.sessions.conftest import Start, realm_of

pytestmark = pytest.mark.anyio


def file(name: str = "corp", secret: Path | None = None, **changed: Any) -> dict[str, ProviderFile]:
    values = {"issuer": f"https://{name}.example", "client_id": "c", "realms": ("acme",), **changed}
    return {name: ProviderFile(name, ProviderConfig(**values), secret)}


async def known(rules: Rules, clock: ManualClock, **changed: Any) -> Provider:
    await rules.providers.sync(file(**changed), clock.now())
    return await rules.providers.get("corp")


async def logged_in(rules: Rules, account: Account, provider: Provider, clock: ManualClock) -> Begun:
    clock.advance(1)
    identity = msgspec.structs.replace(account_identity(account, clock.now()), provider=provider.key)
    return await rules.sessions.begin(realm_of(rules), identity, Device(), authenticated=account)


async def test_a_provider_keeps_its_key_until_its_file_goes_or_names_another_issuer(
    rules: Rules, start: Start, clock: ManualClock
) -> None:
    first = await known(rules, clock)
    assert (await known(rules, clock, title="Corp")).key == first.key
    other = await start()
    assert (await known(other, clock)).key == first.key
    moved = await known(rules, clock, issuer="https://new.example")
    assert moved.key != first.key
    await rules.providers.sync({}, clock.now())
    with pytest.raises(ProviderUnknown):
        await rules.providers.get("corp")
    assert (await known(rules, clock, issuer="https://new.example")).key not in (first.key, moved.key)


async def test_a_provider_serves_its_realms_while_it_is_enabled(rules: Rules, clock: ManualClock) -> None:
    provider = await known(rules, clock)
    acme, beta = realm_of(rules), realm_of(rules, "beta")
    assert await rules.providers.serving(acme, "corp") == provider
    with pytest.raises(ProviderUnknown):
        await rules.providers.serving(beta, "corp")
    assert await rules.providers.of_issuer(acme, "https://corp.example") == provider
    assert await rules.providers.of_issuer(beta, "https://corp.example") is None
    assert await rules.providers.of_issuer(acme, "https://corp.example/") is None
    await rules.providers.set_enabled("corp", enabled=False, actor=HOST)
    with pytest.raises(ProviderDisabled):
        await rules.providers.serving(acme, "corp")
    assert await rules.providers.of_issuer(acme, "https://corp.example") is None
    assert [event.kind for event in await rules.audit.recent(1)] == ["PROVIDER_CHANGE"]


async def test_a_file_may_say_that_a_provider_begins_disabled(rules: Rules, clock: ManualClock) -> None:
    assert not (await known(rules, clock, enabled=False)).enabled
    await rules.providers.set_enabled("corp", enabled=True, actor=HOST)
    assert (await known(rules, clock, enabled=False, title="again")).enabled


async def test_sessions_of_a_disabled_provider_are_dead_at_the_next_check_and_stay_so(
    rules: Rules, start: Start, anna: Account, clock: ManualClock
) -> None:
    """The other process finds it too; enabling it again revives nothing."""
    provider = await known(rules, clock)
    other = await start()
    await known(other, clock)
    begun, spared = await logged_in(rules, anna, provider, clock), await logged_in(other, anna, provider, clock)
    realm = realm_of(rules)
    assert (await other.sessions.open(realm, begun.handle, "cookie")).session.identity.provider == provider.key
    clock.advance(1)
    await rules.providers.set_enabled("corp", enabled=False, actor=HOST)
    for place in (other, rules):
        with pytest.raises(SessionEnded) as ended:
            await place.sessions.open(realm, begun.handle, "cookie")
        assert ended.value.reason == "provider-disabled"
    await rules.providers.set_enabled("corp", enabled=True, actor=HOST)
    with pytest.raises(SessionEnded):
        await rules.sessions.open(realm, spared.handle, "cookie")
    later = await logged_in(rules, anna, provider, clock)
    await rules.sessions.open(realm, later.handle, "cookie")


async def test_sessions_of_a_provider_whose_file_is_gone_are_dead(
    rules: Rules, anna: Account, clock: ManualClock
) -> None:
    begun = await logged_in(rules, anna, await known(rules, clock), clock)
    await rules.providers.sync({}, clock.now())
    with pytest.raises(SessionEnded, match="Session ended"):
        await rules.sessions.open(realm_of(rules), begun.handle, "cookie")


async def test_a_client_secret_is_sealed_and_opens_again(rules: Rules, clock: ManualClock) -> None:
    provider = await known(rules, clock)
    assert not provider.has_secret
    with pytest.raises(SecretMissing):
        await rules.providers.secret(provider)
    await rules.providers.set_secret("corp", "s3cret-ä", HOST)
    assert (await rules.providers.get("corp")).has_secret
    assert await rules.providers.secret(provider) == "s3cret-ä"
    assert "s3cret" not in repr(await rules.audit.recent(5))
    for bad in ("", "a\nb", "x" * 1_001):
        with pytest.raises(BadSecret):
            await rules.providers.set_secret("corp", bad, HOST)


async def test_a_secret_file_is_read_only_where_nobody_else_can(
    rules: Rules, clock: ManualClock, tmp_path: Path
) -> None:
    path = tmp_path / "corp.secret"
    provider = await known(rules, clock, secret=path)
    assert provider.has_secret
    with pytest.raises(SecretMissing, match="cannot be read"):
        await rules.providers.secret(provider)
    path.write_text("from a file\n")
    path.chmod(0o640)
    with pytest.raises(SecretMissing, match="0600"):
        await rules.providers.secret(provider)
    path.chmod(0o600)
    assert await rules.providers.secret(provider) == "from a file"
    public = await known(rules, clock, client_authentication="none")
    assert await rules.providers.secret(public) == ""

"""Logins against real providers over real sockets: ``oidc-provider-mock``, and the certified ``oidc-provider`` of npm."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
import pytest

from sojourn.bootstrap import Engine
from sojourn.config.project import load_project
from sojourn.core.clock import MINUTE, SECOND, ManualClock, Ms, SystemClock
from sojourn.engine.security.actors import HOST
from sojourn.identity.oidc.errors import LoginNotTaken
from sojourn.outbound.addresses import Network
from sojourn.outbound.guard import MOST, WITHIN, Guard
from sojourn.outbound.guard import Answer as FetchedAnswer
from tests.http.test_oidc_login import SAME_ORIGIN, back, start, who
from tests.http.wire_client import Answer, Client, Pair, cookie_of
from tests.servers.oidc import CLIENT_ID, CLIENT_SECRET, Certified, certified_provider

pytestmark = pytest.mark.anyio

#: Milliseconds in which a provider answers that does not hang.
PATIENCE = 5 * MINUTE

CALLBACK = "http://127.0.0.1:8420/realms/web/oidc/corp/callback"


@pytest.fixture
def pipelines() -> Path | None:
    return None


class GoingClock(ManualClock):
    """The time of the day, by which the providers go, and what a test puts it ahead; unless it stands."""

    def __init__(self) -> None:
        super().__init__(0)
        #: Where it stands.
        self.stands: Ms | None = None

    def now(self) -> Ms:
        return super().now() + SystemClock().now() if self.stands is None else self.stands


class PatientGuard(Guard):
    """Waits for a provider that has little of the machine."""

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
        allowed: Sequence[Network] = (),
        most: int = MOST,
        within: int = WITHIN,
    ) -> FetchedAnswer:
        return await super().fetch(
            method, url, headers=headers, body=body, allowed=allowed, most=most, within=max(within, PATIENCE)
        )


@pytest.fixture
def clock() -> GoingClock:
    return GoingClock()


async def meet(engine: Engine, folder: Path, issuer: str, subject: str) -> None:
    """Make ``issuer`` the provider corp, with its ``subject`` linked to ana."""
    (folder / "providers").mkdir()
    (folder / "providers" / "corp.yaml").write_text(
        f"issuer: {issuer}\nclientId: {CLIENT_ID}\nrealms: [web]\nallowedAddresses: [127.0.0.0/8, '::1/128']\n"
    )
    engine.rules.providers.guard = PatientGuard()
    project = load_project(folder, {})
    await engine.rules.providers.sync(project.providers, engine.rules.clock.now())
    await engine.rules.providers.set_secret("corp", CLIENT_SECRET, HOST)
    ana = await engine.rules.users.find("main", "ana")
    assert ana is not None
    await engine.rules.federation.external.link(ana, issuer, subject, HOST)


@pytest.mark.filterwarnings("ignore")  # those of the mock's own libraries, in its threads
async def test_a_login_through_the_mock_in_this_process(client: Client, engine: Engine, folder: Path) -> None:
    """It does not check PKCE, and signs with RS256 by a key without ``alg`` in the way of small providers."""
    from oidc_provider_mock import run_server_in_thread

    with run_server_in_thread() as server:
        issuer = f"http://localhost:{server.server_port}"
        await meet(engine, folder, issuer, "anna@corp.example")
        begun = await start(client)
        async with httpx2.AsyncClient(timeout=PATIENCE / SECOND) as browser:
            sent = await browser.post(begun.header("location"), data={"sub": "anna@corp.example"})
        assert sent.status_code == 302
        query = urlsplit(sent.headers["location"]).query
        done = await back(client, query, cookie_of(begun))
        assert (done.status, done.header("location")) == (303, "/shop")
        assert (await who(client, cookie_of(done)))["user"]["name"] == "ana"
        assert (await back(client, query, cookie_of(begun))).status == 401
        report = await engine.rules.providers.test("corp")
        assert report.keys == 1


class Browser:
    """A browser at the provider: it follows redirects, fills in the two forms, and stops at our callback."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._client = httpx2.AsyncClient(timeout=PATIENCE / SECOND)

    async def log_in(self, url: str) -> str:
        """The query with which the provider sends it back."""
        answer = await self._client.get(url)
        for _ in range(12):
            if answer.status_code in (302, 303):
                target = urljoin(self._issuer, answer.headers["location"])
                if target.startswith(CALLBACK):
                    return urlsplit(target).query
                answer = await self._client.get(target)
                continue
            prompt = "login" if 'value="login"' in answer.text else "consent"
            form = {"prompt": prompt, "login": "anna", "password": "x"}
            answer = await self._client.post(str(answer.url), data=form)
        raise AssertionError(answer.text)

    async def log_out(self) -> None:
        """End the session at the provider; it calls back-channel before it answers."""
        page = await self._client.get(f"{self._issuer}/session/end")
        xsrf = page.text.partition('name="xsrf" value="')[2].partition('"')[0]
        await self._client.post(f"{self._issuer}/session/end/confirm", data={"xsrf": xsrf, "logout": "yes"})

    async def close(self) -> None:
        await self._client.aclose()


@asynccontextmanager
async def certified(engine: Engine, folder: Path) -> AsyncIterator[tuple[Certified, Browser]]:
    async with certified_provider(CALLBACK, "http://127.0.0.1:8420/logout") as provider:
        await meet(engine, folder, provider.issuer, "anna")
        browser = Browser(provider.issuer)
        try:
            yield provider, browser
        finally:
            await browser.close()


async def through(client: Client, browser: Browser) -> Pair:
    begun = await start(client)
    done = await back(client, await browser.log_in(begun.header("location")), cookie_of(begun))
    assert done.status == 303, done
    return cookie_of(done)


async def test_a_wrong_verifier_and_a_code_that_comes_again_are_refused(
    client: Client, engine: Engine, folder: Path
) -> None:
    async with certified(engine, folder) as (_, browser):
        begun = await start(client)
        returned = dict(parse_qsl(await browser.log_in(begun.header("location"))))
        provider = await engine.rules.providers.get("corp")
        oidc = engine.rules.providers.client(provider)
        with pytest.raises(LoginNotTaken, match="code"):
            await oidc.exchange(returned["code"], CALLBACK, "w" * 43, CLIENT_SECRET)
        begun = await start(client)
        query = await browser.log_in(begun.header("location"))
        assert (await back(client, query, cookie_of(begun))).status == 303
        with pytest.raises(LoginNotTaken, match="code"):
            await oidc.exchange(dict(parse_qsl(query))["code"], CALLBACK, "w" * 43, CLIENT_SECRET)


async def test_a_key_that_the_provider_changed_is_found_within_a_second(
    client: Client, engine: Engine, folder: Path, clock: GoingClock
) -> None:
    async with certified(engine, folder) as (provider, browser):
        before = clock.now()
        await through(client, browser)
        await provider.rotate()
        clock.stands = before
        begun = await start(client)
        refused = await back(client, await browser.log_in(begun.header("location")), cookie_of(begun))
        assert (refused.status, refused.json()["reason"]) == (401, "key")
        clock.stands = None
        clock.advance(1_000)
        await through(client, browser)


async def test_a_logout_at_the_provider_ends_its_session_here(client: Client, engine: Engine, folder: Path) -> None:
    async with certified(engine, folder) as (provider, browser):
        session = await through(client, browser)
        assert (await who(client, session))["user"]["name"] == "ana"
        other = Browser(provider.issuer)
        elsewhere = await through(client, other)
        await other.close()
        await browser.log_out()
        body = await provider.logout()
        assert (await back_channel_as_posted(client, body)).status == 200
        assert (await who(client, session))["reason"] == "provider-logout"
        assert (await who(client, elsewhere))["user"]["name"] == "ana"
        assert (await back_channel_as_posted(client, body)).status == 400


async def back_channel_as_posted(client: Client, body: bytes) -> Answer:
    path = "/realms/web/oidc/corp/backchannel-logout"
    return await client.request("POST", path, ("content-type", "application/x-www-form-urlencoded"), body=body)


async def test_the_logout_answer_names_the_page_of_the_provider(client: Client, engine: Engine, folder: Path) -> None:
    async with certified(engine, folder) as (provider, browser):
        session = await through(client, browser)
        answer = await client.post("/realms/web/logout", SAME_ORIGIN, session)
        assert answer.json()["providerLogout"].startswith(provider.issuer + "/session/end?client_id=")

"""Two processes of the engine with accounts of their own for each test, and all the handles that an account can have."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any, NamedTuple

from tests.e2e.process import Answer, EngineProcess, environment
from tests.e2e.process import sojourn as cli
from tests.patience import HANGS
from tests.servers import nursery
from tests.servers.postgres import PostgresServer

PASSWORD = "four plain words of ours"
SECRET = "the client secret"
CLIENT = "sojourn"
#: Where clients are at home.
HOME = "192.0.2.1"

_REALMS: Mapping[str, Mapping[str, Any]] = {
    "web": {"sessionTrackingEnabled": True, "refreshLifetime": 86_400_000},
    "plain": {"refreshLifetime": 86_400_000},
    "keyed": {"sessionTrackingEnabled": True, "refreshLifetime": 86_400_000},
}

#: Accounts, each for one test.
NAMES = (
    *("disable", "expire", "delete", "password", "reset", "revoke", "scope", "key"),
    *(
        "under-disable",
        "under-password",
        "refresh",
        "family",
        "state",
        "link",
        "code",
        "guessed",
        "guessed-long",
        "tried",
        "change",
    ),
)

_FURNISH = """
import asyncio, sys
from sojourn.bootstrap import Engine
from sojourn.engine.security.actors import HOST
from sojourn.identity.password import Cost, PasswordHasher

async def main(folder, password, issuer, secret, *names):
    # Only where a login shall take its time the hashes are as dear as they are for users.
    slow = [name for name in names if name.startswith("under")]
    await furnish(folder, password, issuer, secret, slow, PasswordHasher())
    quick = [name for name in names if name not in slow]
    await furnish(folder, password, issuer, secret, quick, PasswordHasher(Cost(memory=8, passes=1), workers=1))

async def furnish(folder, password, issuer, secret, names, hasher):
    async with Engine.open(folder, recover=False, hasher=hasher) as engine:
        rules = engine.rules
        for name in names:
            account = await rules.users.add("main", name, password, f"{name}@example.org")
            for scope in ("cart.read", "cart.write"):
                await rules.grants.grant(name, scope)
            if name == "state":
                await rules.federation.external.link(account, issuer, name, HOST)
        await rules.providers.set_secret("corp", secret, HOST)

asyncio.run(main(*sys.argv[1:]))
"""

#: Makes one change, and is killed when its commit has been acknowledged: nothing that comes after it ever happens.
_KILLED = """
import asyncio, os, signal, sys
from sojourn.bootstrap import Engine
from sojourn.engine.security.actors import HOST

async def main(folder, act, name, value):
    async with Engine.open(folder, recover=False) as engine:
        rules = engine.rules
        account = await rules.users.find("main", name)
        write = rules.db.write

        async def deadly(work):
            await write(work)
            os.kill(os.getpid(), signal.SIGKILL)

        rules.db.write = deadly
        if act in ("disabled", "expired", "locked"):
            await rules.users.set_state(account.key, act)
        elif act == "delete":
            await rules.users.delete(account.key)
        elif act == "password":
            await rules.passwords.set(HOST, account.key, value)
        elif act == "scope":
            await rules.grants.revoke(name, value)
        elif act == "token":
            await rules.auth_tokens.revoke(HOST, int(value))
        else:
            await rules.key_life.revoke(engine.realm("keyed"), value)

asyncio.run(main(*sys.argv[1:]))
"""


class Handles(NamedTuple):
    """All that one login has given."""

    cookie: str
    token: str
    refresh: str
    auth_token: str
    auth_key: int
    basic: str

    def shown(self) -> Mapping[str, Mapping[str, str]]:
        """The headers of each kind."""
        return {
            "cookie": {"cookie": self.cookie, "sec-fetch-site": "same-origin"},
            "jwt": bearer(self.token),
            "auth-token": bearer(self.auth_token),
            "basic": {"authorization": self.basic, "sec-fetch-site": "none"},
        }


class House(NamedTuple):
    """The project and its two processes."""

    folder: Path
    home: Path
    issuer: str
    engines: tuple[EngineProcess, EngineProcess]

    def run(self, *arguments: str, stdin: str = "") -> Any:
        """A command; gives its JSON document."""
        done = cli(self.home, *arguments, "--project", str(self.folder), "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def login(self, name: str, realm: str = "web", *, at: int = 0, headers: Mapping[str, str] = {}) -> Answer:
        body = {"userName": name, "password": PASSWORD}
        return self.post(f"/realms/{realm}/login", body, headers, at=at)

    def post(self, path: str, body: Any, headers: Mapping[str, str] = {}, *, at: int = 0) -> Answer:
        return self.engines[at].post(path, body, {**coming_from(HOME), "sec-fetch-site": "same-origin", **headers})

    def handles(self, name: str, realm: str = "web") -> Handles:
        """A login and what follows from it, each of which opens something at both processes."""
        answer = self.login(name, realm)
        assert answer.status == 200, answer
        body = answer.json()
        made = self.post(f"/realms/{realm}/tokens", {"scope": "cart.read"}, bearer(body["token"]))
        assert made.status == 201, made
        found = Handles(
            cookies(answer),
            body["token"],
            body["refreshToken"],
            made.json()["token"],
            made.json()["key"],
            basic(realm, name, PASSWORD),
        )
        uses = self.uses(found, realm)
        assert uses == {kind: [200, 200] for kind in found.shown()}, uses
        return found

    def uses(self, handles: Handles, realm: str = "web") -> Mapping[str, list[int]]:
        """How each process answers each handle now."""
        return {kind: [one.status for one in self.ask(shown, realm)] for kind, shown in handles.shown().items()}

    def ask(self, headers: Mapping[str, str], realm: str = "web") -> list[Answer]:
        return [engine.get(f"/realms/{realm}/session", coming_from(HOME) | dict(headers)) for engine in self.engines]

    def refreshes(self, handles: Handles, realm: str = "web") -> list[int]:
        """How each process answers the refresh token."""
        body = {"refreshToken": handles.refresh}
        return [self.post(f"/realms/{realm}/refresh", body, at=at).status for at in (0, 1)]

    def killed_after(self, act: str, name: str, value: str = "") -> None:
        """A third process makes a change and is killed right after its commit."""
        done = _program(self.home, _KILLED, str(self.folder), act, name, value)
        assert done.returncode == -signal.SIGKILL, done.stderr

    def counted(self, program: str, what: str) -> int:
        """The number that a program beside the processes prints."""
        done = _program(self.home, program, str(self.folder), what)
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    def at_once(self, acts: Sequence[Mapping[str, Any]]) -> list[Answer]:
        """Requests at the same moment, every other one at the other process."""
        together = Barrier(len(acts))

        def act(number: int) -> Answer:
            together.wait(timeout=HANGS)
            return self.engines[number % 2].request(**acts[number])

        with ThreadPoolExecutor(len(acts)) as pool:
            return list(pool.map(act, range(len(acts))))

    def mail(self, to: str) -> str:
        """The last mail to an address."""
        mails = [path.read_text() for path in sorted((self.folder / "var" / "outbox").glob("*.eml"))]
        return next(text for text in reversed(mails) if f"To: {to}" in text)


def coming_from(address: str) -> dict[str, str]:
    """The headers that the proxy adds."""
    return {"host": "shop.example", "x-forwarded-for": address, "x-forwarded-proto": "https"}


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def basic(realm: str, name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{realm}-{name}:{password}".encode()).decode()


def cookies(answer: Answer) -> str:
    """The cookies that the answer sets, as a browser sends them."""
    return "; ".join(line.partition(";")[0] for line in answer.headers["set-cookie"].splitlines())


@contextmanager
def housing(home: Path, kind: str, issuer: str) -> Iterator[House]:
    """A house on SQLite, or with everything on one PostgreSQL, for the length of a block."""
    if kind == "sqlite":
        with _furnished(home, "", issuer) as house:
            yield house
        return
    server = PostgresServer()
    try:
        server.start()
        with _furnished(home, server.url, issuer) as house:
            yield house
    finally:
        server.remove()


@contextmanager
def _furnished(home: Path, url: str, issuer: str) -> Iterator[House]:
    folder, engines = home / "project", "" if not url else f'[stores]\nengine = "{url}"\nsession = "{url}"\n'
    variables = {"SOJOURN_STORES_ENGINE": url, "SOJOURN_STORES_SESSION": url} if url else {}
    done = cli(home, "init", str(folder), variables=variables)
    assert done.returncode == 0, done.stderr
    # Clients come through a proxy, which says from where.
    server = '[server]\npublicUrl = "https://shop.example"\ntrustedProxies = ["127.0.0.0/8"]\n'
    (folder / "sojourn.toml").write_text(server + engines)
    for name, config in _REALMS.items():
        (folder / "realms" / name).mkdir(parents=True, exist_ok=True)
        (folder / "realms" / name / "realm.json").write_text(json.dumps(config))
    (folder / "providers").mkdir(exist_ok=True)
    provider = f"issuer: {issuer}\nclientId: {CLIENT}\nrealms: [web]\nallowedAddresses: [127.0.0.0/8, '::1/128']\n"
    (folder / "providers" / "corp.yaml").write_text(provider)
    made = _program(home, _FURNISH, str(folder), PASSWORD, issuer, SECRET, *NAMES)
    assert made.returncode == 0, made.stderr
    first, second = (EngineProcess(folder, home, "serve") for _ in range(2))
    first.log, second.log = home / "first.log", home / "second.log"
    try:
        yield House(folder, home, issuer, (first.start(), second.start()))
    finally:
        for engine in (first, second):
            if engine.running:
                engine.kill()


def _program(home: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return nursery.run(["-c", text, *arguments], environment(home), timeout=HANGS)

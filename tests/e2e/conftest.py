"""A shop with two accounts, made with the command line as an integrator would."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

import sojourn
from tests.e2e.house import House, housing
from tests.e2e.pair import Pair, furnish, serving, two_engines
from tests.e2e.process import Answer, EngineProcess, running
from tests.e2e.process import sojourn as cli
from tests.read_once import shared

PASSWORD = "four plain words of ours"
EXAMPLE = Path(sojourn.__file__).parent / "examples" / "shop"


class Shop(NamedTuple):
    """A project on disk, its home, and what a client needs to call it."""

    folder: Path
    home: Path
    key: str

    def engine(self, *options: str) -> EngineProcess:
        return EngineProcess(self.folder, self.home, "serve", *options)

    def run(self, *arguments: str, stdin: str = "") -> object:
        """A command on this project; gives its JSON document."""
        done = cli(self.home, *arguments, "--project", str(self.folder), "--json", stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def headers(self, token: str | None = None) -> dict[str, str]:
        return {"apikey": self.key} | ({"authorization": f"Bearer {token}"} if token else {})


class Client(NamedTuple):
    """One guest of a running shop."""

    shop: Shop
    engine: EngineProcess
    token: str

    def add(self, sku: str, quantity: int = 1) -> Answer:
        return self.call("POST", "cart-add", {"sku": sku, "qty": quantity})

    def view(self) -> Answer:
        return self.call("GET", "cart-view")

    def logout(self) -> Answer:
        return self.call("POST", "logout")

    def call(self, method: str, pipeline: str, body: object = None) -> Answer:
        return self.engine.request(method, f"/pipeline/acme/v1/{pipeline}", body, self.shop.headers(self.token))


def make_shop(home: Path) -> Shop:
    folder = home / "project"
    done = cli(home, "init", str(folder), "--json")
    assert done.returncode == 0, done.stderr
    for part in ("realms", "pipelines"):
        shutil.copytree(EXAMPLE / part, folder / part, dirs_exist_ok=True)
    shop = Shop(folder, home, "")
    for name in ("ana", "ben"):
        shop.run(
            "users", "add", name, "--password-stdin", "--scope", "cart.read", "--scope", "cart.write", stdin=PASSWORD
        )
    made = shop.run("apikeys", "add", "web", "--realm", "acme")
    assert isinstance(made, dict)
    return shop._replace(key=made["key"])


def login(shop: Shop, engine: EngineProcess, name: str = "ana") -> Client:
    answer = engine.post("/pipeline/acme/v1/login", {"userName": name, "password": PASSWORD}, shop.headers())
    assert answer.status == 200, answer
    return Client(shop, engine, answer.headers["authorization"].removeprefix("Bearer "))


@pytest.fixture(scope="session")
def pristine_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return shared(tmp_path_factory, "pristine", make_shop)


@pytest.fixture
def shop(pristine_shop: Shop, tmp_path: Path) -> Shop:
    """A copy of its own for one test."""
    return copy_of(pristine_shop, tmp_path)


def copy_of(shop: Shop, home: Path) -> Shop:
    shutil.copytree(shop.home, home, dirs_exist_ok=True)
    return Shop(home / "project", home, shop.key)


@pytest.fixture(scope="package", params=["sqlite", "postgresql", "valkey"])
def pair(
    request: pytest.FixtureRequest, pristine_shop: Shop, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Two processes on each store, for all tests of a store one after the other: each leaves them serving."""
    shop = copy_of(pristine_shop, tmp_path_factory.mktemp("pair"))
    with serving(request.param) as server:
        url = server.url if server else "sqlite:///var/state.db"
        furnish(shop, url)
        with two_engines(shop) as engines:
            yield Pair(shop, engines, server, url)


@pytest.fixture(scope="package", params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two processes with an account and handles for each test, and a provider; on files, and all on PostgreSQL."""
    with ExitStack() as stack:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # those of the libraries of the provider
            from oidc_provider_mock import run_server_in_thread

            server = stack.enter_context(run_server_in_thread())
        issuer = f"http://localhost:{server.server_port}"
        yield stack.enter_context(housing(tmp_path_factory.mktemp("house"), request.param, issuer))


@pytest.fixture
def engine(shop: Shop) -> Iterator[EngineProcess]:
    with running(shop.engine()) as process:
        yield process


@pytest.fixture
def ana(shop: Shop, engine: EngineProcess) -> Client:
    return login(shop, engine, "ana")


@pytest.fixture
def ben(shop: Shop, engine: EngineProcess) -> Client:
    return login(shop, engine, "ben")

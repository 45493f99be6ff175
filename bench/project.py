"""The Sojourn project that is measured: written into a scratch folder, served as users serve theirs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.client import Client
from bench.errors import BenchError
from bench.row import Bench
from bench.server import Server, free_port, python
from sojourn.core.crypto import write_master_key

_HERE = Path(__file__).parent
USER = "bench"
PASSWORD = "a bench in the park"

_SETTINGS = """# Everything but the ports and the key file is the default.
[server]
port = {port}
[admin]
listen = "http://127.0.0.1:{admin}"
[keys]
masterKeyFile = "{key_file}"
"""


class Project(NamedTuple):
    """A project folder."""

    folder: Path
    #: Its port never changes: tokens name the origin that issued them.
    port: int


def project(bench: Bench, store: str = "") -> Project:
    """The project of this run with the session store ``store`` (a URL, empty = the default), made at the first call."""
    return bench.shared(f"project {store}", lambda: _create(bench, store))


def _create(bench: Bench, store: str) -> Project:
    folder, port = bench.folder() / "project", free_port()
    shutil.copytree(_HERE / "project_files", folder)
    key_file = bench.folder() / "master.key"
    write_master_key(key_file)
    settings = _SETTINGS.format(port=port, admin=f"{free_port()}", key_file=key_file)
    if store:
        settings += f'[stores]\nsession = "{store}"\n'
    (folder / "sojourn.toml").write_text(settings)
    return Project(folder, port)


def _sojourn(folder: Path, *arguments: str, typed: str = "") -> str:
    """Run a command of the command line; what it prints."""
    command = python("-m", "sojourn", *arguments, "--project", str(folder))
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"sojourn {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def api_key(bench: Bench) -> str:
    """An API key of the project, made at the first call."""
    return bench.shared("api key", lambda: _add_key(project(bench).folder))


def _add_key(folder: Path) -> str:
    added = _sojourn(folder, "apikeys", "add", "bench", "--realm", "api", "--json")
    return str(msgspec.json.decode(added)["key"])


def serve(bench: Bench) -> Server:
    """`sojourn serve`, not started yet."""
    made = project(bench)
    return Server("sojourn", python("-m", "sojourn", "serve", str(made.folder)), made.port, ready="/health/ready")


def asgi_app(bench: Bench, name: str, *, realm: str, store: str = "") -> Server:
    """One of ``bench/apps`` on uvicorn behind the session middleware of the project, not started yet."""
    made, port = project(bench, store), free_port()
    env = {"PYTHONPATH": os.pathsep.join([str(_HERE.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)}
    return Server(
        name, python("-m", f"bench.apps.{name}", str(made.folder), realm, str(port)), port, env=env, ready="/ready"
    )


def path(pipeline: str) -> str:
    """Where a pipeline of the project answers."""
    return f"/pipeline/api/v1/{pipeline}"


def bearer(token: str) -> dict[str, str]:
    """The headers that show a token."""
    return {"Authorization": f"Bearer {token}"}


def login_tokens(bench: Bench, port: int, count: int) -> list[str]:
    """Tokens of an account, each of a login of its own."""
    folder = project(bench).folder
    bench.shared("account", lambda: _sojourn(folder, "users", "add", USER, "--password-stdin", typed=PASSWORD))
    login = {"userName": USER, "password": PASSWORD}
    with Client(port) as client:
        return [str(client.call("POST", "/realms/api/login", json=login).json()["token"]) for _ in range(count)]


def add_accounts(bench: Bench, count: int) -> list[str]:
    """Names of so many new accounts with the password :data:`PASSWORD`."""
    names = [f"person{number}" for number in range(count)]
    for name in names:
        _sojourn(project(bench).folder, "users", "add", name, "--password-stdin", typed=PASSWORD)
    return names


def mint_tokens(bench: Bench, port: int, count: int) -> list[str]:
    """Tokens of as many external principals, each with a session of its own."""
    headers = {"apikey": api_key(bench)}
    with Client(port) as client:
        answers = [client.call("POST", path("mint"), headers=headers, json={"sub": f"u{i}"}) for i in range(count)]
    return [str(answer.headers["Authorization"]).removeprefix("Bearer ") for answer in answers]

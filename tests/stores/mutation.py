"""Stores that are broken in one clause or one line: copies of a backend's package with one text replaced."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import sojourn.stores

STORES = Path(sojourn.stores.__file__).parent
BACKENDS = {"memory": STORES / "memory", "sqlite": STORES / "sqlite", "timed": Path(__file__).parent / "timed"}
CLASSES = ("SqliteStore", "TimedStore", "MemoryStore")


class Mutant(NamedTuple):
    """One text replaced in one file; in a file of statements within the named one."""

    name: str
    #: Ids of the laws that kill it.
    laws: str
    where: str
    old: str
    new: str


@contextmanager
def broken(backend: str, mutant: Mutant, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The package of ``backend`` with one mutant in it, imported from ``folder``."""
    name = f"mutant_{folder.name}"
    shutil.copytree(BACKENDS[backend], folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (folder / name).glob("*.py"):
        file.write_text(file.read_text().replace(f"sojourn.stores.{backend}", name))
    file = folder / name / (mutant.where if mutant.where.endswith(".py") else "statements.sql")
    file.write_text(mutated(file.read_text(), mutant))
    monkeypatch.syspath_prepend(folder)
    yield importlib.import_module(name)
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


def mutated(text: str, mutant: Mutant) -> str:
    """``text`` of a file with the mutant's one change."""
    start, end = 0, len(text)
    if not mutant.where.endswith(".py"):
        start = text.index(f"-- name: {mutant.where}\n")
        end = (text + "\n-- name: ").index("\n-- name: ", start)
    assert text.count(mutant.old, start, end) == 1, "the text to replace stands there once"
    return text[:start] + text[start:end].replace(mutant.old, mutant.new) + text[end:]


@asynccontextmanager
async def opened(backend: Any, path: Path) -> AsyncIterator[Any]:
    """An empty store of the module ``backend``."""
    kind = next(getattr(backend, name) for name in CLASSES if hasattr(backend, name))
    store = await kind.open(path) if hasattr(kind, "open") else kind()
    try:
        yield store
    finally:
        await store.close()

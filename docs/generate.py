"""Writes the generated pages of docs/reference; a test fails when one is stale (`make docs` renews them)."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import sojourn
from sojourn.admin.reference import admin_reference
from sojourn.cli.reference import cli_reference
from sojourn.config.reference import realm_reference, settings_reference
from sojourn.core.errors import SojournError
from sojourn.pipelines.expressions.reference import reference as expression_reference
from sojourn.pipelines.reference import component_reference
from sojourn.testing import stores
from sojourn.testing.law import laws_of

REFERENCE = Path(__file__).parent / "reference"

_FOOT = "\nThis page is generated from the code (`make docs`).\n"

_ERRORS = """\
# Errors

Every error of the engine is one of these classes. The code never changes once released. Over HTTP the body is
`{"message": …, "code": …, "executionKey": …}` with the status given here, plus `reason` for an ended session or a refused token;
under `/pipeline` the gateway's replies and the flow's own `{timestamp, error, code}` are as [HTTP](http.md) says.

| code | status | default message |
|---|---|---|
"""

_LAWS = """\
# Session stores

| store | for | durability |
|---|---|---|
| `memory://` | tests and throw-away runs | none |
| `sqlite:///FILE` (default) | one machine, one or several processes | every acknowledged write survives `kill -9` and, as SQLite promises for WAL with `synchronous=FULL`, power loss |
| `valkey://HOST`, `redis://HOST`; `valkeys://`, `rediss://` with TLS ([how](../howto/use-valkey.md)) | several machines, one server or a cluster | as the server's `appendfsync` says; `sojourn store check` tells |

`FILE` is relative to the project. The file must be on a local disk: a file system without WAL is refused. Beside it lies `FILE.writer`, the lock that
writers queue on ([decision 0004](../decisions/0004-one-lock-file-per-database.md)). When less than 64 MB are free only ends and
sweeps are admitted; everything else is 503 `store.full`.

## Laws

A store is right when it passes these laws (`sojourn.testing.stores`; [how to run them on your own](../howto/test-a-store.md)). Each law is
paired in the test suite with at least one store that is broken in one clause, and must catch it. Both stores pass them all; the laws of a reopened
file apply to `sqlite` only.

| law | says | of |
|---|---|---|
"""


def pages() -> Mapping[str, Callable[[], str]]:
    """File name of each generated page, and what makes its text."""
    return {
        "admin-api.md": admin_reference,
        "cli.md": cli_reference,
        "components.md": component_reference,
        "errors.md": error_reference,
        "expressions.md": expression_reference,
        "realms.md": realm_reference,
        "settings.md": settings_reference,
        "stores.md": store_reference,
    }


def error_reference() -> str:
    """All error classes of the package by code."""
    rows = sorted(f"| `{kind.code}` | {kind.status} | {_first_line(kind)} |\n" for kind in set(_errors()))
    return _ERRORS + "".join(rows) + _FOOT


def store_reference() -> str:
    """The stores and the laws that they obey."""
    suites = [kind for name, kind in inspect.getmembers(stores, inspect.isclass) if name.endswith("Laws")]
    rows = [
        f"| {law} | {test.removeprefix('test_').replace('_', ' ')} | `{suite.__name__}` |\n"
        for suite in sorted(suites, key=lambda suite: suite.__name__)
        for law, test in laws_of(suite)
    ]
    return _LAWS + "".join(rows) + _FOOT


def _errors() -> Iterator[type[SojournError]]:
    for module in pkgutil.walk_packages(sojourn.__path__, "sojourn."):
        if module.name.rpartition(".")[2] not in {"__main__", "env", "suite"} and ".versions." not in module.name:
            members = vars(importlib.import_module(module.name)).values()
            # type(…), because isinstance() asks an object for its class, and Django's settings then look for their file.
            yield from (kind for kind in members if issubclass(type(kind), type) and issubclass(kind, SojournError))


def _first_line(kind: type[SojournError]) -> str:
    return (inspect.getdoc(kind) or "").splitlines()[0].replace("|", "\\|")


def main() -> None:
    """Write all pages."""
    for name, make in pages().items():
        (REFERENCE / name).write_text(make())


if __name__ == "__main__":
    main()

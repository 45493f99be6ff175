"""Writes the generated pages of docs/reference; a test fails when one is stale (`make docs` renews them)."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import sojourn
from sojourn.admin.reference import admin_reference
from sojourn.admin.rights import rights_reference
from sojourn.cli.reference import cli_reference
from sojourn.config.reference import provider_reference, realm_reference, settings_reference
from sojourn.core.errors import SojournError
from sojourn.engine.files.file import TYPES
from sojourn.pipelines.expressions.reference import reference as expression_reference
from sojourn.pipelines.reference import component_reference
from sojourn.scripting.reference.page import script_reference
from sojourn.scripting.reference.typings import typings
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
| `sqlite:///FILE` (default) | one machine, one or several processes | every acknowledged write survives `kill -9` and power loss |
| `postgresql://…` ([how](../howto/use-postgresql.md)) | several machines | as `fsync`, `full_page_writes` and `synchronous_commit` of the server say; `sojourn store check` tells |
| `valkey://HOST`, `redis://HOST`; `valkeys://`, `rediss://` with TLS ([how](../howto/use-valkey.md)) | several machines, one server or a cluster | as the server's `appendfsync` says; `sojourn store check` tells |

`FILE` is relative to the project. The file must be on a local disk: a file system without WAL is refused. Beside it lies `FILE.writer`, the lock that
writers queue on ([decision 0004](../decisions/0004-one-lock-file-per-database.md)). When less than 64 MB are free only ends,
sweeps and the taking of one-time values are admitted; everything else is 503 `store.full`.

## Beside sessions

Every store also keeps *one-time values* (codes, states, refresh tokens, seen identifiers: `OneTime` in `sojourn.stores.limited`) and *counters of tries*
(`Throttle`), because logins rest on them; an engine does not start on a store without. Of any number of callers at once, in any number of processes,
one takes a value; n tries at once count n. What is over is deleted by the sweep, on Valkey by the server's own expiry a minute later. When the store
cannot be reached the answer is 503: nothing is taken, and no try is admitted. A taken value is as durable as an end of a session in the table below, except that the
end journal does not repeat it: a store that went back to an older state may have it again, until its instant.

## What survives

*All* is every write that was acknowledged, once. An end is final in every row: the end journal of the engine database is done to the store again.
`memory://` survives nothing.

{survival}
While a store cannot be relied on, every request that needs a session is 503 with `Retry-After`, `/health/ready` is red, and nobody gets a fresh session in
place of one that could not be read; the engine goes on by itself. How power failures are made: `tests/power/outage.py`, a disk that keeps only
what was synced. The same test on a server that does not sync, and on a disk that lies, must lose something.

## Laws

A store is right when it passes these laws (`sojourn.testing.stores`; [how to run them on your own](../howto/test-a-store.md)). Each law is
paired in the test suite with at least one store that is broken in one clause, and must catch it. The four stores pass them all; the laws of a second
opening (`DurableLaws`) apply to all but `memory`.

| law | says | of |
|---|---|---|
"""

_PAUSED_VALKEY = (
    "stores/test_valkey_outage.py::"
    "test_what_is_under_way_when_the_server_pauses_has_an_unknown_outcome_and_what_comes_later_none"
)

#: What happens, what is left on each store, and the tests that show it.
SURVIVAL: Sequence[tuple[str, str, str, str, Sequence[str]]] = (
    (
        "`kill -9` of one engine process",
        "all",
        "all",
        "all",
        (
            "e2e/test_stores.py::test_kill_9_of_one_process_loses_and_doubles_nothing_and_the_other_serves_on",
            "stores/test_kill.py::test_kills_lose_and_double_nothing",
            "stores/test_limited_races.py::test_what_was_taken_never_comes_back_after_a_kill",
        ),
    ),
    (
        "`kill -9` of the store's server",
        "has none",
        "all",
        "`always`: all; `everysec`: all but what waited for a busy disk, two seconds at most",
        ("e2e/test_stores.py::test_kill_9_of_the_store_loses_nothing_and_nobody_gets_a_fresh_session_meanwhile",),
    ),
    (
        "power failure",
        "all",
        "all, with the three settings on",
        "`always`: all; `everysec`: all but changes of the last two seconds; `no`: what the system had written",
        (
            "power/test_sqlite_power.py::test_three_power_failures_lose_nothing_that_was_acknowledged",
            "power/test_server_power.py::test_a_power_failure_of_the_server_loses_nothing_that_was_acknowledged",
            "power/test_server_power.py::test_a_server_that_does_not_sync_each_commit_does_lose_some",
            "e2e/test_power.py::test_a_power_failure_of_the_engine_loses_no_acknowledged_write_and_no_logout",
            "e2e/test_power.py::test_what_ended_stays_ended_when_valkey_loses_the_last_second",
        ),
    ),
    (
        "full disk; full memory of Valkey",
        "all; sessions end, changes are 503 `store.full`",
        "all; 503 `store.full`",
        "all; sessions end, changes are 503 `store.full`",
        (
            "stores/test_damage.py::test_on_a_full_disk_only_ends_and_sweeps_are_admitted",
            "stores/test_postgres_outage.py::test_trouble_of_the_server_is_told_by_kind_and_nothing_is_written",
            "stores/test_valkey_outage.py::test_a_full_server_refuses_but_lets_sessions_end",
        ),
    ),
    (
        "lost connection; a server that does not answer",
        "has none",
        "all; 503 within 6 s, `store.outcome_unknown` for a change that was sent",
        "all; 503 within 6 s, `store.outcome_unknown` for a change that was sent",
        (
            "e2e/test_stores.py::test_a_paused_store_is_503_in_time_and_serves_when_it_goes_on",
            "stores/test_postgres_outage.py::test_a_paused_server_gives_errors_and_no_hanging",
            _PAUSED_VALKEY,
        ),
    ),
)


def pages() -> Mapping[str, Callable[[], str]]:
    """File name of each generated page, and what makes its text."""
    return {
        "admin-api.md": admin_reference,
        "cli.md": cli_reference,
        "components.md": component_reference,
        "errors.md": error_reference,
        "expressions.md": expression_reference,
        "providers.md": provider_reference,
        "realms.md": realm_reference,
        "rights.md": rights_reference,
        "scripts.md": script_reference,
        TYPES: typings,
        "settings.md": settings_reference,
        "stores.md": store_reference,
    }


def error_reference() -> str:
    """All error classes of the package by code."""
    rows = sorted(f"| `{kind.code}` | {kind.status} | {_first_line(kind)} |\n" for kind in set(_errors()))
    return _ERRORS + "".join(rows) + _FOOT


def store_reference() -> str:
    """The stores and the laws that they obey."""
    suites = [getattr(stores, name) for name in stores.__all__]
    rows = [
        f"| {law} | {test.removeprefix('test_').replace('_', ' ')} | `{suite.__name__}` |\n"
        for suite in sorted(suites, key=lambda suite: suite.__name__)
        for law, test in laws_of(suite)
    ]
    return _LAWS.format(survival=_survival()) + "".join(rows) + _FOOT


def _survival() -> str:
    head = "| happens | `sqlite` | `postgresql` | `valkey` | shown by |\n|---|---|---|---|---|\n"
    return head + "".join(
        f"| {' | '.join(cells)} | {'<br>'.join(f'`{test}`' for test in tests)} |\n" for *cells, tests in SURVIVAL
    )


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

"""The JavaScript that each global scope begins with, for both runtimes.

A file here is one expression, a function. ``bridge.js`` is called first with what the runtime has to give and with the
functions of the other files; the files of :data:`CORE` are parts of the bridge, the rest are classes of scripts that are
written in JavaScript and see nothing but the ``host`` object of ``bridge.js``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final, NamedTuple

from sojourn.scripting.prelude.declared import outline, texts

#: The parts of the bridge, in the order in which ``bridge.js`` takes them.
CORE: Final = (
    "primordials",
    "codec",
    "random",
    "timers",
    "errors",
    "calls",
    "rejections",
    "modules",
    "classes",
    "tasks",
)


class Written(NamedTuple):
    """A class in JavaScript that is made at its first use, by a file that gives ``{ <name>, … }``."""

    file: str
    name: str
    #: Names under which ``require`` finds it, without ``@nginstack/engine/`` and ``.js``.
    modules: Sequence[str]
    #: Global variables with instances of it, which the file gives too; as modules they are ``context/…``.
    instances: Sequence[str] = ()


#: Files that are loaded at their first use: they cost nothing in scopes that do not use them.
LAZY: Final = (
    "data_changes",
    "data_decimal",
    "data_edit",
    "data_filter",
    "data_list",
    "data_read",
    "data_rows",
    "data_search",
    "data_set",
    "data_values",
    "data_view",
    "database",
    "transaction_log",
    "keys",
)
#: What these files define for scripts.
WRITTEN: Final = (
    Written("data_set", "DataSet", ("lib/dataset/DataSet",)),
    Written("database", "Database", ("lib/database/Database",), ("database",)),
    Written("database", "Connection", ("lib/connection/Connection",), ("connection",)),
    Written("transaction_log", "TransactionLog", ("lib/database/TransactionLog",)),
    Written("transaction_log", "DBTracker", ("lib/database/DBTracker",)),
    Written("keys", "KeyPrefetcher", ("lib/database/KeyPrefetcher",)),
    Written("keys", "applyDisablingProductKeyCreation", ("lib/product/applyDisablingProductKeyCreation",)),
)


class Source(NamedTuple):
    """One file of the prelude."""

    #: What stacks call it; a file of a script can never be called so.
    file: str
    code: str
    #: Whether it belongs to the bridge.
    core: bool


def sources() -> list[Source]:
    """``bridge.js``, the parts of the bridge, and then the other files by name, without :data:`LAZY`."""
    folder = resources.files(__name__)
    names = sorted(entry.name.removesuffix(".js") for entry in folder.iterdir() if entry.name.endswith(".js"))
    known = {"bridge", *CORE, *LAZY}
    ordered = ["bridge", *CORE, *(name for name in names if name not in known)]
    return [Source(f"sojourn:{name}.js", _text(name), name == "bridge" or name in CORE) for name in ordered]


def _text(name: str) -> str:
    return (resources.files(__name__) / f"{name}.js").read_text("utf-8")


def message(classes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a runtime begins with, as JSON: ``classes`` is the ``bridge_spec()``.

    ``bridge``, ``core`` and ``parts`` are files ``{file, code}``, ``declared`` is one for each class by its name and each
    file of :data:`LAZY`, and ``outline`` a text that ``bridge.js`` reads.
    """
    bridge, *others = sources()
    return {
        "bridge": _file(bridge.file, bridge.code),
        "core": [_file(one.file, one.code) for one in others if one.core],
        "parts": [_file(one.file, one.code) for one in others if not one.core],
        "declared": {name: _file(f"sojourn:{name}", code) for name, code in texts(classes).items()}
        | {f"{name}.js": _file(f"sojourn:{name}.js", _text(name)) for name in LAZY},
        "outline": outline(classes, [{"role": "written", "functions": [], **one._asdict()} for one in WRITTEN]),
    }


def _file(file: str, code: str) -> dict[str, str]:
    return {"file": file, "code": code}

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
CORE: Final = ("primordials", "codec", "random", "timers", "errors", "calls", "modules", "classes", "tasks")


class Source(NamedTuple):
    """One file of the prelude."""

    #: What stacks call it; a file of a script can never be called so.
    file: str
    code: str
    #: Whether it belongs to the bridge.
    core: bool


def sources() -> list[Source]:
    """``bridge.js``, the parts of the bridge, and then the other files by name."""
    folder = resources.files(__name__)
    names = sorted(entry.name.removesuffix(".js") for entry in folder.iterdir() if entry.name.endswith(".js"))
    ordered = ["bridge", *CORE, *(name for name in names if name not in CORE and name != "bridge")]
    return [
        Source(f"sojourn:{name}.js", (folder / f"{name}.js").read_text("utf-8"), name == "bridge" or name in CORE)
        for name in ordered
    ]


def message(classes: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a runtime begins with, as JSON: ``classes`` is the ``bridge_spec()``.

    ``bridge``, ``core`` and ``parts`` are files ``{file, code}``, ``declared`` is one for each class by its name, and
    ``outline`` a text that ``bridge.js`` reads.
    """
    bridge, *others = sources()
    return {
        "bridge": _file(bridge.file, bridge.code),
        "core": [_file(one.file, one.code) for one in others if one.core],
        "parts": [_file(one.file, one.code) for one in others if not one.core],
        "declared": {name: _file(f"sojourn:{name}", code) for name, code in texts(classes).items()},
        "outline": outline(classes),
    }


def _file(file: str, code: str) -> dict[str, str]:
    return {"file": file, "code": code}

"""The JavaScript that each global scope begins with, for both runtimes.

A file here is one expression, a function. ``bridge.js`` is called first with what the runtime has to give and with the
functions of the other files; the files of :data:`CORE` are parts of the bridge, the rest are classes of scripts that are
written in JavaScript and see nothing but the ``host`` object of ``bridge.js``.
"""

from __future__ import annotations

from importlib import resources
from typing import Final, NamedTuple

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

"""The classes that the host declares, as JavaScript text.

A class that is written out is made many times as fast as one that is put together at run time; and each is made when a
scope first has use of it. ``classes.js`` calls what is here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_HEAD = "(function (call, keep, own, illegal, readOnly) {\n  'use strict';\n  return "


def texts(classes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """For each class of ``bridge_spec()`` that scripts see, a function that makes it, as text.

    For ``functions`` it makes an object of functions. It is called with ``call(name, args, handle)``; ``keep(object,
    handle)`` and ``own(object, name)``, which keep and give the handle of an instance; ``illegal(name)`` and
    ``readOnly(name)``, which raise.
    """
    return {one["name"]: _HEAD + _text(one) + ";\n})\n" for one in classes if one["role"] != "internal"}


def outline(classes: Sequence[Mapping[str, Any]], written: Sequence[Mapping[str, Any]] = ()) -> str:
    """What ``classes.js`` has to know of the classes before they are made, as JSON; ``written`` are those in JavaScript."""
    return json.dumps(
        [
            *written,
            *(
                {
                    "name": one["name"],
                    "role": one["role"],
                    "instance": one["instance"],
                    "modules": list(one["modules"]),
                    "functions": [name for _, name, _ in one["members"]] if one["role"] == "functions" else [],
                }
                for one in classes
                if one["role"] != "internal"
            ),
        ]
    )


def _text(spec: Mapping[str, Any]) -> str:
    name = spec["name"]
    if spec["role"] == "functions":
        members: Iterable[str] = (
            f"{one}(...a) {{ return call({_wire(name, one)}, a); }}," for _, one, _ in spec["members"]
        )
        return "{\n    __proto__: null,\n" + "".join(f"    {line}\n" for line in members) + "  }"
    return f"class {name} {{\n" + "".join(f"    {line}\n" for line in _members(spec)) + "  }"


def _members(spec: Mapping[str, Any]) -> Iterable[str]:
    name = spec["name"]
    kinds = {(kind, member) for kind, member, _ in spec["members"]}
    if any(kind == "new" for kind, _ in kinds):
        yield f"constructor(...a) {{ keep(this, call({_wire(name, '')}, a)); }}"
    else:
        yield f"constructor() {{ illegal({json.dumps(name)}); }}"
    handle = "" if spec["instance"] else f", own(this, {json.dumps(name)})"
    for kind, member in sorted(kinds):
        wire = _wire(name, member)
        if kind == "get":
            yield f"get {member}() {{ return call({wire}, []{handle}); }}"
            if ("set", member) not in kinds:
                # Assignment to what can only be read is an error in sloppy code too.
                yield f"set {member}(v) {{ readOnly({wire}); }}"
        elif kind == "set":
            yield f"set {member}(v) {{ call({_wire(name, member + '=')}, [v]{handle}); }}"
        elif kind == "static":
            yield f"static {member}(...a) {{ return call({wire}, a); }}"
        elif kind == "method":
            yield f"{member}(...a) {{ return call({wire}, a{handle}); }}"


def _wire(name: str, member: str) -> str:
    return json.dumps(f"{name}.{member}")

"""How the host API is declared: a Python class for a class of scripts, a decorated method for each member.

From the declarations follow what the bridge in the worker builds, the conversion and check of arguments, the right that
is asked for before a call, ``sojourn.d.ts`` and the pages ``docs/reference/rights.md`` and ``docs/reference/scripts.md``.
A member without a right is refused at import.
"""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, TypeVar

import msgspec

from sojourn.core.errors import BadRequest
from sojourn.engine.security.declared import ANYONE
from sojourn.scripting.run import Run
from sojourn.scripting.values import UNDEFINED, Undefined, Value

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound="type[HostClass]")

Kind = Literal["get", "set", "method", "static", "new"]
Role = Literal["class", "functions", "internal"]

_MEMBER: Final = "__script_member__"
_SIGNATURE = re.compile(r"(?P<name>[A-Za-z_]\w*)\s*(?P<rest>[(:?].*)", re.DOTALL)


class BadArgument(BadRequest):
    """An argument is not what the function takes."""

    code = "script.bad_argument"


class Member(NamedTuple):
    """One member of a class of scripts."""

    kind: Kind
    #: Its name in JavaScript.
    name: str
    #: As TypeScript writes it: ``login(userName: string, password: string): boolean``, ``id: string``.
    signature: str
    #: ``anyone``, ``logged-in``, ``self`` or a scope; see ``sojourn.engine.security.declared``.
    right: str
    #: What else it needs, in words for the table of rights.
    also: str
    #: What is used instead, where scripts should not use it any more.
    deprecated: str
    #: The method of the Python class.
    python: str
    doc: str
    #: Whether it changes what outlives the request and is not guarded by the session's own record: it is refused where the
    #: session is read-only, because another site's page has caused the request.
    writes: bool = False
    #: Whether only a call of the host by the execution itself can change what it gives: then the worker is told it with the
    #: task and need not ask. The value is a text, a number, a boolean or null.
    steady: bool = False


class ClassSpec(NamedTuple):
    """One class of scripts."""

    name: str
    #: Names under which ``require`` finds it, without ``@nginstack/engine/`` and ``.js``: ``lib/session/Session``.
    modules: Sequence[str]
    #: Where its one instance is found: a global variable, or what hangs on another one (``session.fields``); empty when
    #: scripts make their own.
    instance: str
    #: ``class``; ``functions``: its static members are global functions; ``internal``: for the bridge alone.
    role: Role
    members: Sequence[Member]
    doc: str
    python: type[HostClass]


class HostClass:
    """What a class of scripts is made of on the host's side.

    Args:
        run: The execution that it serves. For a class that scripts make instances of, the object lives as long as its
            handle in the environment, and :attr:`run` is the execution under way.
    """

    #: Gives back what an instance holds when no script can reach it any more; set by the classes that hold something.
    on_release: Callable[[], Awaitable[object]] | None = None

    def __init__(self, run: Run) -> None:
        self.run = run


def get(signature: str, right: str, *, also: str = "", deprecated: str = "", steady: bool = False) -> Callable[[F], F]:
    """A property that can be read; ``signature`` is ``name: type``. ``steady``: see :class:`Member`."""
    return _declare("get", signature, right, also, deprecated, steady=steady)


def put(name: str, right: str, *, also: str = "", deprecated: str = "") -> Callable[[F], F]:
    """What happens when the property is assigned to; without one it refuses assignment."""
    return _declare("set", name + ":", right, also, deprecated)


def method(
    signature: str, right: str, *, also: str = "", deprecated: str = "", writes: bool = False, steady: bool = False
) -> Callable[[F], F]:
    """A method; ``signature`` is ``name(parameter: type, other?: type): type``. The rest: see :class:`Member`."""
    return _declare("method", signature, right, also, deprecated, writes=writes, steady=steady)


def static(signature: str, right: str, *, also: str = "", deprecated: str = "") -> Callable[[F], F]:
    """A method of the class itself; it serves :attr:`HostClass.run` like any other."""
    return _declare("static", signature, right, also, deprecated)


def new(signature: str, right: str, *, also: str = "") -> Callable[[F], F]:
    """The constructor of a class that scripts make instances of; ``signature`` is ``constructor(parameter: type)``."""
    return _declare("new", signature, right, also, "")


#: Every class of scripts by its name; filled when ``sojourn.scripting.api`` is imported.
CLASSES: Final[dict[str, ClassSpec]] = {}
#: All their members by wire name.
_wire_names: Final[dict[str, tuple[ClassSpec, Member]]] = {}


def exposed(name: str, *modules: str, instance: str = "", role: Role = "class") -> Callable[[C], C]:
    """Make a Python class a class of scripts. Raises ``TypeError`` when a public method of it declares no right."""

    def register(kind: C) -> C:
        members = []
        for python, function in inspect.getmembers(kind, inspect.isfunction):
            if python.startswith("_"):
                continue
            member = getattr(function, _MEMBER, None)
            if member is None:
                raise TypeError(f"{kind.__name__}.{python} declares no right")
            members.append(member._replace(python=python, doc=inspect.getdoc(function) or ""))
        if name in CLASSES:
            raise TypeError(f"there are two classes {name}")
        doc = inspect.getdoc(kind) or ""
        spec = CLASSES[name] = ClassSpec(name, modules, instance, role, tuple(sorted(members)), doc, kind)
        _wire_names.update({wire_name(spec, one): (spec, one) for one in spec.members})
        return kind

    return register


def member_of(function: str) -> tuple[ClassSpec, Member] | None:
    """What a wire name stands for: ``Session.login``, ``Session.trackingId=`` for an assignment; None for no member."""
    return _wire_names.get(function)


@functools.cache
def steady_members() -> Sequence[tuple[str, ClassSpec, Member]]:
    """All that are steady, with their wire names; asked once every class is declared."""
    return [(name, spec, member) for name, (spec, member) in _wire_names.items() if member.steady]


def wire_name(spec: ClassSpec, member: Member) -> str:
    """The name by which the worker asks for a member."""
    return f"{spec.name}.{member.name}{'=' if member.kind == 'set' else ''}"


def arguments(function: Callable[..., Any], given: Sequence[Value]) -> list[Any]:
    """``given`` as the parameters of ``function`` (without ``self``) say; raises :class:`BadArgument`.

    Further arguments are ignored as JavaScript does; a missing or ``undefined`` one takes the default.
    """
    found: list[Any] = []
    for place, (parameter, wanted) in enumerate(_parameters(function)):
        if parameter.kind is parameter.VAR_POSITIONAL:
            found += given[place:]
            break
        value = given[place] if place < len(given) else UNDEFINED
        if value == UNDEFINED:
            if parameter.default is parameter.empty and wanted is not _ANYTHING:
                raise BadArgument(f"argument {place + 1} ({_camel(parameter.name)}) is missing")
            found.append(value if parameter.default is parameter.empty else parameter.default)
        elif wanted is _ANYTHING:
            found.append(value)
        else:
            found.append(_converted(value, wanted, place, parameter.name))
    return found


@functools.cache
def _parameters(function: Callable[..., Any]) -> Sequence[tuple[inspect.Parameter, Any]]:
    """The parameters of a member without ``self``, each with the type that its argument is converted to."""
    hints = typing.get_type_hints(function)
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return [(one, _ANYTHING if _takes_anything(hints[one.name]) else hints[one.name]) for one in parameters]


_ANYTHING: Final = object()


def _takes_anything(wanted: Any) -> bool:
    # Resolved hints of the recursive type are no longer equal to it, but nothing else holds this one.
    return wanted is Any or wanted is object or Undefined in typing.get_args(wanted)


def _converted(value: Value, wanted: Any, place: int, name: str) -> Any:
    try:
        return msgspec.convert(value, wanted, builtin_types=(bytes, datetime), strict=True)
    except msgspec.ValidationError as error:
        said = _PYTHON.sub(lambda found: _JAVASCRIPT[found[1]], str(error))
        raise BadArgument(f"argument {place + 1} ({_camel(name)}): {said}") from None


#: What scripts call the types that a message names.
_JAVASCRIPT: Final = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "bytes": "ArrayBuffer",
    "datetime": "Date",
    "array": "array",
    "object": "object",
    "null": "null",
}
_PYTHON: Final = re.compile(rf"\b({'|'.join(_JAVASCRIPT)})\b(?=[^`]*`(?:[^`]*`[^`]*`)*[^`]*$)")


def _camel(name: str) -> str:
    """A parameter as its signature calls it."""
    first, *others = name.strip("_").split("_")
    return first + "".join(word.capitalize() for word in others)


def _declare(
    kind: Kind,
    signature: str,
    right: str,
    also: str,
    deprecated: str,
    *,
    writes: bool = False,
    steady: bool = False,
) -> Callable[[F], F]:
    if not right:
        raise TypeError(f"{signature} declares no right")
    if steady and (right != ANYONE or deprecated):
        raise TypeError(f"{signature} is told to every script, so it needs no right and is not deprecated")
    found = _SIGNATURE.fullmatch(signature)
    if found is None:
        raise TypeError(f"{signature!r} is no signature")
    name = "" if kind == "new" else found["name"]

    def mark(function: F) -> F:
        setattr(function, _MEMBER, Member(kind, name, signature, right, also, deprecated, "", "", writes, steady))
        return function

    return mark

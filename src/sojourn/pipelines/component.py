"""How a pipeline component is declared: once, in one file.

A component is typed parameters, a pure function, and examples. From this one declaration come the parser of its
parameters, its row in ``sojourn pipelines components``, its reference page and its tests. What it wants done to the
world it returns as effects; the runner applies them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_type_hints

import msgspec

from sojourn.core.clock import ManualClock, iso
from sojourn.core.errors import SojournError
from sojourn.core.json import Json
from sojourn.pipelines.effects import Effect

#: ``text``: expressions become text; ``json``: a structure in which a text that is exactly one expression keeps its
#: JSON type, or a text of JSON.
TemplateKind = Literal["text", "json"]

#: The subflows that a step of a component may have.
FlowKind = Literal["none", "block", "choice"]

ON_PROCESS: Final = "onProcess"
ON_EXCEPTION: Final = "onException"
OTHERWISE: Final = "otherwise"


#: The instant at which examples are executed, as error messages show it.
EXAMPLE_CLOCK: Final = ManualClock()
EXAMPLE_TIME: Final = iso(EXAMPLE_CLOCK.now())


class BadDeclaration(SojournError):
    """A component is declared in a way that cannot be used."""

    code = "pipeline.bad_declaration"


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Base of all parameter declarations; what a component sees has its expressions evaluated."""

    @property
    def waits(self) -> bool:
        """Whether a step with these parameters may have to wait for something outside the execution."""
        return True


class InstantParams(Params, frozen=True):
    """Base of the parameters of components that never wait."""

    @property
    def waits(self) -> bool:
        """Never."""
        return False


def doc(text: str, template: TemplateKind | None = None, **bounds: Any) -> msgspec.Meta:
    """The description of a parameter, whether Double Braces may stand in it, and msgspec's bounds."""
    return msgspec.Meta(description=text, extra={"template": template}, **bounds)


class View(NamedTuple):
    """What a component may read besides its parameters and the message."""

    #: Gives the claims of the request's token, None without one.
    claims: Callable[[], Mapping[str, Json] | None]
    #: Of each parameter (its name in files) that is exactly ``{{ message.a.b }}``: the path, without ``message``.
    paths: Mapping[str, tuple[str, ...]] = {}
    #: The conditions of a choice, in order.
    conditions: Sequence[Callable[[], bool]] = ()


class Outcome(NamedTuple):
    """What a component returns."""

    message: Json
    #: Applied in order, each before the next; one that fails is the error of the step.
    effects: tuple[Effect, ...] = ()
    #: Name of the subflow that goes on with the message; its last message is that of the step.
    enter: str = ""
    #: Name of the subflow that receives the error message when that one throws.
    rescue: str = ""
    #: Whether this is an invocation of a subflow: scoped steps in it have a LOCAL session of their own.
    invocation: bool = False


class Example(NamedTuple):
    """A use of a component that is shown and executed."""

    title: str
    params: Mapping[str, Json] = {}
    message: Json = None
    #: The message after the step; with ``error`` that which ``onException`` receives.
    want: Json = None
    #: What the component asks for.
    effects: tuple[Effect, ...] = ()
    #: Code of the error that the step ends with.
    error: str = ""
    #: GLOBAL fields of the session before the step; None: the request has no token.
    fields: Mapping[str, Json] | None = None
    #: Unscoped LOCAL values before the step.
    local: Mapping[str, Json] = {}
    #: Other keys of the step: ``when``, ``otherwise``, ``onProcess``, ``onException``.
    step: Mapping[str, Json] = {}


class Component(NamedTuple):
    """A declared component."""

    name: str
    since: str
    flows: FlowKind
    params: type[Params]
    run: Callable[[Any, Any, View], Outcome]
    examples: Sequence[Example]
    doc: str


#: Every declared component by its name.
REGISTRY: dict[str, Component] = {}

Run = Callable[[Any, Any, View], Outcome]


def component(name: str, *, since: str, examples: Sequence[Example], flows: FlowKind = "none") -> Callable[[Run], Run]:
    """Declare the function below as the component ``name``, new in version ``since``.

    Raises :class:`BadDeclaration` without docstring, without an example that works, and for a name used twice.
    """

    def register(run: Run) -> Run:
        if name in REGISTRY:
            raise BadDeclaration(f"component {name!r} is declared twice")
        if not any(not example.error or example.want for example in examples):
            raise BadDeclaration(f"component {name!r} needs an example that works")
        if not run.__doc__:
            raise BadDeclaration(f"component {name!r} needs a docstring")
        params = run.__globals__[run.__annotations__["p"]]
        REGISTRY[name] = Component(name, since, flows, params, run, examples, inspect.cleandoc(run.__doc__))
        return run

    return register


class Parameter(NamedTuple):
    """One parameter of a component, as its declaration says."""

    #: Name in Python and name in files.
    attribute: str
    name: str
    type: str
    #: How the default is written; empty when the parameter is required.
    default: str
    description: str
    template: TemplateKind | None


def parameters(params: type[Params]) -> tuple[Parameter, ...]:
    """The parameters that ``params`` declares; raises :class:`BadDeclaration` for one without :func:`doc`."""
    hints = get_type_hints(params, include_extras=True)
    return tuple(_parameter(field, hints[field.name]) for field in msgspec.structs.fields(params))


def _parameter(field: msgspec.structs.FieldInfo, hint: Any) -> Parameter:
    metas = [meta for meta in getattr(hint, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
    if not metas or not metas[0].description:
        raise BadDeclaration(f"parameter {field.name!r} has no description")
    extra = metas[0].extra or {}
    return Parameter(
        attribute=field.name,
        name=field.encode_name,
        type=_type_name(hint.__origin__),
        default="" if field.required else _default_text(_default(field)),
        description=metas[0].description,
        template=extra.get("template"),
    )


def _type_name(hint: Any) -> str:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return "object"
    schema = msgspec.json.schema(hint)
    schema = schema["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    variants = schema.get("anyOf", [schema])
    return " or ".join(_variant_name(variant) for variant in variants)


def _variant_name(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    names = {"string": "text", "array": "list", "integer": "integer", "number": "number"}
    kind = str(schema.get("type", "any JSON"))
    return names.get(kind, kind)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def _default_text(default: Any) -> str:
    if default is msgspec.UNSET:
        return "-"
    plain = msgspec.to_builtins(default)
    return msgspec.json.encode(plain).decode()

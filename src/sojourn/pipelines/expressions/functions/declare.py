"""How a function of the language is declared: once, with its name, parameters, words and examples.

The declaration gives the arity check of the parser, the reference page and the tests.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from sojourn.core.json import Json

#: How a function is written in Python: the running evaluation, then its arguments.
Implementation = Callable[..., Json]
Declared = TypeVar("Declared", bound=Implementation)

_NO_END = 10_000


class Example(NamedTuple):
    """An expression and what it gives."""

    expression: str
    result: Json


class Refusal(NamedTuple):
    """An expression that ends in an error, and the code of that error."""

    expression: str
    code: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function that expressions can call."""

    name: str
    #: Heading in the reference.
    group: str
    #: ``IF(condition, then, otherwise)``; ``…`` marks a parameter that may be repeated or left out.
    signature: str
    doc: str
    #: Fewest and most arguments.
    fewest: int
    most: int
    call: Implementation
    examples: Sequence[Example | Refusal]

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return self.fewest <= count <= self.most


#: Every function, by its name in upper case.
FUNCTIONS: dict[str, Function] = {}


def function(name: str, group: str, *, examples: Sequence[Example | Refusal]) -> Callable[[Declared], Declared]:
    """Declare the function ``name``: parameters are those after ``run``, words are the docstring.

    Raises ``ValueError`` at import for a name used twice, and without docstring or working example.
    """

    def register(call: Declared) -> Declared:
        doc = inspect.getdoc(call)
        if name in FUNCTIONS or not doc or not any(isinstance(example, Example) for example in examples):
            raise ValueError(f"{name}: a function needs a name of its own, a docstring and an example")
        parameters = list(inspect.signature(call).parameters.values())[1:]
        needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
        most = _NO_END if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(parameters)
        signature = f"{name}({', '.join(map(_written, parameters))})"
        FUNCTIONS[name] = Function(name, group, signature, doc, len(needed), most, call, examples)
        return call

    return register


def _written(parameter: inspect.Parameter) -> str:
    """``value``, ``value?`` when it may be left out, ``value …`` when it may be repeated; ``a_b`` repeats as a pair."""
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"{parameter.name.replace('_', ', ')} …"
    return parameter.name if parameter.default is parameter.empty else f"{parameter.name}?"

"""The functions of the language, one module a group; importing them is declaring them."""

from sojourn.pipelines.expressions.functions import (
    conversions,
    logic,
    numbers,
    patterns,
    structures,
    surroundings,
    texts,
)
from sojourn.pipelines.expressions.functions.declare import FUNCTIONS, Example, Function, Refusal, function

#: Order of the groups in the reference.
GROUPS = (logic, texts, numbers, structures, conversions, patterns, surroundings)

__all__ = ["FUNCTIONS", "GROUPS", "Example", "Function", "Refusal", "function"]

"""Double Braces: the small language of pipeline parameters, ``{{ DEFAULT(message.body.qty, 1) }}``.

A text is parsed once, when the pipeline is loaded, into closures over plain JSON values; nothing of Python can be
reached from it, and every size, depth and step is bounded. :mod:`.functions` declares the functions, :mod:`.reference`
writes their page.
"""

from sojourn.pipelines.expressions.errors import (
    ExpressionError,
    ExpressionLimit,
    ExpressionSyntax,
    UnknownName,
    WrongArgument,
)
from sojourn.pipelines.expressions.scope import SCOPES, Scope
from sojourn.pipelines.expressions.template import Expression, Template, parse, parse_template

__all__ = [
    "SCOPES",
    "Expression",
    "ExpressionError",
    "ExpressionLimit",
    "ExpressionSyntax",
    "Scope",
    "Template",
    "UnknownName",
    "WrongArgument",
    "parse",
    "parse_template",
]

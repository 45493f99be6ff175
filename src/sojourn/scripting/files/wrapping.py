"""The text of a script file as it is run: its ``let``, ``const`` and ``class`` are its own, once for each run.

An environment runs the same file again and again. As a plain global script a second run would fail with a SyntaxError at
the first ``const``, because declarations of the first one are still there. So a file is run as one block: what it declares
with ``var``, its functions (those of sloppy code, as the language has it), and what it puts on ``globalThis`` stay; the rest
goes with the run. The last value is that of the block.
"""

from __future__ import annotations

import re
from typing import Final

_SPACE: Final = r"(?:\s|//[^\n\r\u2028\u2029]*|/\*.*?\*/)*"
#: One directive and what ends it: a semicolon, or a line that does not go on with the expression.
_DIRECTIVE: Final = re.compile(
    _SPACE + r"""(?:"[^"\\\n]*"|'[^'\\\n]*')(?:[^\S\n\r]*(?:;|(?=\r?\n\s*[\w$'"{}#@])|(?=\s*$)))""", re.DOTALL
)
_HASHBANG: Final = re.compile(r"#!")


def as_block(code: str) -> str:
    """``code`` as one block behind its directives; lines and columns stay but for the first line after these."""
    code = _HASHBANG.sub("//", code, count=1) if code.startswith("#!") else code
    end = 0
    while found := _DIRECTIVE.match(code, end):
        end = found.end()
    head, body = code[:end], code[end:]
    return f"{head}{';' if head else ''}{{{body}\n}}"

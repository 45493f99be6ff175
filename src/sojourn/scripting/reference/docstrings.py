"""The docstring of a declared member, taken apart: what it says, and the examples that the tests run."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

_EXAMPLE = re.compile(r"^Examples?::\n+((?:(?: {4}.*)?\n)*)", re.MULTILINE)
_OUTCOME = re.compile(r"//\s*=>\s*(.+?)\s*$")


class Example(NamedTuple):
    """A script."""

    code: str
    #: Its last value as JSON, empty where the docstring does not say: ``// => true`` at the end of its last line.
    outcome: str


class Doc(NamedTuple):
    """A docstring."""

    text: str
    examples: Sequence[Example]


def read(doc: str) -> Doc:
    """``doc`` with each paragraph ``Example::`` and the indented block after it taken out."""
    found = [textwrap.dedent(block).strip() for block in _EXAMPLE.findall(doc + "\n")]
    text = _EXAMPLE.sub("", doc + "\n").strip()
    return Doc(re.sub(r"\n{3,}", "\n\n", text), [_example(code) for code in found])


def plain(text: str) -> str:
    """``text`` for readers who do not know Python's markup: roles and double backquotes become single ones."""
    text = re.sub(r":\w+:`~?\.?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return text.replace("``", "`")


def _example(code: str) -> Example:
    outcome = _OUTCOME.search(code.rpartition("\n")[2])
    return Example(code, outcome[1] if outcome else "")


def read_types(types: str) -> Sequence[tuple[str, Example]]:
    """The examples of a ``.d.ts`` file, ``@example`` in its comments, each with the member or class that it belongs to."""
    found = []
    for comment, name in _COMMENT.findall(types):
        lines = [line.strip().removeprefix("*").removeprefix(" ") for line in comment.splitlines()]
        _, marked, code = "\n".join(lines).partition("@example\n")
        if marked:
            found.append((name, _example(code.strip())))
    return found


_COMMENT = re.compile(r"/\*\*(.*?)\*/\s*(?:declare |readonly |static |class |const |function )*(\w+)", re.DOTALL)

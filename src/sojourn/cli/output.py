"""What every command shares: its common options, its output, its exit code.

With ``--json`` standard output is exactly one JSON document and people's text goes to standard error.
"""

from __future__ import annotations

import functools
import getpass
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec, TypeVar

import typer

from sojourn.config.problems import ConfigError
from sojourn.core.errors import SojournError
from sojourn.core.json import encode_text

P = ParamSpec("P")
R = TypeVar("R")

ProjectOption = Annotated[Path, typer.Option("--project", metavar="DIR", help="The project's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
PasswordOption = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]

HERE = Path()

_UNBOUNDED = 100_000

#: Control characters but for tab and line end, marks that turn the direction of text, halves of pairs.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

Row = Mapping[str, Any]


def reply(as_json: bool, document: Any, text: str) -> None:
    """Answer with ``document`` for machines or ``text`` for people."""
    print(encode_text(document) if as_json else harmless(text))


def reply_rows(as_json: bool, rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Answer with a list of records: a JSON array, or a table of ``columns``."""
    if as_json:
        print(encode_text(list(rows)))
        return
    # Only tables need it, and it takes its time to load.
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(harmless(column), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    # What goes into a pipe or a file is not for the width of a terminal.
    width = None if sys.stdout.isatty() else _UNBOUNDED
    Console(width=width, highlight=False, markup=False).print(table)


def reply_record(as_json: bool, record: Row) -> None:
    """Answer with one record: a JSON object, or one line for each of its members."""
    if as_json:
        print(encode_text(dict(record)))
        return
    width = max(map(len, record), default=0)
    for name, value in record.items():
        print(f"{harmless(name):<{width}}  {_cell(value)}")


def note(text: str) -> None:
    """Tell people something beside the answer."""
    print(harmless(text), file=sys.stderr)


def fail(as_json: bool, error: SojournError) -> NoReturn:
    """Say why it was refused and leave with exit code 1."""
    if isinstance(error, ConfigError):
        for problem in error.problems:
            note(str(problem))
    else:
        note(error.message)
    if as_json:
        print(encode_text({"message": error.message, "code": error.code}))
    raise typer.Exit(1)


def refusals(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our errors into one line and exit code 1; anything else is a defect and shows its traceback."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SojournError as error:
            fail(bool(kwargs.get("as_json", False)), error)

    return run


def read_password(from_stdin: bool) -> str:
    """A password from standard input, or asked for twice; never an argument."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("no terminal to ask at; use --password-stdin")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise typer.BadParameter("the two passwords differ")
    return password


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return harmless(" ".join(str(item) for item in value))
    return harmless(str(value))


def harmless(text: str) -> str:
    """``text`` without what a terminal would obey: what is listed was often written by a stranger."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)

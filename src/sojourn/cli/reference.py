"""``docs/reference/cli.md``, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

_HEAD = """\
# Command line

Every command takes `--project DIR` (default: the current folder) or the folder as its argument, and `--help`. With `--json` standard output is one JSON
document and people's text goes to standard error. Exit codes: 0 done, 1 refused or failed, 2 usage. Secrets are read from
standard input or asked for, never given as an argument. The commands open the project's stores themselves, beside a running engine or without one;
a running engine sees a change at its next request.
"""

_FOOT = "\nThis page is generated from the commands (`make docs`).\n"


def cli_reference() -> str:
    """The page."""
    from sojourn.cli.app import app

    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    return _HEAD + "".join(_section(path, command) for path, command in _commands("sojourn", root)) + _FOOT


def _commands(path: str, group: TyperGroup) -> Iterator[tuple[str, TyperCommand]]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, TyperGroup):
            yield from _commands(f"{path} {name}", command)
        elif isinstance(command, TyperCommand):
            yield f"{path} {name}", command


def _section(path: str, command: TyperCommand) -> str:
    arguments = [p for p in command.params if isinstance(p, TyperArgument)]
    options = [p for p in command.params if isinstance(p, TyperOption)]
    usage = " ".join([path, *(str(argument.metavar or argument.name) for argument in arguments)])
    lines = [f"\n## `{usage}`\n", (command.help or "").strip(), ""]
    lines += ["| option | meaning |", "|---|---|"]
    lines += [f"| `{'`, `'.join(option.opts)}`{_value(option)} | {option.help or ''} |" for option in options]
    return "\n".join(lines) + "\n"


def _value(option: TyperOption) -> str:
    return "" if option.is_flag else f" `{option.metavar or 'VALUE'}`"

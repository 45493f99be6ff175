"""``sojourn scripts``: their files in the engine database."""

from __future__ import annotations

import typer

from sojourn.cli import script_exchange, script_files

app = typer.Typer(help="Scripts: list, show, push, pull, move, delete, versions, restore.", no_args_is_help=True)

script_files.add_to(app)
script_exchange.add_to(app)

"""``sojourn scripts``: run them, see what they do, find what is wrong with them; their files in the engine database."""

from __future__ import annotations

import typer

from sojourn.cli import script_checks, script_exchange, script_files, script_runs, script_types

app = typer.Typer(
    help="Scripts: run, debug, check, types, list, show, push, pull, move, delete, versions, restore.",
    no_args_is_help=True,
)

script_runs.add_to(app)
script_checks.add_to(app)
script_types.add_to(app)
script_files.add_to(app)
script_exchange.add_to(app)

"""The root of the command line."""

from __future__ import annotations

from typing import Annotated

import typer

import sojourn
from sojourn.cli import (
    apikeys,
    audit,
    changes,
    changes_undo,
    data,
    groups,
    keys,
    pipelines,
    projects,
    providers,
    scopes,
    scripts,
    serving,
    sessions,
    store,
    tokens,
    user_records,
    users,
)
from sojourn.cli.attest.command import attest


def _version(wanted: bool) -> None:
    if wanted:
        print(f"sojourn {sojourn.__version__}")
        raise typer.Exit


app = typer.Typer(
    name="sojourn",
    help="A session engine: pipelines, scripts, browsers and jobs share one session safely.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command()(projects.init)
app.command()(serving.serve)
app.command()(serving.demo)
app.command()(projects.check)
app.command()(attest)
user_records.add_to(users.app)
changes_undo.add_to(changes.app)
app.add_typer(users.app, name="users")
app.add_typer(groups.app, name="groups")
app.add_typer(scopes.app, name="scopes")
app.add_typer(apikeys.app, name="apikeys")
app.add_typer(providers.app, name="providers")
app.add_typer(sessions.app, name="sessions")
app.add_typer(audit.app, name="audit")
app.add_typer(changes.app, name="changes")
app.add_typer(keys.app, name="keys")
app.add_typer(tokens.app, name="tokens")
app.add_typer(pipelines.app, name="pipelines")
app.add_typer(scripts.app, name="scripts")
app.add_typer(data.app, name="data")
app.add_typer(store.app, name="store")

"""The command line: one file per command group."""

from __future__ import annotations


def main() -> None:
    """Run the command line; exits 0, 1 (refused or failed) or 2 (usage)."""
    from sojourn.cli.app import app

    app()

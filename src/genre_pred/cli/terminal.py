"""What all commands share: faults told in a sentence, tables, the model that is meant."""

from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from genre_pred.faults import Fault


class Commands(click.Group):
    """A group whose faults are told in a sentence instead of a stack trace."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except Fault as fault:
            raise click.ClickException(str(fault)) from fault


def table(*columns: str) -> Table:
    """A table whose cells are never cut: show it with `show`."""
    table = Table(box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def show(table: Table) -> None:
    """Print a table as wide as it is: a path can be copied whole from any terminal or pipe."""
    Console(width=100_000).print(table)


def shown(path: Path) -> str:
    """A path on one line: what a terminal cannot print, or would obey, is escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(path)
    )


def registered(model: str | None) -> str:
    """The registered model that is meant: see `track.registered`."""
    from genre_pred import track

    return track.registered(model)

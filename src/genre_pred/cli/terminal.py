"""What all commands share: faults told in a sentence, tables, the model that is meant."""

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from genre_pred.faults import Fault

WIDE = 100_000


class Commands(click.Group):
    """A group whose faults are told in a sentence instead of a stack trace."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except Fault as fault:
            raise click.ClickException(str(fault)) from fault


def table(*columns: str, wrapped: Collection[str] = ()) -> Table:
    """A table whose cells are never cut: show it with `show`.

    Args:
        columns: Their headers.
        wrapped: The columns of long texts, which go on in the next line where the terminal ends.
    """
    table = Table(box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=column not in wrapped, overflow="fold")
    return table


def show(table: Table, *, whole: bool = False) -> None:
    """Print a table, in a terminal with its wrapped columns as narrow as that asks for.

    One without any is printed as wide as it is: a path can be copied whole from any terminal.

    Args:
        table: As `table` makes it.
        whole: Whether nothing is wrapped, however narrow the terminal.
    """
    whole = whole or all(column.no_wrap for column in table.columns)
    Console(width=WIDE if whole else room()).print(table)


def fits(table: Table) -> bool:
    """Whether a table can be printed without wrapping anything."""
    console = Console(width=WIDE)
    return Measurement.get(console, console.options, table).maximum <= room()


def tell(text: str) -> None:
    """Print a text, in a terminal broken between words."""
    Console(width=room()).print(Text(text))


def room() -> int:
    """The terminal's columns; as many as wanted where the output goes elsewhere."""
    return Console().width if sys.stdout.isatty() else WIDE


def registered(model: str | None) -> str:
    """The registered model that is meant: the one named, or that of this workspace."""
    from genre_pred import track

    track.open_store()
    known = track.registered_models()
    if not known:
        raise Fault("nothing is registered yet: run dvc repro, or genre-pred champion sync")
    if model and model not in known:
        raise Fault(f"no registered model {model!r}; known are {', '.join(known)}")
    return model or _of_this_workspace(known)


def _of_this_workspace(known: list[str]) -> str:
    """The registered model of the collection that params.yaml names; outside, the latest."""
    from genre_pred.params import read_params

    if not Path("params.yaml").is_file():
        return known[0]
    name = f"genre-{read_params().data.collection}"
    if name not in known:
        raise Fault(
            f"{name}, the model of this workspace's collection, is not registered; known are "
            f"{', '.join(known)}: name one with --model"
        )
    return name


def fetch(model: str | None) -> tuple[str, Path]:
    """What NAME@ALIAS stands for, by default the champion: its name in full, and its folder."""
    from genre_pred import track

    name, _, alias = (model or "").partition("@")
    name = registered(name or None)
    alias = alias or track.CHAMPION
    version = track.version_at(name, alias)
    if version is None:
        raise Fault(f"{name} has no {alias}")
    return f"{name}@{alias} (version {version.version})", track.fetch_version(version)

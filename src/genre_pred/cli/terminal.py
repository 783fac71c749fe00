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

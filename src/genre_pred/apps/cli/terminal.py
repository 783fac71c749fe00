"""Shared by all commands: errors as one sentence, tables, options, the choice of the model."""

import os
import socket
import stat
import sys
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from genre_pred.core.errors import UserError

if TYPE_CHECKING:
    from genre_pred.inference.classifier import GenreClassifier

WIDE = 100_000
Decorated = TypeVar(
    "Decorated", bound=Callable[..., Any] | click.Command
)  # as click's options take


class Commands(click.Group):
    """A command group that prints a UserError as one sentence, without a stack trace."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except UserError as error:
            raise click.ClickException(str(error)) from error


def table(*columns: str, wrapped: Collection[str] = ()) -> Table:
    """A table whose cells are never truncated; print it with `show`.

    Args:
        columns: The headers.
        wrapped: The columns of long texts, which are wrapped to the width of the terminal.
    """
    table = Table(box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=column not in wrapped, overflow="fold")
    return table


def show(table: Table, *, whole: bool = False) -> None:
    """Print a table, with its wrapped columns fitted to the width of the terminal.

    A table without wrapped columns is printed at full width, so that paths can be copied.

    Args:
        table: From `table`.
        whole: Whether to print the table at full width.
    """
    whole = whole or all(column.no_wrap for column in table.columns)
    Console(width=WIDE if whole else room()).print(table)


def fits(table: Table) -> bool:
    """Whether a table fits the terminal without wrapping."""
    console = Console(width=WIDE)
    return Measurement.get(console, console.options, table).maximum <= room()


def print_wrapped(text: str) -> None:
    """Print a text, wrapped between words to the width of the terminal."""
    Console(width=room()).print(Text(text))


def room() -> int:
    """The columns of the terminal; practically unlimited for other outputs."""
    return Console().width if sys.stdout.isatty() else WIDE


def shown(path: Path | str) -> str:
    """A path on one line; unprintable and control characters are escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(path)
    )


def file_to_write(
    _context: click.Context, _option: click.Parameter, path: Path | None, begins: str = ""
) -> Path | None:
    """Check an option's output file before the command starts its work.

    Links are refused, because the output would replace them, even /dev/stdout. Existing files that
    do not start with `begins` are refused, because they would be overwritten.

    Raises:
        click.BadParameter: If the path has no name, is not a regular file, holds other content,
            has too long a name, or its folder can neither be created nor written.
    """
    if path is None:
        return None
    if path.name in ("", ".."):
        raise click.BadParameter("this is not the name of a file: name one, such as genres.csv")
    try:
        regular = stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        regular = True  # it will be created
    except OSError as error:
        raise click.BadParameter(f"{shown(path)} cannot be written: {error.strerror}") from error
    if not regular:
        raise click.BadParameter(
            f"{shown(path)} is a folder, link, pipe or device: name another file"
        )
    parent = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not (parent.is_dir() and os.access(parent, os.W_OK | os.X_OK)):
        raise click.BadParameter(
            f"{shown(path)} cannot be written: {shown(parent)} is not a writable folder"
        )
    if begins and path.exists():
        try:
            with path.open("rb") as file:
                start = file.read(len(begins))
        except OSError as error:
            raise click.BadParameter(f"{shown(path)} cannot be read: {error.strerror}") from error
        if start not in (b"", begins.encode()):
            raise click.BadParameter(
                f"{shown(path)} exists and was not written by this command: name another file"
            )
    return path


model_option = click.option(
    "--model", help="Registered model, NAME@ALIAS.  [default: the champion of data.name]"
)


def csv_option(help: str, begins: str = "") -> Callable[[Decorated], Decorated]:
    """The option --csv for an output file.

    Args:
        help: The help text.
        begins: The first columns of the file; an existing file with others is refused.
    """
    check = partial(file_to_write, begins=begins)
    return click.option("--csv", type=click.Path(path_type=Path), callback=check, help=help)


def check_free(host: str, port: int) -> None:
    """Check that a port is free, before a classifier is loaded.

    Args:
        host: The address to listen on.
        port: 0 for any port.

    Raises:
        UserError: If the port cannot be opened.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(address[:2], family=family):
            pass
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        reason = reason.partition(" (while attempting")[0]
        raise UserError(
            f"cannot listen on {host}:{port} ({reason}): choose another --port or --host"
        ) from error


def loaded(model: str | None) -> "GenreClassifier":
    """Load a registered classifier: see `GenreClassifier.load`."""
    from genre_pred import tracking

    title, folder = tracking.fetch(model)  # reports a wrong name before the slow import of torch
    from genre_pred.inference.classifier import GenreClassifier

    return GenreClassifier(folder, title)


def registered(model: str | None) -> str:
    """The name of a registered model: see `tracking.registered`."""
    from genre_pred import tracking

    return tracking.registered(model)

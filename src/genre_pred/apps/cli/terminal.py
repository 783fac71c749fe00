"""What all commands share: faults told in a sentence, tables, the model that is meant."""

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
    """A group whose faults are told in a sentence instead of a stack trace."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except UserError as fault:
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


def shown(path: Path | str) -> str:
    """A path on one line: what a terminal cannot print, or would obey, is escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in str(path)
    )


def file_to_write(
    _context: click.Context, _option: click.Parameter, path: Path | None, begins: str = ""
) -> Path | None:
    """Make sure, before hours of work, that an option names a file that can be written.

    A link is refused too: the file would take its place, also that of /dev/stdout. So is a file
    that begins otherwise than those which are written here: it would be lost.

    Raises:
        click.BadParameter: If the path has no name, there is something else than a regular file,
            or one that holds something else, its name is too long, or its folder can neither be
            made nor written into.
    """
    if path is None:
        return None
    if path.name in ("", ".."):
        raise click.BadParameter("that is no file's name: give one, as genres.csv")
    try:
        regular = stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        regular = True  # as it will be
    except OSError as error:
        raise click.BadParameter(f"{shown(path)} cannot be written: {error.strerror}") from error
    if not regular:
        raise click.BadParameter(
            f"{shown(path)} is a folder, link, pipe or device: name another file"
        )
    above = next(folder for folder in path.absolute().parents if os.path.lexists(folder))
    if not (above.is_dir() and os.access(above, os.W_OK | os.X_OK)):
        raise click.BadParameter(
            f"{shown(path)} cannot be written: {shown(above)} is no folder that you may write into"
        )
    if begins and path.exists():
        try:
            with path.open("rb") as file:
                found = file.read(len(begins))
        except OSError as error:
            raise click.BadParameter(f"{shown(path)} cannot be read: {error.strerror}") from error
        if found not in (b"", begins.encode()):
            raise click.BadParameter(
                f"{shown(path)} holds something else than this command writes: name another file"
            )
    return path


model_option = click.option(
    "--model", help="NAME@ALIAS of the registry; else the champion of data.name."
)


def csv_option(help: str, begins: str = "") -> Callable[[Decorated], Decorated]:
    """The option that names a CSV file to write.

    Args:
        help: What is written.
        begins: Its first columns, where it is written whole: no other file is written over.
    """
    where, check = click.Path(path_type=Path), partial(file_to_write, begins=begins)
    return click.option("--csv", type=where, callback=check, help=help)


def check_free(host: str, port: int) -> None:
    """Tell at once what would be found out after a classifier is loaded.

    Args:
        host: The address to listen at.
        port: 0 for any.

    Raises:
        UserError: If nobody can listen there.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.create_server(address[:2], family=family):
            pass
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        reason = reason.partition(" (while attempting")[0]
        raise UserError(
            f"{host}:{port} cannot be listened at ({reason}): name another --port, or --host"
        ) from error


def loaded(model: str | None) -> "GenreClassifier":
    """The registered classifier that is meant: see `GenreClassifier.load`."""
    from genre_pred import tracking

    title, folder = tracking.fetch(model)  # a wrong name is told before torch is imported
    from genre_pred.inference.classifier import GenreClassifier

    return GenreClassifier(folder, title)


def registered(model: str | None) -> str:
    """The registered model that is meant: see `tracking.registered`."""
    from genre_pred import tracking

    return tracking.registered(model)

"""Lists a local collection: it stays where it is, and data/raw holds its checksums."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from genre_pred.core.errors import UserError
from genre_pred.core.files import digest
from genre_pred.core.tables import write_table

COPIES = Path(".dvc") / "tmp" / "exps"


class SourceError(UserError):
    """The collection is missing, or its layout is wrong."""


def write_listing(root: Path, raw: Path, each: Callable[..., Any]) -> int:
    """List every file under a folder with its size and md5.

    Args:
        root: The folder of the collection.
        raw: The folder where listing.csv is written: path (relative to root), bytes, md5.
        each: A map over files.

    Returns:
        The number of files.

    Raises:
        SourceError: If the folder does not exist or is empty, or a file cannot be read.
    """
    return list_files(named_under(root), raw, each)


def list_files(files: Mapping[str, Path], raw: Path, each: Callable[..., Any]) -> int:
    """List files with their sizes and md5.

    Args:
        files: The files, by their names in the listing.
        raw: The folder where listing.csv is written: path (that name), bytes, md5.
        each: A map over files.

    Returns:
        The number of files.

    Raises:
        SourceError: If a file cannot be read.
    """
    listing = pd.DataFrame(
        {
            "path": list(files),
            "bytes": [file.stat().st_size for file in files.values()],
            "md5": list(each(_digest_or_refuse, list(files.values()))),
        }
    )
    write_table(listing, raw / "listing.csv")
    return len(files)


def _digest_or_refuse(file: Path) -> str:
    try:
        return digest(file)
    except OSError as error:
        refuse(OSError(error.errno, error.strerror, str(file)))  # a failing disk gives no name


def named_under(root: Path, prefix: str = "") -> dict[str, Path]:
    """Every file under a folder, by its path relative to the folder, after a prefix.

    Raises:
        SourceError: As files_under.
    """
    return {f"{prefix}{file.relative_to(root).as_posix()}": file for file in files_under(root)}


def files_under(root: Path) -> list[Path]:
    """Every file under a folder, sorted; names that begin with a dot are left out.

    Raises:
        SourceError: If the folder does not exist or is empty, or it or one below it cannot be
            read.
    """
    try:
        if not root.is_dir():
            raise SourceError(
                f"{root} is not a folder: set data.path to the folder of your collection"
            )
        files = visible_files(root, refuse)
        dangling = [file for file in files if not file.exists()]
    except OSError as error:  # of files in a folder without search permission
        refuse(error)
    if dangling:
        raise SourceError(f"{dangling[0]} is a broken link: remove it or repair it")
    if not files:
        raise SourceError(f"{root} is empty: put the collection there, or set data.path")
    return files


def visible_files(root: Path, unread: Callable[[OSError], object]) -> list[Path]:
    """Every file and dangling link under a folder, sorted, none whose name begins with a dot.

    Links to folders are followed last. So a folder that is also the target of a link is listed
    once, at its real path: a link never gives music another genre.

    Args:
        root: The folder.
        unread: Called with the error of each folder that cannot be read.
    """
    files: list[Path] = []
    seen: set[Path] = set()
    waiting = [root]
    while waiting:
        top = waiting.pop(0)
        links = []
        for folder, folders, names in os.walk(top, onerror=unread):
            here = Path(folder)
            if here.resolve() in seen:  # a link to a parent folder would never end
                folders.clear()
                continue
            seen.add(here.resolve())
            folders[:] = [name for name in folders if not name.startswith(".")]
            files += [here / name for name in names if not name.startswith(".")]
            links += [here / name for name in folders if (here / name).is_symlink()]
        waiting += sorted(links, key=lambda link: (len(link.parts), link))
    return sorted(files)


def refuse(unread: OSError) -> NoReturn:
    """Report a file or folder of a collection that cannot be read; none is skipped silently."""
    raise SourceError(
        f"{unread.filename} cannot be read ({unread.strerror}): fix its permissions, or move it "
        "out of the collection"
    ) from unread


def why_it_may_be_missing(root: Path) -> str:
    """A hint for a queued experiment, whose copy of the repository lacks untracked music."""
    in_copy = not root.is_absolute() and f"/{COPIES.as_posix()}/" in Path.cwd().as_posix()
    return (
        " (this experiment runs in a copy of the repository, which has tracked files only: "
        "set data.path to an absolute path)"
        if in_copy
        else ""
    )

"""Answers as a CSV file that grows row by row, and knows what it holds after a kill."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout

from genre_pred.core.errors import UserError
from genre_pred.core.files import atomic_write, user_error_if_disk_full
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.inference.prediction import ANSWER, Prediction, column_of

FACTS = ("file", "bytes", "modified", "model", "error")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for one begins so


class AnswerFile:
    """A CSV file of answers by one classifier, one row a song.

    A song is known again by its path, size and time of change. Rows that tell of an error, or of
    a file that has changed since, do not count as held: such songs are heard again.

    Columns are file, bytes, modified (ns since 1970), model, error (why there is no answer), then
    those of `Prediction.row`. Texts are written as `no_formula` gives them. Of two runs that use
    the same file, one must wait: see `answers_in`.

    Args:
        path: The file; made where there is none.
        classifier: Who answers.

    Raises:
        UserError: If the file holds something else, or another classifier's answers.
    """

    def __init__(self, path: Path, classifier: GenreClassifier) -> None:
        self._path, self._genres = path, classifier.spec.genres
        self._model = f"{classifier.title or classifier.spec.model} [{classifier.identity}]"
        self._columns = [*FACTS, *ANSWER, *map(column_of, self._genres)]
        self._rows: dict[str, list[str]] = {}
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            with _opened(self._path, "r") as file:
                text = file.read()
            header, *rows = csv.reader(io.StringIO(text, newline="")) if text else [self._columns]
        except (OSError, csv.Error, UnicodeDecodeError) as error:
            raise UserError(f"{self._path} cannot be read as a CSV file: {error}") from error
        if header[: len(FACTS)] != list(FACTS):
            raise UserError(f"{self._path} holds something else than answers: name another file")
        by = {row[FACTS.index("model")] for row in rows if len(row) > len(FACTS)}
        others = {_identity_in(name) for name in by} - {_identity_in(self._model)}
        if others or not set(map(column_of, self._genres)) <= set(header):
            theirs = sorted(by)[0] if by else "a model with other genres"
            raise UserError(
                f"{self._path} holds answers by {theirs}, not by {self._model}: name another file"
            )
        if header != self._columns:
            raise UserError(
                f"{self._path} has other columns than answers have in this version of genre_pred: "
                "name another file"
            )
        if rows and not text.endswith("\n"):
            rows.pop()  # of a run that was killed while it wrote
        self._rows = {row[0]: row for row in rows if len(row) == len(self._columns)}

    def holds(self, song: Path) -> bool:
        """Whether the file has the answer for a song as it is now."""
        row = self._rows.get(_named(song))
        return row is not None and row[1:3] == _state(song) and not row[FACTS.index("error")]

    @contextmanager
    def adding(self, songs: Sequence[Path]) -> Iterator[None]:
        """Open the file for songs that will be heard within the block; the rows they had go."""
        # Now, for one that is replaced while it is heard must be heard again.
        self._states = {song: _state(song) for song in songs}
        again = {_named(song) for song in songs}
        kept = [row for path, row in self._rows.items() if path not in again]
        with user_error_if_disk_full(self._path.parent, self._path.name):
            with atomic_write(self._path) as temporary, _opened(temporary, "w") as file:
                csv.writer(file, lineterminator="\n").writerows([self._columns, *kept])
            with _opened(self._path, "a") as file:
                self._writer, self._file = csv.writer(file, lineterminator="\n"), file
                yield

    def add(self, song: Path, found: Prediction | str) -> None:
        """Write the row of a song named to `adding`, for good: a kill loses nothing of it."""
        facts = [_named(song), *self._states[song], self._model]
        told = {"error": found} if isinstance(found, str) else found.row()
        row = [*facts, *(told.get(name, "") for name in self._columns[len(facts) :])]
        self._writer.writerow([row[0], *map(no_formula, row[1:])])
        self._file.flush()


@contextmanager
def answers_in(path: Path, classifier: GenreClassifier) -> Iterator[AnswerFile]:
    """Open a file of answers for this run alone.

    Args:
        path: The file; made where there is none. Beside it a hidden file stays, to lock it by.
        classifier: Who answers.

    Raises:
        UserError: If another run writes into it, it cannot be written, or as `AnswerFile`.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another run writes into {path}: wait for its end, or name another file"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}") from error
    try:
        yield AnswerFile(path, classifier)
    finally:
        lock.release()


def no_formula(cell: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would take for a formula and run.

    Also before one that begins with an apostrophe: so two names never become the same.
    """
    quoted = isinstance(cell, str) and cell.startswith((*FORMULA, "'"))
    return f"'{cell}" if quoted else cell


def _named(song: Path) -> str:
    """A song's path as the file has it: UTF-8, though a file's name need not be that."""
    return str(no_formula(str(song).encode(errors="backslashreplace").decode()))


def _identity_in(model: str) -> str:
    """The part of a model's name in a row that says which classifier it is, whatever its alias."""
    return model.rpartition("[")[2]


def _opened(path: Path, mode: str) -> IO[str]:
    return path.open(mode, encoding="utf-8", newline="")


def _state(song: Path) -> list[str]:
    """A file's size and time of change, by which it is known again; blank where there is none."""
    try:
        found = song.stat()
    except OSError:
        return ["", ""]
    return [str(found.st_size), str(found.st_mtime_ns)]

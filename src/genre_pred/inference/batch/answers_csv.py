"""A CSV file of predictions that is written row by row and resumed after an interruption."""

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
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet reads text as a formula after these


class AnswerFile:
    """A CSV file of predictions by one classifier, one row per song.

    A song is identified by its path, size and modification time. Songs with an error, and files
    that have changed since, are predicted again.

    Columns are file, bytes, modified (ns since 1970), model, error (empty, or the reason why there
    is no prediction), then those of `Prediction.row`. Text is escaped by `no_formula`. Only one
    run may use a file at a time: see `answers_in`.

    Args:
        path: The file; created if it does not exist.
        classifier: The classifier.

    Raises:
        UserError: If the file holds something else, or another classifier's predictions.
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
            raise UserError(f"{self._path} is not a CSV file of predictions: name another file")
        models = {row[FACTS.index("model")] for row in rows if len(row) > len(FACTS)}
        others = {_identity_in(name) for name in models} - {_identity_in(self._model)}
        if others or not set(map(column_of, self._genres)) <= set(header):
            other = sorted(models)[0] if models else "a model with other genres"
            raise UserError(
                f"{self._path} holds predictions by {other}, not by {self._model}: name another "
                "file"
            )
        if header != self._columns:
            raise UserError(
                f"{self._path} was written by another version of genre_pred, with other columns: "
                "name another file"
            )
        if rows and not text.endswith("\n"):
            rows.pop()  # incomplete: the run was killed while writing it
        self._rows = {row[0]: row for row in rows if len(row) == len(self._columns)}

    def holds(self, song: Path) -> bool:
        """Whether the file has a prediction for the current content of a song."""
        row = self._rows.get(_path_text(song))
        return row is not None and row[1:3] == _state(song) and not row[FACTS.index("error")]

    @contextmanager
    def adding(self, songs: Sequence[Path]) -> Iterator[None]:
        """Open the file to add rows for these songs; their old rows are removed."""
        # Before prediction: a song that is replaced meanwhile must be predicted again.
        self._states = {song: _state(song) for song in songs}
        songs_again = {_path_text(song) for song in songs}
        kept = [row for path, row in self._rows.items() if path not in songs_again]
        with user_error_if_disk_full(self._path.parent, self._path.name):
            with atomic_write(self._path) as temporary, _opened(temporary, "w") as file:
                csv.writer(file, lineterminator="\n").writerows([self._columns, *kept])
            with _opened(self._path, "a") as file:
                self._writer, self._file = csv.writer(file, lineterminator="\n"), file
                yield

    def add(self, song: Path, outcome: Prediction | str) -> None:
        """Write and flush the row of a song that was passed to `adding`; an error is a str."""
        facts = [_path_text(song), *self._states[song], self._model]
        cells = {"error": outcome} if isinstance(outcome, str) else outcome.row()
        row = [*facts, *(cells.get(name, "") for name in self._columns[len(facts) :])]
        self._writer.writerow([row[0], *map(no_formula, row[1:])])
        self._file.flush()


@contextmanager
def answers_in(path: Path, classifier: GenreClassifier) -> Iterator[AnswerFile]:
    """Open a file of predictions, locked against other runs.

    Args:
        path: The file; created if it does not exist. A hidden lock file stays beside it.
        classifier: The classifier.

    Raises:
        UserError: If another run has locked it, it cannot be written, or as `AnswerFile`.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another run is writing {path}: wait until it ends, or name another file"
        ) from None
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error}") from error
    try:
        yield AnswerFile(path, classifier)
    finally:
        lock.release()


def no_formula(cell: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would execute as a formula.

    Text that starts with an apostrophe also gets one, so that different names stay different.
    """
    quoted = isinstance(cell, str) and cell.startswith((*FORMULA, "'"))
    return f"'{cell}" if quoted else cell


def _path_text(song: Path) -> str:
    """A song's path in the CSV file: UTF-8, with other bytes escaped."""
    return str(no_formula(str(song).encode(errors="backslashreplace").decode()))


def _identity_in(model: str) -> str:
    """The classifier's identity in the column `model`; it does not depend on the alias."""
    return model.rpartition("[")[2]


def _opened(path: Path, mode: str) -> IO[str]:
    return path.open(mode, encoding="utf-8", newline="")


def _state(song: Path) -> list[str]:
    """A file's size and modification time; blank if the file does not exist."""
    try:
        status = song.stat()
    except OSError:
        return ["", ""]
    return [str(status.st_size), str(status.st_mtime_ns)]

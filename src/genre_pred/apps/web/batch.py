"""Prediction of many songs, from files and zip files; failures become rows with a reason."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from genre_pred.apps.web.limits import MOST_SECONDS, MOST_SONGS
from genre_pred.apps.web.zips import Song, songs_within
from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.core.errors import UserError, describe_error
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.inference.prediction import ANSWER, LEARNT_FROM, UNKNOWN, column_of

FACTS = ["file", "error"]
log = logging.getLogger("genre_pred.app")


def songs_of(files: Sequence[Path]) -> Iterator[Song]:
    """The songs in files and zip files, in order, at most `MOST_SONGS`."""
    n_songs = 0
    for file in files:
        for song in _songs_in(file):
            n_songs += 1
            if n_songs > MOST_SONGS:
                yield Song(song.name, None, f"skipped: at most {MOST_SONGS} songs at once")
                return
            yield song


def _songs_in(file: Path) -> Iterator[Song]:
    if file.suffix.lower() != ".zip":
        yield Song(file.name, file)
        return
    try:
        yield from songs_within(file)
    except Exception as error:  # noqa: BLE001, a zip broken in a new way must not stop the others
        yield Song(file.name, None, unexpected_error(file.name, error))


def unexpected_error(name: str, error: Exception) -> str:
    """Log an unexpected error, and return the reason to show."""
    log.error("prediction of %s failed", name, exc_info=error)
    return f"prediction failed: {describe_error(error)}"


def song_row(classifier: GenreClassifier, song: Song) -> dict[str, object]:
    """Predict a song: file, error, then the columns of `Prediction.row` if there is no error."""
    row: dict[str, object] = {"file": song.name, "error": song.reason}
    if song.sound is None:
        return row
    try:
        prediction = classifier.predict(song.sound, MOST_SECONDS)
    except AudioError as error:
        return row | {"error": error.reason}
    except UserError as error:
        return row | {"error": str(error)}
    except Exception as error:  # noqa: BLE001, libraries raise arbitrary errors
        return row | {"error": unexpected_error(song.name, error)}
    return row | prediction.row()


def download_table(rows: Sequence[dict[str, object]], genres: Sequence[str]) -> pd.DataFrame:
    """The rows of `song_row` as the table to download."""
    return pd.DataFrame(rows).reindex(columns=[*FACTS, *ANSWER, *map(column_of, genres)])


def display_table(table: pd.DataFrame) -> pd.DataFrame:
    """The columns to show, as text: file, genre, %, likely (if there are sets), remark."""
    shown = pd.DataFrame(
        {
            "file": table["file"],
            "genre": table["genre"].astype(object).fillna("-"),
            "%": [_percent(share) for share in table["probability"].astype(float)],
            "likely": table["genre_set"].astype(object).fillna(""),
            "remark": table["error"]
            .mask(table["unknown"].eq(True), f"unknown: {UNKNOWN}")
            .mask(table["learnt_from"].eq(True), f"used in training: {LEARNT_FROM}"),
        }
    )
    return shown if shown["likely"].any() else shown.drop(columns="likely")


def _percent(share: float) -> str:
    return "" if pd.isna(share) else f"{100 * share:.1f}"

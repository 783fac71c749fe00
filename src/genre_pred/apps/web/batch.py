"""Many songs at once: files and what zips hold, each answered or with the reason why not."""

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
    """All songs of files and zips, in turn, `MOST_SONGS` at most."""
    n_songs = 0
    for file in files:
        for song in _in_one(file):
            n_songs += 1
            if n_songs > MOST_SONGS:
                yield Song(song.name, None, f"not heard: {MOST_SONGS} songs are the most at once")
                return
            yield song


def _in_one(file: Path) -> Iterator[Song]:
    if file.suffix.lower() != ".zip":
        yield Song(file.name, file)
        return
    try:
        yield from songs_within(file)
    except Exception as error:  # noqa: BLE001, of a zip broken as none before: the others go on
        yield Song(file.name, None, unforeseen(file.name, error))


def unforeseen(name: str, error: Exception) -> str:
    """The reason why a song has no answer, of an error that nobody foresaw: the log has more."""
    log.error("%s could not be heard", name, exc_info=error)
    return f"could not be heard: {describe_error(error)}"


def answer(classifier: GenreClassifier, song: Song) -> dict[str, object]:
    """One song's row: file, error, then those of `Prediction.row` where it could be heard."""
    row: dict[str, object] = {"file": song.name, "error": song.reason}
    if song.sound is None:
        return row
    try:
        found = classifier.predict(song.sound, MOST_SECONDS)
    except AudioError as error:
        return row | {"error": error.reason}
    except UserError as fault:
        return row | {"error": str(fault)}
    except Exception as error:  # noqa: BLE001, libraries raise what they like: the others go on
        return row | {"error": unforeseen(song.name, error)}
    return row | found.row()


def as_table(rows: Sequence[dict[str, object]], genres: Sequence[str]) -> pd.DataFrame:
    """The rows of `answer` as the table that is downloaded."""
    return pd.DataFrame(rows).reindex(columns=[*FACTS, *ANSWER, *map(column_of, genres)])


def as_shown(table: pd.DataFrame) -> pd.DataFrame:
    """What fits a screen, as text: file, genre, %, likely (where there are sets), remark."""
    shown = pd.DataFrame(
        {
            "file": table["file"],
            "genre": table["genre"].astype(object).fillna("-"),
            "%": [_percent(share) for share in table["probability"].astype(float)],
            "likely": table["genre_set"].astype(object).fillna(""),
            "remark": table["error"]
            .mask(table["unknown"].eq(True), f"unknown: {UNKNOWN}")
            .mask(table["learnt_from"].eq(True), f"learnt from: {LEARNT_FROM}"),
        }
    )
    return shown if shown["likely"].any() else shown.drop(columns="likely")


def _percent(share: float) -> str:
    return "" if pd.isna(share) else f"{100 * share:.1f}"

"""Evaluation of a classifier on a folder of songs, with labels from the names of subfolders."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from genre_pred.config.sections import Compute, Evaluate
from genre_pred.datasets.sources.folder import artists_of
from genre_pred.evaluation.scoring.metrics import confusion
from genre_pred.evaluation.scoring.significance import accuracy_interval, bootstrap_groups
from genre_pred.inference.batch.many_files import predict_files
from genre_pred.inference.classifier import GenreClassifier

FACTS = (
    "clip_id", "genre", "artist", "predicted", "probability", "learnt_from", "unknown", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class FolderEvaluation:
    """The predictions of a classifier for a folder, and its accuracy.

    Attributes:
        songs: clip_id (the path within the folder, with bytes that are not UTF-8 escaped), genre
            (the label, NA without one), artist, predicted, probability, learnt_from (whether the
            file was used in training), unknown (None without a novelty detector), reason (the
            error, or empty), then one probability per genre.
        labelled: Number of scored songs: labelled, predicted and not used in training.
        accuracy: Of these, with its interval (accuracy, low, high); None without scored songs.
        confusion: Counts, rows are the true genres; None without scored songs.
        by_artist: Whether the interval resamples artists.
        no_genres: The folders that hold songs, but do not have the name of a genre.
    """

    songs: pd.DataFrame
    labelled: int
    accuracy: tuple[float, float, float] | None
    confusion: pd.DataFrame | None
    by_artist: bool
    no_genres: list[str]


def evaluate_folder(
    classifier: GenreClassifier,
    root: Path,
    sounds: Sequence[Path],
    settings: Evaluate,
    compute: Compute,
) -> FolderEvaluation:
    """Predict the genre of every song, and score the predictions of labelled songs.

    The label of a song is its first folder below root, if the folder has the name of one of the
    classifier's genres (see `genre_called`). Files whose decoded audio was used in training are
    not scored.

    Args:
        classifier: The classifier to evaluate.
        root: The folder.
        sounds: Its audio files, from `many_files.songs_in`.
        settings: The section `evaluate`: confidence and bootstrap.
        compute: The number of processes.
    """
    genres = classifier.spec.genres
    clip_ids = [_as_text(sound.relative_to(root)) for sound in sounds]
    names = pd.Series(clip_ids)
    artists = pd.Series(pd.NA, index=names.index, dtype="string")
    if (root / "artists.csv").is_file():
        artists = artists_of(root / "artists.csv", names)
    folders = {sound.relative_to(root).parts[0] for sound in sounds if sound.parent != root}
    label_of = {folder: genre_called(folder, genres) for folder in folders}
    rows = []
    predictions = predict_files(sounds, classifier, compute)
    for clip_id, (sound, prediction) in zip(clip_ids, predictions, strict=True):
        name = sound.relative_to(root)
        label = label_of.get(name.parts[0]) if len(name.parts) > 1 else None
        row: dict[str, object] = {"clip_id": clip_id, "genre": label, "reason": ""}
        if isinstance(prediction, str):
            row["reason"] = prediction
        else:
            row |= {
                "predicted": prediction.genre,
                "probability": prediction.probabilities[prediction.genre],
            }
            row |= {"learnt_from": prediction.learnt_from, "unknown": prediction.unknown}
            row |= prediction.probabilities
        rows.append(row)
    songs = pd.DataFrame(rows).assign(artist=artists).reindex(columns=[*FACTS, *genres])
    no_genres = sorted(folder for folder, genre in label_of.items() if genre is None)
    return _scored(songs, genres, settings, no_genres)


def _as_text(path: Path) -> str:
    """A path as UTF-8 text; other bytes are escaped, as in "caf\\udce9.mp3"."""
    return path.as_posix().encode(errors="backslashreplace").decode()


def genre_called(name: str, genres: Sequence[str]) -> str | None:
    """The genre that a folder is named after, such as Hip-Hop for "hip hop".

    Args:
        name: The name of the folder.
        genres: The known genres.

    Returns:
        The genre with exactly this name, else the only one with the same letters and digits, else
        None.
    """
    if name in genres:
        return name
    matches = [genre for genre in genres if _letters(genre) == _letters(name)]
    return matches[0] if len(matches) == 1 and _letters(name) else None


def _letters(name: str) -> str:
    # macOS stores an accent as a separate character
    composed = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in composed if character.isalnum())


def _scored(
    songs: pd.DataFrame, genres: Sequence[str], settings: Evaluate, no_genres: list[str]
) -> FolderEvaluation:
    scored = songs[songs["genre"].notna() & songs["learnt_from"].eq(False)]
    if scored.empty:
        return FolderEvaluation(songs, 0, None, None, False, no_genres)
    hits = (scored["genre"] == scored["predicted"]).to_numpy(dtype=bool)
    groups, by_artist = bootstrap_groups(scored)
    low, high = accuracy_interval(
        hits,
        groups,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng(settings.seed),
    )
    counts = confusion(scored[["clip_id", *genres]], scored, genres)
    return FolderEvaluation(
        songs, len(scored), (float(hits.mean()), low, high), counts, by_artist, no_genres
    )

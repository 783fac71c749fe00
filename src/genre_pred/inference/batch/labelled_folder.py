"""A classifier on songs of one's own: right or wrong where they are labelled, a table where not."""

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
    """How a classifier did on a folder.

    Attributes:
        songs: clip_id (the path within the folder, what is not UTF-8 escaped), genre (of the
            label, NA without), artist, predicted, probability, learnt_from (whether it had a
            part in training), unknown (None where the classifier cannot tell), reason (why it
            could not be heard, else empty), then one probability per genre.
        labelled: How many of them could be scored; what it has learnt from cannot.
        accuracy: Of these, with its interval (accuracy, low, high); None without any.
        confusion: Counts, rows are the true genres; None without labels.
        by_artist: Whether the interval goes over artists.
        no_genres: The folders that hold songs, but have no genre's name.
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
    """Let a classifier name the genre of every song, and score it where a song is labelled.

    A song is labelled where the first folder above it, seen from root, has the name of a genre
    that the classifier knows (see `genre_called`). Songs that it has learnt from are known by
    their sound, and prove nothing.

    Args:
        classifier: Who is tried.
        root: The folder.
        sounds: Its files, as `hearing.songs_in` gives them.
        settings: Confidence and bootstrap.
        compute: How many processes hear.
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
    heard = predict_files(sounds, classifier, compute)
    for clip_id, (sound, found) in zip(clip_ids, heard, strict=True):
        name = sound.relative_to(root)
        label = label_of.get(name.parts[0]) if len(name.parts) > 1 else None
        row: dict[str, object] = {"clip_id": clip_id, "genre": label, "reason": ""}
        if isinstance(found, str):
            row["reason"] = found
        else:
            row |= {"predicted": found.genre, "probability": found.probabilities[found.genre]}
            row |= {"learnt_from": found.learnt_from, "unknown": found.unknown}
            row |= found.probabilities
        rows.append(row)
    songs = pd.DataFrame(rows).assign(artist=artists).reindex(columns=[*FACTS, *genres])
    no_genres = sorted(folder for folder, genre in label_of.items() if genre is None)
    return _scored(songs, genres, settings, no_genres)


def _as_text(path: Path) -> str:
    """A path without bytes that a table cannot hold: they are escaped, as "caf\\udce9.mp3"."""
    return path.as_posix().encode(errors="backslashreplace").decode()


def genre_called(name: str, genres: Sequence[str]) -> str | None:
    """The genre that a folder's name means: "hip hop" is Hip-Hop.

    Args:
        name: Of the folder.
        genres: That there are.

    Returns:
        The genre of that very name, else the only one with the same letters and digits; None
        without any.
    """
    if name in genres:
        return name
    alike = [genre for genre in genres if _letters(genre) == _letters(name)]
    return alike[0] if len(alike) == 1 and _letters(name) else None


def _letters(name: str) -> str:
    # macOS writes an accent as a character of its own
    whole = unicodedata.normalize("NFKC", name).casefold()
    return "".join(character for character in whole if character.isalnum())


def _scored(
    songs: pd.DataFrame, genres: Sequence[str], settings: Evaluate, no_genres: list[str]
) -> FolderEvaluation:
    heard = songs[songs["genre"].notna() & songs["learnt_from"].eq(False)]
    if heard.empty:
        return FolderEvaluation(songs, 0, None, None, False, no_genres)
    hits = (heard["genre"] == heard["predicted"]).to_numpy(dtype=bool)
    groups, by_artist = bootstrap_groups(heard)
    low, high = accuracy_interval(
        hits,
        groups,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng(settings.seed),
    )
    counts = confusion(heard[["clip_id", *genres]], heard, genres)
    return FolderEvaluation(
        songs, len(heard), (float(hits.mean()), low, high), counts, by_artist, no_genres
    )

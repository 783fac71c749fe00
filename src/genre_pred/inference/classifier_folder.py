"""What the registry stores of a classifier.

A classifier is a folder that carries everything it needs and nothing that runs on loading:

| file | holds |
|---|---|
| classifier.json | genres, front end, the length of a clip, temperature: see Spec |
| network.safetensors | the backbone or the fine-tuned network, where there is one |
| pipeline.skops | the scikit-learn pipeline, where there is one |
| known_music.npz | its training clips in a small space: see novelty_detector |
| trained_on.txt | content digests of its training and validation clips, one a line |
| held_out.parquet | predictions of clips it has not seen: content, genre, artist, ... |
| members/0, members/1, ... | of an ensemble: the classifiers whose probabilities it averages |
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import pandas as pd

from genre_pred.core.errors import UserError, describe_error
from genre_pred.inference.novelty import NoveltyDetector

SPEC = "classifier.json"
NETWORK = "network.safetensors"
PIPELINE = "pipeline.skops"
NOVELTY_FILE = "known_music.npz"
TRAINED_ON = "trained_on.txt"
HELD_OUT = "held_out.parquet"


@dataclass(frozen=True)
class Spec:
    """How a classifier turns sound into probabilities.

    Attributes:
        model: Its name on the leaderboard.
        approach: embedding, finetune, descriptors or ensemble.
        collection: The music it was trained on.
        genres: In the order of its scores.
        clip: min_seconds, clip_seconds, windows_per_track.
        store_dtype: That patches are rounded to.
        features: The feature set, or None for a network.
        network: The network, or None for a feature set.
        hidden: Width of the network's head; 0 without one.
        descriptor_rate: In Hz, for descriptors.
        precision: Of the network: float32 or bfloat16.
        temperature: Of the calibration.
        weights: Which weights its backbone started from; empty without one.
        note: What must stand beside its answers; mostly empty.
        protocol: How the clips were split, in words.
        grouped: Whether no artist stood on two sides.
        validation_log_loss: In nats.
        members: Of an ensemble, the names of what it averages.
        accepts_audio: Whether it predicts from sound; false where it was trained on precomputed
            features.
        genre_sets: How it makes sets of genres, as GenreSets; empty of one from before there were.
    """

    model: str
    approach: str
    collection: str
    genres: list[str]
    clip: dict[str, Any]
    store_dtype: str
    features: str | None
    network: str | None
    hidden: int
    descriptor_rate: int
    precision: str
    temperature: float
    weights: str
    note: str
    protocol: str
    grouped: bool
    validation_log_loss: float
    members: list[str] = field(default_factory=list)
    accepts_audio: bool = True
    genre_sets: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The one of a classifier's folder."""
        facts = json.loads((folder / SPEC).read_text())
        if "hears" in facts:  # written before version 0.2
            facts["accepts_audio"] = facts.pop("hears")
        return cls(**facts)


def member_folder(folder: Path, number: int) -> Path:
    """Where an ensemble keeps one of its members."""
    return folder / "members" / str(number)


@contextmanager
def user_error_if_damaged(folder: Path, title: str) -> Iterator[None]:
    """Turn what reading a damaged classifier raises into a sentence.

    Args:
        folder: The classifier's.
        title: What it is called in the registry; empty for one from elsewhere.

    Raises:
        UserError: In place of any other exception.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # damaged files raise what they like
        raise UserError(
            f"{title or 'the classifier'} in {folder} cannot answer ({describe_error(error)}): "
            "register it again with `dvc repro`, or name another with --model"
        ) from error


def save_classifier(
    folder: Path,
    spec: Spec,
    *,
    files: dict[str, Path],
    trained_on: Sequence[str],
    held_out: pd.DataFrame,
    novelty_detector: NoveltyDetector | None,
) -> None:
    """Lay a classifier's folder out.

    Args:
        folder: Made here.
        spec: How it predicts.
        files: NETWORK and PIPELINE, as far as it has them.
        trained_on: Content digests of its training and validation clips.
        held_out: clip_id, content, genre, artist, split, fold and a probability per genre.
        novelty_detector: Its training clips; None of an ensemble, and of what cannot hear.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        shutil.copyfile(path, folder / name)
    (folder / TRAINED_ON).write_text("".join(f"{line}\n" for line in sorted(trained_on)))
    held_out.to_parquet(folder / HELD_OUT, index=False)
    if novelty_detector:
        novelty_detector.save(folder / NOVELTY_FILE)
    (folder / SPEC).write_text(json.dumps(asdict(spec), indent=2) + "\n")

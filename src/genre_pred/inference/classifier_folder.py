"""The files of a registered classifier.

A classifier is a folder with everything it needs and no code that runs on loading:

| file | content |
|---|---|
| classifier.json | genres, front end, clip length, temperature: see Spec |
| network.safetensors | the backbone or the fine-tuned network, if any |
| pipeline.skops | the scikit-learn pipeline, if any |
| known_music.npz | the novelty detector, with the training clips: see `novelty` |
| trained_on.txt | content digests of its training and validation clips, one per line |
| held_out.parquet | predictions of held-out clips: content, genre, artist, ... |
| members/0, members/1, ... | of an ensemble: the classifiers that it averages |
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
    """The specification of a classifier, from audio to probabilities.

    Attributes:
        model: Its name on the leaderboard.
        approach: embedding, finetune, descriptors or ensemble.
        collection: The collection that it was trained on.
        genres: In the order of its scores.
        clip: min_seconds, clip_seconds, windows_per_track.
        store_dtype: The dtype that patches are rounded to.
        features: The feature set, or None for a network.
        network: The network, or None for a feature set.
        hidden: Width of the network's head; 0 without a network.
        descriptor_rate: In Hz, for descriptors.
        precision: Of the network: float32 or bfloat16.
        temperature: Of the calibration.
        weights: The initial weights of its backbone; empty without a backbone.
        note: A remark to show with its predictions; mostly empty.
        protocol: A description of the split.
        grouped: Whether no artist is on two sides of the split.
        validation_log_loss: In nats.
        members: Of an ensemble, the names of its members.
        accepts_audio: Whether it predicts audio; false if it was trained on precomputed features.
        genre_sets: The fields of its GenreSets; empty for classifiers of earlier versions.
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
        """Read classifier.json of a classifier's folder."""
        facts = json.loads((folder / SPEC).read_text())
        if "hears" in facts:  # written before version 0.2
            facts["accepts_audio"] = facts.pop("hears")
        return cls(**facts)


def member_folder(folder: Path, number: int) -> Path:
    """The folder of a member of an ensemble."""
    return folder / "members" / str(number)


@contextmanager
def user_error_if_damaged(folder: Path, title: str) -> Iterator[None]:
    """Turn the errors of reading a damaged classifier into one sentence.

    Args:
        folder: The classifier's folder.
        title: The name in the registry; empty for an unregistered classifier.

    Raises:
        UserError: In place of any other exception.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # damaged files cause arbitrary errors
        raise UserError(
            f"{title or 'the classifier'} in {folder} cannot be read ({describe_error(error)}): "
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
    """Write a classifier's folder.

    Args:
        folder: The folder to create.
        spec: Its specification.
        files: Paths of NETWORK and PIPELINE, if it has them.
        trained_on: Content digests of its training and validation clips.
        held_out: clip_id, content, genre, artist, split, fold and a probability per genre.
        novelty_detector: None for an ensemble, and for a classifier that does not accept audio.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        shutil.copyfile(path, folder / name)
    (folder / TRAINED_ON).write_text("".join(f"{line}\n" for line in sorted(trained_on)))
    held_out.to_parquet(folder / HELD_OUT, index=False)
    if novelty_detector:
        novelty_detector.save(folder / NOVELTY_FILE)
    (folder / SPEC).write_text(json.dumps(asdict(spec), indent=2) + "\n")

"""Sound in, genre out: what the registry stores, and what command line and server call.

A classifier is a folder that carries everything it needs and nothing that runs on loading:

| file | holds |
|---|---|
| classifier.json | genres, front end, the length of a clip, temperature: see Spec |
| network.safetensors | the backbone or the fine-tuned network, where there is one |
| pipeline.skops | the scikit-learn pipeline, where there is one |
| trained_on.txt | content digests of its training and validation clips, one a line |
| held_out.parquet | predictions of clips it has not seen: content, genre, artist, ... |
| members/0, members/1, ... | of an ensemble: the classifiers whose probabilities it averages |

Prediction walks the same functions as training, with the same rounding to the store's dtype.
"""

import base64
import binascii
import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import nn

from genre_pred.audio.decode import AudioError, measure
from genre_pred.audio.excerpts import (
    Recording,
    excerpt_to_patches,
    excerpt_to_waveform,
    read_excerpts,
)
from genre_pred.audio.front_ends import FRONT_ENDS
from genre_pred.classical import window_scores
from genre_pred.embed import BACKBONES, patches_to_embeddings
from genre_pred.faults import Fault
from genre_pred.features import FeatureSet, named_features
from genre_pred.judge.calibration import softmax
from genre_pred.nets.genre_net import GenreNet
from genre_pred.nets.networks import NETWORKS
from genre_pred.nets.precision import only_to_run
from genre_pred.params import Clip
from genre_pred.pipelines import load_pipeline
from genre_pred.scores import windows_to_clips


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
        hears: Whether it can hear sound; false where it was trained on what others computed.
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
    hears: bool = True


@dataclass(frozen=True)
class Prediction:
    """What a classifier says of a recording, which `content` digests as clips.parquet does."""

    genre: str
    probabilities: dict[str, float]
    windows: int
    content: str


class GenreClassifier:
    """A trained classifier in its folder.

    Args:
        folder: As `save_classifier` wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spec = Spec(**json.loads((folder / "classifier.json").read_text()))
        self.clip = Clip.model_validate(self.spec.clip)

    def predict(self, source: Path | BinaryIO) -> Prediction:
        """Name the genre of a recording of seconds to hours.

        Windows of `clip_seconds` are scored one by one, as many as fit, and their
        log-probabilities averaged.

        Raises:
            AudioError: If it cannot be decoded, or is shorter than `min_seconds`.
            Fault: If this classifier cannot hear.
        """
        if not self.spec.hears:
            raise Fault(
                f"{self.spec.model} was trained on what others computed of {self.spec.collection}: "
                "it has its scores, but cannot hear sound"
            )
        found = measure(source)
        if found.seconds < self.clip.min_seconds:
            raise AudioError(
                str(source) if isinstance(source, Path) else "the sound given",
                f"too short: {found.seconds:.1f} s of at least {self.clip.min_seconds:g} s",
            )
        recording = Recording(source, found.sample_rate, found.n_samples)
        probabilities, n_windows = self._answer(recording, None)
        return Prediction(
            self.spec.genres[int(probabilities.argmax())],
            dict(zip(self.spec.genres, probabilities.tolist(), strict=True)),
            n_windows,
            found.content,
        )

    def predict_clips(self, clips: pd.DataFrame) -> np.ndarray:
        """Score clips as the pipeline does: the windows that training takes of each.

        Args:
            clips: path, sample_rate, n_samples.

        Returns:
            (n_clips, n_genres) probabilities.
        """
        windows = self.clip.windows_per_track
        return np.stack([self._answer(it, windows)[0] for it in Recording.of(clips)])

    def _answer(self, recording: Recording, count: int | None) -> tuple[np.ndarray, int]:
        """Calibrated probabilities (n_genres,), and the number of windows they come from."""
        if self.members:
            answers = [member._answer(recording, count) for member in self.members]
            return np.mean([probabilities for probabilities, _ in answers], axis=0), answers[0][1]
        scores = self.scores(recording, count)
        return self.probabilities(scores), len(scores)

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """(n_windows, n_genres) scores into the clip's calibrated probabilities, (n_genres,)."""
        clip_scores, _ = windows_to_clips(scores, np.zeros(len(scores), dtype=int))
        return softmax(clip_scores, self.spec.temperature)[0]

    def scores(self, recording: Recording, count: int | None) -> np.ndarray:
        """Score the windows of a recording: (n_windows, n_genres) before calibration.

        Args:
            recording: What to score.
            count: How many windows; None for as many as fit.
        """
        windows = read_excerpts(recording, self.clip, count)
        if self.spec.network:
            patches = (self._patches(window, recording, self._front_end) for window in windows)
            return np.concatenate([self._network_scores(part[None]) for part in patches])
        features = [self._features(window, recording) for window in windows]
        return window_scores(self._pipeline, np.concatenate(features))

    def features(self, recording: Recording, count: int | None) -> np.ndarray:
        """The features that a classical classifier reads: (n_windows, n_features)."""
        windows = read_excerpts(recording, self.clip, count)
        return np.concatenate([self._features(window, recording) for window in windows])

    def _features(self, window: np.ndarray, recording: Recording) -> np.ndarray:
        spec = self._feature_set
        if spec.kind == "descriptors":
            # librosa is slow to import
            from genre_pred.audio.descriptors import waveform_to_descriptors

            rate = self.spec.descriptor_rate
            waveform = excerpt_to_waveform(window, recording.sample_rate, rate, self.clip)
            described = waveform_to_descriptors(waveform, rate, spec.origin, spec.families)
            return spec.summarise(described.to_numpy(np.float32)[None])
        patches = self._patches(window, recording, self._front_end)[None]
        if spec.kind == "mel":
            return spec.summarise(patches)
        if spec.kind == "finetuned":
            net = self._network
            assert isinstance(net, GenreNet)
            with torch.inference_mode():
                told = net.freeze(torch.from_numpy(patches.astype(np.float32)), "head")
            return spec.summarise(told.flatten(1).numpy())
        embeddings = patches_to_embeddings(self._network, patches, precision=self.spec.precision)
        return spec.summarise(embeddings)

    def _patches(self, window: np.ndarray, recording: Recording, front_end: str) -> np.ndarray:
        return excerpt_to_patches(
            window,
            recording.sample_rate,
            FRONT_ENDS[front_end],
            self.clip,
            self.spec.store_dtype,
        )

    def _network_scores(self, patches: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self._network(torch.from_numpy(patches.astype(np.float32))).numpy()

    @property
    def _front_end(self) -> str:
        if self._trained_network:
            return NETWORKS[self._trained_network].front_end
        spec = self._feature_set
        return spec.origin if spec.kind == "mel" else BACKBONES[spec.origin].front_end

    @property
    def _trained_network(self) -> str | None:
        """The network that was trained, whether it answers itself or tells a classifier."""
        if self.spec.features and self._feature_set.kind == "finetuned":
            return self._feature_set.origin
        return self.spec.network

    @property
    def _feature_set(self) -> FeatureSet:
        found = named_features(str(self.spec.features))
        assert found is not None
        return found

    @cached_property
    def _pipeline(self) -> Any:
        return load_pipeline(self.folder / "pipeline.skops")

    @cached_property
    def _network(self) -> nn.Module:
        net: nn.Module
        precision = "float32"
        if self._trained_network:
            front_end = FRONT_ENDS[self._front_end]
            shape = (*front_end.patch_shape(self.clip.clip_seconds), front_end.n_mels)
            build = NETWORKS[self._trained_network].build
            net = build(shape, self.spec.hidden, len(self.spec.genres))
        else:
            net = BACKBONES[self._feature_set.origin].build()
            precision = self.spec.precision
        net.load_state_dict(load_file(self.folder / "network.safetensors"))
        return only_to_run(net, precision)

    @cached_property
    def members(self) -> list["GenreClassifier"]:
        """Of an ensemble, the classifiers that it averages."""
        places = [member_folder(self.folder, number) for number in range(len(self.spec.members))]
        return [GenreClassifier(place) for place in places]

    @cached_property
    def trained_on(self) -> frozenset[str]:
        """Content digests of its training and validation clips."""
        return frozenset((self.folder / "trained_on.txt").read_text().split())

    @cached_property
    def held_out(self) -> pd.DataFrame:
        """Its predictions of clips that it, or its fold's stand-in, has not seen."""
        return pd.read_parquet(self.folder / "held_out.parquet")

    @property
    def megabytes(self) -> float:
        """Size of all it needs to predict."""
        parts = [self.folder / "network.safetensors", self.folder / "pipeline.skops"]
        own = sum(part.stat().st_size for part in parts if part.is_file()) / 1e6
        return own + sum(member.megabytes for member in self.members)


def member_folder(folder: Path, number: int) -> Path:
    """Where an ensemble keeps one of its members."""
    return folder / "members" / str(number)


def save_classifier(
    folder: Path,
    spec: Spec,
    *,
    files: dict[str, Path],
    trained_on: Sequence[str],
    held_out: pd.DataFrame,
) -> None:
    """Lay a classifier's folder out.

    Args:
        folder: Made here.
        spec: How it predicts.
        files: network.safetensors and pipeline.skops, as far as it has them.
        trained_on: Content digests of its training and validation clips.
        held_out: clip_id, content, genre, artist, split, fold and a probability per genre.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in files.items():
        shutil.copyfile(path, folder / name)
    (folder / "trained_on.txt").write_text("".join(f"{line}\n" for line in sorted(trained_on)))
    held_out.to_parquet(folder / "held_out.parquet", index=False)
    (folder / "classifier.json").write_text(json.dumps(asdict(spec), indent=2) + "\n")


class _Served:
    """The classifier behind MLflow's pyfunc: base64 audio in, genre and probabilities out."""

    def __init__(self, classifier: GenreClassifier) -> None:
        self.classifier = classifier

    def predict(self, model_input: pd.DataFrame, params: dict | None = None) -> pd.DataFrame:
        """Name the genre of each row.

        Args:
            model_input: One column `audio`: the bytes of a sound file as base64 text.
            params: None are known.

        Returns:
            genre, then one probability per genre.
        """
        rows = []
        for number, text in enumerate(model_input["audio"]):
            try:
                sound = base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise AudioError(f"row {number}", f"its audio is not base64 ({error})") from None
            found = self.classifier.predict(io.BytesIO(sound))
            rows.append({"genre": found.genre, **found.probabilities})
        return pd.DataFrame(rows, columns=["genre", *self.classifier.spec.genres])


def _load_pyfunc(path: str) -> _Served:
    return _Served(GenreClassifier(Path(path)))

"""Candidates for champion: build and register complete classifiers of trained models."""

import base64
import io
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from genre_pred import tracking
from genre_pred.config.params import Params
from genre_pred.core.files import digest
from genre_pred.core.patch_store import open_patches
from genre_pred.core.splits import artists_apart, protocol
from genre_pred.core.tables import VALIDATION, genres_of, have_sound
from genre_pred.evaluation.scoring.evaluate import on_scoring_split
from genre_pred.evaluation.scoring.metrics import score
from genre_pred.evaluation.scoring.prediction_sets import calibrate_sets
from genre_pred.evaluation.scoring.trained_models import Model
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.inference.classifier_folder import Spec, member_folder, save_classifier
from genre_pred.inference.novelty import NoveltyDetector
from genre_pred.networks.trainable.catalogue import NETWORKS
from genre_pred.registry.rules import Candidate
from genre_pred.training.classical.features import log_mel_statistics, read_features

FACTS = ("clip_id", "content", "genre", "artist")  # of held-out clips, beside the predictions


@dataclass(frozen=True)
class RegisteredCandidate:
    """A registered classifier as a candidate."""

    classifier: GenreClassifier
    candidate: Candidate

    @classmethod
    def of(cls, folder: Path, version: str) -> "RegisteredCandidate":
        """The candidate of a registered version, from its classifier's folder."""
        classifier = GenreClassifier(folder)
        spec = classifier.spec
        # With folds, the final model is trained on every clip, but its held-out predictions come
        # from models that were not.
        unseen = frozenset(classifier.held_out["content"])
        candidate = Candidate(
            spec.model,
            version,
            tuple(spec.genres),
            classifier.trained_on - unseen,
            spec.validation_log_loss,
            classifier.megabytes,
        )
        return cls(classifier, candidate)

    @property
    def version(self) -> str:
        """Its version in the registry."""
        return str(self.candidate.version)


def registered_name(params: Params) -> str:
    """The name of a collection's registered model."""
    return f"genre-{params.data.collection}"


def build_classifier(
    folder: Path,
    model: Model,
    clips: pd.DataFrame,
    split: pd.DataFrame,
    params: Params,
    data: Path,
) -> None:
    """Write the folder of a trained model's complete classifier: see `classifier_folder`.

    Args:
        folder: The folder to create.
        model: The trained model.
        clips: The table of clips.
        split: clip_id, split, fold.
        params: The settings that it was trained with.
        data: The folder data/, for the features of its training clips.
    """
    assert model.predictions is not None
    genres = genres_of(clips)
    held_out = on_scoring_split(model.predictions)
    validation = model.predictions[model.predictions["split"] == VALIDATION]
    trained_on = split.loc[split["split"] != "test", "clip_id"]
    spec = Spec(
        model=model.name,
        approach=model.approach,
        collection=params.data.collection,
        genres=genres,
        clip=params.clip.model_dump(),
        store_dtype=params.mel.dtype,
        features=model.features,
        network=model.network,
        hidden=params.finetune.hidden if model.approach == "finetune" else 0,
        descriptor_rate=params.descriptors.sample_rate,
        precision="float32" if model.network else params.embed.precision,
        temperature=model.temperature,
        weights=model.weights,
        note=model.note,
        protocol=protocol(clips, split, params.split),
        grouped=artists_apart(clips, split),
        validation_log_loss=score(validation, clips, genres)["log_loss"],
        members=[member.name for member in model.members],
        accepts_audio=have_sound(clips),
        genre_sets=asdict(calibrate_sets(validation, clips, genres, params.predict.coverage)),
    )
    for number, member in enumerate(model.members):
        build_classifier(member_folder(folder, number), member, clips, split, params, data)
    detector = None
    if spec.accepts_audio and not model.members:
        values, index = _novelty_features(model, data)
        detector = NoveltyDetector.fit(values, index, clips, split, params.predict.accept)
    save_classifier(
        folder,
        spec,
        files=dict(model.files),
        trained_on=clips.loc[clips["clip_id"].isin(trained_on), "content"].tolist(),
        held_out=clips[list(FACTS)].merge(held_out, on="clip_id", validate="1:1"),
        novelty_detector=detector,
    )


def _novelty_features(model: Model, data: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """The features of the novelty detector, (n_rows, n_features), and their clip_id, window."""
    if model.features:
        return read_features(model.features, data)
    # Statistics of the input, because a network's own features change with its training.
    store = open_patches(data / "mel" / NETWORKS[str(model.network)].front_end)
    return log_mel_statistics(store.patches), store.index


def register_candidate(
    name: str,
    model: Model,
    clips: pd.DataFrame,
    split: pd.DataFrame,
    params: Params,
    data: Path,
    run_id: str,
    folder: Path,
) -> RegisteredCandidate:
    """Register a model's complete classifier, unless an identical one is already registered.

    Args:
        name: The registered model.
        model: The trained model.
        clips: The table of clips.
        split: clip_id, split, fold.
        params: The settings that it was trained with.
        data: The folder data/.
        run_id: The open MLflow run.
        folder: The folder that the classifier is written to.
    """
    build_classifier(folder, model, clips, split, params, data)
    identity = digest(folder)
    same = [v for v in tracking.versions(name) if v.tags.get("digest") == identity]
    if same:
        return RegisteredCandidate.of(folder, str(same[-1].version))
    example = _example(params) if have_sound(clips) else None
    uri = tracking.log_candidate(folder, model.approach, genres_of(clips), example)
    tags = {
        "model": model.name,
        "approach": model.approach,
        "protocol": protocol(clips, split, params.split),
        "note": model.note,
        "command": model.command,
        "digest": identity,
    }
    return RegisteredCandidate.of(folder, tracking.register(name, uri, run_id, tags))


def _example(params: Params) -> str:
    """A tone as base64 text, as the example input of the served classifier."""
    rate = 8000
    seconds = np.arange(round(params.clip.min_seconds * rate) + 1) / rate
    sound = io.BytesIO()
    soundfile.write(sound, 0.5 * np.sin(2 * np.pi * 440 * seconds), rate, format="FLAC")
    return base64.b64encode(sound.getvalue()).decode()

"""Who stands for champion: trained models made into complete, registered classifiers."""

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
        """A registered version whose classifier lies in a folder."""
        classifier = GenreClassifier(folder)
        spec = classifier.spec
        # Under cross-validation the final model has learnt from every clip, but its held-out
        # predictions were made by models that had not.
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
    """The registered model of a collection."""
    return f"genre-{params.data.collection}"


def build_classifier(
    folder: Path,
    model: Model,
    clips: pd.DataFrame,
    split: pd.DataFrame,
    params: Params,
    data: Path,
) -> None:
    """Lay out the complete classifier of a trained model: see `classifier`.

    Args:
        folder: Made here.
        model: What was trained.
        clips: The table of clips.
        split: clip_id, split, fold.
        params: The settings that it was trained with.
        data: The folder data/, for what it has read of its training clips.
    """
    assert model.predictions is not None
    genres = genres_of(clips)
    judged = on_scoring_split(model.predictions)
    validation = model.predictions[model.predictions["split"] == VALIDATION]
    learnt = split.loc[split["split"] != "test", "clip_id"]
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
    known = None
    if spec.accepts_audio and not model.members:
        values, index = _what_it_reads(model, data)
        known = NoveltyDetector.learn(values, index, clips, split, params.predict.accept)
    save_classifier(
        folder,
        spec,
        files=dict(model.files),
        trained_on=clips.loc[clips["clip_id"].isin(learnt), "content"].tolist(),
        held_out=clips[list(FACTS)].merge(judged, on="clip_id", validate="1:1"),
        novelty_detector=known,
    )


def _what_it_reads(model: Model, data: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """(n_rows, n_features) of all clips, and clip_id, window of the rows."""
    if model.features:
        return read_features(model.features, data)
    # A network's own features move with its training; its input is the same for all of them.
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
    """Register a model's complete classifier, unless the very same is registered already.

    Args:
        name: The registered model.
        model: What was trained.
        clips: The table of clips.
        split: clip_id, split, fold.
        params: The settings that it was trained with.
        data: The folder data/.
        run_id: The open MLflow run.
        folder: Where the classifier is laid out.
    """
    build_classifier(folder, model, clips, split, params, data)
    identity = digest(folder)
    same = [v for v in tracking.versions(name) if v.tags.get("digest") == identity]
    if same:
        return RegisteredCandidate.of(folder, str(same[-1].version))
    example = _example(params) if have_sound(clips) else None
    uri = tracking.log_candidate(folder, model.approach, genres_of(clips), example)
    told = {
        "model": model.name,
        "approach": model.approach,
        "protocol": protocol(clips, split, params.split),
        "note": model.note,
        "command": model.command,
        "digest": identity,
    }
    return RegisteredCandidate.of(folder, tracking.register(name, uri, run_id, told))


def _example(params: Params) -> str:
    """A tone as base64 text: what a caller of the served classifier sends, without any music."""
    rate = 8000
    seconds = np.arange(round(params.clip.min_seconds * rate) + 1) / rate
    sound = io.BytesIO()
    soundfile.write(sound, 0.5 * np.sin(2 * np.pi * 440 * seconds), rate, format="FLAC")
    return base64.b64encode(sound.getvalue()).decode()

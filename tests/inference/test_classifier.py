"""The served classifier against the pipeline that trained it, on a small collection of tones."""

import base64
import json
import pickle
import zipfile
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
from safetensors.torch import save_file

from genre_pred.apps.http.served import Served
from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.excerpts import Recording
from genre_pred.audio.descriptors.clips_to_descriptors import describe_clips
from genre_pred.audio.logmel.clips_to_patches import store_patches
from genre_pred.config.params import Params, read_params
from genre_pred.core.patch_store import open_patches
from genre_pred.core.splits import rounds
from genre_pred.core.tables import genres_of, write_table
from genre_pred.datasets.clean.tracks import clean_tracks
from genre_pred.datasets.split.methods import split_clips
from genre_pred.evaluation.scoring.trained_models import Model, ensemble_of, read_models
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.networks.embedding.patches_to_embeddings import load_backbone, store_embeddings
from genre_pred.networks.trainable.catalogue import NETWORKS
from genre_pred.registry.candidates import build_classifier
from genre_pred.training.classical.features import read_features
from genre_pred.training.classical.jobs import jobs, train
from genre_pred.training.classical.pipelines import save_pipeline
from genre_pred.training.finetuning.finetune import finetune
from genre_pred.training.finetuning.result import write_finetuned

ROOT = Path(__file__).parents[2]
GENRES = ("High", "Low", "Noise")


def tone(genre: str, number: int, rate: int, seconds: float) -> np.ndarray:
    rng = np.random.default_rng(number)
    t = np.arange(round(rate * seconds)) / rate
    if genre == "Noise":
        return 0.1 * rng.normal(size=len(t))
    pitch = {"High": 1500, "Low": 200}[genre] * rng.uniform(0.8, 1.2)
    return 0.3 * np.sin(2 * np.pi * pitch * t) + 0.02 * rng.normal(size=len(t))


def settings(**sections) -> Params:
    written = read_params(ROOT / "params.yaml").model_dump()
    for section, changes in sections.items():
        written[section] |= changes
    return Params.model_validate(written)


class Workspace:
    """A trained pipeline in a folder, all stages in this process."""

    def __init__(self, folder: Path, params: Params, seconds: float) -> None:
        self.params, self.data, self.models = params, folder / "data", folder / "models"
        rows = []
        for number in range(18):
            genre = GENRES[number % 3]
            rate = (22050, 44100, 16000)[number // 3 % 3]
            path = folder / f"{number}.wav"
            soundfile.write(path, tone(genre, number, rate, seconds), rate)
            side = ("train", "train", "train", "validation", "test", "test")[number // 3]
            rows.append((str(number), str(path), genre, f"artist {number}", side))
        tracks = pd.DataFrame(rows, columns=["clip_id", "path", "genre", "artist", "split"])
        self.clips, _ = clean_tracks(tracks, params.clip, params.clean, map)
        self.split = split_clips(self.clips, params.split)
        store_patches(self.clips, params.clip, params.mel, self.data / "mel", map)
        for name, table in describe_clips(self.clips, params.clip, params.descriptors, map).items():
            write_table(table, self.data / "descriptors" / f"{name}.parquet")
        self._embed()
        self._finetune()
        self._train()

    def _embed(self) -> None:
        net, weights = load_backbone("vggish", self.params.weights)
        store = open_patches(self.data / "mel" / "vggish")
        folder = self.data / "embeddings"
        folder.mkdir()
        save_file(net.state_dict(), folder / "vggish.safetensors")
        store_embeddings(
            "vggish",
            folder / "vggish.safetensors",
            self.data / "mel" / "vggish.npy",
            self.params.embed.precision,
            folder / "vggish.npy",
            map,
        )
        write_table(store.index, folder / "vggish.parquet")
        (folder / "vggish.json").write_text(json.dumps({"weights": weights, "note": ""}))

    def _train(self) -> None:
        turns = rounds(self.split, self.clips, self.params.split)
        genres = genres_of(self.clips)
        rows = []
        for job in jobs(self.params.classical, self.data, self.clips["clip_id"].tolist()):
            if job.classifier != "svc_rbf" and f"{job.features}/{job.classifier}" not in MODELS:
                continue  # of each feature set one classifier, of one feature set all
            done = train(job, self.params.classical, self.clips, self.split, turns, genres)
            path = self.models / "classical" / done.features / done.classifier
            path.parent.mkdir(parents=True, exist_ok=True)
            save_pipeline(done.pipeline, path.with_suffix(".skops"))
            write_table(done.predictions, path.with_suffix(".parquet"))
            rows.append(done.summary())
        write_table(pd.DataFrame(rows), self.models / "classical" / "models.csv")

    def _finetune(self) -> None:
        turns = rounds(self.split, self.clips, self.params.split)
        work, folder = self.models / "work", self.data / "finetuned"
        folder.mkdir()
        start = self.params.weights
        for name in NETWORKS_TRIED:
            store = open_patches(self.data / "mel" / NETWORKS[name].front_end)
            tuned = finetune(
                name, store, self.clips, self.split, turns, self.params.finetune, start,
                work / name, lambda *_: None,
            )  # fmt: skip
            write_finetuned(tuned, self.models / "finetune" / name, store.index, folder)


NETWORKS_TRIED = ("vggish", "mn04", "s4_cnn")  # one of each front end
SMALL = {
    "classical": {
        "features": [
            "vggish_stats",
            "vggish_finetuned",
            "s4_cnn_finetuned",
            "mfcc",
            "gtzan",
            "fma_zcr",
            "fma_tonnetz",
            "log_mel_stats",
        ],
        "classifiers": ["svc_rbf", "random_forest", "xgboost", "logistic_regression"],
        "random_forest": {"n_estimators": 30, "max_depth": None},
    },
    "descriptors": {"sets": ["mfcc", "fma", "gtzan"], "sample_rate": 22050},
    "finetune": {
        "networks": NETWORKS_TRIED,
        "trainable": "fc",
        "epochs": 2,
        "hidden": 16,
        "batch_size": 4,
        "embed": True,
    },
}


@pytest.fixture(scope="module", params=["float32", "float16"])
def workspace(request, tmp_path_factory) -> Workspace:
    windows = 2 if request.param == "float16" else 1
    clip = {"min_seconds": 1.0, "clip_seconds": 2.0, "windows_per_track": windows}
    front_ends = [NETWORKS[name].front_end for name in NETWORKS_TRIED]
    mel = {"dtype": request.param, "front_ends": front_ends}
    params = settings(**SMALL, clip=clip, mel=mel)
    seconds = 5.3 if windows == 2 else 3.3
    return Workspace(tmp_path_factory.mktemp(request.param), params, seconds)


def laid_out(workspace: Workspace, model: Model, folder: Path) -> GenreClassifier:
    clips, split, params = workspace.clips, workspace.split, workspace.params
    build_classifier(folder, model, clips, split, params, workspace.data)
    return GenreClassifier(folder)


def served(workspace: Workspace, name: str, folder: Path) -> GenreClassifier:
    (model,) = [m for m in read_models(workspace.models, workspace.data) if m.name == name]
    return laid_out(workspace, model, folder)


MODELS = [
    *(f"vggish_stats/{name}" for name in SMALL["classical"]["classifiers"]),
    "mfcc/svc_rbf",
    "gtzan/svc_rbf",
    "fma_zcr/random_forest",
    "log_mel_stats/logistic_regression",
    "vggish_finetuned/logistic_regression",
    "s4_cnn_finetuned/svc_rbf",
    *(f"finetune/{name}" for name in NETWORKS_TRIED),
]


@pytest.mark.parametrize("name", MODELS)
def test_the_served_classifier_gives_the_pipelines_answers(workspace, name, tmp_path):
    classifier = served(workspace, name, tmp_path / "classifier")
    (model,) = [m for m in read_models(workspace.models, workspace.data) if m.name == name]
    # Validation clips are calibrated on each other, not by the temperature that is served.
    test = model.predictions[model.predictions["split"] == "test"]
    clips = workspace.clips.set_index("clip_id").loc[test["clip_id"]].reset_index()
    stored = test[classifier.spec.genres].to_numpy()
    answers = classifier.predict_clips(clips)
    np.testing.assert_allclose(answers, stored, atol=1e-6)
    np.testing.assert_array_equal(answers.argmax(axis=1), stored.argmax(axis=1))
    if workspace.params.clip.windows_per_track == 1:
        # a file shorter than two windows is heard exactly as in training
        found = classifier.predict(Path(clips["path"][0]))
        np.testing.assert_allclose(list(found.probabilities.values()), stored[0], atol=1e-6)
        assert found.genre == classifier.spec.genres[stored[0].argmax()]
        assert found.windows == 1


def test_a_served_ensemble_gives_the_evaluated_mean(workspace, tmp_path):
    trained = {m.name: m for m in read_models(workspace.models, workspace.data)}
    ensemble = ensemble_of([trained["vggish_stats/svc_rbf"], trained["finetune/vggish"]])
    folder = tmp_path / "classifier"
    classifier = laid_out(workspace, ensemble, folder)
    test = ensemble.predictions[ensemble.predictions["split"] == "test"]
    clips = workspace.clips.set_index("clip_id").loc[test["clip_id"]].reset_index()
    stored = test[classifier.spec.genres].to_numpy()
    np.testing.assert_allclose(classifier.predict_clips(clips), stored, atol=1e-6)
    assert classifier.spec.members == ["vggish_stats/svc_rbf", "finetune/vggish"]
    assert classifier.megabytes == pytest.approx(ensemble.megabytes)
    one, ensembled = (
        it.predict(Path(clips["path"][0])) for it in (classifier.members[0], classifier)
    )
    assert (ensembled.novelty, ensembled.nearest) == (one.novelty, one.nearest)


@pytest.mark.parametrize("features", SMALL["classical"]["features"])
def test_the_served_classifier_gives_the_pipelines_features(workspace, features, tmp_path):
    classifier = served(workspace, f"{features}/svc_rbf", tmp_path / "classifier")
    values, index = read_features(features, workspace.data)
    for recording, clip_id in zip(
        Recording.of(workspace.clips), workspace.clips["clip_id"], strict=True
    ):
        heard = classifier.features(recording, workspace.params.clip.windows_per_track)
        np.testing.assert_allclose(heard, values[index["clip_id"] == clip_id], rtol=1e-5, atol=1e-5)


def test_it_computes_only_the_families_that_it_reads(workspace, tmp_path, monkeypatch):
    classifier = served(workspace, "fma_zcr/svc_rbf", tmp_path / "classifier")

    def refuse(*_, **__):
        raise AssertionError("it was computed")

    for name in ("stft", "cqt"):
        monkeypatch.setattr(librosa, name, refuse)
    classifier.predict(Path(workspace.clips["path"][0]))


def test_loading_and_predicting_unpickle_nothing(workspace, tmp_path, monkeypatch):
    folder = tmp_path / "classifier"
    served(workspace, "vggish_stats/random_forest", folder)

    def refuse(*_, **__):
        raise AssertionError("something was unpickled")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    GenreClassifier(folder).predict(Path(workspace.clips["path"][0]))


def test_it_stores_its_training_clips_and_held_out_predictions(workspace, tmp_path):
    classifier = served(workspace, "mfcc/svc_rbf", tmp_path / "classifier")
    held_out = set(classifier.held_out["content"])
    test = workspace.split.loc[workspace.split["split"] == "test", "clip_id"]
    assert held_out == set(workspace.clips.set_index("clip_id").loc[test, "content"])
    assert classifier.trained_on == set(workspace.clips["content"]) - held_out


def test_a_sound_that_is_too_short_or_broken_is_an_audio_error(workspace, tmp_path):
    classifier = served(workspace, "mfcc/svc_rbf", tmp_path / "classifier")
    soundfile.write(tmp_path / "short.wav", tone("Low", 1, 22050, 0.2), 22050)
    with pytest.raises(AudioError, match=r"too short: 0\.2 s of at least 1 s"):
        classifier.predict(tmp_path / "short.wav")
    (tmp_path / "broken.mp3").write_bytes(b"")
    with pytest.raises(AudioError, match="empty"):
        classifier.predict(tmp_path / "broken.mp3")


def test_a_longer_recording_has_as_many_windows_as_fit(workspace, tmp_path):
    classifier = served(workspace, "mfcc/svc_rbf", tmp_path / "classifier")
    long = np.concatenate([tone("Low", 1, 22050, 6), tone("Low", 2, 22050, 5)])
    soundfile.write(tmp_path / "long.wav", long, 22050)
    found = classifier.predict(tmp_path / "long.wav")
    assert found.windows == 5
    assert found.genre == "Low"


def test_a_prediction_has_a_timeline_and_neighbours(workspace, tmp_path):
    classifier = served(workspace, "mfcc/svc_rbf", tmp_path / "classifier")
    long = np.concatenate([tone("Low", 1, 22050, 6), tone("High", 2, 22050, 5)])
    soundfile.write(tmp_path / "long.wav", long, 22050)
    found = classifier.predict(str(tmp_path / "long.wav"))
    assert [round(it.start, 2) for it in found.timeline] == [0.17, 2.33, 4.5, 6.67, 8.83]
    assert all(it.end - it.start == pytest.approx(2) for it in found.timeline)
    logs = np.log([list(it.probabilities.values()) for it in found.timeline]).mean(axis=0)
    answer = np.exp(logs) / np.exp(logs).sum()
    np.testing.assert_allclose(list(found.probabilities.values()), answer, atol=1e-9)
    assert len(found.nearest) == 3
    learnt = workspace.split.loc[workspace.split["split"] == "train", "clip_id"]
    assert {it.clip_id for it in found.nearest} <= set(learnt)
    assert found.genre_set is None
    assert found.why_no_set == "too few to calibrate: 3 artists (3 clips), 50 are needed"
    with (tmp_path / "long.wav").open("rb") as file:
        assert classifier.predict(file) == found


def test_training_files_are_known_and_noise_is_unknown(workspace, tmp_path):
    for name in ("mfcc/svc_rbf", "finetune/s4_cnn", "vggish_stats/svc_rbf"):
        classifier = served(workspace, name, tmp_path / name.replace("/", "_"))
        own = classifier.predict(Path(workspace.clips["path"][0]))
        assert not own.unknown
        assert 0 <= own.novelty <= own.threshold
        soundfile.write(tmp_path / "silence.wav", np.zeros(22050 * 3), 22050)
        assert classifier.predict(tmp_path / "silence.wav").unknown


def test_enough_calibration_clips_give_a_set(workspace, tmp_path):
    folder = tmp_path / "classifier"
    served(workspace, "mfcc/svc_rbf", folder)
    told = json.loads((folder / "classifier.json").read_text())
    told["genre_sets"] = {"coverage": 0.9, "clips": 120, "rarest": 0.0}
    (folder / "classifier.json").write_text(json.dumps(told))
    found = GenreClassifier(folder).predict(Path(workspace.clips["path"][0]))
    assert found.genre_set == tuple(genre for genre, _ in found.best(3))
    assert (found.coverage, found.why_no_set) == (0.9, "")
    sound = base64.b64encode(Path(workspace.clips["path"][0]).read_bytes()).decode()
    answer = Served(GenreClassifier(folder)).predict(pd.DataFrame({"audio": [sound]}))
    assert answer["genre_set"].tolist() == [" | ".join(found.genre_set)]
    assert answer["unknown"].tolist() == [False]
    for genre, share in found.probabilities.items():
        assert answer[genre][0] == pytest.approx(share, abs=1e-6)


def test_a_classifier_without_sets_still_predicts(workspace, tmp_path):
    folder = tmp_path / "classifier"
    now = served(workspace, "mfcc/svc_rbf", folder).predict(Path(workspace.clips["path"][0]))
    told = json.loads((folder / "classifier.json").read_text())
    del told["genre_sets"]
    (folder / "classifier.json").write_text(json.dumps(told))
    (folder / "known_music.npz").unlink()
    found = GenreClassifier(folder).predict(Path(workspace.clips["path"][0]))
    assert found.probabilities == now.probabilities
    assert found.genre_set is None
    assert "version without genre sets" in found.why_no_set
    assert (found.unknown, found.novelty, found.nearest) == (None, None, ())
    assert "no novelty detector" in found.why_no_novelty


def test_a_classifier_of_version_0_1_is_read(workspace, tmp_path):
    folder = tmp_path / "classifier"
    current = served(workspace, "mfcc/svc_rbf", folder).predict(Path(workspace.clips["path"][0]))
    spec = json.loads((folder / "classifier.json").read_text())
    spec["hears"] = spec.pop("accepts_audio")
    (folder / "classifier.json").write_text(json.dumps(spec))
    with zipfile.ZipFile(folder / "pipeline.skops") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    new, old = b"genre_pred.training.classical.kernel_svc", b"genre_pred.classical.kernel_svc"
    assert new in members["schema.json"]
    members["schema.json"] = members["schema.json"].replace(new, old)
    with zipfile.ZipFile(folder / "pipeline.skops", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    classifier = GenreClassifier(folder)
    assert classifier.spec.accepts_audio
    found = classifier.predict(Path(workspace.clips["path"][0]))
    assert found.probabilities == current.probabilities

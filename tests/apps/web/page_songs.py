"""Songs of one tone each and a classifier trained on them."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from genre_pred.audio.logmel.clips_to_patches import store_patches
from genre_pred.config.params import Params, read_params
from genre_pred.core.splits import rounds
from genre_pred.core.tables import genres_of, write_table
from genre_pred.datasets.clean.tracks import clean_tracks
from genre_pred.datasets.split.methods import split_clips
from genre_pred.evaluation.scoring.trained_models import read_models
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.registry.candidates import build_classifier
from genre_pred.training.classical.jobs import jobs, train
from genre_pred.training.classical.pipelines import save_pipeline

ROOT = Path(__file__).parents[3]
PITCHES = {"High": 1500, "Low": 200, "<b>Odd</b>": 600}


def tone(genre: str, number: int, seconds: float = 3.3, rate: int = 16_000) -> np.ndarray:
    rng = np.random.default_rng(number)
    t = np.arange(round(rate * seconds)) / rate
    sine = np.sin(2 * np.pi * PITCHES[genre] * rng.uniform(0.8, 1.2) * t)
    return 0.3 * sine + 0.02 * rng.normal(size=len(t))


def train_classifier(folder: Path) -> GenreClassifier:
    """One of log-mel statistics, trained on tones: ready in seconds, answers in milliseconds."""
    written = read_params(ROOT / "params.yaml").model_dump()
    written["clip"] |= {"min_seconds": 1.0, "clip_seconds": 2.0}
    written["mel"] |= {"front_ends": ["vggish"]}
    written["classical"] |= {
        "features": ["log_mel_stats"],
        "classifiers": ["logistic_regression"],
    }
    params = Params.model_validate(written)
    rows = []
    for number in range(18):
        genre = list(PITCHES)[number % 3]
        path = folder / f"{number}.wav"
        soundfile.write(path, tone(genre, number), 16_000)
        side = ("train", "train", "train", "validation", "test", "test")[number // 3]
        rows.append((str(number), str(path), genre, f"artist {number}", side))
    tracks = pd.DataFrame(rows, columns=["clip_id", "path", "genre", "artist", "split"])
    clips, _ = clean_tracks(tracks, params.clip, params.clean, map)
    split = split_clips(clips, params.split)
    store_patches(clips, params.clip, params.mel, folder / "data" / "mel", map)
    turns = rounds(split, clips, params.split)
    summaries = []
    for job in jobs(params.classical, folder / "data", clips["clip_id"].tolist()):
        done = train(job, params.classical, clips, split, turns, genres_of(clips))
        path = folder / "models" / "classical" / done.features / done.classifier
        path.parent.mkdir(parents=True, exist_ok=True)
        save_pipeline(done.pipeline, path.with_suffix(".skops"))
        write_table(done.predictions, path.with_suffix(".parquet"))
        summaries.append(done.summary())
    write_table(pd.DataFrame(summaries), folder / "models" / "classical" / "models.csv")
    trained = read_models(folder / "models", folder / "data")
    (model,) = [it for it in trained if it.name == "log_mel_stats/logistic_regression"]
    build_classifier(folder / "classifier", model, clips, split, params, folder / "data")
    return GenreClassifier(folder / "classifier", "genre-tones@champion (version 1)")


def write_songs(folder: Path) -> dict[str, Path]:
    """What is dropped on the page, by its extension and nature."""
    mp3, wav, broken = folder / "É «low».mp3", folder / "high.wav", folder / "broken.mp3"
    soundfile.write(mp3, tone("Low", 40, 9.0), 16_000, format="MP3")
    soundfile.write(wav, tone("High", 41), 16_000)
    broken.write_bytes(b"this is no sound" * 100)
    packed = folder / "album.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(wav, "side A/high.wav")
        archive.writestr("../outside.wav", wav.read_bytes())
    return {"mp3": mp3, "wav": wav, "broken": broken, "zip": packed}

"""Test of the novelty detector: the share of noise, tones, silence and test music marked unknown.

    python -m benchmarks.unknown --model genre-demo@champion

Run it in a repository with data/. Test music is the test clips that were not used in training.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd
import soundfile

from genre_pred.config.params import read_params
from genre_pred.core.errors import UserError, run_stage
from genre_pred.core.tables import CLIP_COLUMNS, TEST, have_sound, read_table
from genre_pred.inference.batch.many_files import predict_files
from genre_pred.inference.classifier import GenreClassifier

RATE, SECONDS = 22_050, 30
EACH = 10  # of each kind of noise, and of tones
LEVEL = 0.3  # of full scale, the loudest sample
KINDS = ("white noise", "pink noise", "tones", "silence")


def sounds() -> Iterator[tuple[str, np.ndarray]]:
    """Yield the kind and the samples (SECONDS * RATE,) of each sound; deterministic."""
    n_samples = RATE * SECONDS
    hertz = np.fft.rfftfreq(n_samples, 1 / RATE)
    for number in range(EACH):
        white = np.random.default_rng(number).normal(size=n_samples)
        yield "white noise", _loud(white)
        # power halves with each octave; nothing below 20 Hz
        spectrum = np.fft.rfft(white) * np.where(hertz < 20, 0, np.maximum(hertz, 20) ** -0.5)
        yield "pink noise", _loud(np.fft.irfft(spectrum, n_samples))
    seconds = np.arange(n_samples) / RATE
    for pitch in np.geomspace(55, 7040, EACH):  # Hz: the notes A1 to A8
        yield "tones", LEVEL * np.sin(2 * np.pi * pitch * seconds)
    yield "silence", np.zeros(n_samples)
    # the last of 16 bits, as in a silent recording
    yield "silence", np.random.default_rng(0).choice([-1, 0, 1], n_samples) / 2**15


def _loud(samples: np.ndarray) -> np.ndarray:
    return LEVEL * samples / np.abs(samples).max()


def unseen_music(classifier: GenreClassifier, data: Path) -> list[Path]:
    """The files of the test clips that were not used to train the classifier."""
    clips = read_table(data / "clips.parquet", CLIP_COLUMNS)
    split = read_table(data / "split.parquet")
    if not have_sound(clips):
        return []
    testing = clips["clip_id"].isin(split.loc[split["split"] == TEST, "clip_id"])
    unseen = clips[testing & ~clips["content"].isin(classifier.trained_on)]
    return [Path(path) for path in unseen["path"]]


def predict_sounds(classifier: GenreClassifier, data: Path, folder: Path) -> pd.DataFrame:
    """Predict all sounds and the test music.

    Args:
        classifier: The classifier to test.
        data: The folder data/.
        folder: The folder for the generated sounds.

    Returns:
        kind, unknown: one row per predicted recording.

    Raises:
        UserError: If the classifier has no novelty detector.
    """
    if classifier.novelty_detector is None:
        raise UserError(
            f"{classifier.spec.model} has no novelty detector: it cannot mark music as unknown"
        )
    kinds = dict.fromkeys(unseen_music(classifier, data), "test music")
    folder.mkdir(parents=True, exist_ok=True)
    for number, (kind, samples) in enumerate(sounds()):
        path = folder / f"{number}.wav"
        soundfile.write(path, samples, RATE)
        kinds[path] = kind
    predictions = predict_files(list(kinds), classifier, read_params().compute)
    rows = [
        (kinds[path], result.unknown) for path, result in predictions if not isinstance(result, str)
    ]
    return pd.DataFrame(rows, columns=["kind", "unknown"])


def as_row(name: str, predictions: pd.DataFrame) -> str:
    """A row of the table: share of test music not marked unknown, then counts marked unknown."""
    kinds = predictions.groupby("kind")["unknown"]
    unknown, counts = kinds.sum().to_dict(), kinds.count().to_dict()
    known = "-"
    if n_clips := counts.get("test music"):
        known = f"{1 - unknown['test music'] / n_clips:.0%} of {n_clips}"
    cells = [f"{unknown.get(kind, 0)} of {counts.get(kind, 0)}" for kind in KINDS]
    return f"| {' | '.join([name, known, *cells])} |"


@click.command()
@click.option("--model", help="Registered model, NAME@ALIAS.  [default: the champion of data.name]")
def main(model: str | None) -> None:
    """Print a table of the sounds that a registered classifier marks as unknown."""
    classifier = GenreClassifier.load(model)
    with tempfile.TemporaryDirectory() as folder:
        predictions = predict_sounds(classifier, Path("data"), Path(folder))
    click.echo(f"| classifier | test music not unknown | {' | '.join(KINDS)} |")
    click.echo(f"|{'---|' * (2 + len(KINDS))}")
    click.echo(as_row(f"{classifier.title}: {classifier.spec.model}", predictions))


if __name__ == "__main__":
    run_stage(main)

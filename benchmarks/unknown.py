"""What a classifier calls unknown: noise, tones and silence; and how much of the test music.

    python -m benchmarks.unknown --model genre-demo@champion

Run in a repository whose data/ is there. Test music is what the classifier has not learnt from.
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
    """The kind of each, and its samples (SECONDS * RATE,), always the same."""
    n_samples = RATE * SECONDS
    hertz = np.fft.rfftfreq(n_samples, 1 / RATE)
    for number in range(EACH):
        white = np.random.default_rng(number).normal(size=n_samples)
        yield "white noise", _loud(white)
        # its power falls by a half with each octave; nothing below what is heard
        spectrum = np.fft.rfft(white) * np.where(hertz < 20, 0, np.maximum(hertz, 20) ** -0.5)
        yield "pink noise", _loud(np.fft.irfft(spectrum, n_samples))
    seconds = np.arange(n_samples) / RATE
    for pitch in np.geomspace(55, 7040, EACH):  # Hz: the notes A1 to A8
        yield "tones", LEVEL * np.sin(2 * np.pi * pitch * seconds)
    yield "silence", np.zeros(n_samples)
    # 16 bits' last one, as a recorder leaves it
    yield "silence", np.random.default_rng(0).choice([-1, 0, 1], n_samples) / 2**15


def _loud(samples: np.ndarray) -> np.ndarray:
    return LEVEL * samples / np.abs(samples).max()


def unheard_music(classifier: GenreClassifier, data: Path) -> list[Path]:
    """The files of the test clips that the classifier has not learnt from."""
    clips = read_table(data / "clips.parquet", CLIP_COLUMNS)
    split = read_table(data / "split.parquet")
    if not have_sound(clips):
        return []
    judging = clips["clip_id"].isin(split.loc[split["split"] == TEST, "clip_id"])
    unheard = clips[judging & ~clips["content"].isin(classifier.trained_on)]
    return [Path(path) for path in unheard["path"]]


def tried(classifier: GenreClassifier, data: Path, folder: Path) -> pd.DataFrame:
    """Let it hear them all.

    Args:
        classifier: Who is tried.
        data: The folder data/.
        folder: Where the sounds are written.

    Returns:
        kind, unknown: a row per recording that could be heard.

    Raises:
        UserError: If it cannot tell what is unknown.
    """
    if classifier.novelty_detector is None:
        raise UserError(
            f"{classifier.spec.model} does not carry its training music: it cannot tell"
        )
    kinds = dict.fromkeys(unheard_music(classifier, data), "test music")
    folder.mkdir(parents=True, exist_ok=True)
    for number, (kind, samples) in enumerate(sounds()):
        path = folder / f"{number}.wav"
        soundfile.write(path, samples, RATE)
        kinds[path] = kind
    heard = predict_files(list(kinds), classifier, read_params().compute)
    rows = [(kinds[path], found.unknown) for path, found in heard if not isinstance(found, str)]
    return pd.DataFrame(rows, columns=["kind", "unknown"])


def as_row(name: str, found: pd.DataFrame) -> str:
    """A row of the README's table: share of test music kept, then those called unknown."""
    kinds = found.groupby("kind")["unknown"]
    refused, heard = kinds.sum().to_dict(), kinds.count().to_dict()
    kept = "-"
    if n_clips := heard.get("test music"):
        kept = f"{1 - refused['test music'] / n_clips:.0%} of {n_clips}"
    told = [f"{refused.get(kind, 0)} of {heard.get(kind, 0)}" for kind in KINDS]
    return f"| {' | '.join([name, kept, *told])} |"


@click.command()
@click.option("--model", help="NAME@ALIAS of the registry; else the champion of data.name.")
def main(model: str | None) -> None:
    """Print the table of what a registered classifier calls unknown."""
    classifier = GenreClassifier.load(model)
    with tempfile.TemporaryDirectory() as folder:
        found = tried(classifier, Path("data"), Path(folder))
    click.echo(f"| classifier | test music kept | {' | '.join(KINDS)} |")
    click.echo(f"|{'---|' * (2 + len(KINDS))}")
    click.echo(as_row(f"{classifier.title}: {classifier.spec.model}", found))


if __name__ == "__main__":
    run_stage(main)

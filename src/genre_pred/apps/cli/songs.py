"""The commands predict and evaluate."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from genre_pred.apps.cli.terminal import csv_option, loaded, model_option, show, shown, table
from genre_pred.core.errors import UserError

if TYPE_CHECKING:  # torch and scikit-learn take seconds to import
    import pandas as pd

    from genre_pred.inference.classifier import GenreClassifier
    from genre_pred.inference.prediction import Prediction


class _LocalPath(click.Path):
    """A local path; URLs and empty texts (such as an unset shell variable) are refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail(
                "the path is empty: name a file or folder (. is the current folder)", param, ctx
            )
        if str(value).startswith(("http://", "https://")):
            self.fail(f"{value} is a URL, not a file: download it first", param, ctx)
        return super().convert(value, param, ctx)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=_LocalPath(path_type=Path))
@model_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@csv_option("Write rows to this CSV file instead of a table; songs already in it are skipped.")
@click.option(
    "--top",
    type=click.IntRange(1),
    help="Number of genres per song; 3 in a table. Not with --csv.",
)
def predict(
    paths: tuple[Path, ...], model: str | None, as_json: bool, csv: Path | None, top: int | None
) -> None:
    """Predict the genre of audio files, and of all audio files in folders.

    Reads mp3, wav, flac, ogg, m4a, aac, opus, wma and whatever FFmpeg decodes, of any length.

    The exit code is 1 if any file failed; the others are predicted all the same.
    """
    if as_json and csv:
        raise click.UsageError("--json prints and --csv writes: choose one of them")
    if top and csv:
        raise click.UsageError("--csv writes every genre: leave --top out")
    if all(map(_is_absent, paths)):  # checked before the slow loading
        raise UserError(f"no such file or folder: {', '.join(map(shown, paths))}")
    classifier = loaded(model)
    from genre_pred.config.workspace import compute_settings
    from genre_pred.inference.batch.many_files import predict_files, songs_in

    songs, failed = songs_in(paths)
    if csv:
        failed += _into_csv(csv, songs, classifier)
    else:
        results = list(predict_files(songs, classifier, compute_settings()))
        predictions = [(song, result) for song, result in results if not isinstance(result, str)]
        failed += [(song, result) for song, result in results if isinstance(result, str)]
        if as_json:
            _print_json(predictions, failed, classifier, top)
        elif predictions:
            _print_table(predictions, classifier, top or 3)
    for song, reason in failed:
        click.echo(f"error: {shown(song)}: {reason}", err=True)
    if failed:
        sys.exit(1)


def _is_absent(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it may exist: predict_files reports why it cannot be read
        return False
    return False


def _into_csv(
    csv: Path, songs: list[Path], classifier: "GenreClassifier"
) -> list[tuple[Path, str]]:
    from genre_pred.config.workspace import compute_settings
    from genre_pred.inference.batch.answers_csv import answers_in
    from genre_pred.inference.batch.many_files import predict_files

    failed = []
    with answers_in(csv, classifier) as predictions:
        fresh = [song for song in songs if not predictions.holds(song)]
        with predictions.adding(fresh), _message_when_stopped(csv):
            for song, result in predict_files(fresh, classifier, compute_settings()):
                predictions.add(song, result)
                if isinstance(result, str):
                    failed.append((song, result))
    message = f"{shown(csv)}: {len(fresh) - len(failed)} added"
    present = len(songs) - len(fresh)
    message += f", {present} already present" * bool(present)
    message += f", {len(failed)} failed" * bool(failed)
    click.echo(message)
    _print_model(classifier)
    return failed


@contextmanager
def _message_when_stopped(csv: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"stopped: run the same command again to resume {shown(csv)}", err=True)
        sys.exit(128 + signal.SIGINT)


def _print_json(
    predictions: list[tuple[Path, "Prediction"]],
    failed: list[tuple[Path, str]],
    classifier: "GenreClassifier",
    top: int | None,
) -> None:
    entries = []
    for song, prediction in predictions:
        row = {"file": str(song), **asdict(prediction)}
        if top:
            row["probabilities"] = dict(prediction.best(top))
        entries.append(row)
    entries += [{"file": str(song), "error": reason} for song, reason in failed]
    click.echo(json.dumps({"model": classifier.title, "files": entries}, indent=2))


def _print_table(
    predictions: list[tuple[Path, "Prediction"]], classifier: "GenreClassifier", top: int
) -> None:
    from genre_pred.inference.prediction import CALIBRATED_ON, LEARNT_FROM, UNKNOWN

    sets = any(prediction.genre_set for _, prediction in predictions)
    columns = ["genre", "probability", *["next"] * (top > 1), *["one of"] * sets, "windows", "file"]
    rows = table(*columns)
    for song, prediction in predictions:
        first, *others = prediction.best(top)
        row = [
            _marked(prediction.genre, prediction.unknown, prediction.learnt_from),
            f"{first[1]:.0%}",
        ]
        if top > 1:
            row.append(", ".join(f"{genre} {share:.0%}" for genre, share in others))
        if sets:
            row.append(", ".join(prediction.genre_set or ()))
        rows.add_row(*map(Text, [*row, str(prediction.windows), shown(song)]))
    show(rows)
    first_prediction = predictions[0][1]
    if first_prediction.coverage:
        coverage = f"contains the genre of {first_prediction.coverage:.0%} of such songs"
        click.echo(f"one of: {coverage}; {CALIBRATED_ON}")
    else:
        click.echo(f"no prediction sets: {first_prediction.why_no_set}")
    if first_prediction.why_no_novelty:
        click.echo(f"unknown music is not marked: {first_prediction.why_no_novelty}")
    elif any(prediction.unknown for _, prediction in predictions):
        click.echo(f"unknown: {UNKNOWN}")
    if any(prediction.learnt_from for _, prediction in predictions):
        click.echo(f"used in training: {LEARNT_FROM}")
    _print_model(classifier)


def _marked(genre: str, unknown: bool | None, learnt_from: bool) -> str:
    marks = ["unknown"] * (unknown is True) + ["used in training"] * learnt_from
    return genre + f" ({', '.join(marks)})" * bool(marks)


def _print_model(classifier: "GenreClassifier") -> None:
    click.echo(f"by {classifier.title}: {classifier.spec.model}")
    if classifier.spec.note:
        click.echo(classifier.spec.note)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@model_option
@csv_option(
    "Also write one row per song to this CSV file.", begins="clip_id,genre,artist,predicted,"
)
def evaluate(folder: Path, model: str | None, csv: Path | None) -> None:
    """Evaluate the champion on a folder of your own songs.

    Songs in subfolders named after genres ("hip hop" is Hip-Hop) are scored: accuracy with its
    interval, and a confusion matrix. All others are listed with their prediction. The exit code
    is 1 if any file failed.
    """
    classifier = loaded(model)
    from genre_pred.config.workspace import compute_settings, intervals
    from genre_pred.inference.batch.labelled_folder import evaluate_folder
    from genre_pred.inference.batch.many_files import songs_in
    from genre_pred.inference.prediction import LEARNT_FROM, UNKNOWN

    settings = intervals()
    sounds, failed = songs_in([folder])
    if not sounds:
        raise UserError("; ".join(f"{shown(path)} {reason}" for path, reason in failed))
    evaluation = evaluate_folder(classifier, folder, sounds, settings, compute_settings())
    predicted = evaluation.songs[evaluation.songs["predicted"].notna()]
    if evaluation.accuracy and evaluation.confusion is not None:
        counts = table("true \\ predicted", *evaluation.confusion.columns)
        for genre, row in evaluation.confusion.iterrows():
            if row.sum():
                counts.add_row(Text(str(genre)), *(str(count or "") for count in row))
        show(counts)
        accuracy, low, high = (f"{figure:.1%}" for figure in evaluation.accuracy)
        over = "artists" if evaluation.by_artist else "songs"
        click.echo(
            f"{accuracy} of {evaluation.labelled} songs "
            f"[{low}, {high}], {settings.confidence:.0%} interval over {over}"
        )
    from_training = int((predicted["learnt_from"] & predicted["genre"].notna()).sum())
    if from_training:
        click.echo(f"not scored: {from_training} of the songs, which were used in training")
    if from_training and not evaluation.labelled:
        click.echo("nothing to score: add labelled songs that were not used in training")
    unlabelled = predicted[predicted["genre"].isna()]
    if len(unlabelled):
        rows = table("genre", "probability", "song")
        for song in unlabelled.to_dict("records"):
            genre = _marked(song["predicted"], song["unknown"], song["learnt_from"])
            cells = (genre, f"{song['probability']:.0%}", shown(song["clip_id"]))
            rows.add_row(*map(Text, cells))
        show(rows)
        if unlabelled["unknown"].eq(True).any():
            click.echo(f"unknown: {UNKNOWN}")
        if unlabelled["learnt_from"].any():
            click.echo(f"used in training: {LEARNT_FROM}")
    if not evaluation.accuracy and not from_training and not evaluation.no_genres:
        known = ", ".join(classifier.spec.genres)
        click.echo(f"nothing to score: no song is in a folder named after a genre ({known})")
    if evaluation.no_genres:
        folders, genres = (
            ", ".join(map(shown, evaluation.no_genres)),
            ", ".join(classifier.spec.genres),
        )
        click.echo(f"not scored: {folders} are not named after genres; the genres are {genres}")
    _print_model(classifier)
    failures = evaluation.songs.loc[evaluation.songs["reason"] != "", ["clip_id", "reason"]]
    for name, reason in [*failed, *failures.itertuples(index=False, name=None)]:
        click.echo(f"error: {shown(name)}: {reason}", err=True)
    if csv:  # last, so that a full disk does not hide the results
        _write_rows(evaluation.songs, csv)
    if failed or len(failures):
        sys.exit(1)


def _write_rows(songs: "pd.DataFrame", csv: Path) -> None:
    from genre_pred.core.files import atomic_write
    from genre_pred.inference.batch.answers_csv import no_formula

    try:
        with atomic_write(csv) as temporary:
            songs.map(no_formula).to_csv(temporary, index=False)
    except OSError as error:
        raise UserError(f"{shown(csv)} cannot be written: {error}") from error

"""Commands that hear songs: predict and evaluate."""

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


class _Named(click.Path):
    """A path, no address; an empty one, as an unset variable gives, would be the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("it is empty: name a file or folder (. is the current one)", param, ctx)
        if str(value).startswith(("http://", "https://")):
            self.fail(f"{value} is no file: download it first", param, ctx)
        return super().convert(value, param, ctx)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=_Named(path_type=Path))
@model_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@csv_option("Write rows here as they come, instead of a table; songs that it holds are skipped.")
@click.option(
    "--top",
    type=click.IntRange(1),
    help="How many genres of each song, else 3 in a table; not with --csv.",
)
def predict(
    paths: tuple[Path, ...], model: str | None, as_json: bool, csv: Path | None, top: int | None
) -> None:
    """Name the genre of sound files, and of all below folders.

    mp3, wav, flac, ogg, m4a, aac, opus, wma and what else FFmpeg reads, seconds to hours.

    Exit code 1 if any could not be answered; the others are answered all the same.
    """
    if as_json and csv:
        raise click.UsageError("--json prints and --csv writes: choose one of them")
    if top and csv:
        raise click.UsageError("--csv writes every genre: leave --top out")
    if all(map(_is_absent, paths)):  # told before anything is loaded
        raise UserError(f"there is no {' and no '.join(map(shown, paths))}")
    classifier = loaded(model)
    from genre_pred.config.workspace import compute_settings
    from genre_pred.inference.batch.many_files import predict_files, songs_in

    songs, failed = songs_in(paths)
    if csv:
        failed += _into_csv(csv, songs, classifier)
    else:
        heard = list(predict_files(songs, classifier, compute_settings()))
        answers = [(song, found) for song, found in heard if not isinstance(found, str)]
        failed += [(song, found) for song, found in heard if isinstance(found, str)]
        if as_json:
            _print_json(answers, failed, classifier, top)
        elif answers:
            _print_table(answers, classifier, top or 3)
    for song, reason in failed:
        click.echo(f"error: {shown(song)}: {reason}", err=True)
    if failed:
        sys.exit(1)


def _is_absent(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # it may be there: why it cannot be read is told with the others
        return False
    return False


def _into_csv(
    csv: Path, songs: list[Path], classifier: "GenreClassifier"
) -> list[tuple[Path, str]]:
    from genre_pred.config.workspace import compute_settings
    from genre_pred.inference.batch.answers_csv import answers_in
    from genre_pred.inference.batch.many_files import predict_files

    failed = []
    with answers_in(csv, classifier) as answers:
        fresh = [song for song in songs if not answers.holds(song)]
        with answers.adding(fresh), _told_when_stopped(csv):
            for song, found in predict_files(fresh, classifier, compute_settings()):
                answers.add(song, found)
                if isinstance(found, str):
                    failed.append((song, found))
    told = f"{shown(csv)}: {len(fresh) - len(failed)} added"
    held = len(songs) - len(fresh)
    told += f", {held} held already" * bool(held) + f", {len(failed)} failed" * bool(failed)
    click.echo(told)
    _print_who(classifier)
    return failed


@contextmanager
def _told_when_stopped(csv: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"stopped: {shown(csv)} keeps what it holds, the same command goes on", err=True)
        sys.exit(128 + signal.SIGINT)


def _print_json(
    answers: list[tuple[Path, "Prediction"]],
    failed: list[tuple[Path, str]],
    classifier: "GenreClassifier",
    top: int | None,
) -> None:
    told = []
    for song, found in answers:
        row = {"file": str(song), **asdict(found)}
        if top:
            row["probabilities"] = dict(found.best(top))
        told.append(row)
    told += [{"file": str(song), "error": reason} for song, reason in failed]
    click.echo(json.dumps({"model": classifier.title, "files": told}, indent=2))


def _print_table(
    answers: list[tuple[Path, "Prediction"]], classifier: "GenreClassifier", top: int
) -> None:
    from genre_pred.inference.prediction import CALIBRATED_ON, LEARNT_FROM, UNKNOWN

    sets = any(found.genre_set for _, found in answers)
    columns = ["genre", "probability", *["next"] * (top > 1), *["one of"] * sets, "windows", "file"]
    rows = table(*columns)
    for song, found in answers:
        first, *others = found.best(top)
        row = [_marked(found.genre, found.unknown, found.learnt_from), f"{first[1]:.0%}"]
        if top > 1:
            row.append(", ".join(f"{genre} {share:.0%}" for genre, share in others))
        if sets:
            row.append(", ".join(found.genre_set or ()))
        rows.add_row(*map(Text, [*row, str(found.windows), shown(song)]))
    show(rows)
    first_answer = answers[0][1]
    if first_answer.coverage:
        promise = f"holds the genre of {first_answer.coverage:.0%} of such songs"
        click.echo(f"one of: {promise}, {CALIBRATED_ON}")
    else:
        click.echo(f"no sets of genres: {first_answer.why_no_set}")
    if first_answer.why_no_novelty:
        click.echo(f"unknown music is not told: {first_answer.why_no_novelty}")
    elif any(found.unknown for _, found in answers):
        click.echo(f"unknown: {UNKNOWN}")
    if any(found.learnt_from for _, found in answers):
        click.echo(f"learnt from: {LEARNT_FROM}")
    _print_who(classifier)


def _marked(genre: str, unknown: bool | None, learnt_from: bool) -> str:
    marks = ["unknown"] * (unknown is True) + ["learnt from"] * learnt_from
    return genre + f" ({', '.join(marks)})" * bool(marks)


def _print_who(classifier: "GenreClassifier") -> None:
    click.echo(f"by {classifier.title}: {classifier.spec.model}")
    if classifier.spec.note:
        click.echo(classifier.spec.note)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@model_option
@csv_option("Also write every song's row.", begins="clip_id,genre,artist,predicted,")
def evaluate(folder: Path, model: str | None, csv: Path | None) -> None:
    """Try the champion on songs of your own.

    Songs in sub-folders with the names of genres ("hip hop" is Hip-Hop) are scored: accuracy with
    its interval, and who was taken for whom. All others are listed with their answer. Exit code 1
    if any could not be heard.
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
    tried = evaluate_folder(classifier, folder, sounds, settings, compute_settings())
    heard = tried.songs[tried.songs["predicted"].notna()]
    if tried.accuracy and tried.confusion is not None:
        counts = table("true \\ predicted", *tried.confusion.columns)
        for genre, row in tried.confusion.iterrows():
            if row.sum():
                counts.add_row(Text(str(genre)), *(str(count or "") for count in row))
        show(counts)
        accuracy, low, high = (f"{figure:.1%}" for figure in tried.accuracy)
        over = "artists" if tried.by_artist else "songs"
        click.echo(
            f"{accuracy} of {tried.labelled} songs "
            f"[{low}, {high}], {settings.confidence:.0%} interval over {over}"
        )
    learnt = int((heard["learnt_from"] & heard["genre"].notna()).sum())
    if learnt:
        click.echo(f"left out: {learnt} of the songs, which had a part in its training")
    if learnt and not tried.labelled:
        click.echo("nothing is left to judge by: give it labelled songs that it has not heard")
    unlabelled = heard[heard["genre"].isna()]
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
            click.echo(f"learnt from: {LEARNT_FROM}")
    if not tried.accuracy and not learnt and not tried.no_genres:
        known = ", ".join(classifier.spec.genres)
        click.echo(f"nothing to score: no song lies in a folder with the name of a genre ({known})")
    if tried.no_genres:
        folders, genres = ", ".join(map(shown, tried.no_genres)), ", ".join(classifier.spec.genres)
        click.echo(f"not scored, for these folders are no genres: {folders}; known are {genres}")
    _print_who(classifier)
    unheard = tried.songs.loc[tried.songs["reason"] != "", ["clip_id", "reason"]]
    for name, reason in [*failed, *unheard.itertuples(index=False, name=None)]:
        click.echo(f"error: {shown(name)}: {reason}", err=True)
    if csv:  # last: if there is no room for it, the answers have been told
        _write_rows(tried.songs, csv)
    if failed or len(unheard):
        sys.exit(1)


def _write_rows(songs: "pd.DataFrame", csv: Path) -> None:
    from genre_pred.core.files import atomic_write
    from genre_pred.inference.batch.answers_csv import no_formula

    try:
        with atomic_write(csv) as temporary:
            songs.map(no_formula).to_csv(temporary, index=False)
    except OSError as error:
        raise UserError(f"{shown(csv)} cannot be written: {error}") from error

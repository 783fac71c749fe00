"""Commands that hear songs: predict and evaluate."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click
from rich.text import Text

from genre_pred.cli.terminal import fetch, show, table


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", help="NAME@ALIAS of the registry; else the champion of data.name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def predict(files: tuple[Path, ...], model: str | None, as_json: bool) -> None:
    """Name the genre of sound files; exit code 1 if any could not be answered."""
    from genre_pred.audio.decode import AudioError
    from genre_pred.classifier import GenreClassifier

    name, place = fetch(model)
    classifier = GenreClassifier(place)
    answers, failed = [], []
    for file in files:
        try:
            answers.append((file, classifier.predict(file)))
        except AudioError as error:
            failed.append(error)
    if as_json:
        told = [{"file": str(file), **asdict(found)} for file, found in answers]
        told += [{"file": failure.path, "error": failure.reason} for failure in failed]
        click.echo(json.dumps({"model": name, "files": told}, indent=2))
    elif answers:
        rows = table("genre", "probability", "next", "windows", "file")
        for file, found in answers:
            first, *others = sorted(found.probabilities.items(), key=lambda pair: -pair[1])
            following = ", ".join(f"{genre} {share:.0%}" for genre, share in others[:2])
            windows = str(found.windows)
            row = (found.genre, f"{first[1]:.0%}", following, windows, str(file))
            rows.add_row(*map(Text, row))
        show(rows)
        click.echo(f"by {name}: {classifier.spec.model}")
        if classifier.spec.note:
            click.echo(classifier.spec.note)
    if failed:
        for failure in failed:
            click.echo(f"error: {failure}", err=True)
        sys.exit(1)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model", help="NAME@ALIAS of the registry; else the champion of data.name.")
@click.option("--csv", "csv", type=click.Path(path_type=Path), help="Also write every song's row.")
def evaluate(folder: Path, model: str | None, csv: Path | None) -> None:
    """Try the champion on songs of your own.

    Songs in sub-folders with the names of genres ("hip hop" is Hip-Hop) are scored: accuracy with
    its interval, and who was taken for whom. All others are listed with their answer. Exit code 1
    if any could not be heard.
    """
    from genre_pred.classifier import GenreClassifier
    from genre_pred.files import written_whole
    from genre_pred.params import read_params
    from genre_pred.trial import hear_folder, sounds_in

    name, place = fetch(model)
    classifier = GenreClassifier(place)
    settings = read_params().evaluate
    tried = hear_folder(classifier, folder, sounds_in(folder), settings)
    if csv:
        with written_whole(csv) as temporary:
            tried.songs.to_csv(temporary, index=False)
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
    learnt = int((heard["learnt"] & heard["genre"].notna()).sum())
    if learnt:
        click.echo(f"{learnt} more are songs that it has learnt from: they prove nothing")
    unlabelled = heard[heard["genre"].isna()]
    if len(unlabelled):
        rows = table("genre", "probability", "song")
        for song in unlabelled.to_dict("records"):
            known = " (it has learnt from this song)" if song["learnt"] else ""
            answer = (song["predicted"], f"{song['probability']:.0%}", song["clip_id"] + known)
            rows.add_row(*map(Text, answer))
        show(rows)
    if tried.no_genres:
        folders, genres = ", ".join(tried.no_genres), ", ".join(classifier.spec.genres)
        click.echo(f"not scored, for these folders are no genres: {folders}; known are {genres}")
    click.echo(f"by {name}: {classifier.spec.model}")
    if classifier.spec.note:
        click.echo(classifier.spec.note)
    failed = tried.songs[tried.songs["reason"] != ""]
    for song in failed.to_dict("records"):
        click.echo(f"error: {song['clip_id']}: {song['reason']}", err=True)
    if len(failed):
        sys.exit(1)

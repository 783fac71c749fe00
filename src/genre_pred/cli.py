"""The command line: predict, champion, leakage, weights; each prints what one wants to read."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from genre_pred.faults import Fault


class _Commands(click.Group):
    """A group whose faults are told in a sentence instead of a stack trace."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except Fault as fault:
            raise click.ClickException(str(fault)) from fault


@click.group(cls=_Commands)
@click.version_option(package_name="genre-pred")
def main() -> None:
    """Find out, fairly, which way of recognising the genres of your music is best."""


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", help="NAME@ALIAS of the registry; else the champion of data.name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def predict(files: tuple[Path, ...], model: str | None, as_json: bool) -> None:
    """Name the genre of sound files; exit code 1 if any could not be answered."""
    from genre_pred.audio.decode import AudioError
    from genre_pred.classifier import GenreClassifier

    name, place = _fetch(model)
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
        table = _table("genre", "probability", "next", "windows", "file")
        for file, found in answers:
            first, *others = sorted(found.probabilities.items(), key=lambda pair: -pair[1])
            following = ", ".join(f"{genre} {share:.0%}" for genre, share in others[:2])
            windows = str(found.windows)
            row = (found.genre, f"{first[1]:.0%}", following, windows, str(file))
            table.add_row(*map(Text, row))
        _show(table)
        click.echo(f"by {name}: {classifier.spec.model}")
        if classifier.spec.note:
            click.echo(classifier.spec.note)
    if failed:
        for failure in failed:
            click.echo(f"error: {failure}", err=True)
        sys.exit(1)


@main.group()
def champion() -> None:
    """The classifier that is served, and who wants its place."""


_model_option = click.option("--model", help="The registered model; else that of data.name.")


@champion.command()
@_model_option
def show(model: str | None) -> None:
    """Show the registered versions with their aliases."""
    from genre_pred import track

    name = _registered(model)
    aliases = {
        str(version.version): alias
        for alias in (track.CHALLENGER, track.CHAMPION)
        if (version := track.version_at(name, alias))
    }
    table = _table("version", "alias", "model", "protocol")
    notes: dict[str, list[str]] = {}
    for version in track.versions(name):
        number = str(version.version)
        told = [version.tags.get(key, "") for key in ("model", "protocol")]
        table.add_row(*map(Text, (number, aliases.get(number, ""), *told)))
        notes.setdefault(version.tags.get("note", ""), []).append(number)
    click.echo(name)
    _show(table)
    for note, numbers in notes.items():
        if note:
            click.echo(f"version {', '.join(numbers)}: {note}")


@champion.command()
@_model_option
@click.option("--force", is_flag=True, help="Without a contest; needs --reason.")
@click.option("--reason", help="Why, for the history.")
@click.option("--version", help="With --force: this version instead of the challenger.")
def promote(model: str | None, force: bool, reason: str | None, version: str | None) -> None:
    """Let the challenger try for the champion's place."""
    import pandas as pd

    from genre_pred import champion as registry
    from genre_pred.judge.promotion import NotComparable
    from genre_pred.params import read_params

    name = _registered(model)
    if force:
        if not reason:
            raise Fault("--force needs --reason: the history keeps it")
        number = registry.force(name, version, reason)
        click.echo(f"{name} version {number} is champion, by force: {reason}")
        return
    if version:
        raise Fault("--version goes with --force; a contest is between champion and challenger")
    path = Path("data/clips.parquet")
    clips = pd.read_parquet(path) if path.is_file() else None
    try:
        click.echo(registry.challenge_champion(name, clips, read_params()).reason)
    except NotComparable as stop:
        raise Fault(stop.reason) from stop


@champion.command()
@_model_option
def rollback(model: str | None) -> None:
    """Give the title back to the champion before."""
    from genre_pred import champion as registry

    name = _registered(model)
    click.echo(f"{name} version {registry.rollback(name)} is champion again.")


@champion.command()
@_model_option
def history(model: str | None) -> None:
    """Show the champions in turn, and why each became one."""
    from genre_pred import track

    name = _registered(model)
    click.echo(name)
    for event in track.history(name):
        click.echo(f"{event['when']}  version {event['version']}  {event['how']}: {event['why']}")


@champion.command()
def sync() -> None:
    """Register again what models/ and reports/ hold, as after a loss of the MLflow store.

    Where there is a champion already, it stays.
    """
    from genre_pred import track
    from genre_pred.champion import promote_workspace
    from genre_pred.params import read_params

    params = read_params()
    data, models, reports = Path("data"), Path("models"), Path("reports")
    needed = (data / "clips.parquet", data / "split.parquet", data / "embeddings", models)
    for path in (*needed, reports / "metrics.json"):
        if not path.exists():
            raise Fault(f"{path} is missing: run dvc repro first")
    with track.stage("sync", params, ["promote", "evaluate"], [models], []) as run:
        told = promote_workspace(params, data, models, reports, run_id=run.run_id, contest=False)
    click.echo(told["reason"])


@main.command()
@click.option("--features", default="mfcc", show_default=True)
@click.option("--classifier", default="logistic_regression", show_default=True)
@click.option("--folds", default=5, show_default=True)
@click.option("--repeats", default=10, show_default=True)
def leakage(features: str, classifier: str, folds: int, repeats: int) -> None:
    """Measure how much a split at random, artists on both sides, would flatter.

    Test clips are not looked at.
    """
    from genre_pred.clips import TEST, read_table
    from genre_pred.compute import clip_map
    from genre_pred.leakage import measure_leakage
    from genre_pred.params import read_params

    params = read_params()
    data = Path("data")
    if not (data / "split.parquet").is_file():
        raise Fault("data/split.parquet is missing: run dvc repro first")
    clips, split = read_table(data / "clips.parquet"), read_table(data / "split.parquet")
    clips = clips[(split["split"] != TEST).to_numpy()].reset_index(drop=True)
    found = measure_leakage(
        features,
        classifier,
        clips,
        data,
        params.classical,
        params.evaluate,
        n_folds=folds,
        n_repeats=repeats,
        each=clip_map(params.compute, "cross-validation", "repeat"),
    )
    click.echo(f"{features}/{classifier}, {repeats} x {folds} folds, {found.clips} clips")
    rows = [("artists apart", found.apart), ("at random", found.mixed)]
    for name, (accuracy, low, high) in rows:
        click.echo(f"{name:14} {accuracy:6.1%}  [{low:.1%}, {high:.1%}]")
    more, low, high = found.flattery
    click.echo(f"{'flattery':14} {more:+6.1%}  [{low:+.1%}, {high:+.1%}]")


@main.group()
def weights() -> None:
    """Pretrained weights."""


@weights.command()
@click.argument("which", default="audioset")
def check(which: str) -> None:
    """Compare VGGish's weights with the published figures of a 1 kHz sine.

    WHICH is audioset, or the path of a file.
    """
    from genre_pred.nets.weights import check_vggish

    rows = check_vggish(which)
    for what, value, expected, agrees in rows:
        verdict = "agrees" if agrees else "DIFFERS"
        click.echo(f"{what}: {value:.6f}, published {expected:.6f}: {verdict}")
    if not all(row[3] for row in rows):
        sys.exit(1)


def _table(*columns: str) -> Table:
    """A table whose cells are never cut: show it with `_show`."""
    table = Table(box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def _show(table: Table) -> None:
    """Print a table as wide as it is: a path can be copied whole from any terminal or pipe."""
    Console(width=100_000).print(table)


def _registered(model: str | None) -> str:
    from genre_pred import track

    track.open_store()
    known = track.registered_models()
    if not known:
        raise Fault("nothing is registered yet: run dvc repro, or genre-pred champion sync")
    if model and model not in known:
        raise Fault(f"no registered model {model!r}; known are {', '.join(known)}")
    return model or _of_this_workspace(known) or known[0]


def _of_this_workspace(known: list[str]) -> str | None:
    """The registered model of the collection that params.yaml names."""
    from genre_pred.params import read_params

    if not Path("params.yaml").is_file():
        return None
    name = f"genre-{read_params().data.collection}"
    return name if name in known else None


def _fetch(model: str | None) -> tuple[str, Path]:
    from genre_pred import track

    name, _, alias = (model or "").partition("@")
    name = _registered(name or None)
    alias = alias or track.CHAMPION
    version = track.version_at(name, alias)
    if version is None:
        raise Fault(f"{name} has no {alias}")
    return f"{name}@{alias} (version {version.version})", track.fetch_version(version)

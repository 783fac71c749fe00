"""Commands about the comparison itself: leaderboard, recipe, leakage, weights."""

import subprocess
import sys
from pathlib import Path

import click
import pandas as pd
from rich.text import Text

from genre_pred.cli.terminal import show, table
from genre_pred.faults import Fault


@click.command()
@click.option("--approach", help="Only this one: embedding, finetune, descriptors, ...")
@click.option("--top", type=int, help="Only so many rows.")
def leaderboard(approach: str | None, top: int | None) -> None:
    """Show this workspace's leaderboard, and what others have published on the collection."""
    from genre_pred.judge.published import published_on
    from genre_pred.params import read_params

    path = Path("reports/leaderboard.csv")
    if not path.is_file():
        raise Fault(f"{path} is missing: run dvc repro first")
    board = pd.read_csv(path, keep_default_na=False, na_values=[""])
    collection = read_params().data.collection
    published = published_on(collection)
    quoted = published.groupby("model")["accuracy"].max()
    shown = board[board["approach"] == approach] if approach else board
    rows = table("model", "approach", "validation", "test", "published", "note")
    for row in shown.head(top or len(shown)).to_dict("records"):
        scores = [_with_interval(row, split) for split in ("validation", "test")]
        quote = f"{quoted[row['model']]:.1f}" if row["model"] in quoted else ""
        note = "" if pd.isna(row["note"]) else row["note"]
        rows.add_row(*map(Text, (row["model"], row["approach"], *scores, quote, note)))
    click.echo(f"{collection}: {board['protocol'].iloc[0]}; artists {board['artists'].iloc[0]}")
    show(rows)
    if len(published):
        theirs = table("published", "%", "protocol", "by", "note")
        for row in published.to_dict("records"):
            figure = f"{row['accuracy']:.1f}"
            theirs.add_row(
                *map(Text, (row["model"], figure, row["protocol"], row["by"], row["note"]))
            )
        click.echo("Quoted, not measured here, each with a protocol of its own:")
        show(theirs)


def _with_interval(row: dict, split: str) -> str:
    if pd.isna(row[f"{split}_accuracy"]):
        return ""
    figures = [f"{100 * row[f'{split}_{name}']:.1f}" for name in ("accuracy", "low", "high")]
    return "{} [{}, {}]".format(*figures)


@click.command()
@click.argument("name", required=False)
@click.option("-S", "changes", multiple=True, metavar="KEY=VALUE", help="As of dvc exp run.")
@click.option("--dry-run", is_flag=True, help="Print the command only.")
def recipe(name: str | None, changes: tuple[str, ...], dry_run: bool) -> None:
    """Run a system of the field as an experiment; without a name, list them all."""
    import shlex

    from genre_pred.recipes import describe, experiment, read_recipe, recipe_names

    if name is None:
        rows = table("recipe", "what it is")
        for each in recipe_names():
            rows.add_row(each, Text(describe(each)))
        show(rows)
        return
    words = experiment(name, read_recipe(name))
    words += [word for change in changes for word in ("-S", change)]
    click.echo(shlex.join(words))
    if not dry_run:
        sys.exit(subprocess.run(words, check=False).returncode)


@click.command()
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
    from genre_pred.split import taking_part

    params = read_params()
    data = Path("data")
    if not (data / "split.parquet").is_file():
        raise Fault("data/split.parquet is missing: run dvc repro first")
    clips, split = read_table(data / "clips.parquet"), read_table(data / "split.parquet")
    clips = taking_part(clips, split[split["split"] != TEST]).reset_index(drop=True)
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


@click.group()
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

"""Commands about the comparison itself: leaderboard, recipe, leakage, weights."""

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pandas as pd
from rich.text import Text

from genre_pred.cli.terminal import show, table
from genre_pred.faults import Fault

if TYPE_CHECKING:
    from genre_pred.judge.markdown import Cell
    from genre_pred.judge.standings import Standing

QUOTED = "Quoted, not measured here, each with a protocol of its own:"


@click.command()
@click.option("--collection", help="Only this one, as fma-small; else all.")
@click.option("--approach", help="Only this one: embedding, finetune, descriptors, ...")
@click.option("--top", type=click.IntRange(min=1), help="Only so many rows of each table.")
@click.option("--markdown", is_flag=True, help="As Markdown, with the commands.")
@click.option("--commands", is_flag=True, help="Also what to type to see each row again.")
def leaderboard(
    collection: str | None, approach: str | None, top: int | None, markdown: bool, commands: bool
) -> None:
    """Show the models of all runs, beside what others have published.

    One table for each collection, protocol and set of clips that judged: scores are never ranked
    across them. reports/leaderboard.csv has those of this workspace alone.
    """
    from genre_pred import track
    from genre_pred.judge.published import published_on
    from genre_pred.judge.standings import narrowed, published_elsewhere, standings
    from genre_pred.recipes import with_changes

    track.open_store()
    rows = track.leaderboards()
    if rows.empty:
        raise Fault("MLflow holds no leaderboard yet: run dvc repro first")
    known = sorted(set(rows["collection"]))
    if collection and collection not in known:
        raise Fault(f"no run on {collection!r}; there are runs on {', '.join(known)}")
    rows["command"] = [
        with_changes(command, json.loads(changed))
        for command, changed in zip(rows["command"], rows["changed"], strict=True)
    ]
    shown = [collection] if collection else known
    published = {name: published_on(name) for name in shown}
    found = standings(rows[rows["collection"].isin(shown)], published)
    tell = _tell_in_markdown if markdown else partial(_tell, commands=commands)
    for name in shown:
        own = [standing for standing in found if standing.collection == name]
        others = published_elsewhere(own, published[name])
        tell(name, [narrowed(standing, approach, top) for standing in own], others)


def _tell(name: str, found: list["Standing"], others: pd.DataFrame, commands: bool) -> None:
    from genre_pred.judge.markdown import OF_ALL_RUNS, PUBLISHED

    for standing in found:
        click.echo(f"{name}: {standing.words}")
        _show(standing.board, OF_ALL_RUNS)
        if commands:
            for command in standing.commands:
                click.echo(command)
            click.echo()
    if len(others):
        click.echo(f"{name}: {QUOTED}")
        _show(others, PUBLISHED)


def _show(board: pd.DataFrame, columns: Mapping[str, "Cell"]) -> None:
    rows = table(*columns)
    for _, row in board.iterrows():
        rows.add_row(*(Text(cell(row)) for cell in columns.values()))
    show(rows)


def _tell_in_markdown(name: str, found: list["Standing"], others: pd.DataFrame) -> None:
    from genre_pred.judge.markdown import OF_ALL_RUNS, PUBLISHED, table_of

    click.echo(f"## {name}\n")
    for standing in found:
        click.echo(f"{standing.words}\n\n{table_of(standing.board, OF_ALL_RUNS)}\n")
        click.echo("\n".join(["```sh", *standing.commands, "```", ""]))
    if len(others):
        click.echo(f"{QUOTED}\n\n{table_of(others, PUBLISHED)}\n")


@click.command()
@click.argument("name", required=False)
@click.option("-S", "changes", multiple=True, metavar="KEY=VALUE", help="As of dvc exp run.")
@click.option("--dry-run", is_flag=True, help="Print the command only.")
def recipe(name: str | None, changes: tuple[str, ...], dry_run: bool) -> None:
    """Run a system of the field as an experiment; without a name, list them all."""
    import shlex

    from genre_pred.recipes import (
        describe,
        experiment,
        params_with,
        read_recipe,
        recipe_names,
        what_is_missing,
    )

    if name is None and not recipe_names():
        raise Fault("there is no folder recipes here: run it in the repository's top folder")
    if name is None:
        rows = table("recipe", "what it is")
        for each in recipe_names():
            rows.add_row(each, Text(describe(each)))
        show(rows)
        return
    settings = read_recipe(name)
    data = params_with(settings, changes).data
    words = experiment(name, settings, changes)
    missing = what_is_missing(name, Path(data.path))
    if missing and not (data.source == "gtzan" and data.url):
        if not dry_run:
            raise Fault(missing)
        click.echo(f"note: {missing}", err=True)
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
    for path in (data / "clips.parquet", data / "split.parquet"):
        if not path.is_file():
            raise Fault(f"the pipeline has not run yet ({path} is missing): run dvc repro first")
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
        each=clip_map(params.compute, "cross-validation", "repeat", block=1),
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

"""The commands recipe, leakage and weights."""

import subprocess
import sys
from pathlib import Path

import click
from rich.text import Text

from genre_pred.apps.cli.terminal import show, table
from genre_pred.core.errors import UserError


@click.command()
@click.argument("name", required=False)
@click.option(
    "-S",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="A further setting, as for dvc exp run.",
)
@click.option("--dry-run", is_flag=True, help="Only print the command.")
def recipe(name: str | None, changes: tuple[str, ...], dry_run: bool) -> None:
    """Run a published system as an experiment; without a name, list all recipes."""
    import shlex

    from genre_pred.apps.recipes import (
        describe,
        experiment,
        missing_data,
        params_with,
        read_recipe,
        recipe_names,
    )

    if name is None and not recipe_names():
        raise UserError("there is no folder recipes here: run this in the repository's top folder")
    if name is None:
        rows = table("recipe", "description", wrapped=["description"])
        for recipe_name in recipe_names():
            rows.add_row(recipe_name, Text(describe(recipe_name)))
        show(rows)
        return
    settings = read_recipe(name)
    data = params_with(settings, changes).data
    command = experiment(name, settings, changes)
    missing = missing_data(name, Path(data.path))
    if missing and not (data.source == "gtzan" and data.url):
        if not dry_run:
            raise UserError(missing)
        click.echo(f"note: {missing}", err=True)
    click.echo(shlex.join(command))
    if not dry_run:
        sys.exit(subprocess.run(command, check=False).returncode)


@click.command()
@click.option("--features", default="mfcc", show_default=True)
@click.option("--classifier", default="logistic_regression", show_default=True)
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True)
@click.option("--repeats", type=click.IntRange(1), default=10, show_default=True)
def leakage(features: str, classifier: str, folds: int, repeats: int) -> None:
    """Measure the leakage gap: accuracy with a random split minus accuracy with artists apart.

    Test clips are not used.
    """
    from genre_pred.config.params import read_params
    from genre_pred.core.parallel.clip_map import clip_map
    from genre_pred.core.splits import taking_part
    from genre_pred.core.tables import TEST, read_table
    from genre_pred.evaluation.leakage import measure_leakage

    params = read_params()
    data = Path("data")
    for path in (data / "clips.parquet", data / "split.parquet"):
        if not path.is_file():
            raise UserError(
                f"the pipeline has not run yet ({path} is missing): run dvc repro first"
            )
    clips, split = read_table(data / "clips.parquet"), read_table(data / "split.parquet")
    clips = taking_part(clips, split[split["split"] != TEST]).reset_index(drop=True)
    measured = measure_leakage(
        features,
        classifier,
        clips,
        data,
        params.classical,
        params.evaluate,
        n_folds=folds,
        n_repeats=repeats,
        map_repeats=clip_map(params.compute, "cross-validation", "repeat", block=1),
    )
    click.echo(f"{features}/{classifier}, {repeats} x {folds} folds, {measured.clips} clips")
    rows = [("artists apart", measured.apart), ("random split", measured.mixed)]
    for name, (accuracy, low, high) in rows:
        click.echo(f"{name:14} {accuracy:6.1%}  [{low:.1%}, {high:.1%}]")
    gap, low, high = measured.leakage_gap
    click.echo(f"{'leakage_gap':14} {gap:+6.1%}  [{low:+.1%}, {high:+.1%}]")


@click.group()
def weights() -> None:
    """Pretrained weights."""


@weights.command()
def fetch() -> None:
    """Download the published weights that params.yaml names, if they are missing.

    They are stored in the user's cache; the pipeline then needs no network for them.
    """
    from genre_pred.config.params import read_params
    from genre_pred.networks.weights.files import fetch_weights

    for name, path in fetch_weights(read_params().starts).items():
        click.echo(f"{name}: {path}")


@weights.command()
@click.argument("which", default="audioset")
def check(which: str) -> None:
    """Compare VGGish's weights with the published figures of a 1 kHz sine.

    WHICH is audioset, or the path of a file.
    """
    from genre_pred.apps.cli.weights_check import check_vggish

    rows = check_vggish(which)
    for name, value, expected, agrees in rows:
        verdict = "agrees" if agrees else "DIFFERS"
        click.echo(f"{name}: {value:.6f}, published {expected:.6f}: {verdict}")
    if not all(row[3] for row in rows):
        sys.exit(1)

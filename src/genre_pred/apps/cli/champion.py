"""Commands about the registry: who is served, and who wants the place."""

from pathlib import Path

import click
from rich.text import Text

from genre_pred.apps.cli.terminal import registered, table
from genre_pred.apps.cli.terminal import show as show_table
from genre_pred.core.errors import UserError


@click.group()
def champion() -> None:
    """The classifier that is served, and who wants its place."""


_model_option = click.option("--model", help="The registered model; else that of data.name.")


@champion.command()
@_model_option
def show(model: str | None) -> None:
    """Show the registered versions with their aliases."""
    from genre_pred import tracking

    name = registered(model)
    aliases = {
        str(version.version): alias
        for alias in (tracking.CHALLENGER, tracking.CHAMPION)
        if (version := tracking.version_at(name, alias))
    }
    rows = table("version", "alias", "model", "protocol", wrapped=["protocol"])
    notes: dict[str, list[str]] = {}
    for version in tracking.versions(name):
        number = str(version.version)
        told = [version.tags.get(key, "") for key in ("model", "protocol")]
        rows.add_row(*map(Text, (number, aliases.get(number, ""), *told)))
        notes.setdefault(version.tags.get("note", ""), []).append(number)
    click.echo(name)
    show_table(rows)
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

    from genre_pred.config.params import read_params
    from genre_pred.registry import champion as registry
    from genre_pred.registry.rules import NotComparable

    name = registered(model)
    if force:
        if not reason:
            raise UserError("--force needs --reason: the history keeps it")
        number = registry.force(name, version, reason)
        click.echo(f"{name} version {number} is champion, by force: {reason}")
        return
    if version:
        raise UserError("--version goes with --force; a contest is between champion and challenger")
    path = Path("data/clips.parquet")
    clips = pd.read_parquet(path) if path.is_file() else None
    try:
        click.echo(registry.challenge_champion(name, clips, read_params()).reason)
    except NotComparable as stop:
        raise UserError(stop.reason) from stop


@champion.command()
@_model_option
def rollback(model: str | None) -> None:
    """Give the title back to the champion before."""
    from genre_pred.registry import champion as registry

    name = registered(model)
    click.echo(f"{name} version {registry.rollback(name)} is champion again.")


@champion.command()
@_model_option
def history(model: str | None) -> None:
    """Show the champions in turn, and why each became one."""
    from genre_pred import tracking

    name = registered(model)
    click.echo(name)
    for event in tracking.history(name):
        click.echo(f"{event['when']}  version {event['version']}  {event['how']}: {event['why']}")


@champion.command()
def sync() -> None:
    """Register again what models/ and reports/ hold, as after a loss of the MLflow store.

    Where there is a champion already, it stays.
    """
    from genre_pred import tracking
    from genre_pred.config.params import read_params
    from genre_pred.registry.promotion import promote_workspace

    params = read_params()
    data, models, reports = Path("data"), Path("models"), Path("reports")
    needed = (data / "clips.parquet", data / "split.parquet", data / "embeddings", models)
    for path in (*needed, reports / "metrics.json"):
        if not path.exists():
            raise UserError(f"{path} is missing: run dvc repro first")
    with tracking.record("sync", params, ["promote", "evaluate"], [models], []) as run:
        told = promote_workspace(
            params, data, models, reports, run_id=run.run_id, may_promote=False
        )
    click.echo(told["reason"])

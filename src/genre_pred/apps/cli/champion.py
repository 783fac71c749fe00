"""The command champion: the champion, its challenger and their history."""

from pathlib import Path

import click
from rich.text import Text

from genre_pred.apps.cli.terminal import registered, table
from genre_pred.apps.cli.terminal import show as show_table
from genre_pred.core.errors import UserError


@click.group()
def champion() -> None:
    """Show, promote or roll back the champion, the registered model that is served."""


_model_option = click.option("--model", help="Registered model.  [default: that of data.name]")


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
        facts = [version.tags.get(key, "") for key in ("model", "protocol")]
        rows.add_row(*map(Text, (number, aliases.get(number, ""), *facts)))
        notes.setdefault(version.tags.get("note", ""), []).append(number)
    click.echo(name)
    show_table(rows)
    for note, numbers in notes.items():
        if note:
            click.echo(f"version {', '.join(numbers)}: {note}")


@champion.command()
@_model_option
@click.option("--force", is_flag=True, help="Promote without a comparison; needs --reason.")
@click.option("--reason", help="The reason, recorded in the history.")
@click.option("--version", help="With --force: the version to promote.  [default: the challenger]")
def promote(model: str | None, force: bool, reason: str | None, version: str | None) -> None:
    """Compare the challenger with the champion, and promote it if it is better."""
    import pandas as pd

    from genre_pred.config.params import read_params
    from genre_pred.registry import champion as registry
    from genre_pred.registry.rules import NotComparable

    name = registered(model)
    if force:
        if not reason:
            raise UserError("--force needs --reason, which the history records")
        number = registry.force(name, version, reason)
        click.echo(f"{name} version {number} is now champion (forced): {reason}")
        return
    if version:
        raise UserError("--version needs --force: without it, the challenger is compared")
    path = Path("data/clips.parquet")
    clips = pd.read_parquet(path) if path.is_file() else None
    try:
        click.echo(registry.challenge_champion(name, clips, read_params()).reason)
    except NotComparable as error:
        raise UserError(error.reason) from error


@champion.command()
@_model_option
def rollback(model: str | None) -> None:
    """Make the previous champion the champion again."""
    from genre_pred.registry import champion as registry

    name = registered(model)
    click.echo(f"{name} version {registry.rollback(name)} is champion again.")


@champion.command()
@_model_option
def history(model: str | None) -> None:
    """Show the champion history: every champion, with the reason."""
    from genre_pred import tracking

    name = registered(model)
    click.echo(name)
    for event in tracking.history(name):
        click.echo(f"{event['when']}  version {event['version']}  {event['how']}: {event['why']}")


@champion.command()
def sync() -> None:
    """Register the models of models/ and reports/ again, for example in a new MLflow store.

    An existing champion stays champion.
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
        promotion = promote_workspace(
            params, data, models, reports, run_id=run.run_id, may_promote=False
        )
    click.echo(promotion["reason"])

"""The command line."""

import click

from genre_pred.apps.cli.champion import champion
from genre_pred.apps.cli.leaderboard import leaderboard
from genre_pred.apps.cli.page import app
from genre_pred.apps.cli.serve import serve
from genre_pred.apps.cli.songs import evaluate, predict
from genre_pred.apps.cli.study import leakage, recipe, weights
from genre_pred.apps.cli.terminal import Commands


@click.group(cls=Commands)
@click.version_option(package_name="genre-pred")
def main() -> None:
    """Compare ways to recognise the genres of your music, and use the best one."""


COMMANDS = (predict, app, serve, evaluate, leaderboard, champion, recipe, leakage, weights)
for _command in COMMANDS:
    main.add_command(_command)

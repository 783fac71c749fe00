"""The command line; each command prints what one wants to read."""

import click

from genre_pred.cli.champion import champion
from genre_pred.cli.leaderboard import leaderboard
from genre_pred.cli.page import app
from genre_pred.cli.serve import serve
from genre_pred.cli.songs import evaluate, predict
from genre_pred.cli.study import leakage, recipe, weights
from genre_pred.cli.terminal import Commands


@click.group(cls=Commands)
@click.version_option(package_name="genre-pred")
def main() -> None:
    """Find out, fairly, which way of recognising the genres of your music is best."""


COMMANDS = (predict, app, serve, evaluate, leaderboard, champion, recipe, leakage, weights)
for _command in COMMANDS:
    main.add_command(_command)

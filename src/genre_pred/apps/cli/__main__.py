"""The command line, as `python -m genre_pred.apps.cli`."""

from genre_pred.apps.cli import main

main(prog_name="genre-pred")

"""The command leaderboard: the models of all runs, for the terminal, as Markdown or CSV."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import click
import pandas as pd
from rich.table import Table
from rich.text import Text

from genre_pred.apps.cli.terminal import csv_option, fits, print_wrapped, show, table
from genre_pred.core.errors import UserError

if TYPE_CHECKING:
    from genre_pred.evaluation.comparison.markdown import Cell
    from genre_pred.evaluation.comparison.standings import Standing

CLIPS_PER_SECOND = (
    "clips/s: clips per second from file to genre on one core of that run's machine, without "
    "loading time; - if unknown"
)
FROM_COMMITTED = "# each command assumes the committed settings: git checkout params.yaml"
RUN_WIDTH = 10  # the length of DVC's names, such as ortho-leas; the table then fits 80 columns
LONG_TEXTS = ("model", "protocol", "by", "note")


@click.command()
@click.option("--collection", help="Only this collection, such as fma-small.")
@click.option("--approach", help="Only this approach: embedding, finetune, descriptors, ...")
@click.option("--top", type=click.IntRange(min=1), help="Number of rows of each table.")
@click.option("--wide", is_flag=True, help="All columns, at full width.")
@click.option("--commands", is_flag=True, help="Also print the command that reproduces each row.")
@click.option("--markdown", is_flag=True, help="Print Markdown with all columns and commands.")
@csv_option(
    "Also write all rows and columns to this CSV file.", begins="collection,model,approach,"
)
def leaderboard(
    collection: str | None,
    approach: str | None,
    top: int | None,
    wide: bool,
    commands: bool,
    markdown: bool,
    csv: Path | None,
) -> None:
    """Show the models of all runs, with published results.

    There is one table for each collection, protocol and set of scoring clips, because scores are
    comparable only within them. reports/leaderboard.csv has the models of this workspace only.
    """
    from genre_pred import tracking
    from genre_pred.evaluation.comparison.published import published_on
    from genre_pred.evaluation.comparison.standings import (
        EVERY_COLUMN,
        narrowed,
        published_elsewhere,
        standings,
    )

    tracking.open_store()
    rows = tracking.leaderboards()
    if rows.empty:
        raise UserError("the MLflow store has no leaderboard yet: run dvc repro first")
    known = sorted(set(rows["collection"]))
    if collection and collection not in known:
        raise UserError(f"no run on {collection!r}; there are runs on {', '.join(known)}")
    shown = [collection] if collection else known
    rows = rows[rows["collection"].isin(shown)]
    published = {name: published_on(name) for name in shown}
    approaches = set(rows["approach"]).union(*(quoted["approach"] for quoted in published.values()))
    approach = "baseline" if approach == "floor" else approach  # its name before version 0.2
    if approach and approach not in approaches:
        raise UserError(f"no approach {approach!r}; there are {', '.join(sorted(approaches))}")
    merged = standings(rows.assign(command=_commands(rows)), published)
    narrowed_boards = [
        replace(standing, board=narrowed(standing.board, approach, top)) for standing in merged
    ]
    narrowed_boards = [standing for standing in narrowed_boards if len(standing.board)]
    print_boards = partial(_print_boards, wide=wide, commands=commands)
    for name in shown:
        quoted = published[name]
        if wide or markdown:  # the tables show the other figures beside their models
            quoted = published_elsewhere([s for s in merged if s.collection == name], quoted)
        own = [standing for standing in narrowed_boards if standing.collection == name]
        (_print_markdown if markdown else print_boards)(name, own, narrowed(quoted, approach, top))
    if csv:
        from genre_pred.core.tables import write_table

        boards = [standing.board.reindex(columns=EVERY_COLUMN) for standing in narrowed_boards]
        write_table(pd.concat(boards, ignore_index=True), csv)


def _commands(rows: pd.DataFrame) -> list[str]:
    from genre_pred.apps.recipes import relevant_settings, with_changes

    columns = (rows[name] for name in ("command", "model", "approach", "changed"))
    return [
        with_changes(command, relevant_settings(model, approach, json.loads(changed)))
        for command, model, approach, changed in zip(*columns, strict=True)
    ]


def _print_boards(
    name: str, merged: list["Standing"], quoted: pd.DataFrame, wide: bool, commands: bool
) -> None:
    from genre_pred.evaluation.comparison.markdown import (
        ESSENTIAL,
        OF_ALL_RUNS,
        PUBLISHED,
        QUOTED,
        with_marks,
    )

    for standing in merged:
        print_wrapped(f"{name}: {standing.words}\n")
        board, footnotes = with_marks(standing.board)
        if wide:
            show(_rows(standing.board, OF_ALL_RUNS, folded=False), whole=True)
            click.echo()
        else:
            rows = _rows(board, ESSENTIAL, folded=False)
            show(rows if fits(rows) else _rows(board, ESSENTIAL, folded=True))
            click.echo()
            for footnote in footnotes:
                print_wrapped(footnote)
        print_wrapped(f"{CLIPS_PER_SECOND}\n")
        if commands:
            click.echo(FROM_COMMITTED)
            for command in standing.commands:
                click.echo(command)  # not wrapped, so that it can be copied
            click.echo()
    if len(quoted):
        print_wrapped(f"{name}: {QUOTED}:\n")
        show(_rows(quoted, PUBLISHED, folded=False))
        click.echo()


def _rows(board: pd.DataFrame, columns: Mapping[str, "Cell"], *, folded: bool) -> Table:
    """A compact table; folded, long cells are split into two lines at sensible places."""
    headers = [name.replace(" ", "\n", 1) if folded else name for name in columns]
    rows = table(*headers, wrapped=LONG_TEXTS)
    rows.padding, rows.show_edge = (0, 1, 0, 0), False
    for _, row in board.iterrows():
        cells = {name: cell(row) for name, cell in columns.items()}
        if folded:
            cells = {name: FOLDS.get(name, str)(text) for name, text in cells.items()}
        rows.add_row(*(Text(text) for text in cells.values()))
    return rows


def _two_lines(score: str) -> str:
    """84.4 [65.6, 98.4] as two lines, 84.4 and 65.6–98.4."""
    return re.sub(r" \[(.*), (.*)\]", "\n\\1–\\2", score)


FOLDS: Mapping[str, Callable[[str], str]] = {
    "model": lambda name: name.replace("/", "/\n"),
    "validation %": _two_lines,
    "test %": _two_lines,
    "run": lambda name: "\n".join(wrap(name, RUN_WIDTH)),
}


def _print_markdown(name: str, merged: list["Standing"], quoted: pd.DataFrame) -> None:
    from genre_pred.evaluation.comparison.markdown import OF_ALL_RUNS, PUBLISHED, QUOTED, table_of

    click.echo(f"## {name}\n")
    for standing in merged:
        click.echo(f"{standing.words}\n\n{table_of(standing.board, OF_ALL_RUNS)}\n")
        click.echo(
            "\n".join(
                [f"{CLIPS_PER_SECOND}\n", "```sh", FROM_COMMITTED, *standing.commands, "```", ""]
            )
        )
    if len(quoted):
        click.echo(f"{QUOTED}:\n\n{table_of(quoted, PUBLISHED)}\n")

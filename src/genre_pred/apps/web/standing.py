"""The model of the page, champion and challenger, and the leaderboards, as HTML."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from genre_pred import tracking
from genre_pred.apps.web.answer import alert
from genre_pred.apps.web.tables import table
from genre_pred.apps.web.templates import render
from genre_pred.config.workspace import intervals
from genre_pred.core.errors import UserError
from genre_pred.evaluation.comparison.markdown import OF_ALL_RUNS, PUBLISHED, QUOTED, Cell, numbered
from genre_pred.evaluation.comparison.published import published_on
from genre_pred.evaluation.comparison.standings import published_elsewhere, standings
from genre_pred.evaluation.scoring.significance import accuracy_interval, bootstrap_groups
from genre_pred.inference.classifier import GenreClassifier

SORT_BY = {"training": "train_seconds"}  # durations as text do not sort
# Shown in the caption, as footnotes, or by `genre-pred leaderboard` only.
LEFT_OUT = ("artists", "test seen", "run", "note")
PROMOTION = Path("reports/promotion.json")


def accuracy_text(classifier: GenreClassifier) -> str:
    """The accuracy on held-out clips with its interval, as text."""
    held_out, genres = classifier.held_out, classifier.spec.genres
    best = held_out[genres].to_numpy().argmax(axis=1)
    hits = np.array(genres, dtype=object)[best] == held_out["genre"].to_numpy(dtype=object)
    settings = intervals()
    groups, by_artist = bootstrap_groups(held_out)
    low, high = accuracy_interval(
        hits,
        groups,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng(settings.seed),
    )
    side = "test" if (held_out["split"] == "test").all() else "validation"
    over = "artists" if by_artist else "clips"
    return (
        f"{side} accuracy {100 * hits.mean():.1f}% [{100 * low:.1f}, {100 * high:.1f}] "
        f"on {len(held_out)} clips ({settings.confidence:.0%} interval over {over})"
    )


def model_summary(classifier: GenreClassifier) -> str:
    """The model's name and version, its accuracy and its note."""
    return render(
        "model.html",
        name=classifier.title or classifier.folder.name,
        spec=classifier.spec,
        accuracy=accuracy_text(classifier),
    )


def challenge_summary(model: str) -> str:
    """Champion and challenger, the reason for the last champion, and the last run's decision.

    Args:
        model: The registered model; empty for an unregistered classifier.
    """
    try:
        return _challenge_summary(tracking.registered(model or None))
    except UserError as error:
        return alert(str(error))


def _challenge_summary(name: str) -> str:
    rows = []
    for alias in (tracking.CHAMPION, tracking.CHALLENGER):
        version = tracking.version_at(name, alias)
        if version is None:
            rows.append([alias, "", "none", "", ""])
            continue
        number = str(version.version)
        try:
            classifier = GenreClassifier(tracking.fetch_version(version))
        except UserError as error:
            rows.append([alias, number, str(error), "", ""])
            continue
        spec = classifier.spec
        rows.append([alias, number, spec.model, accuracy_text(classifier), spec.protocol])
    header = ["alias", "version", "model", "accuracy", "protocol"]
    sides = table(f"{name}: champion and challenger", header, rows, wrap=True)
    events = tracking.history(name)
    if not events:
        return sides
    last_run = _last_decision(name, events[-1]["why"])
    return sides + render("champion.html", event=events[-1], last_run=last_run)


def _last_decision(name: str, known: str) -> str:
    """The decision of the last promote stage, without the reason that is already shown."""
    if not PROMOTION.is_file():
        return ""
    promotion = json.loads(PROMOTION.read_text())
    if promotion["registered_model"] != name:
        return ""
    reason = promotion["reason"] if promotion["reason"] != known else ""
    return " ".join(filter(None, [reason, promotion.get("overtaken_by", "")]))


def leaderboards(collection: str) -> str:
    """The models of all runs on a collection, and published results.

    Args:
        collection: The collection's name (`data.name`).
    """
    try:
        tracking.open_store()
        rows = tracking.leaderboards()
    except UserError as error:
        return alert(str(error))
    rows = rows[rows["collection"] == collection] if len(rows) else rows
    if rows.empty:
        return alert(f"the store has no leaderboard of {collection} yet: run dvc repro first")
    published = published_on(collection)
    merged = standings(rows, {collection: published})
    tables = [_board(standing.words, standing.board, OF_ALL_RUNS) for standing in merged]
    others = published_elsewhere(merged, published)
    if len(others):
        tables.append(_board(QUOTED, others, PUBLISHED))
    return "".join(tables)


def _board(caption: str, board: pd.DataFrame, columns: Mapping[str, Cell]) -> str:
    cells = pd.DataFrame(
        {name: [cell(row) for _, row in board.iterrows()] for name, cell in columns.items()}
    ).drop(columns=[*LEFT_OUT], errors="ignore")
    # A column may be empty, such as the published figures of a user's own music.
    cells = cells.loc[:, ~cells.isin(["", "-"]).all()]
    numbers, notes = numbered(board["note"])
    return table(
        caption,
        [*cells],
        cells.to_numpy().tolist(),
        marks=[",".join(map(str, row)) for row in numbers],
        notes=notes,
        sort_by={name: board[column].tolist() for name, column in SORT_BY.items() if name in cells},
    )

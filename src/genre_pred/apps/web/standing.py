"""Who answers, who else was tried, and who wants the champion's place."""

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from genre_pred import tracking
from genre_pred.apps.web.answer import trouble
from genre_pred.apps.web.tables import table
from genre_pred.config.workspace import intervals
from genre_pred.core.errors import UserError
from genre_pred.evaluation.comparison.markdown import OF_ALL_RUNS, PUBLISHED, QUOTED, Cell, numbered
from genre_pred.evaluation.comparison.published import published_on
from genre_pred.evaluation.comparison.standings import published_elsewhere, standings
from genre_pred.evaluation.scoring.significance import accuracy_interval, bootstrap_groups
from genre_pred.inference.classifier import GenreClassifier

SORT_BY = {"training": "train_seconds"}  # a duration in words does not sort
# The caption has them, a footnote, or `genre-pred leaderboard`.
LEFT_OUT = ("artists", "test seen", "run", "note")
PROMOTION = Path("reports/promotion.json")


def accuracy_told(classifier: GenreClassifier) -> str:
    """How often it was right on clips that it had not seen, with the interval over artists."""
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


def who_answers(classifier: GenreClassifier) -> str:
    """Name, version, alias, how good it is, and what must be known of it."""
    spec = classifier.spec
    name = classifier.title or classifier.folder.name
    note = f'<p class="gp-note">{escape(spec.note)}</p>' if spec.note else ""
    return (
        f'<div class="gp-model"><p>It asks <strong>{escape(name)}</strong>: {escape(spec.model)}, '
        f"{escape(accuracy_told(classifier))}; {escape(spec.protocol)}</p>{note}</div>"
    )


def contest(model: str) -> str:
    """Champion against challenger, as the registry and the last promotion have it.

    Args:
        model: The registered model; empty for a classifier from elsewhere.
    """
    try:
        return _challenge(tracking.registered(model or None))
    except UserError as fault:
        return trouble(str(fault))


def _challenge(name: str) -> str:
    rows = []
    for alias in (tracking.CHAMPION, tracking.CHALLENGER):
        version = tracking.version_at(name, alias)
        if version is None:
            rows.append([alias, "", "nobody", "", ""])
            continue
        number = str(version.version)
        try:
            classifier = GenreClassifier(tracking.fetch_version(version))
        except UserError as fault:
            rows.append([alias, number, str(fault), "", ""])
            continue
        spec = classifier.spec
        rows.append([alias, number, spec.model, accuracy_told(classifier), spec.protocol])
    header = ["alias", "version", "model", "accuracy", "protocol"]
    sides = table(f"{name}: champion and challenger", header, rows, wrap=True)
    events = tracking.history(name)
    if not events:
        return sides
    crowned = f"<p>Champion since {escape(events[-1]['when'])}: {escape(events[-1]['why'])}</p>"
    return "".join([sides, crowned, _last_promotion(name, events[-1]["why"])])


def _last_promotion(name: str, said: str) -> str:
    if not PROMOTION.is_file():
        return ""
    told = json.loads(PROMOTION.read_text())
    if told["registered_model"] != name:
        return ""
    words = [told["reason"] if told["reason"] != said else "", told.get("overtaken_by", "")]
    sentence = " ".join(filter(None, words))
    return f"<p>The last run: {escape(sentence)}</p>" if sentence else ""


def leaderboards(collection: str) -> str:
    """All runs' models on a collection, and what others have published.

    Args:
        collection: As `data.name` gives it.
    """
    try:
        tracking.open_store()
        rows = tracking.leaderboards()
    except UserError as fault:
        return trouble(str(fault))
    rows = rows[rows["collection"] == collection] if len(rows) else rows
    if rows.empty:
        return trouble(f"MLflow holds no leaderboard of {collection} yet: run dvc repro first")
    published = published_on(collection)
    found = standings(rows, {collection: published})
    tables = [_board(standing.words, standing.board, OF_ALL_RUNS) for standing in found]
    others = published_elsewhere(found, published)
    if len(others):
        tables.append(_board(QUOTED, others, PUBLISHED))
    return "".join(tables)


def _board(caption: str, board: pd.DataFrame, columns: Mapping[str, Cell]) -> str:
    told = {name: cell for name, cell in columns.items() if name not in LEFT_OUT}
    cells = [[cell(row) for cell in told.values()] for _, row in board.iterrows()]
    # A column may say nothing of any model, as the published figures of one's own music.
    said = [number for number in range(len(told)) if {row[number] for row in cells} - {"", "-"}]
    marks, notes = numbered(board["note"])
    shown = table(
        caption,
        [[*told][number] for number in said],
        [[row[number] for number in said] for row in cells],
        marks=[",".join(map(str, of_row)) for of_row in marks],
        sort_by={name: board[column].tolist() for name, column in SORT_BY.items() if name in told},
    )
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'{shown}<ol class="gp-notes gp-quiet">{items}</ol>' if notes else shown

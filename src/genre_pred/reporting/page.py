"""Render the report: one self-contained HTML page for phone, paper, light and dark mode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import jinja2
import pandas as pd

from genre_pred.evaluation.comparison.markdown import OF_ALL_RUNS, PUBLISHED, Cell, numbered
from genre_pred.reporting.charts import calibration_chart, learning_chart
from genre_pred.reporting.findings import Findings
from genre_pred.reporting.words import (
    data_summary,
    limits,
    percent,
    points,
    scoring_summary,
    verdict,
)

TEMPLATE = "report.html"
SECTIONS: Mapping[str, str] = {
    "data": "Data",
    "leaderboard": "Leaderboard",
    "promotion": "Champion and challenger",
    "confusion": "Confusion matrix",
    "genres": "Scores by genre",
    "calibration": "Calibration",
    "coverage": "Prediction sets",
    "learning": "Learning curves",
    "mistakes": "Most frequent mistakes",
    "cost": "Cost",
    "lineage": "Lineage",
    "card": "Model card",
}
MOST_GENRES_IN_A_MATRIX = 24
MOST_REJECTED = 50
BOARD = {
    header: OF_ALL_RUNS[header]
    for header in ("validation %", "test %", "macro F1 %", "log-loss", "published %")
}
GENRES: Mapping[str, Cell] = {
    "genre": lambda row: str(row["genre"]),
    "precision": lambda row: percent(row["precision"]),
    "recall": lambda row: percent(row["recall"]),
    "F1": lambda row: percent(row["f1"]),
    "clips": lambda row: str(row["clips"]),
}
HARDEST: Mapping[str, Cell] = {
    "file": lambda row: str(row["path"]) if pd.notna(row["path"]) else str(row["clip_id"]),
    "true genre": lambda row: str(row["genre"]),
    "its probability": lambda row: percent(row["probability"]),
    "predicted": lambda row: str(row["predicted"]),
    "confidence": lambda row: percent(row["confidence"]),
}
CONFUSED: Mapping[str, Cell] = {
    "true genre": lambda row: str(row["genre"]),
    "predicted": lambda row: str(row["predicted"]),
    "clips": lambda row: str(row["clips"]),
    "share of its clips": lambda row: percent(row["share"]),
}
COSTS = {header: OF_ALL_RUNS[header] for header in ("model", "training", "size MB", "clips/s")}


def render(findings: Findings) -> str:
    """Render the page.

    Args:
        findings: The content of the report.

    Returns:
        HTML that loads no resources; all text is escaped.
    """
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"percent": percent, "points": points, "rows": _rows, "css": _css}
    board_marks, board_notes = numbered(findings.board["note"])
    return pages.get_template(TEMPLATE).render(
        findings=findings,
        sections=SECTIONS,
        verdict=verdict(findings),
        data_summary=data_summary(findings.collection),
        scoring_summary=scoring_summary(findings),
        limits=list(limits(findings)),
        board_columns=_columns(findings.board),
        board_marks=board_marks,
        board_notes=board_notes,
        published_columns=PUBLISHED,
        cost_columns=COSTS,
        changed=[f"{key}={json.dumps(value)}" for key, value in findings.lineage.changed.items()],
        totals=["all", *findings.collection.clips.iloc[:, 1:].sum()],
        genre_columns=GENRES,
        hardest_columns=HARDEST,
        confused_columns=CONFUSED,
        candidates=_candidates(findings),
        pairs=_pairs(findings),
        notes=_notes(findings),
        calibration_chart=calibration_chart,
        learning_chart=learning_chart,
        most_genres=MOST_GENRES_IN_A_MATRIX,
        most_rejected=MOST_REJECTED,
    )


def _rows(table: pd.DataFrame, columns: Mapping[str, Cell] | None = None) -> list[list[object]]:
    """The cells of a table, row by row; `columns` maps headers to the cell of a row."""
    if columns is None:
        return [list(row) for row in table.itertuples(index=False)]
    return [[cell(row) for cell in columns.values()] for _, row in table.iterrows()]


def _css(share: float) -> str:
    return f"{share * 100:.1f}%"


def _candidates(findings: Findings) -> list[list[str]]:
    candidates = findings.promotion["candidates"] if findings.promotion else []
    return [[candidate["model"], candidate["version"]] for candidate in candidates]


def _pairs(findings: Findings) -> list[list[str]]:
    pairs = []
    for key, row in findings.metrics.items():
        if "mcnemar_p" in row:
            later, earlier = (findings.metrics[name]["model"] for name in key.split("_minus_"))
            ends = f"[{points(row['low'])}, {points(row['high'])}]"
            p = f"{row['mcnemar_p']:.2g}"
            pairs.append([f"{later} minus {earlier}", row["on"], points(row["accuracy"]), ends, p])
    return pairs


def _notes(findings: Findings) -> list[str]:
    """Remarks to show with the verdict."""
    notes = [(findings.champion or {}).get("note", "")]
    notes.append((findings.promotion or {}).get("overtaken_by", ""))
    return [note for note in notes if note]


def _columns(board: pd.DataFrame) -> dict[str, Cell]:
    """The columns of the leaderboard; without published figures if there are none."""
    omitted = {"published %"} if board["published"].isna().all() else set()
    return {name: cell for name, cell in BOARD.items() if name not in omitted}

"""The report: one page that carries all it needs, readable on a phone, on paper and in the dark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import jinja2
import pandas as pd

from genre_pred.evaluation.comparison.markdown import OF_ALL_RUNS, PUBLISHED, Cell, numbered
from genre_pred.reporting.charts import calibration_chart, learning_chart
from genre_pred.reporting.findings import Findings
from genre_pred.reporting.words import asked, judged, limits, percent, points, verdict

TEMPLATE = "report.html"
SECTIONS: Mapping[str, str] = {
    "asked": "What was asked",
    "leaderboard": "Leaderboard",
    "promotion": "Champion against challenger",
    "confusion": "Which genre is taken for which",
    "genres": "Genre by genre",
    "calibration": "Is it as sure as it may be?",
    "coverage": "Prediction sets",
    "learning": "Learning curves",
    "mistakes": "Where it goes wrong",
    "cost": "What it costs",
    "lineage": "Where this comes from",
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
    "p of it": lambda row: percent(row["probability"]),
    "named": lambda row: str(row["predicted"]),
    "p of that": lambda row: percent(row["confidence"]),
}
CONFUSED: Mapping[str, Cell] = {
    "true genre": lambda row: str(row["genre"]),
    "named": lambda row: str(row["predicted"]),
    "clips": lambda row: str(row["clips"]),
    "of its clips": lambda row: percent(row["share"]),
}
COSTS = {header: OF_ALL_RUNS[header] for header in ("model", "training", "size MB", "clips/s")}


def render(findings: Findings) -> str:
    """Write the page.

    Args:
        findings: What it tells of.

    Returns:
        HTML that loads nothing; whatever comes from the collection is escaped.
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
        found=findings,
        sections=SECTIONS,
        verdict=verdict(findings),
        asked=asked(findings.collection),
        judged=judged(findings),
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
    """The cells of a table, row by row; with columns, as those write them."""
    if columns is None:
        return [list(row) for row in table.itertuples(index=False)]
    return [[cell(row) for cell in columns.values()] for _, row in table.iterrows()]


def _css(share: float) -> str:
    return f"{share * 100:.1f}%"


def _candidates(findings: Findings) -> list[list[str]]:
    stood = findings.promotion["candidates"] if findings.promotion else []
    return [[it["model"], it["version"]] for it in stood]


def _pairs(findings: Findings) -> list[list[str]]:
    pairs = []
    for key, row in findings.metrics.items():
        if "mcnemar_p" in row:
            one, other = (findings.metrics[name]["model"] for name in key.split("_minus_"))
            ends = f"[{points(row['low'])}, {points(row['high'])}]"
            p = f"{row['mcnemar_p']:.2g}"
            pairs.append([f"{one} minus {other}", row["on"], points(row["accuracy"]), ends, p])
    return pairs


def _notes(findings: Findings) -> list[str]:
    """What must stand beside the verdict."""
    said = [(findings.champion or {}).get("note", "")]
    said.append((findings.promotion or {}).get("overtaken_by", ""))
    return [note for note in said if note]


def _columns(board: pd.DataFrame) -> dict[str, Cell]:
    """Without the published figures where nobody has published any."""
    silent = board["published"].isna().all()
    return {name: cell for name, cell in BOARD.items() if not (silent and name == "published %")}

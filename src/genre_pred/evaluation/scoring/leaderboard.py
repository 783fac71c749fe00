"""The leaderboard: one table of all models, with scores, intervals, protocol and cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from genre_pred.evaluation.scoring.alignment import Aligned, align
from genre_pred.evaluation.scoring.metrics import score
from genre_pred.evaluation.scoring.significance import accuracy_interval, bootstrap_groups

SCORES = ("accuracy", "low", "high", "macro_f1", "log_loss")
APART_BY_LISTS = "apart by the publisher's lists"
COLUMNS = (
    "model",
    "approach",
    *(f"validation_{name}" for name in SCORES),
    "validation_calibration_error",
    *(f"test_{name}" for name in SCORES),
    "clips",
    "test_clips",
    "protocol",
    "artists",
    "test_seen",
    "train_seconds",
    "megabytes",
    "note",
    "command",
)


@dataclass(frozen=True)
class Entry:
    """A model's entry in the leaderboard.

    Attributes:
        model: its name, such as "vggish_pca/svc_rbf".
        approach: "embedding", "finetune", "descriptors" or "baseline".
        command: the command that trains it again.
        train_seconds: wall time of its training.
        megabytes: size of all files that it needs to predict.
        note: a remark for the reader; the reason, if it could not be trained.
    """

    model: str
    approach: str
    command: str
    train_seconds: float
    megabytes: float
    note: str


def leaderboard(
    entries: Sequence[Entry],
    predictions: Mapping[str, pd.DataFrame],
    truth: pd.DataFrame,
    genres: Sequence[str],
    *,
    confidence: float,
    n_resamples: int,
    seed: int,
    score_test_of: Collection[str],
    protocol: str,
    grouped: bool,
    test_seen: int,
) -> pd.DataFrame:
    """Score all models on the same validation clips, and the chosen ones on the test clips.

    Args:
        entries: one per model; a model without predictions has a row without scores, at the end.
        predictions: model -> clip_id, split ("validation" or "test"), one column per genre.
        truth: clip_id, genre, artist.
        genres: all k genres.
        confidence: of the two-sided intervals.
        n_resamples: number of bootstrap samples.
        seed: of each interval's own generator, so that no row depends on another.
        score_test_of: the models that are scored on the test clips.
        protocol: a description of the split.
        grouped: no artist is on two sides of the split.
        test_seen: how many candidates have been scored on these test clips so far.

    Returns:
        One row per model, columns COLUMNS, best validation accuracy first (then log-loss, size,
        name); test scores are NaN for models that were not scored on test.

    Raises:
        ValueError: entries and predictions do not match, two models were not scored on the same
            clips, or as `align`.
    """
    _check_names(entries, predictions, score_test_of)
    first_clips: dict[str, tuple[str, np.ndarray]] = {}  # split -> its first model and clips
    artists = ""
    rows = []
    for entry in entries:
        row: dict[str, object] = {**vars(entry), "protocol": protocol, "test_seen": test_seen}
        row |= {"clips": 0, "test_clips": 0}
        for split, table in _tables_to_score(entry.model, predictions, score_test_of).items():
            aligned = align(table, truth, genres)
            clips = (entry.model, aligned.clip_ids)
            _check_same_clips(first_clips.setdefault(split, clips), clips, split)
            artists = artists or artists_in_words(aligned.truth, grouped)
            scores = score(table, truth, genres)
            row["clips" if split == "validation" else "test_clips"] = int(scores.pop("n_clips"))
            scores["low"], scores["high"] = _interval(aligned, confidence, n_resamples, seed)
            row |= {f"{split}_{name}": value for name, value in scores.items()}
        rows.append(row)
    board = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    board["artists"] = artists
    return best_first(board)


def artists_in_words(truth: pd.DataFrame, grouped: bool) -> str:
    """Describe how artists are spread over the splits; "optimistic" marks possible leakage.

    Args:
        truth: clip_id, artist.
        grouped: no artist is on two sides of the split.

    Returns:
        "grouped"; APART_BY_LISTS if the publisher's lists separate artists without naming them
        (intervals then resample clips); else a text that ends in "optimistic".
    """
    labels, all_known = bootstrap_groups(truth)
    if all_known:
        return "grouped" if grouped else "not grouped, optimistic"
    if any(str(label).startswith("artist ") for label in labels):
        return "partly unknown, optimistic"
    return APART_BY_LISTS if grouped else "unknown, optimistic"


def best_of(board: pd.DataFrame, approach: str) -> str:
    """Name the best model of an approach, chosen on validation only.

    Args:
        board: as `leaderboard` returns it, rows in any order.
        approach: "embedding", "finetune", "descriptors" or "baseline".

    Returns:
        The model with the highest accuracy; ties go to the lower log-loss, then the smaller size,
        then the first name.

    Raises:
        ValueError: no model of the approach has a score.
    """
    scored = board[(board["approach"] == approach) & board["validation_accuracy"].notna()]
    if scored.empty:
        raise ValueError(f"no model of the approach {approach!r} has a validation score")
    return str(best_first(scored)["model"].iloc[0])


def best_first(board: pd.DataFrame) -> pd.DataFrame:
    """Order a board: best validation accuracy first, then log-loss, size, name; n/a last."""
    rank = pd.DataFrame(
        {
            "accuracy": -board["validation_accuracy"].astype(float).round(12),
            "log_loss": board["validation_log_loss"].astype(float).round(9),
            "megabytes": board["megabytes"],
            "model": board["model"].astype(str),
        }
    )
    order = rank.sort_values(list(rank.columns), na_position="last", kind="stable").index
    return board.loc[order].reset_index(drop=True)


def _tables_to_score(
    model: str, predictions: Mapping[str, pd.DataFrame], score_test_of: Collection[str]
) -> dict[str, pd.DataFrame]:
    if model not in predictions:
        return {}
    table = predictions[model]
    if unknown := sorted(set(table["split"]) - {"validation", "test"}):
        raise ValueError(f"{model} has predictions of {', '.join(unknown)}")
    splits = {name: table[table["split"] == name] for name in ("validation", "test")}
    if splits["validation"].empty:
        raise ValueError(f"{model} has no validation predictions")
    if splits["test"].empty or model not in score_test_of:
        del splits["test"]
    return splits


def _interval(
    aligned: Aligned, confidence: float, n_resamples: int, seed: int
) -> tuple[float, float]:
    groups, _ = bootstrap_groups(aligned.truth)
    return accuracy_interval(
        aligned.hits,
        groups,
        confidence=confidence,
        n_resamples=n_resamples,
        rng=np.random.default_rng(seed),
    )


def _check_names(
    entries: Sequence[Entry], predictions: Mapping[str, object], score_test_of: Collection[str]
) -> None:
    names = [entry.model for entry in entries]
    if not names:
        raise ValueError("a leaderboard needs at least one model")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"models entered twice: {', '.join(twice)}")
    if unknown := sorted({*predictions, *score_test_of} - set(names)):
        raise ValueError(f"models without an entry: {', '.join(unknown)}")
    if unexplained := sorted(e.model for e in entries if e.model not in predictions and not e.note):
        raise ValueError(f"neither predictions nor a note that says why: {', '.join(unexplained)}")


def _check_same_clips(
    first: tuple[str, np.ndarray], other: tuple[str, np.ndarray], split: str
) -> None:
    if unshared := sorted({str(c) for c in first[1]} ^ {str(c) for c in other[1]}):
        raise ValueError(
            f"{first[0]} and {other[0]} were not scored on the same {split} clips: "
            f"{len(unshared)} are in only one of them, such as {unshared[0]}"
        )

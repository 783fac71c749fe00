"""The evaluation of an experiment: the best model of each approach, and their differences."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from genre_pred.config.sections import Evaluate
from genre_pred.core.tables import TEST, VALIDATION
from genre_pred.evaluation.scoring.leaderboard import Entry, best_of, leaderboard
from genre_pred.evaluation.scoring.metrics import hits, per_genre
from genre_pred.evaluation.scoring.significance import bootstrap_groups, mcnemar, paired_difference
from genre_pred.evaluation.scoring.trained_models import ENSEMBLE, Model, ensemble_of

REPRODUCTION = "reproduction: fixed beforehand, no candidate"
FIGURES = ("accuracy", "low", "high", "macro_f1", "log_loss")


@dataclass(frozen=True)
class Evaluation:
    """The results of the evaluate stage.

    Attributes:
        board: The leaderboard, best first.
        best: The best model of each approach, chosen on validation and scored on test.
        models: All scored models, with the ensemble.
        tested: The models that were scored on test: the best ones and the reproductions.
        metrics: The content of reports/metrics.json, for `dvc metrics diff` and `dvc exp show`.
    """

    board: pd.DataFrame
    best: dict[str, Model]
    models: list[Model]
    tested: list[Model]
    metrics: dict[str, Any]


def evaluate_models(
    models: Sequence[Model],
    truth: pd.DataFrame,
    genres: Sequence[str],
    settings: Evaluate,
    *,
    candidates: Sequence[str],
    protocol: str,
    grouped: bool,
) -> Evaluation:
    """Score all models on validation; score the best of each approach and the ensemble on test.

    Reproductions repeat a fixed recipe from the literature. They are scored on test, but are no
    candidates.

    Args:
        models: The output of `read_models`.
        truth: clip_id, genre, artist.
        genres: In the order of the tables.
        settings: The section `evaluate`.
        candidates: The approaches whose best models are compared in pairs, later minus earlier.
        protocol: A description of the split.
        grouped: Whether no artist is on two sides of the split.
    """
    shared: dict[str, Any] = {
        "confidence": settings.confidence,
        "n_resamples": settings.n_resamples,
        "seed": settings.seed,
        "protocol": protocol,
        "grouped": grouped,
    }
    chosen = leaderboard(*_entries(models), truth, genres, **shared, score_test_of=(), test_seen=0)
    reproduced = [
        m.name for m in models if m.approach != "baseline" and is_reproduction(m.name, settings)
    ]
    eligible = chosen[~chosen["model"].isin(reproduced)]
    scored = eligible[eligible["validation_accuracy"].notna()]
    by_name = {m.name: m for m in models}
    best = {
        approach: by_name[best_of(eligible, approach)]
        for approach in sorted(set(scored["approach"]))
    }
    reproductions = [m for m in models if m.name in reproduced and m.predictions is not None]
    members = [best[approach] for approach in settings.ensemble if approach in best]
    if len(members) > 1:
        best[ENSEMBLE] = ensemble_of(members)
        models = [*models, best[ENSEMBLE]]
    tested = [*best.values(), *reproductions]
    board = leaderboard(
        *_entries(models),
        truth,
        genres,
        **shared,
        score_test_of=[model.name for model in tested],
        test_seen=len(tested),
    )
    board["note"] = [
        "; ".join(filter(None, [REPRODUCTION if model in reproduced else "", note]))
        for model, note in zip(board["model"], board["note"], strict=True)
    ]
    metrics: dict[str, Any] = {
        approach: _row(board[board["model"] == model.name].iloc[0])
        for approach, model in best.items()
    }
    if ENSEMBLE in best:
        metrics[ENSEMBLE]["members"] = " + ".join(member.name for member in members)
    rivals = [best[approach] for approach in candidates if approach in best]
    for earlier, later in combinations(rivals, 2):
        key = f"{later.approach}_minus_{earlier.approach}"
        metrics[key] = _difference(later, earlier, truth, settings)
    return Evaluation(board, best, list(models), tested, metrics)


def is_reproduction(model: str, settings: Evaluate) -> bool:
    """Whether a model repeats a fixed recipe from the literature."""
    return any(fnmatchcase(model, pattern) for pattern in settings.reproductions)


def _entries(models: Sequence[Model]) -> tuple[list[Entry], dict[str, pd.DataFrame]]:
    entries = [
        Entry(m.name, m.approach, m.command, float("nan"), round(m.megabytes, 1), m.note)
        for m in models
    ]
    return entries, {m.name: m.predictions for m in models if m.predictions is not None}


def with_prices(
    evaluation: Evaluation, run_metrics: Mapping[str, Mapping[str, float]]
) -> pd.DataFrame:
    """Add the cost of each model to the leaderboard, where it is known.

    Args:
        evaluation: The scored models.
        run_metrics: By path, the metrics of the run that made it, from `StageRun.ancestry`.

    Returns:
        The board with train_seconds (of an ensemble, the sum over its members) and clip_seconds:
        the time from a clip's file to its genre, on one core of the machine of these runs, with a
        loaded model and all requested front ends or descriptor sets. NaN if it is unknown or the
        model reads no audio.
    """
    models = {model.name: model for model in evaluation.models}
    ordered = [models[name] for name in evaluation.board["model"]]
    return evaluation.board.assign(
        train_seconds=[_train_seconds(model, run_metrics) for model in ordered],
        clip_seconds=[_clip_seconds(model, run_metrics) for model in ordered],
    )


def _train_seconds(model: Model, run_metrics: Mapping[str, Mapping[str, float]]) -> float:
    if model.members:
        return sum(_train_seconds(member, run_metrics) for member in model.members)
    own = run_metrics.get("models/classical", {}).get(f"seconds.{model.name}", float("nan"))
    if model.approach != "finetune":
        return own
    network = run_metrics.get("models/finetune", {}).get(f"seconds.{_network(model)}", float("nan"))
    return network if model.network else own + network


def _clip_seconds(model: Model, run_metrics: Mapping[str, Mapping[str, float]]) -> float:
    steps = {step for each in model.members or [model] for step in _steps(each)}
    seconds = [run_metrics.get(path, {}).get(metric, float("nan")) for path, metric in steps]
    return sum(seconds) if steps else float("nan")


def _steps(model: Model) -> list[tuple[str, str]]:
    """The steps from a file to a prediction: the output of each, and the metric of its time."""
    if not (model.features or model.network):
        return []  # the majority class
    mel = ("data/mel", "clip_seconds")
    classifier = ("models/classical", f"clip_seconds.{model.name}")
    if model.approach == "finetune":
        network = [mel, ("models/finetune", f"clip_seconds.{_network(model)}")]
        return network if model.network else [*network, classifier]
    backbone = model.files.get("network.safetensors")  # None for precomputed embeddings
    if model.approach == "embedding" and backbone:
        return [mel, ("data/embeddings", f"clip_seconds.{backbone.stem}"), classifier]
    if model.approach in ("descriptors", "embedding"):
        return [("data/descriptors", "clip_seconds"), classifier]
    return [mel, classifier]


def _network(model: Model) -> str:
    """The name of a model's fine-tuned network, also for a classifier on its features."""
    return f"finetune/{model.network or model.files['network.safetensors'].parent.name}"


def clips_digest(clips: pd.DataFrame, split: pd.DataFrame, side: str = TEST) -> str:
    """A digest of the audio of a split, by which its uses are counted; empty without clips."""
    members = clips["clip_id"].isin(split.loc[split["split"] == side, "clip_id"])
    contents = sorted(clips.loc[members, "content"])
    return hashlib.sha256(" ".join(contents).encode()).hexdigest()[:16] if contents else ""


def scoring_split(predictions: pd.DataFrame) -> str:
    """The split for final scores: test, or validation if there is no test split."""
    return TEST if (predictions["split"] == TEST).any() else VALIDATION


def on_scoring_split(predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions of the clips of the scoring split."""
    return predictions[predictions["split"] == scoring_split(predictions)]


def genre_table(best: dict[str, Model], truth: pd.DataFrame, genres: Sequence[str]) -> pd.DataFrame:
    """Precision, recall and F1 of each genre on validation, for the best of each approach."""
    tables = []
    for approach, model in best.items():
        assert model.predictions is not None
        validation = model.predictions[model.predictions["split"] == VALIDATION]
        table = per_genre(validation, truth, genres)
        tables.append(table.assign(approach=approach, model=model.name))
    return pd.concat(tables, ignore_index=True)


def _row(row: pd.Series) -> dict[str, Any]:
    figures = {
        f"{split}_{name}": round(float(row[f"{split}_{name}"]), 6)
        for split in (VALIDATION, TEST)
        for name in FIGURES
        if pd.notna(row[f"{split}_{name}"])
    }
    return {"model": row["model"], **figures}


def _difference(
    later: Model, earlier: Model, truth: pd.DataFrame, settings: Evaluate
) -> dict[str, Any]:
    assert later.predictions is not None
    assert earlier.predictions is not None
    new = on_scoring_split(later.predictions)
    new_hits, old_hits = hits(new, truth), hits(on_scoring_split(earlier.predictions), truth)
    clips = truth.set_index("clip_id").loc[new_hits.index].reset_index()
    old_hits = old_hits.loc[new_hits.index]
    groups, _ = bootstrap_groups(clips)
    difference = paired_difference(
        new_hits.to_numpy(),
        old_hits.to_numpy(),
        groups,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng(settings.seed),
    )
    return {
        "on": scoring_split(new),
        "accuracy": round(difference.mean, 6),
        "low": round(difference.low, 6),
        "high": round(difference.high, 6),
        "mcnemar_p": round(mcnemar(new_hits.to_numpy(), old_hits.to_numpy()), 6),
    }

"""The verdict on an experiment: who is best of each approach, by how much, how surely."""

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
    """What the evaluate stage writes.

    Attributes:
        board: The leaderboard, best first.
        best: The best model of each approach, chosen on validation and scored on test.
        models: All that were judged, with the ensemble.
        tested: Those that were scored on the judging clips: the best, and the reproductions.
        metrics: reports/metrics.json: what `dvc metrics diff` and `dvc exp show` compare.
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
    """Score all models on validation, and the best of each approach and their mean on test.

    Reproductions are fixed before anything is seen: they are scored on test without being chosen,
    and compete with nobody.

    Args:
        models: As `read_models` gives them.
        truth: clip_id, genre, artist.
        genres: In the order of the tables.
        settings: The section `evaluate`.
        candidates: The approaches whose best are compared in pairs, the later minus the earlier.
        protocol: How the clips were split, in words.
        grouped: Whether no artist stands on two sides.
    """
    terms: dict[str, Any] = {
        "confidence": settings.confidence,
        "n_resamples": settings.n_resamples,
        "seed": settings.seed,
        "protocol": protocol,
        "grouped": grouped,
    }
    chosen = leaderboard(*_entries(models), truth, genres, **terms, score_test_of=(), test_seen=0)
    repeated = [
        m.name for m in models if m.approach != "baseline" and is_reproduction(m.name, settings)
    ]
    eligible = chosen[~chosen["model"].isin(repeated)]
    scored = eligible[eligible["validation_accuracy"].notna()]
    named = {m.name: m for m in models}
    best = {
        approach: named[best_of(eligible, approach)] for approach in sorted(set(scored["approach"]))
    }
    reproductions = [m for m in models if m.name in repeated and m.predictions is not None]
    members = [best[approach] for approach in settings.ensemble if approach in best]
    if len(members) > 1:
        best[ENSEMBLE] = ensemble_of(members)
        models = [*models, best[ENSEMBLE]]
    tested = [*best.values(), *reproductions]
    board = leaderboard(
        *_entries(models),
        truth,
        genres,
        **terms,
        score_test_of=[model.name for model in tested],
        test_seen=len(tested),
    )
    board["note"] = [
        "; ".join(filter(None, [REPRODUCTION if model in repeated else "", note]))
        for model, note in zip(board["model"], board["note"], strict=True)
    ]
    metrics: dict[str, Any] = {
        approach: _row(board[board["model"] == model.name].iloc[0])
        for approach, model in best.items()
    }
    if ENSEMBLE in best:
        metrics[ENSEMBLE]["members"] = " + ".join(member.name for member in members)
    rivals = [best[approach] for approach in candidates if approach in best]
    for one, other in combinations(rivals, 2):
        metrics[f"{other.approach}_minus_{one.approach}"] = _difference(other, one, truth, settings)
    return Evaluation(board, best, list(models), tested, metrics)


def is_reproduction(model: str, settings: Evaluate) -> bool:
    """Whether a model only repeats a fixed recipe from the literature."""
    return any(fnmatchcase(model, pattern) for pattern in settings.reproductions)


def _entries(models: Sequence[Model]) -> tuple[list[Entry], dict[str, pd.DataFrame]]:
    entries = [
        Entry(m.name, m.approach, m.command, float("nan"), round(m.megabytes, 1), m.note)
        for m in models
    ]
    return entries, {m.name: m.predictions for m in models if m.predictions is not None}


def with_prices(verdict: Evaluation, made: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """The leaderboard with what each model costs, so far as it is known.

    Args:
        verdict: Who was judged.
        made: By path, the metrics of the run that made it: see `track.StageRun.ancestry`.

    Returns:
        The board with train_seconds (an average takes what all its members take) and clip_seconds:
        of a clip from its file to its genre, on one core of those runs' machine, once loaded;
        with all front ends, or all sets of descriptors, that were asked for. NaN where it is
        unknown, or no sound is read.
    """
    models = {model.name: model for model in verdict.models}
    named = [models[name] for name in verdict.board["model"]]
    return verdict.board.assign(
        train_seconds=[_train_seconds(model, made) for model in named],
        clip_seconds=[_clip_seconds(model, made) for model in named],
    )


def _train_seconds(model: Model, made: Mapping[str, Mapping[str, float]]) -> float:
    if model.members:
        return sum(_train_seconds(member, made) for member in model.members)
    own = made.get("models/classical", {}).get(f"seconds.{model.name}", float("nan"))
    if model.approach != "finetune":
        return own
    below = made.get("models/finetune", {}).get(f"seconds.{_network(model)}", float("nan"))
    return below if model.network else own + below


def _clip_seconds(model: Model, made: Mapping[str, Mapping[str, float]]) -> float:
    steps = {step for each in model.members or [model] for step in _steps(each)}
    told = [made.get(path, {}).get(metric, float("nan")) for path, metric in steps]
    return sum(told) if steps else float("nan")


def _steps(model: Model) -> list[tuple[str, str]]:
    """What is done between a file and a model's answer: who made it, and the metric of its time."""
    if not (model.features or model.network):
        return []  # the majority class
    heard, classified = ("data/mel", "clip_seconds"), f"clip_seconds.{model.name}"
    if model.approach == "finetune":
        below = [heard, ("models/finetune", f"clip_seconds.{_network(model)}")]
        return below if model.network else [*below, ("models/classical", classified)]
    backbone = model.files.get("network.safetensors")  # none of embeddings that others computed
    if model.approach == "embedding" and backbone:
        below = [heard, ("data/embeddings", f"clip_seconds.{backbone.stem}")]
    elif model.approach in ("descriptors", "embedding"):
        below = [("data/descriptors", "clip_seconds")]
    else:
        below = [heard]
    return [*below, ("models/classical", classified)]


def _network(model: Model) -> str:
    """The trained network, also of a classifier on what one has learnt."""
    return f"finetune/{model.network or model.files['network.safetensors'].parent.name}"


def clips_digest(clips: pd.DataFrame, split: pd.DataFrame, side: str = TEST) -> str:
    """A digest of a split's sound, by which the use of its clips is counted; empty without any."""
    judges = clips["clip_id"].isin(split.loc[split["split"] == side, "clip_id"])
    contents = sorted(clips.loc[judges, "content"])
    return hashlib.sha256(" ".join(contents).encode()).hexdigest()[:16] if contents else ""


def scoring_split(predictions: pd.DataFrame) -> str:
    """The split that judges: test, or validation where there is no test."""
    return TEST if (predictions["split"] == TEST).any() else VALIDATION


def on_scoring_split(predictions: pd.DataFrame) -> pd.DataFrame:
    """The predictions of the clips that judge."""
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
    other: Model, one: Model, truth: pd.DataFrame, settings: Evaluate
) -> dict[str, Any]:
    assert other.predictions is not None
    assert one.predictions is not None
    new = on_scoring_split(other.predictions)
    new_hits, old_hits = hits(new, truth), hits(on_scoring_split(one.predictions), truth)
    clips = truth.set_index("clip_id").loc[new_hits.index].reset_index()
    old_hits = old_hits.loc[new_hits.index]
    groups, _ = bootstrap_groups(clips)
    found = paired_difference(
        new_hits.to_numpy(),
        old_hits.to_numpy(),
        groups,
        confidence=settings.confidence,
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng(settings.seed),
    )
    return {
        "on": scoring_split(new),
        "accuracy": round(found.mean, 6),
        "low": round(found.low, 6),
        "high": round(found.high, 6),
        "mcnemar_p": round(mcnemar(new_hits.to_numpy(), old_hits.to_numpy()), 6),
    }

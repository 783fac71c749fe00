"""Register the best model of each approach of a run, and decide on the champion."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from genre_pred import tracking
from genre_pred.config.params import Params
from genre_pred.config.sections import Promote
from genre_pred.core.errors import UserError
from genre_pred.evaluation.scoring.evaluate import clips_digest, is_reproduction
from genre_pred.evaluation.scoring.trained_models import ENSEMBLE, Model, ensemble_of, read_models
from genre_pred.registry.candidates import register_candidate, registered_name
from genre_pred.registry.champion import decide_champion
from genre_pred.registry.rules import Decision


def promote_workspace(
    params: Params, data: Path, models: Path, reports: Path, *, run_id: str, may_promote: bool
) -> dict[str, Any]:
    """Register the best model of each approach, and compare the better one with the champion.

    Safe to repeat: a classifier that is already registered keeps its version.

    Args:
        params: The settings that the models were trained with.
        data: The folder data/.
        models: The folder models/.
        reports: The folder reports/, for metrics.json.
        run_id: The open MLflow run.
        may_promote: Whether a better candidate becomes champion; otherwise it becomes the
            challenger, unless there is no champion yet.

    Returns:
        The content of reports/promotion.json.
    """
    clips = pd.read_parquet(data / "clips.parquet")
    split = pd.read_parquet(data / "split.parquet")
    metrics = json.loads((reports / "metrics.json").read_text())
    trained = {model.name: model for model in read_models(models, data)}
    finalists = _finalists(metrics, trained, params)
    name = registered_name(params)
    usable = [m for m in trained.values() if m.predictions is not None and m.approach != "baseline"]
    if usable and not finalists:
        reason = _why_no_candidate(usable, params)
        return {
            "registered_model": name,
            "champion": _champion(name),
            "candidates": [],
            "test_seen": len(tracking.seen_test_set(clips_digest(clips, split))),
            "overtaken_by": "",
            **asdict(Decision(False, reason)),
        }
    if not finalists:
        raise UserError(
            "there is no candidate for champion: no model could be trained. "
            + "; ".join(f"{model.name}: {model.note}" for model in trained.values() if model.note)
        )
    with tracking.lock("registry"), tempfile.TemporaryDirectory() as folder:
        candidates = [
            register_candidate(
                name, model, clips, split, params, data, run_id, Path(folder) / model.approach
            )
            for model in finalists
        ]
        decision = decide_champion(name, candidates, clips, params, may_promote)
    return {
        "registered_model": name,
        "champion": _champion(name),
        "candidates": [
            {"version": candidate.version, "model": model.name, "identity": model.identity}
            for candidate, model in zip(candidates, finalists, strict=True)
        ],
        "test_seen": len(tracking.seen_test_set(clips_digest(clips, split))),
        "overtaken_by": _overtaken_by(metrics, params.promote),
        **asdict(decision),
    }


def _why_no_candidate(usable: Sequence[Model], params: Params) -> str:
    if all(is_reproduction(model.name, params.evaluate) for model in usable):
        return "Only reproductions were trained: there is no candidate for champion."
    approaches = ", ".join(sorted({model.approach for model in usable}))
    return (
        f"The trained approaches ({approaches}) are not in promote.approaches "
        f"({', '.join(params.promote.approaches)}): there is no candidate for champion."
    )


def _champion(name: str) -> dict[str, str] | None:
    """The champion's version and tags, for promotion.json."""
    champion = tracking.version_at(name, tracking.CHAMPION)
    return {"version": str(champion.version), **champion.tags} if champion else None


def _finalists(metrics: dict[str, Any], trained: dict[str, Model], params: Params) -> list[Model]:
    """The best model of each admitted approach; an ensemble only if it beats its members."""
    finalists = []
    for approach in params.promote.approaches:
        if approach not in metrics:
            continue
        if approach != ENSEMBLE:
            finalists.append(trained[metrics[approach]["model"]])
            continue
        parts = [part for part in params.evaluate.ensemble if part in metrics]
        members = [trained[metrics[part]["model"]] for part in parts]
        losses = [metrics[part]["validation_log_loss"] for part in parts]
        # An ensemble stores the weights of all members; without a gain it only costs disk space.
        if metrics[ENSEMBLE]["validation_log_loss"] < min(losses):
            finalists.append(ensemble_of(members))
    return finalists


def _overtaken_by(metrics: dict[str, Any], rules: Promote) -> str:
    """A sentence on a model that beats all candidates on validation but is not admitted, or ""."""
    figures = {
        approach: row["validation_accuracy"]
        for approach, row in metrics.items()
        if "validation_accuracy" in row
    }
    best = max(figures, key=lambda approach: (figures[approach], approach in rules.approaches))
    if best in rules.approaches:
        return ""
    return (
        f"{metrics[best]['model']} is better on validation ({figures[best]:.1%}) than every "
        f"candidate, but promote.approaches does not admit {best}."
    )

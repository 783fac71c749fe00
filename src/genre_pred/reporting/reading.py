"""Read the content of the report from the workspace and from MLflow."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from genre_pred import tracking
from genre_pred.config.params import Params
from genre_pred.core.files import digest
from genre_pred.core.tables import (
    CLIP_COLUMNS,
    TEST,
    TRAIN,
    VALIDATION,
    genres_of,
    have_sound,
    read_table,
)
from genre_pred.evaluation.comparison.mistakes import hardest_clips, most_confused
from genre_pred.evaluation.comparison.published import published_on
from genre_pred.evaluation.comparison.standings import published_elsewhere, standings
from genre_pred.evaluation.scoring.evaluate import REPRODUCTION, on_scoring_split, scoring_split
from genre_pred.evaluation.scoring.metrics import confusion, reliability
from genre_pred.evaluation.scoring.prediction_sets import calibrate_sets, coverage_on
from genre_pred.evaluation.scoring.trained_models import ENSEMBLE, Model, ensemble_of, read_models
from genre_pred.reporting.findings import (
    Collection,
    CoverageSection,
    Findings,
    Lineage,
    ModelSection,
)
from genre_pred.reporting.licences import SCRATCH, licences_of

HARDEST, CONFUSED = 12, 10
BOARD = "reports/leaderboard.csv"


def read_findings(
    params: Params, data: Path, models: Path, reports: Path, run: tracking.StageRun
) -> Findings:
    """Collect the outputs of the stages and their MLflow runs.

    Args:
        params: The settings of this workspace.
        data: The folder data/.
        models: The folder models/.
        reports: The folder reports/; promotion.json may be missing.
        run: The open MLflow run, with the digests of its inputs.
    """
    clips = read_table(data / "clips.parquet", CLIP_COLUMNS)
    split = read_table(data / "split.parquet")
    metrics = json.loads((reports / "metrics.json").read_text())
    promotion_file = reports / "promotion.json"
    promotion = json.loads(promotion_file.read_text()) if promotion_file.is_file() else None
    producers = run.producers()
    published = published_on(params.data.collection)
    board, others = _board(_read(reports / "leaderboard.csv"), promotion, published, params)
    trained = read_models(models, data)
    best = _best(metrics, trained) or _first(board, trained)
    return Findings(
        collection=_collection(params, clips, split, _read(data / "rejected.csv")),
        confidence=params.evaluate.confidence,
        board=board,
        others=others,
        metrics=metrics,
        promotion=promotion,
        models=_model_sections(best, board, clips, reports / "genres.csv"),
        coverage=_coverage_section(best, board, clips, params),
        histories={
            path.parent.name: _history(path)
            for path in sorted((models / "finetune").glob("*/history.csv"))
        },
        costs=_costs(board, [model.name for model in best.values()], producers),
        lineage=_lineage(data, producers, run),
        licences=licences_of(params.data.source, _networks(params)),
    )


def _collection(
    params: Params, clips: pd.DataFrame, split: pd.DataFrame, rejected: pd.DataFrame
) -> Collection:
    sides = clips[["clip_id", "genre"]].merge(split[["clip_id", "split"]], on="clip_id")
    counts = pd.crosstab(sides["genre"], sides["split"])
    counts = counts[[side for side in (TRAIN, VALIDATION, TEST) if side in counts]]
    counts = counts.assign(all=counts.sum(axis=1)).reset_index()
    seconds = (clips["n_samples"] / clips["sample_rate"]).sum() if have_sound(clips) else 0.0
    return Collection(
        name=params.data.collection,
        source=params.data.source,
        accepts_audio=have_sound(clips),
        hours=float(seconds) / 3600,
        artists=None if clips["artist"].isna().any() else clips["artist"].nunique(),
        clips=counts,
        left_out=len(clips) - len(sides),
        rejected=rejected[["path", "reason"]],
    )


def _board(
    board: pd.DataFrame,
    promotion: Mapping[str, Any] | None,
    published: pd.DataFrame,
    params: Params,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The leaderboard with roles and published figures, and the other published figures."""
    name = params.data.collection
    board = board.assign(artists=board["artists"].fillna("not scored"))
    rows = board.assign(collection=name, validation_set="", test_set="", run="", started=0)
    rows["test_seen"] = (promotion or {}).get("test_seen", 0)
    # One run has one protocol and one set of clips, hence one standing.
    (standing,) = standings(rows, {name: published})
    rows = standing.board
    rows = rows.assign(role=[_role(row, promotion) for _, row in rows.iterrows()])
    return rows.reset_index(drop=True), published_elsewhere([standing], published)


def _role(row: pd.Series, promotion: Mapping[str, Any] | None) -> str:
    if str(row["note"]).startswith(REPRODUCTION):
        return "reproduction"
    champion = (promotion or {}).get("champion") or {}
    candidates = (promotion or {}).get("candidates", [])
    versions = {candidate["model"]: candidate["version"] for candidate in candidates}
    if row["model"] not in versions:
        return ""
    return "champion" if versions[row["model"]] == champion.get("version") else "candidate"


def _best(metrics: Mapping[str, Any], trained: Sequence[Model]) -> dict[str, Model]:
    """The best model of each approach, from metrics.json; empty if only baselines were trained."""
    if not metrics.keys() - {"baseline"}:
        return {}
    by_name = {model.name: model for model in trained}
    best = {}
    for approach, row in metrics.items():
        if approach == ENSEMBLE:
            best[approach] = ensemble_of([by_name[name] for name in row["members"].split(" + ")])
        elif "model" in row:
            best[approach] = by_name[row["model"]]
    return best


def _first(board: pd.DataFrame, trained: Sequence[Model]) -> dict[str, Model]:
    """The best model that is no baseline, if only reproductions were trained."""
    by_name = {model.name: model for model in trained}
    rows = board[(board["approach"] != "baseline") & board["validation_accuracy"].notna()]
    return {row["approach"]: by_name[row["model"]] for _, row in rows.head(1).iterrows()}


def _model_sections(
    best: Mapping[str, Model], board: pd.DataFrame, clips: pd.DataFrame, genre_table: Path
) -> list[ModelSection]:
    genres, table = genres_of(clips), _read(genre_table)
    order = {"champion": 0, "candidate": 1}
    ranks = {row["model"]: (order.get(row["role"], 2), n) for n, row in board.iterrows()}
    sections = []
    for approach, model in sorted(best.items(), key=lambda item: ranks[item[1].name]):
        assert model.predictions is not None
        scored = on_scoring_split(model.predictions)
        counts = confusion(scored, clips, genres)
        own = table[(table["approach"] == approach) & (table["model"] == model.name)]
        sections.append(
            ModelSection(
                model=model.name,
                approach=approach,
                split=scoring_split(model.predictions),
                confusion=counts,
                calibration=reliability(scored, clips, genres),
                hardest=hardest_clips(scored, clips, genres, HARDEST),
                confused=most_confused(counts, CONFUSED),
                genres=own.drop(columns=["approach", "model"]),
            )
        )
    return sections


def _coverage_section(
    best: Mapping[str, Model], board: pd.DataFrame, clips: pd.DataFrame, params: Params
) -> CoverageSection | None:
    """The coverage of the champion's prediction sets, else of the best model on validation."""
    if not best:
        return None
    models, genres = {model.name: model for model in best.values()}, genres_of(clips)
    champion = [name for name in board.loc[board["role"] == "champion", "model"] if name in models]
    losses = board.set_index("model")["validation_log_loss"]
    model = models[champion[0] if champion else min(models, key=lambda name: losses[name])]
    assert model.predictions is not None
    table = model.predictions
    sets = calibrate_sets(
        table[table["split"] == VALIDATION], clips, genres, params.predict.coverage
    )
    scored = table[table["split"] == TEST]
    if sets.why_not:
        note = f"It has no prediction sets here: {sets.why_not}."
        return CoverageSection(model.name, sets.coverage, note=note)
    if scored.empty:
        note = "The coverage was not measured: there are no test clips."
        return CoverageSection(model.name, sets.coverage, note=note)
    observed = coverage_on(
        sets,
        scored,
        clips,
        genres,
        confidence=params.evaluate.confidence,
        n_resamples=params.evaluate.n_resamples,
        rng=np.random.default_rng(params.evaluate.seed),
    )
    return CoverageSection(model.name, sets.coverage, observed)


def _costs(
    board: pd.DataFrame, names: Sequence[str], producers: Mapping[str, tracking.ProducingRun]
) -> pd.DataFrame:
    """The cost of the best model of each approach, from the run that scored them."""
    own = board.loc[board["model"].isin(names), ["model", "megabytes"]]
    logged = tracking.leaderboard_of(producers[BOARD].run_id) if BOARD in producers else None
    columns = ["model", "train_seconds", "clip_seconds"]
    if logged is None:
        logged = pd.DataFrame(columns=columns)
    return own.merge(logged.reindex(columns=columns), on="model", how="left")


def _lineage(
    data: Path, producers: Mapping[str, tracking.ProducingRun], run: tracking.StageRun
) -> Lineage:
    commit, changed = run.origin()
    rows = [
        {**vars(producer), "path": path, "seconds": producer.metrics.get("seconds", float("nan"))}
        for path, producer in sorted(producers.items(), key=lambda item: item[1].started)
    ]
    columns = ["path", "stage", "digest", "run_id", "url", "execution", "commit", "started"]
    outputs = pd.DataFrame(rows, columns=[*columns, "seconds"])
    return Lineage(commit, changed, digest(data / "clips.parquet"), outputs)


def _read(path: Path) -> pd.DataFrame:
    """Read a CSV table; a genre or a file may be called NA or 1970."""
    texts = dict.fromkeys(("path", "genre", "model", "note", "protocol", "artists"), str)
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])


def _history(path: Path) -> pd.DataFrame:
    """A network's learning curves, averaged over folds."""
    history = pd.read_csv(path)
    return history.groupby(["epoch", "split"], as_index=False)[["accuracy", "loss"]].mean()


def _networks(params: Params) -> dict[str, str]:
    """The initial weights of each requested network."""
    known = type(params.weights).model_fields
    names = dict.fromkeys([*params.embed.backbones, *params.finetune.networks])
    return {name: params.weights.of(name) if name in known else SCRATCH for name in names}

"""Score every model on validation and the best of each approach on test, and draw the plots."""

import json
from pathlib import Path

from genre_pred import tracking
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.files import atomic_write
from genre_pred.core.pipeline import read_stage
from genre_pred.core.splits import artists_apart, protocol
from genre_pred.core.tables import CLIP_COLUMNS, VALIDATION, genres_of, read_table, write_table
from genre_pred.evaluation.plots.experiment import draw_experiment
from genre_pred.evaluation.scoring.evaluate import (
    clips_digest,
    evaluate_models,
    genre_table,
    with_prices,
)
from genre_pred.evaluation.scoring.trained_models import read_histories, read_models

DATA, MODELS, REPORTS = Path("data"), Path("models"), Path("reports")


def main() -> None:
    params = read_params()
    with tracking.stage("evaluate", params) as run:
        clips = read_table(DATA / "clips.parquet", CLIP_COLUMNS)
        split, genres = read_table(DATA / "split.parquet"), genres_of(clips)
        evaluation = evaluate_models(
            read_models(MODELS, DATA),
            clips,
            genres,
            params.evaluate,
            candidates=params.promote.approaches,
            protocol=protocol(clips, split, params.split),
            grouped=artists_apart(clips, split),
        )
        # The files in reports/ must be the same for the same settings. So training times and the
        # number of uses of the test set are only in MLflow and promotion.json.
        board = evaluation.board.drop(columns=["train_seconds", "test_seen"])
        write_table(board, REPORTS / "leaderboard.csv")
        write_table(genre_table(evaluation.best, clips, genres), REPORTS / "genres.csv")
        with atomic_write(REPORTS / "metrics.json") as temporary:
            temporary.write_text(json.dumps(evaluation.metrics, indent=2) + "\n")
        draw_experiment(evaluation, clips, split, read_histories(MODELS), REPORTS / "plots")
        sets = clips_digest(clips, split, VALIDATION), clips_digest(clips, split)
        test_seen = run.scored_on(*sets, [model.identity for model in evaluation.tested])
        priced = with_prices(evaluation, run.ancestry())
        priced = priced.assign(test_seen=test_seen, collection=run.collection)
        run.table(priced, tracking.BOARD)
        run.summary_metrics(evaluation.metrics)
        run.files(read_stage("evaluate").outputs)


if __name__ == "__main__":
    run_stage(main)

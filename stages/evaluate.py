"""Score every model on validation, the best of each approach on test, and draw it."""

import json
from pathlib import Path

import pandas as pd

from genre_pred import track
from genre_pred.audio.front_ends import FRONT_ENDS
from genre_pred.audio.patches import open_patches, stored_patches
from genre_pred.clips import CLIPS as COLUMNS
from genre_pred.clips import VALIDATION, genres_of, read_table, write_table
from genre_pred.draw import draw_classes, draw_histories, draw_spectrograms, draw_verdict
from genre_pred.evaluate import genre_table, judge_models, judging_set, with_prices
from genre_pred.faults import run_stage
from genre_pred.files import written_whole
from genre_pred.models import read_models
from genre_pred.params import read_params
from genre_pred.split import artists_apart, protocol

DATA, MODELS, REPORTS = Path("data"), Path("models"), Path("reports")
READS = [DATA / name for name in ("clips.parquet", "split.parquet", "mel", "embeddings")]
READS += [MODELS / name for name in ("classical", "finetune")]
PLOTS = REPORTS / "plots"
WRITES = [REPORTS / name for name in ("metrics.json", "leaderboard.csv", "genres.csv")] + [PLOTS]


def main() -> None:
    params = read_params()
    sections = ["evaluate", "promote", "split"]
    with track.stage("evaluate", params, sections, READS, WRITES) as run:
        clips, split = read_table(READS[0], COLUMNS), read_table(READS[1])
        genres = genres_of(clips)
        verdict = judge_models(
            read_models(MODELS, DATA),
            clips,
            genres,
            params.evaluate,
            candidates=params.promote.approaches,
            protocol=protocol(clips, split, params.split),
            grouped=artists_apart(clips, split),
        )
        # Times and how often a test set was seen are told by MLflow and promotion.json: here the
        # same settings give the same bytes.
        board = verdict.board.drop(columns=["train_seconds", "test_seen"])
        write_table(board, REPORTS / "leaderboard.csv")
        write_table(genre_table(verdict.best, clips, genres), REPORTS / "genres.csv")
        with written_whole(REPORTS / "metrics.json") as temporary:
            temporary.write_text(json.dumps(verdict.metrics, indent=2) + "\n")
        draw_verdict(verdict, clips, genres, PLOTS)
        histories = {
            path.parent.name: pd.read_csv(path)
            for path in sorted((MODELS / "finetune").glob("*/history.csv"))
        }
        draw_histories(histories, PLOTS)
        draw_classes(clips, split, PLOTS)
        for front_end in stored_patches(DATA / "mel", FRONT_ENDS)[:1]:
            store = open_patches(DATA / "mel" / front_end)
            draw_spectrograms(clips, store, front_end, PLOTS)
        run.tags({"validation_set": judging_set(clips, split, VALIDATION)})
        test_seen = 0
        if judged_on := judging_set(clips, split):
            seen_by = " ".join(model.identity[: track.IDENTITY] for model in verdict.tested)
            run.tags({"test_set": judged_on, "test_seen_by": seen_by})
            test_seen = len(track.seen_test_set(judged_on))
            run.metrics({"test_seen": test_seen})
        priced = with_prices(verdict, run.ancestry())
        priced = priced.assign(test_seen=test_seen, collection=params.data.collection)
        run.table(priced, track.BOARD)
        run.verdict(verdict.metrics)
        run.files(WRITES)


if __name__ == "__main__":
    run_stage(main)

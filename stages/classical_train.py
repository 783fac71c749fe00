"""Train every selected classifier on every selected feature set."""

from functools import partial
from pathlib import Path

import pandas as pd

from genre_pred import tracking
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.core.splits import rounds
from genre_pred.core.tables import CLIP_COLUMNS, genres_of, read_table, write_table
from genre_pred.training.classical.jobs import jobs, train
from genre_pred.training.classical.pipelines import TRUSTED, save_pipeline

DATA = Path("data")
MODELS = Path("models/classical")


def main() -> None:
    params = read_params()
    settings = params.classical
    with tracking.stage("classical_train", params) as run:
        clips = read_table(DATA / "clips.parquet", CLIP_COLUMNS)
        split = read_table(DATA / "split.parquet")
        fit = partial(
            train,
            settings=settings,
            clips=clips,
            split=split,
            rounds=rounds(split, clips, params.split),
            genres=genres_of(clips),
        )
        rows = []
        each = clip_map(params.compute, "classical_train", "model", block=1)
        for trained in each(fit, jobs(settings, DATA, clips["clip_id"].tolist())):
            model = MODELS / trained.features / trained.classifier
            if trained.pipeline is not None:
                save_pipeline(trained.pipeline, model.with_suffix(".skops"))
                write_table(trained.predictions, model.with_suffix(".parquet"))
                run.pipeline(trained.model, trained.pipeline, TRUSTED)
                run.metrics({f"seconds.{trained.model}": trained.seconds})
                run.metrics({f"clip_seconds.{trained.model}": trained.clip_seconds})
            rows.append(trained.summary())
        write_table(pd.DataFrame(rows), MODELS / "models.csv")
        run.files([MODELS / "models.csv"])


if __name__ == "__main__":
    run_stage(main)

"""Train every classifier asked for on every feature set asked for."""

from functools import partial
from pathlib import Path

import pandas as pd

from genre_pred import track
from genre_pred.classical.jobs import jobs, train
from genre_pred.classical.pipelines import TRUSTED, save_pipeline
from genre_pred.clips import CLIPS as COLUMNS
from genre_pred.clips import genres_of, read_table, write_table
from genre_pred.compute import clip_map
from genre_pred.faults import run_stage
from genre_pred.params import read_params
from genre_pred.split import rounds

DATA = Path("data")
READS = [DATA / name for name in ("clips.parquet", "split.parquet")]
READS += [DATA / name for name in ("embeddings", "finetuned", "descriptors", "mel")]
MODELS = Path("models/classical")


def main() -> None:
    params = read_params()
    settings = params.classical
    with track.stage("classical_train", params, ["classical", "split"], READS, [MODELS]) as run:
        clips, split = read_table(READS[0], COLUMNS), read_table(READS[1])
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

"""Divide the clips into train, validation and test, or into folds."""

from pathlib import Path

from genre_pred import tracking
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.splits import protocol
from genre_pred.core.tables import CLIP_COLUMNS, read_table, write_table
from genre_pred.datasets.split.methods import split_clips

CLIPS = Path("data/clips.parquet")
SPLIT = Path("data/split.parquet")


def main() -> None:
    params = read_params()
    with tracking.stage("split", params) as run:
        clips = read_table(CLIPS, CLIP_COLUMNS)
        split = split_clips(clips, params.split)
        write_table(split, SPLIT)
        counts = split["split"].value_counts()
        run.metrics({f"clips.{side}": count for side, count in counts.items()})
        run.tags({"protocol": protocol(clips, split, params.split)})


if __name__ == "__main__":
    run_stage(main)

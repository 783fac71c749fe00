"""Decide who is learnt from, who chooses and who judges."""

from pathlib import Path

from genre_pred import track
from genre_pred.clips import CLIPS as COLUMNS
from genre_pred.clips import read_table, write_table
from genre_pred.faults import run_stage
from genre_pred.params import read_params
from genre_pred.split import protocol, split_clips

CLIPS = Path("data/clips.parquet")
SPLIT = Path("data/split.parquet")


def main() -> None:
    params = read_params()
    with track.stage("split", params, ["split"], [CLIPS], [SPLIT]) as run:
        clips = read_table(CLIPS, COLUMNS)
        split = split_clips(clips, params.split)
        write_table(split, SPLIT)
        counts = split["split"].value_counts()
        run.metrics({f"clips.{side}": count for side, count in counts.items()})
        run.tags({"protocol": protocol(clips, split, params.split)})


if __name__ == "__main__":
    run_stage(main)

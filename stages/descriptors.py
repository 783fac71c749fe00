"""Compute hand-crafted features of every clip."""

from pathlib import Path

from genre_pred import tracking
from genre_pred.audio.descriptors.clips_to_descriptors import describe_clips, take_descriptors
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.parallel.clip_map import TimedMap, clip_map
from genre_pred.core.tables import CLIP_COLUMNS, have_sound, read_table, write_contents, write_table

CLIPS = Path("data/clips.parquet")
PRECOMPUTED = Path("data/precomputed")
DESCRIPTORS = Path("data/descriptors")


def main() -> None:
    params = read_params()
    with tracking.stage("descriptors", params) as run:
        clips = read_table(CLIPS, CLIP_COLUMNS)
        if have_sound(clips):
            each = TimedMap(clip_map(params.compute, "descriptors"))
            tables = describe_clips(clips, params.clip, params.descriptors, each)
            run.metrics({"clip_seconds": each.seconds})
        else:
            tables = take_descriptors(PRECOMPUTED)
        write_contents(DESCRIPTORS, tables)
        for name, table in tables.items():
            write_table(table, DESCRIPTORS / f"{name}.parquet")
            run.metrics({f"descriptors.{name}": table.shape[1] - 2})


if __name__ == "__main__":
    run_stage(main)

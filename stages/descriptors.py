"""Describe every clip by hand-made features."""

from pathlib import Path

from genre_pred import track
from genre_pred.clips import CLIPS as COLUMNS
from genre_pred.clips import have_sound, read_table, write_contents, write_table
from genre_pred.compute import TimedMap, clip_map
from genre_pred.computed import take_descriptors
from genre_pred.describe import describe_clips
from genre_pred.faults import run_stage
from genre_pred.params import read_params

CLIPS = Path("data/clips.parquet")
COMPUTED = Path("data/computed")
DESCRIPTORS = Path("data/descriptors")


def main() -> None:
    params = read_params()
    sections = ["clip", "descriptors"]
    with track.stage("descriptors", params, sections, [CLIPS, COMPUTED], [DESCRIPTORS]) as run:
        clips = read_table(CLIPS, COLUMNS)
        if have_sound(clips):
            each = TimedMap(clip_map(params.compute, "descriptors"))
            tables = describe_clips(clips, params.clip, params.descriptors, each)
            run.metrics({"clip_seconds": each.seconds})
        else:
            tables = take_descriptors(COMPUTED)
        write_contents(DESCRIPTORS, tables)
        for name, table in tables.items():
            write_table(table, DESCRIPTORS / f"{name}.parquet")
            run.metrics({f"descriptors.{name}": table.shape[1] - 2})


if __name__ == "__main__":
    run_stage(main)

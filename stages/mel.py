"""Turn every clip into patches of log-mel, stored once for every network."""

from pathlib import Path

from genre_pred import track
from genre_pred.clips import CLIPS as COLUMNS
from genre_pred.clips import have_sound, read_table, write_contents
from genre_pred.compute import TimedMap, clip_map
from genre_pred.computed import take_patches
from genre_pred.faults import run_stage
from genre_pred.mel import store_patches
from genre_pred.params import read_params

CLIPS = Path("data/clips.parquet")
COMPUTED = Path("data/computed")
MEL = Path("data/mel")


def main() -> None:
    params = read_params()
    with track.stage("mel", params, ["clip", "mel"], [CLIPS, COMPUTED], [MEL]) as run:
        clips = read_table(CLIPS, COLUMNS)
        if have_sound(clips):
            each = TimedMap(clip_map(params.compute, "mel"))
            stored = store_patches(clips, params.clip, params.mel, MEL, each)
            run.metrics({"clip_seconds": each.seconds})
        else:
            stored = take_patches(COMPUTED, MEL, params.mel.dtype)
        write_contents(MEL, stored)
        run.metrics({f"patches.{name}": count for name, count in stored.items()})


if __name__ == "__main__":
    run_stage(main)

"""Compute the log-mel patches of every clip, stored once for all networks."""

from pathlib import Path

from genre_pred import tracking
from genre_pred.audio.logmel.clips_to_patches import store_patches, take_patches
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.parallel.clip_map import TimedMap, clip_map
from genre_pred.core.tables import CLIP_COLUMNS, have_sound, read_table, write_contents

CLIPS = Path("data/clips.parquet")
PRECOMPUTED = Path("data/precomputed")
MEL = Path("data/mel")


def main() -> None:
    params = read_params()
    with tracking.stage("mel", params) as run:
        clips = read_table(CLIPS, CLIP_COLUMNS)
        if have_sound(clips):
            each = TimedMap(clip_map(params.compute, "mel"))
            stored = store_patches(clips, params.clip, params.mel, MEL, each)
            run.metrics({"clip_seconds": each.seconds})
        else:
            stored = take_patches(PRECOMPUTED, MEL, params.mel.dtype)
        write_contents(MEL, stored)
        run.metrics({f"patches.{name}": count for name, count in stored.items()})


if __name__ == "__main__":
    run_stage(main)

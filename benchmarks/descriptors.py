"""From files to FMA's descriptors."""

from benchmarks import reference
from benchmarks.contest import Row, row, timed
from benchmarks.songs import CLIP, RATE, Songs
from benchmarks.workers import lasting_map
from genre_pred.audio.descriptors.clips_to_descriptors import describe_clips


def descriptors_row(songs: Songs) -> Row:
    """FMA's 518 descriptors, against its own way in the same workers and at the same rate."""
    changes = {"sets": ("fma",), "sample_rate": RATE}
    settings = songs.params.descriptors.model_copy(update=changes)
    with lasting_map(songs.params) as each:
        taken = timed(
            {
                "fma": lambda: list(each(reference.fma_features, songs.paths)),
                "ours": lambda: describe_clips(songs.clips, CLIP, settings, each),
            },
            songs.repeats,
        )
    return row(
        "descriptors_fma",
        songs.work,
        "FMA's features.py, in the same workers",
        taken["fma"],
        taken["ours"],
        clips=len(songs.clips),
        note=f"both at {RATE:,} Hz, the files' own rate, as FMA's way has it",
    )

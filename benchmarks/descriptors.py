"""Benchmark of FMA's descriptors."""

from benchmarks import reference
from benchmarks.songs import CLIP, RATE, Songs
from benchmarks.timing import Row, row, timed
from benchmarks.workers import lasting_map
from genre_pred.audio.descriptors.clips_to_descriptors import describe_clips


def descriptors_row(songs: Songs) -> Row:
    """Time FMA's 518 descriptors against its own code, in the same workers and sample rate."""
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
        note=f"both at {RATE:,} Hz, the files' sample rate, as in FMA's code",
    )

"""Decode every file; reject bad files and duplicates, each with its reason."""

from pathlib import Path

from genre_pred import tracking
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.parallel.clip_map import CRASHED_WORKER, clip_map
from genre_pred.core.tables import write_contents, write_table
from genre_pred.datasets.clean.tracks import clean_tracks
from genre_pred.datasets.precomputed.cleaning import clean_precomputed
from genre_pred.datasets.precomputed.handover import store_contents
from genre_pred.datasets.sources.catalogue import SOURCES

RAW = Path("data/raw")
CLIPS = Path("data/clips.parquet")
REJECTED = Path("data/rejected.csv")
PRECOMPUTED = Path("data/precomputed")


def main() -> None:
    params = read_params()
    with tracking.stage("clean", params) as run:
        source = SOURCES[params.data.source]
        if source.contents is None:
            each = clip_map(params.compute, "clean", "file", lost=lambda _: CRASHED_WORKER)
            tracks = source.tracks(RAW, params)
            clips, rejected = clean_tracks(tracks, params.clip, params.clean, each)
            stored = {}
        else:
            contents = source.contents(params)
            clips, rejected = clean_precomputed(contents)
            ids = clips["clip_id"].tolist()
            stored = store_contents(
                clips, contents.features(ids), contents.spectrograms_of(ids), PRECOMPUTED
            )
            run.metrics(stored)
        write_contents(PRECOMPUTED, stored)
        write_table(clips, CLIPS)
        write_table(rejected, REJECTED)
        run.files([REJECTED])
        run.metrics({"clips": len(clips), "rejected": len(rejected)})
        kinds = rejected["reason"].str.split(r"[:(]| to ", regex=True).str[0].str.strip()
        run.metrics({f"rejected.{kind}": count for kind, count in kinds.value_counts().items()})


if __name__ == "__main__":
    run_stage(main)

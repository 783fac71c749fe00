"""Decode every file; keep what is worth it, and say of the rest why not."""

from pathlib import Path

from genre_pred import track
from genre_pred.clean import clean_tracks
from genre_pred.clips import write_contents, write_table
from genre_pred.compute import KILLS, clip_map
from genre_pred.computed import lay_out
from genre_pred.faults import run_stage
from genre_pred.params import read_params
from genre_pred.sources import SOURCES
from genre_pred.sources.precomputed import clean_precomputed

RAW = Path("data/raw")
CLIPS = Path("data/clips.parquet")
REJECTED = Path("data/rejected.csv")
COMPUTED = Path("data/computed")


def main() -> None:
    params = read_params()
    sections = ["data", "clip", "clean"]
    with track.stage("clean", params, sections, [RAW], [CLIPS, REJECTED, COMPUTED]) as run:
        source = SOURCES[params.data.source]
        if source.contents is None:
            each = clip_map(params.compute, "clean", "file", lost=lambda _: KILLS)
            tracks = source.tracks(RAW, params)
            clips, rejected = clean_tracks(tracks, params.clip, params.clean, each)
            laid = {}
        else:
            contents = source.contents(params)
            clips, rejected = clean_precomputed(contents)
            ids = clips["clip_id"].tolist()
            laid = lay_out(clips, contents.features(ids), contents.spectrograms_of(ids), COMPUTED)
            run.metrics(laid)
        write_contents(COMPUTED, laid)
        write_table(clips, CLIPS)
        write_table(rejected, REJECTED)
        run.files([REJECTED])
        run.metrics({"clips": len(clips), "rejected": len(rejected)})
        kinds = rejected["reason"].str.split(r"[:(]| to ", regex=True).str[0].str.strip()
        run.metrics({f"rejected.{kind}": count for kind, count in kinds.value_counts().items()})


if __name__ == "__main__":
    run_stage(main)

"""Lay the collection out in data/raw, as its publisher does; of a local one, a listing."""

from pathlib import Path

from genre_pred import track
from genre_pred.compute import clip_map
from genre_pred.faults import run_stage
from genre_pred.params import read_params
from genre_pred.sources import SOURCES

RAW = Path("data/raw")


def main() -> None:
    params = read_params()
    with track.stage("download", params, ["data", "demo"], [], [RAW]) as run:
        RAW.mkdir(parents=True, exist_ok=True)
        source = SOURCES[params.data.source]
        n_files = source.download(RAW, params, clip_map(params.compute, "download", "file"))
        run.metrics({"files": n_files})


if __name__ == "__main__":
    run_stage(main)

"""Lay the collection out in data/raw, as its publisher does; of a local one, a listing."""

from pathlib import Path

from genre_pred import track
from genre_pred.compute import clip_map
from genre_pred.faults import run_stage
from genre_pred.nets.weight_files import bring_weights
from genre_pred.params import read_params
from genre_pred.sources import SOURCES

RAW = Path("data/raw")


def main() -> None:
    params = read_params()
    # Not needed yet, but better missed now than after hours. They are no input: no output depends
    # on them here, so that other weights do not lay the collection out again.
    bring_weights(params.starts)
    with track.stage("download", params, ["data", "demo"], [], [RAW]) as run:
        RAW.mkdir(parents=True, exist_ok=True)
        source = SOURCES[params.data.source]
        n_files = source.download(RAW, params, clip_map(params.compute, "download", "file"))
        run.metrics({"files": n_files})


if __name__ == "__main__":
    run_stage(main)

"""Download the collection to data/raw; of a local collection, list files and checksums."""

from pathlib import Path

from genre_pred import tracking
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.datasets.sources.catalogue import SOURCES

RAW = Path("data/raw")


def main() -> None:
    params = read_params()
    with tracking.stage("download", params) as run:
        RAW.mkdir(parents=True, exist_ok=True)
        source = SOURCES[params.data.source]
        n_files = source.download(RAW, params, clip_map(params.compute, "download", "file"))
        run.metrics({"files": n_files})


if __name__ == "__main__":
    run_stage(main)

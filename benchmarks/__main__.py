"""Run every benchmark: `make bench`, or in two minutes `make bench QUICK=1`."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import torch

from benchmarks.classical import grid_row, svc_row
from benchmarks.contest import Row
from benchmarks.machine import describe, peak_gflops
from benchmarks.report import write_report
from benchmarks.songs import write_songs
from benchmarks.sound import Songs, descriptors_row, embedding_rows, patches_rows
from benchmarks.training import training_rows
from genre_pred.params import read_params

REPORTS = Path("reports")


def rows(quick: bool, folder: Path) -> Iterator[Row]:
    """Every step; quickly, on fewer songs, in fewer turns and on a smaller share of the tables."""
    params = read_params()
    cores = torch.get_num_threads()
    peak = cores * peak_gflops(torch.bfloat16)
    n_songs, repeats = (8, 2) if quick else (32, 5)
    clips = write_songs(folder / "songs", n_songs)
    many = Songs(clips, folder, params, repeats)
    few = many._replace(clips=clips.head(4 if quick else 16), repeats=1 if quick else 3)
    yield from patches_rows(many)
    yield from embedding_rows(few, peak)
    yield from training_rows(many._replace(repeats=few.repeats), peak)
    yield svc_row(params, 1 / 16 if quick else 1 / 4, 1)
    yield grid_row(params, 1 / 64 if quick else 1 / 8)
    yield descriptors_row(few)


@click.command()
@click.option("--quick", is_flag=True, help="In two minutes: fewer songs, fewer turns.")
def main(quick: bool) -> None:
    """Time the costly steps against what people use today; write reports/benchmark.*."""
    machine = describe()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(quick, Path(folder)):
            click.echo(f"{row.step}: {row.ratio:.1f} times {row.reference}")
            found.append(row)
    click.echo(write_report(found, machine, REPORTS))


if __name__ == "__main__":
    main()

"""Run every benchmark: `make bench`, or in three minutes `make bench QUICK=1`."""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.classical import grid_row
from benchmarks.contest import Row
from benchmarks.machine import commit, describe, peak_gflops
from benchmarks.memory import Peak, peaks
from benchmarks.report import write_report
from benchmarks.songs import Songs, write_songs
from benchmarks.sound import embedding_rows, patches_rows
from benchmarks.svc import svc_rows
from benchmarks.training import training_rows
from benchmarks.workers import seconds_to_start
from genre_pred.config.params import Params, read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.networks.backbones.precision import DTYPES

REPORTS = Path("reports")
QUICK = (
    "quick: one turn with few songs, among which what is done once weighs more than among "
    "thousands, so the ratios are others and none is judged"
)


def steps(songs: Songs, quick: bool) -> Iterator[Row | Peak]:
    """Every step; quickly, those with a line on fewer songs, in fewer turns, on smaller tables."""
    params, peak = songs.params, peak_gflops(songs.params)
    few = songs._replace(clips=songs.clips.head(6 if quick else 16))
    quickest_first = sorted(DTYPES, key=lambda name: peak[DTYPES[name]], reverse=True)
    precisions = quickest_first[:1] if quick else quickest_first
    patches, stored, *others = patches_rows(songs)
    yield from (patches, stored, *others)
    yield from embedding_rows(few, precisions, peak)
    if not quick:  # before a training, which keeps this process as large as it was
        yield from peaks(songs, quickest_first[0], (200, 2000), (20, 200))
    storing = stored.seconds / len(songs.clips)
    yield from training_rows(songs, precisions, 3 if quick else 8, storing, peak)
    yield from svc_rows(params, 1 / 16 if quick else 1 / 2, 1)
    if not quick:
        from benchmarks.descriptors import descriptors_row  # librosa takes seconds to import

        yield grid_row(params, 1 / 16, 1)
        yield descriptors_row(few)


@click.command()
@click.option("--quick", is_flag=True, help="In three minutes: fewer songs, one turn, no memory.")
def main(quick: bool) -> None:
    """Time the costly steps against what people use today.

    Writes reports/benchmark.* and ends with exit code 1 where a line does not hold; quickly, it
    writes reports/benchmark_quick.* and judges only whether the answers are the same.
    """
    params, name = read_params(), "benchmark_quick" if quick else "benchmark"
    made = {"commit": commit(), "form": QUICK if quick else "full", "machine": describe()}
    if not quick:
        start = seconds_to_start(params)
        made["machine"] += (
            f"; a stage's workers take {start:.1f} s to start and load their libraries"
        )
    found: list[Row] = []
    memory: list[Peak] = []
    for one in measured(params, quick):
        if isinstance(one, Row):
            click.echo(f"{one.step}: {one.seconds:.2f} s, {one.told_ratio}")
            found.append(replace(one, at_least=None, aim=None) if quick else one)
        else:
            memory.append(one)
        told = write_report(found, memory, made, REPORTS, name)  # a run that is stopped keeps it
    click.echo(f"{told}\nThis is {REPORTS / name}.md, as a program reads it {name}.json.")
    missed = [row.step for row in found if row.missed]
    if missed:
        sys.exit(f"Does not hold: {', '.join(missed)}. {REPORTS / name}.md says why.")


def measured(params: Params, quick: bool) -> Iterator[Row | Peak]:
    """Every row and peak as it is done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_songs, repeats = (16, 1) if quick else (32, 5)
        composing = clip_map(params.compute, "composing", "song", block=1)
        clips = write_songs(folder / "songs", n_songs, composing)
        yield from steps(Songs(clips, folder, params, repeats), quick)


if __name__ == "__main__":
    run_stage(main)

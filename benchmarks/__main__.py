"""Run all benchmarks: `make bench`, or the three-minute version `make bench QUICK=1`."""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from benchmarks.classical import grid_row
from benchmarks.machine import commit, describe, peak_gflops
from benchmarks.memory import Peak, peaks
from benchmarks.report import write_report
from benchmarks.songs import Songs, write_songs
from benchmarks.sound import embedding_rows, patches_rows
from benchmarks.svc import svc_rows
from benchmarks.timing import Row
from benchmarks.training import training_rows
from benchmarks.workers import seconds_to_start
from genre_pred.config.params import Params, read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.networks.backbones.precision import DTYPES

REPORTS = Path("reports")
QUICK = (
    "quick: one turn with few songs; fixed costs weigh more than with thousands of songs, so the "
    "ratios differ and no target is checked"
)


def steps(songs: Songs, quick: bool) -> Iterator[Row | Peak]:
    """Measure all steps; if quick, the main ones with fewer songs and turns and smaller tables."""
    params, peak = songs.params, peak_gflops(songs.params)
    few = songs._replace(clips=songs.clips.head(6 if quick else 16))
    fastest_first = sorted(DTYPES, key=lambda name: peak[DTYPES[name]], reverse=True)
    precisions = fastest_first[:1] if quick else fastest_first
    patches, stored, *others = patches_rows(songs)
    yield from (patches, stored, *others)
    yield from embedding_rows(few, precisions, peak)
    if not quick:  # before the training, after which this process keeps its memory
        yield from peaks(songs, fastest_first[0], (200, 2000), (20, 200))
    seconds_to_store = stored.seconds / len(songs.clips)
    yield from training_rows(songs, precisions, 3 if quick else 8, seconds_to_store, peak)
    yield from svc_rows(params, 1 / 16 if quick else 1 / 2, 1)
    if not quick:
        from benchmarks.descriptors import descriptors_row  # librosa takes seconds to import

        yield grid_row(params, 1 / 16, 1)
        yield descriptors_row(few)


@click.command()
@click.option(
    "--quick", is_flag=True, help="Run for three minutes: fewer songs, one turn, no memory."
)
def main(quick: bool) -> None:
    """Time the costly steps against common reference implementations.

    Writes reports/benchmark.* and exits with code 1 if a target is missed. With --quick, writes
    reports/benchmark_quick.* and checks only whether the results agree.
    """
    params, name = read_params(), "benchmark_quick" if quick else "benchmark"
    facts = {"commit": commit(), "form": QUICK if quick else "full", "machine": describe()}
    if not quick:
        start = seconds_to_start(params)
        facts["machine"] += (
            f"; a stage's workers need {start:.1f} s to start and load their libraries"
        )
    rows: list[Row] = []
    memory: list[Peak] = []
    for result in measured(params, quick):
        if isinstance(result, Row):
            click.echo(f"{result.step}: {result.seconds:.2f} s, {result.ratio_text}")
            rows.append(replace(result, at_least=None, aim=None) if quick else result)
        else:
            memory.append(result)
        report = write_report(rows, memory, facts, REPORTS, name)  # also if the run is stopped
    click.echo(f"{report}\nWritten to {REPORTS / name}.md and, for programs, {name}.json.")
    missed = [row.step for row in rows if row.missed]
    if missed:
        sys.exit(f"Missed targets: {', '.join(missed)}. See {REPORTS / name}.md for the reasons.")


def measured(params: Params, quick: bool) -> Iterator[Row | Peak]:
    """Yield every row and peak when it is measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        n_songs, repeats = (16, 1) if quick else (32, 5)
        composing = clip_map(params.compute, "composing", "song", block=1)
        clips = write_songs(folder / "songs", n_songs, composing)
        yield from steps(Songs(clips, folder, params, repeats), quick)


if __name__ == "__main__":
    run_stage(main)

"""Write the results, their uncertainty and their cost to one HTML page."""

from pathlib import Path

import click
import pandas as pd

from genre_pred import tracking
from genre_pred.config.names import FRONT_ENDS
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.files import atomic_write, digest
from genre_pred.core.patch_store import open_patches, stored_patches
from genre_pred.core.pipeline import read_stage
from genre_pred.core.tables import CLIP_COLUMNS, read_table, write_table
from genre_pred.evaluation.plots.experiment import draw_spectrograms
from genre_pred.reporting.page import render
from genre_pred.reporting.reading import read_findings

DATA, MODELS, REPORTS = Path("data"), Path("models"), Path("reports")
PAGE, PICTURE = REPORTS / "report.html", REPORTS / "spectrograms.png"
INPUTS = REPORTS / "report_inputs.csv"  # what DVC tracks; the page has run ids and dates


def main() -> None:
    params = read_params()
    with tracking.stage("report", params) as run:
        page = render(read_findings(params, DATA, MODELS, REPORTS, run))
        with atomic_write(PAGE) as temporary:
            temporary.write_text(page, encoding="utf-8")
        clips = read_table(DATA / "clips.parquet", CLIP_COLUMNS)
        PICTURE.unlink(missing_ok=True)  # of another collection
        for front_end in stored_patches(DATA / "mel", FRONT_ENDS)[:1]:
            store = open_patches(DATA / "mel" / front_end)
            draw_spectrograms(clips, store, FRONT_ENDS[front_end], PICTURE)
            run.files([PICTURE])
        inputs = [(path.as_posix(), digest(path)) for path in read_stage("report").inputs]
        write_table(pd.DataFrame(inputs, columns=["path", "digest"]), INPUTS)
        run.files([PAGE])
    click.echo(f"{PAGE}: open it in a browser")


if __name__ == "__main__":
    run_stage(main)

"""Tell on one page what was asked, what came out, how sure that is and what it cost."""

from pathlib import Path

import click
import pandas as pd

from genre_pred import track
from genre_pred.clips import write_table
from genre_pred.faults import run_stage
from genre_pred.files import written_whole
from genre_pred.judge.report import SECTIONS, render
from genre_pred.params import read_params
from genre_pred.report import read_findings

DATA, MODELS, REPORTS = Path("data"), Path("models"), Path("reports")
READS = [DATA / name for name in ("clips.parquet", "split.parquet", "rejected.csv")]
READS += [MODELS / name for name in ("classical", "finetune")]
READS += [REPORTS / name for name in ("leaderboard.csv", "metrics.json", "genres.csv")]
PAGE = REPORTS / "report.html"
# What DVC tracks: the page names runs and times, so its hash would change dvc.lock although
# nothing in the repository has changed.
CONTENTS = REPORTS / "report_contents.csv"


def main() -> None:
    params = read_params()
    sections = ["data", "evaluate", "promote"]
    with track.stage("report", params, sections, READS, [CONTENTS]) as run:
        page = render(read_findings(params, DATA, MODELS, REPORTS, run))
        with written_whole(PAGE) as temporary:
            temporary.write_text(page, encoding="utf-8")
        write_table(pd.DataFrame(SECTIONS.items(), columns=["anchor", "title"]), CONTENTS)
        run.files([PAGE])
    click.echo(f"{PAGE}: open it in a browser")


if __name__ == "__main__":
    run_stage(main)

"""Tell on one page what was asked, what came out, how sure that is and what it cost."""

from pathlib import Path

import click
import pandas as pd

from genre_pred import track
from genre_pred.clips import write_table
from genre_pred.faults import run_stage
from genre_pred.files import digest, written_whole
from genre_pred.judge.report import render
from genre_pred.params import read_params
from genre_pred.report import read_findings

DATA, MODELS, REPORTS = Path("data"), Path("models"), Path("reports")
READS = [DATA / name for name in ("clips.parquet", "split.parquet", "rejected.csv")]
READS += [DATA / "embeddings", MODELS / "classical", MODELS / "finetune"]
READS += [
    REPORTS / name for name in ("leaderboard.csv", "metrics.json", "genres.csv", "candidates.csv")
]
PAGE = REPORTS / "report.html"
# What DVC tracks: of what the page was made. The page itself names runs and times, so its hash
# would change dvc.lock although nothing in the repository has changed.
INPUTS = REPORTS / "report_inputs.csv"


def main() -> None:
    params = read_params()
    sections = ["data", "embed", "evaluate", "finetune", "predict", "weights"]
    with track.stage("report", params, sections, READS, [INPUTS]) as run:
        page = render(read_findings(params, DATA, MODELS, REPORTS, run))
        with written_whole(PAGE) as temporary:
            temporary.write_text(page, encoding="utf-8")
        made_of = [(path.as_posix(), digest(path)) for path in READS]
        write_table(pd.DataFrame(made_of, columns=["path", "digest"]), INPUTS)
        run.files([PAGE])
    click.echo(f"{PAGE}: open it in a browser")


if __name__ == "__main__":
    run_stage(main)

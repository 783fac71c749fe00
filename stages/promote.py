"""Register the best of each approach; the champion changes only if one proves better."""

import json
import os
from pathlib import Path

import click
import pandas as pd

from genre_pred import track
from genre_pred.champions.promote import promote_workspace
from genre_pred.clips import write_table
from genre_pred.faults import run_stage
from genre_pred.files import written_whole
from genre_pred.params import read_params

DATA, MODELS, REPORTS = Path("data"), Path("models"), Path("reports")
READS = [DATA / "clips.parquet", DATA / "split.parquet", REPORTS / "metrics.json"]
READS += [DATA / name for name in ("mel", "descriptors", "embeddings", "finetuned")]
READS += [MODELS / "classical", MODELS / "finetune"]
PROMOTION = REPORTS / "promotion.json"
# What DVC tracks: who stood, which follows from the inputs. The outcome also depends on who held
# the title, so its hash would change dvc.lock although nothing in the repository has changed.
CANDIDATES = REPORTS / "candidates.csv"


def main() -> None:
    params = read_params()
    sections = ["promote", "predict", "evaluate"]
    with track.stage("promote", params, sections, READS, [CANDIDATES]) as run:
        # Under `dvc exp run` a better one waits as challenger until somebody lets it challenge.
        contest = "DVC_EXP_NAME" not in os.environ
        told = promote_workspace(params, DATA, MODELS, REPORTS, run_id=run.run_id, contest=contest)
        with written_whole(PROMOTION) as temporary:
            temporary.write_text(json.dumps(told, indent=2) + "\n")
        write_table(pd.DataFrame(told["candidates"], columns=["model", "identity"]), CANDIDATES)
        run.files([PROMOTION])
        run.tags({"reason": told["reason"]})
    click.echo(f"{told['registered_model']}: {told['reason']}")
    if told["overtaken_by"]:
        click.echo(told["overtaken_by"])


if __name__ == "__main__":
    run_stage(main)

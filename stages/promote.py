"""Register the best of each approach; the champion changes only if one proves better."""

import json
import os
from pathlib import Path

import click
import pandas as pd

from genre_pred import tracking
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.files import atomic_write
from genre_pred.core.tables import write_table
from genre_pred.registry.promotion import promote_workspace

DATA, MODELS, REPORTS = Path("data"), Path("models"), Path("reports")
PROMOTION = REPORTS / "promotion.json"
# What DVC tracks: who stood, which follows from the inputs. The outcome also depends on who held
# the title, so its hash would change dvc.lock although nothing in the repository has changed.
CANDIDATES = REPORTS / "candidates.csv"


def main() -> None:
    params = read_params()
    with tracking.stage("promote", params) as run:
        # Under `dvc exp run` a better one waits as challenger until somebody lets it challenge.
        may_promote = "DVC_EXP_NAME" not in os.environ
        told = promote_workspace(
            params, DATA, MODELS, REPORTS, run_id=run.run_id, may_promote=may_promote
        )
        with atomic_write(PROMOTION) as temporary:
            temporary.write_text(json.dumps(told, indent=2) + "\n")
        write_table(pd.DataFrame(told["candidates"], columns=["model", "identity"]), CANDIDATES)
        run.files([PROMOTION])
        run.tags({"reason": told["reason"]})
    click.echo(f"{told['registered_model']}: {told['reason']}")
    if told["overtaken_by"]:
        click.echo(told["overtaken_by"])


if __name__ == "__main__":
    run_stage(main)

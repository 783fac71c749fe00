"""Register the best model of each approach; promote one if it is significantly better."""

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
# DVC tracks only the candidates, which follow from the inputs. The decision also depends on the
# current champion: its hash would change dvc.lock although nothing in the repository has changed.
CANDIDATES = REPORTS / "candidates.csv"


def main() -> None:
    params = read_params()
    with tracking.stage("promote", params) as run:
        # Under `dvc exp run` a better model only becomes the challenger.
        may_promote = "DVC_EXP_NAME" not in os.environ
        promotion = promote_workspace(
            params, DATA, MODELS, REPORTS, run_id=run.run_id, may_promote=may_promote
        )
        with atomic_write(PROMOTION) as temporary:
            temporary.write_text(json.dumps(promotion, indent=2) + "\n")
        candidates = pd.DataFrame(promotion["candidates"], columns=["model", "identity"])
        write_table(candidates, CANDIDATES)
        run.files([PROMOTION])
        run.tags({"reason": promotion["reason"]})
    click.echo(f"{promotion['registered_model']}: {promotion['reason']}")
    if promotion["overtaken_by"]:
        click.echo(promotion["overtaken_by"])


if __name__ == "__main__":
    run_stage(main)

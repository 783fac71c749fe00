"""The workspace, a folder with this project's pipeline: where it lies, and what it has set.

Commands that need none, such as predict, are also typed in folders below it, and far from any.
"""

from pathlib import Path

from genre_pred.params import Compute, Evaluate, Params, read_params

# Outside of any workspace.
ALL_CORES = Compute(workers=None, scheduler=None)
INTERVALS = Evaluate(reproductions=(), ensemble=(), confidence=0.95, n_resamples=2000, seed=0)


def workspace() -> Path | None:
    """The current folder or the nearest above it that holds this pipeline; None outside.

    A params.yaml or a dvc.yaml alone does not make one: other projects have such files too.
    """
    here = Path.cwd()
    marks = ("dvc.yaml", "params.yaml", "stages/promote.py")
    places = (here, *here.parents)
    return next((at for at in places if all((at / mark).is_file() for mark in marks)), None)


def workspace_params() -> Params | None:
    """The workspace's settings; None outside.

    Raises:
        ParamsError: As `read_params` tells it.
    """
    place = workspace()
    return read_params(place / "params.yaml") if place else None


def compute_settings() -> Compute:
    """How work is spread: as the workspace says, outside over all cores."""
    own = workspace_params()
    return own.compute if own else ALL_CORES


def intervals() -> Evaluate:
    """How sure a score is told: as the workspace says, outside 95 % of 2,000 resamples."""
    own = workspace_params()
    return own.evaluate if own else INTERVALS

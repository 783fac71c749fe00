"""Settings of the workspace, with defaults for commands that also run outside of one."""

from genre_pred.config.location import workspace
from genre_pred.config.params import Params, read_params
from genre_pred.config.sections import Compute, Evaluate

# Defaults outside of a workspace.
ALL_CORES = Compute(workers=None, scheduler=None)
INTERVALS = Evaluate(reproductions=(), ensemble=(), confidence=0.95, n_resamples=2000, seed=0)


def workspace_params() -> Params | None:
    """The workspace's settings; None outside.

    Raises:
        ParamsError: As `read_params`.
    """
    place = workspace()
    return read_params(place / "params.yaml") if place else None


def compute_settings() -> Compute:
    """How work is distributed: as set in the workspace, else over all cores."""
    own = workspace_params()
    return own.compute if own else ALL_CORES


def intervals() -> Evaluate:
    """Confidence intervals: as set in the workspace, else 95 % from 2,000 resamples."""
    own = workspace_params()
    return own.evaluate if own else INTERVALS

"""The workspace: the folder that holds this pipeline, found from any folder below it."""

import os
from pathlib import Path


def workspace() -> Path | None:
    """The current folder or the nearest above it that holds this pipeline; None outside.

    A params.yaml or a dvc.yaml alone does not make one: other projects have such files too.
    """
    here = Path.cwd()
    marks = ("dvc.yaml", "params.yaml", "stages/promote.py")
    places = (here, *here.parents)
    return next((at for at in places if all((at / mark).is_file() for mark in marks)), None)


def repository_root() -> Path:
    """The workspace (in a queued experiment the original one), else the current folder."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"]).resolve()
    return workspace() or Path.cwd()

"""The workspace: the folder of this pipeline, found from the folder itself or any below it."""

import os
from pathlib import Path


def workspace() -> Path | None:
    """The current folder or the nearest parent that holds this pipeline; None outside.

    A params.yaml or a dvc.yaml alone is not enough: other projects have such files too.
    """
    here = Path.cwd()
    markers = ("dvc.yaml", "params.yaml", "stages/promote.py")
    folders = (here, *here.parents)
    return next((at for at in folders if all((at / name).is_file() for name in markers)), None)


def repository_root() -> Path:
    """The workspace (of a queued experiment, the original one), else the current folder."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"]).resolve()
    return workspace() or Path.cwd()

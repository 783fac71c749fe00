"""Which registered model is meant by a name, or by none."""

from pathlib import Path

from genre_pred.config.workspace import workspace_params
from genre_pred.core.errors import UserError
from genre_pred.tracking.model_registry import (
    CHAMPION,
    fetch_version,
    registered_models,
    version_at,
)
from genre_pred.tracking.store import open_store


def registered(model: str | None) -> str:
    """The registered model that is meant: the one named, or that of this workspace.

    Raises:
        UserError: If there is none of that name, none at all, or the store cannot be read.
    """
    open_store()
    known = registered_models()
    if not known:
        raise UserError("nothing is registered yet: run dvc repro, or genre-pred champion sync")
    if model and model not in known:
        raise UserError(f"no registered model {model!r}; known are {', '.join(known)}")
    return model or _of_this_workspace(known)


def _of_this_workspace(known: list[str]) -> str:
    """The registered model of the collection that params.yaml names; outside, the latest."""
    own = workspace_params()
    if own is None:
        return known[0]
    name = f"genre-{own.data.collection}"
    if name not in known:
        raise UserError(
            f"{name}, the model of this workspace's collection, is not registered; known are "
            f"{', '.join(known)}: name one with --model"
        )
    return name


def fetch(model: str | None) -> tuple[str, Path]:
    """What NAME@ALIAS stands for, by default the champion.

    Args:
        model: NAME@ALIAS or NAME; None for the model of this workspace.

    Returns:
        Its name in full, and its classifier's folder.

    Raises:
        UserError: If nothing is registered so, or it cannot be read.
    """
    name, _, alias = (model or "").partition("@")
    name, alias = registered(name or None), alias or CHAMPION
    version = version_at(name, alias)
    if version is None:
        raise UserError(f"{name} has no alias {alias}")
    return f"{name}@{alias} (version {version.version})", fetch_version(version)

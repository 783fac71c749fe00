"""Resolve a model name, or the lack of one, to a registered model."""

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
    """The name of a registered model; by default that of this workspace's collection.

    Raises:
        UserError: If it is not registered, no model is registered, or the store cannot be read.
    """
    open_store()
    known = registered_models()
    if not known:
        raise UserError("no model is registered: run dvc repro, or genre-pred champion sync")
    if model and model not in known:
        raise UserError(f"no registered model {model!r}; registered models are {', '.join(known)}")
    return model or _of_this_workspace(known)


def _of_this_workspace(known: list[str]) -> str:
    """The model of the collection in params.yaml; outside a workspace, the latest model."""
    own = workspace_params()
    if own is None:
        return known[0]
    name = f"genre-{own.data.collection}"
    if name not in known:
        raise UserError(
            f"{name}, the model of this workspace's collection, is not registered; registered "
            f"models are {', '.join(known)}: name one with --model"
        )
    return name


def fetch(model: str | None) -> tuple[str, Path]:
    """Resolve NAME@ALIAS to a classifier folder; the default alias is champion.

    Args:
        model: NAME@ALIAS or NAME; None for the model of this workspace.

    Returns:
        Its full name with alias and version, and its classifier's folder.

    Raises:
        UserError: If the model or alias is not registered, or cannot be read.
    """
    name, _, alias = (model or "").partition("@")
    name, alias = registered(name or None), alias or CHAMPION
    version = version_at(name, alias)
    if version is None:
        raise UserError(f"{name} has no alias {alias}")
    return f"{name}@{alias} (version {version.version})", fetch_version(version)

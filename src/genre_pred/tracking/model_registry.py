"""The registry: complete classifiers as versions of a model, the champion and its history."""

import json
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from genre_pred.core.cache import PACKAGE
from genre_pred.tracking.store import user_error_if_store_broken

CHAMPION, CHALLENGER = "champion", "challenger"
SERVED_WITH = (
    "av filelock librosa loky numpy pandas psutil pyarrow pydantic ruamel.yaml safetensors "
    "scikit-learn scipy skops soundfile soxr torch torchvision tqdm xgboost-cpu xgboost"
).split()


def log_candidate(folder: Path, name: str, genres: Sequence[str], example: str | None) -> str:
    """Log a complete classifier to the open run: one pyfunc with its code and all it needs.

    Args:
        folder: The classifier's folder.
        name: Of the logged model.
        genres: The columns of its answer between `genre` and `genre_set`, `unknown`.
        example: A short sound as base64 text; None for a classifier that cannot hear.

    Returns:
        The model's URI.
    """
    import pandas as pd

    logged = mlflow.pyfunc.log_model(
        name=name,
        loader_module="genre_pred.apps.http.served",
        data_path=str(folder),
        code_paths=[str(PACKAGE)],
        signature=ModelSignature(
            Schema([ColSpec("string", "audio")]),
            Schema(
                [
                    ColSpec("string", "genre"),
                    *(ColSpec("double", genre) for genre in genres),
                    ColSpec("string", "genre_set"),
                    ColSpec("boolean", "unknown", required=False),
                ]
            ),
        ),
        input_example=None if example is None else pd.DataFrame({"audio": [example]}),
        pip_requirements=requirements(),
    )
    return str(logged.model_uri)


def register(name: str, model_uri: str, run_id: str, tags: Mapping[str, str]) -> str:
    """Make a logged model a version of a registered one.

    Returns:
        The version's number.
    """
    client = mlflow.MlflowClient()
    if not _registered(name):
        client.create_registered_model(name, description="Named by genre_pred's promote stage.")
    made = client.create_model_version(
        name, model_uri, run_id=run_id, tags={k: str(v)[:5000] for k, v in tags.items()}
    )
    return str(made.version)


@user_error_if_store_broken()
def version_at(name: str, alias: str) -> ModelVersion | None:
    """The version that an alias points to, or None."""
    if not _registered(name):
        return None
    number = mlflow.MlflowClient().get_registered_model(name).aliases.get(alias)
    return mlflow.MlflowClient().get_model_version(name, str(number)) if number else None


@user_error_if_store_broken()
def versions(name: str) -> list[ModelVersion]:
    """All versions of a registered model, oldest first; none where there is no such model."""
    found = mlflow.MlflowClient().search_model_versions(f"name = '{name}'")
    return sorted(found, key=lambda version: int(version.version))


def set_alias(name: str, alias: str, version: str) -> None:
    """Point an alias to a version."""
    mlflow.MlflowClient().set_registered_model_alias(name, alias, version)


def drop_alias(name: str, alias: str) -> None:
    """Remove an alias; one that is not there stays away."""
    if version_at(name, alias):
        mlflow.MlflowClient().delete_registered_model_alias(name, alias)


def set_champion(name: str, version: str, why: str, how: str) -> None:
    """Make a version champion, and keep in the model's tags when and why.

    Args:
        name: The registered model.
        version: The new champion.
        why: A sentence.
        how: first, challenge, forced or rollback.
    """
    past = history(name)
    event = {"version": version, "how": how, "why": why, "when": time.strftime("%F %T%z")}
    mlflow.MlflowClient().set_registered_model_tag(
        name, f"champion.{len(past) + 1:05d}", json.dumps(event)
    )
    set_alias(name, CHAMPION, version)  # last: what reigns is in the history


@user_error_if_store_broken()
def history(name: str) -> list[dict[str, str]]:
    """The champions of a model in turn: version, how, why, when."""
    if not _registered(name):
        return []
    tags = mlflow.MlflowClient().get_registered_model(name).tags
    return [json.loads(tags[key]) for key in sorted(tags) if key.startswith("champion.")]


@user_error_if_store_broken()
def fetch_version(version: ModelVersion) -> Path:
    """Find a version's classifier folder; one on a server is brought onto this machine.

    Returns:
        The folder, for GenreClassifier.
    """
    local = mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}")
    flavor = mlflow.models.Model.load(local).flavors["python_function"]
    return Path(local) / flavor["data"]


@user_error_if_store_broken()
def registered_models() -> list[str]:
    """The names of all registered models, the latest changed first."""
    found = mlflow.MlflowClient().search_registered_models()
    return [m.name for m in sorted(found, key=lambda m: -(m.last_updated_timestamp or 0))]


def _registered(name: str) -> bool:
    return bool(mlflow.MlflowClient().search_registered_models(f"name = '{name}'"))


def requirements() -> list[str]:
    from importlib.metadata import PackageNotFoundError

    lines = []
    for name in SERVED_WITH:
        try:
            lines.append(f"{name}=={installed(name).split('+')[0]}")
        except PackageNotFoundError:  # xgboost or xgboost-cpu: one of them is there
            continue
    return lines

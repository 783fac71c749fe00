"""MLflow's model registry: classifiers as versions of a model, the champion and its history."""

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
    """Log a complete classifier to the open run: one pyfunc with its code and requirements.

    Args:
        folder: The classifier's folder.
        name: The name of the logged model.
        genres: The columns of its output between `genre` and `genre_set`, `unknown`.
        example: A short audio file as base64 text; None for a classifier that reads no audio.

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
    """Register a logged model as a new version of a registered model.

    Returns:
        The version's number.
    """
    client = mlflow.MlflowClient()
    if not _registered(name):
        client.create_registered_model(
            name, description="Registered by genre_pred's promote stage."
        )
    created = client.create_model_version(
        name, model_uri, run_id=run_id, tags={k: str(v)[:5000] for k, v in tags.items()}
    )
    return str(created.version)


@user_error_if_store_broken()
def version_at(name: str, alias: str) -> ModelVersion | None:
    """The version that an alias points to, or None."""
    if not _registered(name):
        return None
    number = mlflow.MlflowClient().get_registered_model(name).aliases.get(alias)
    return mlflow.MlflowClient().get_model_version(name, str(number)) if number else None


@user_error_if_store_broken()
def versions(name: str) -> list[ModelVersion]:
    """All versions of a registered model, oldest first; empty for an unknown model."""
    listed = mlflow.MlflowClient().search_model_versions(f"name = '{name}'")
    return sorted(listed, key=lambda version: int(version.version))


def set_alias(name: str, alias: str, version: str) -> None:
    """Point an alias to a version."""
    mlflow.MlflowClient().set_registered_model_alias(name, alias, version)


def drop_alias(name: str, alias: str) -> None:
    """Remove an alias if it exists."""
    if version_at(name, alias):
        mlflow.MlflowClient().delete_registered_model_alias(name, alias)


def set_champion(name: str, version: str, why: str, how: str) -> None:
    """Make a version the champion, and record the change in the model's tags.

    Args:
        name: The registered model.
        version: The new champion.
        why: The reason, a sentence.
        how: first, challenge, forced or rollback.
    """
    past = history(name)
    event = {"version": version, "how": how, "why": why, "when": time.strftime("%F %T%z")}
    mlflow.MlflowClient().set_registered_model_tag(
        name, f"champion.{len(past) + 1:05d}", json.dumps(event)
    )
    set_alias(name, CHAMPION, version)  # last, so that every champion is in the history


@user_error_if_store_broken()
def history(name: str) -> list[dict[str, str]]:
    """The champion history of a model, oldest first: version, how, why, when."""
    if not _registered(name):
        return []
    tags = mlflow.MlflowClient().get_registered_model(name).tags
    return [json.loads(tags[key]) for key in sorted(tags) if key.startswith("champion.")]


@user_error_if_store_broken()
def fetch_version(version: ModelVersion) -> Path:
    """Find a version's classifier folder, and download it if it is on a server.

    Returns:
        The local folder, for GenreClassifier.
    """
    local = mlflow.artifacts.download_artifacts(f"models:/{version.name}/{version.version}")
    flavor = mlflow.models.Model.load(local).flavors["python_function"]
    result: Path = Path(local) / flavor["data"]
    return result


@user_error_if_store_broken()
def registered_models() -> list[str]:
    """The names of all registered models, most recently changed first."""
    models = mlflow.MlflowClient().search_registered_models()
    return [m.name for m in sorted(models, key=lambda m: -(m.last_updated_timestamp or 0))]


def _registered(name: str) -> bool:
    return bool(mlflow.MlflowClient().search_registered_models(f"name = '{name}'"))


def requirements() -> list[str]:
    """The pip requirements of a served classifier, at the installed versions."""
    from importlib.metadata import PackageNotFoundError

    lines = []
    for name in SERVED_WITH:
        try:
            lines.append(f"{name}=={installed(name).split('+')[0]}")
        except PackageNotFoundError:  # only one of xgboost and xgboost-cpu is installed
            continue
    return lines

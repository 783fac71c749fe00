"""MLflow's scoring server, and the exceptions that it answers with a status and a sentence."""

import json
from pathlib import Path
from typing import Any

from mlflow.environment_variables import MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.protos.databricks_pb2 import (
    DEADLINE_EXCEEDED,
    INTERNAL_ERROR,
    INVALID_PARAMETER_VALUE,
)


class Refused(MlflowException):
    """A request that the client must correct: status 400 with this sentence alone.

    For any other exception, the scoring server sends a stack trace; for MLflow's own exceptions,
    it puts the request's data before the message.
    """

    code = INVALID_PARAMETER_VALUE

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, self.code)
        self.sentence = sentence

    def serialize_as_json(self) -> str:
        """The body of the answer."""
        return json.dumps({"error_code": self.error_code, "message": self.sentence})


class Late(Refused):
    """A request that timed out: status 504."""

    code = DEADLINE_EXCEEDED


class Failed(Refused):
    """A valid request that failed through an internal error: status 500."""

    code = INTERNAL_ERROR


def scoring_app(model: Any, folder: Path, timeout_seconds: int) -> Any:
    """The application of `mlflow models serve`: /invocations, /ping, /health and /version.

    Args:
        model: The model, with a `predict` that maps a table to a table.
        folder: Its data within the registered model, as `fetch` returns it.
        timeout_seconds: Time after which MLflow aborts a request.

    Returns:
        An ASGI application.
    """
    from mlflow.pyfunc import PyFuncModel, scoring_server

    MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT.set(timeout_seconds)
    logged = next(parent for parent in (folder, *folder.parents) if (parent / "MLmodel").is_file())
    return scoring_server.init(PyFuncModel(Model.load(str(logged)), model))

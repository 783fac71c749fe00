"""MLflow's scoring server, and how it is told of a request that a person can put right."""

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
    """A request that cannot be answered: status 400, and this sentence alone.

    The scoring server answers any other exception with its stack trace, and writes the data
    before the message of MLflow's own.
    """

    code = INVALID_PARAMETER_VALUE

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, self.code)
        self.sentence = sentence

    def serialize_as_json(self) -> str:
        """The body of the answer."""
        return json.dumps({"error_code": self.error_code, "message": self.sentence})


class Late(Refused):
    """A request whose answer nobody awaits any longer: status 504."""

    code = DEADLINE_EXCEEDED


class Failed(Refused):
    """A request that nothing was wrong with, and still has no answer: status 500."""

    code = INTERNAL_ERROR


def scoring_app(model: Any, folder: Path, timeout_seconds: int) -> Any:
    """What `mlflow models serve` serves: /invocations, /ping, /health and /version.

    Args:
        model: What answers, with a `predict` of tables.
        folder: Its data within the registered model, as `fetch` gives it.
        timeout_seconds: After which MLflow gives a request up.

    Returns:
        An ASGI application.
    """
    from mlflow.pyfunc import PyFuncModel, scoring_server

    MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT.set(timeout_seconds)
    logged = next(place for place in (folder, *folder.parents) if (place / "MLmodel").is_file())
    return scoring_server.init(PyFuncModel(Model.load(str(logged)), model))

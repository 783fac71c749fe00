"""The pyfunc of a classifier: from base64 audio to genre and probabilities."""

import base64
import io
import logging
import math
import time
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pandas as pd

from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.core.errors import UserError, describe_error
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.inference.prediction import Prediction
from genre_pred.tracking.scoring_server import Failed, Late, Refused

# Of the current request, by time.monotonic(). Predictions check it: threads cannot be killed.
DEADLINE: ContextVar[float] = ContextVar("DEADLINE", default=math.inf)
log = logging.getLogger("genre_pred.apps.http.served")


class Served:
    """The classifier behind MLflow's pyfunc.

    Args:
        classifier: The classifier.
        max_rows: Most rows of a table; None for any number.
        max_seconds: Longest total audio of a table.
    """

    def __init__(
        self,
        classifier: GenreClassifier,
        max_rows: int | None = None,
        max_seconds: float = math.inf,
    ) -> None:
        self.classifier, self.max_rows, self.max_seconds = classifier, max_rows, max_seconds

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Predict the genre of each row.

        Args:
            model_input: One column `audio`: the bytes of an audio file as base64 text.
            params: Ignored.

        Returns:
            genre, one probability per genre, genre_set (its genres separated by " | "; empty
            without a set) and unknown (None without a novelty detector).

        Raises:
            Refused: If there are no rows or too many, the audio of a row cannot be decoded, or the
                total audio is too long.
            Late: If DEADLINE has passed.
            Failed: On any other error, which is logged.
        """
        if not len(model_input):
            raise Refused("there are no rows: each row's audio is an audio file as base64 text")
        if self.max_rows is not None and len(model_input) > self.max_rows:
            raise Refused(f"there are {len(model_input)} rows: at most {self.max_rows} at a time")
        rows, seconds = [], 0.0
        for number, text in enumerate(model_input["audio"]):
            try:
                prediction = self._predict(text)
            except AudioError as error:
                raise Refused(f"row {number}: {error.reason}") from None
            except UserError as error:
                raise Refused(str(error)) from None
            except Refused:
                raise
            except Exception as error:  # decoders and libraries raise arbitrary errors
                log.exception("prediction of row %d failed", number)
                message = f"row {number}: prediction failed: {describe_error(error)}"
                raise Failed(f"{message} (see the server's log)") from None
            seconds += prediction.seconds
            if round(seconds, 3) > self.max_seconds:
                raise Refused(
                    f"the audio of all rows is too long: more than {self.max_seconds:g} s"
                )
            rows.append(_row(prediction))
        columns = ["genre", *self.classifier.spec.genres, "genre_set", "unknown"]
        return pd.DataFrame(rows, columns=columns)

    def _predict(self, text: object) -> Prediction:
        if not isinstance(text, str):
            raise AudioError("", "its audio is not text")
        try:
            sound = base64.b64decode(text, validate=True)
        except ValueError:  # binascii.Error, or characters beyond ASCII
            raise AudioError("", "its audio is not base64 text") from None
        return self.classifier.predict(io.BytesIO(sound), self.max_seconds, _check)


def _row(prediction: Prediction) -> dict[str, Any]:
    # plain genre names as columns; a collection's genres cannot have the names of other columns
    return {**prediction.row(), **prediction.probabilities}


def _check() -> None:
    if time.monotonic() > DEADLINE.get():
        raise Late("the request timed out")


def _load_pyfunc(path: str) -> Served:
    return Served(GenreClassifier(Path(path)))

"""A classifier as MLflow's servers call it: base64 audio in, genre and probabilities out."""

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

# By time.monotonic(), of the request that is answered: work goes on in a thread that none can end.
DEADLINE: ContextVar[float] = ContextVar("DEADLINE", default=math.inf)
log = logging.getLogger("genre_pred.apps.http.served")


class Served:
    """The classifier behind MLflow's pyfunc.

    Args:
        classifier: Who answers.
        max_rows: Of a table; None for any number.
        max_seconds: Of a table's sounds together.
    """

    def __init__(
        self,
        classifier: GenreClassifier,
        max_rows: int | None = None,
        max_seconds: float = math.inf,
    ) -> None:
        self.classifier, self.max_rows, self.max_seconds = classifier, max_rows, max_seconds

    def predict(self, model_input: pd.DataFrame, params: dict | None = None) -> pd.DataFrame:
        """Name the genre of each row.

        Args:
            model_input: One column `audio`: the bytes of a sound file as base64 text.
            params: None are known.

        Returns:
            genre, one probability per genre, genre_set (with " | " between its genres; empty
            where nothing can be promised) and unknown (None where it cannot tell).

        Raises:
            Refused: If there are no rows or too many, the sound of one cannot be heard, or all
                together are too long.
            Late: As soon as DEADLINE has passed.
            Failed: If something else went wrong, which is logged.
        """
        if not len(model_input):
            raise Refused("there are no rows: each row's audio is a sound file as base64 text")
        if self.max_rows is not None and len(model_input) > self.max_rows:
            raise Refused(f"there are {len(model_input)} rows: at most {self.max_rows} at a time")
        rows, seconds = [], 0.0
        for number, text in enumerate(model_input["audio"]):
            try:
                found = self._heard(text)
            except AudioError as error:
                raise Refused(f"row {number}: {error.reason}") from None
            except UserError as fault:
                raise Refused(str(fault)) from None
            except Refused:
                raise
            except Exception as error:  # decoders and libraries raise what they like
                log.exception("row %d could not be heard", number)
                words = f"row {number}: could not be heard: {describe_error(error)}"
                raise Failed(f"{words} (the server's log has more)") from None
            seconds += found.seconds
            if round(seconds, 3) > self.max_seconds:
                raise Refused(f"the rows are too long together: more than {self.max_seconds:g} s")
            rows.append(_row(found))
        columns = ["genre", *self.classifier.spec.genres, "genre_set", "unknown"]
        return pd.DataFrame(rows, columns=columns)

    def _heard(self, text: object) -> Prediction:
        if not isinstance(text, str):
            raise AudioError("", "its audio is no text")
        try:
            sound = base64.b64decode(text, validate=True)
        except ValueError:  # binascii.Error, or letters beyond ASCII
            raise AudioError("", "its audio is not base64 text") from None
        return self.classifier.predict(io.BytesIO(sound), self.max_seconds, _check)


def _row(found: Prediction) -> dict[str, Any]:
    # the genres under their own names, which are none of the other columns': see NO_GENRES
    return {**found.row(), **found.probabilities}


def _check() -> None:
    if time.monotonic() > DEADLINE.get():
        raise Late("there was no answer in time")


def _load_pyfunc(path: str) -> Served:
    return Served(GenreClassifier(Path(path)))

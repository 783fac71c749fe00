"""The champion over HTTP: worker processes of MLflow's scoring server, each within limits."""

import io
import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from genre_pred import tracking
from genre_pred.apps.http.bounded import Bounded, Limits, log
from genre_pred.apps.http.served import Served
from genre_pred.core.errors import UserError
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.inference.classifier_folder import user_error_if_damaged

SETTINGS = "GENRE_PRED_SERVER"  # the variable by which workers learn what to serve
START_SECONDS = 60
STOP_SECONDS = 30
CONNECTIONS = 1000


class _Supervisor(Multiprocess):
    """Sees at once when a worker ends: uvicorn's waits out the health check that it was asked."""

    def keep_subprocess_alive(self) -> None:
        for worker in self.processes:
            worker.child_conn.close()  # open here too, it would not end with the worker
        super().keep_subprocess_alive()


def app() -> ASGIApp:
    """What each worker serves, as the variable of SETTINGS says.

    A worker that cannot answer logs why, and ends with the code that ends them all: others in its
    place would fail as it did.
    """
    settings = json.loads(os.environ[SETTINGS])
    _log_plainly()
    try:
        return _answering(settings)
    except UserError as fault:
        log.error("%s", fault)
        sys.exit(STARTUP_FAILURE)


def _answering(settings: dict[str, Any]) -> ASGIApp:
    limits = Limits(**settings["limits"])
    served = Served(_loaded(settings), limits.rows, limits.seconds)
    scoring = tracking.scoring_app(served, Path(settings["folder"]), limits.timeout)
    log.info("%s answers", settings["title"])
    return Bounded(scoring, limits)


def _loaded(settings: dict[str, Any]) -> GenreClassifier:
    """The classifier, which has heard noise: so the first request waits for nothing to load."""
    classifier = GenreClassifier(Path(settings["folder"]), settings["title"])
    seconds = max(classifier.clip.clip_seconds, classifier.clip.min_seconds)
    noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * 16_000))
    sound = io.BytesIO()
    soundfile.write(sound, noise, 16_000, format="WAV")
    # Whole files may still not fit together.
    with user_error_if_damaged(classifier.folder, classifier.title):
        classifier.predict(sound)
    return classifier


def run(model: str | None, host: str, port: int, workers: int, limits: Limits) -> None:
    """Serve a registered classifier until a signal comes.

    Args:
        model: NAME@ALIAS or NAME; None for the champion of this workspace.
        host: The address to listen at.
        port: 0 for any that is free.
        workers: Processes, each with the classifier in its memory.
        limits: Of each worker.

    Raises:
        UserError: If nothing is registered so, it cannot hear, or be loaded.
        SystemExit: If a worker could not start, though this process could load the classifier.
    """
    title, folder = tracking.fetch(model)
    settings = {
        "title": title,
        "folder": str(folder.resolve()),
        "limits": asdict(limits),
    }
    os.environ[SETTINGS] = json.dumps(settings)
    _log_plainly()
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "limit_concurrency": CONNECTIONS,
        "timeout_graceful_shutdown": STOP_SECONDS,
        # A worker that imports torch is silent for seconds, however short a request's time is.
        "timeout_worker_healthcheck": max(START_SECONDS, 2 * limits.timeout),
    }
    if workers == 1:
        uvicorn.run(_answering(settings), **options)
        return
    _loaded(settings)  # what is wrong is told once, and what is loaded is let go
    config = uvicorn.Config(
        "genre_pred.apps.http.server:app", factory=True, workers=workers, **options
    )
    supervisor = _Supervisor(config, [config.bind_socket()])
    supervisor.run()
    # uvicorn.run would end with 0.
    if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
        sys.exit(STARTUP_FAILURE)


def _log_plainly() -> None:
    logging.basicConfig(format="%(asctime)s [%(process)d] %(message)s", level=logging.INFO)
    logging.getLogger("mlflow").setLevel(logging.ERROR)  # it warns of other people's requests

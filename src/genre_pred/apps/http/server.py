"""The HTTP server: worker processes of MLflow's scoring server, with limits on requests."""

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

SETTINGS = "GENRE_PRED_SERVER"  # the environment variable that passes the settings to the workers
START_SECONDS = 60
STOP_SECONDS = 30
CONNECTIONS = 1000


class _Supervisor(Multiprocess):
    """Notices immediately when a worker ends; uvicorn's own waits for a health check first."""

    def keep_subprocess_alive(self) -> None:
        for worker in self.processes:
            worker.child_conn.close()  # a copy that is open here would outlive the worker
        super().keep_subprocess_alive()


def app() -> ASGIApp:
    """The application of a worker, with the settings of the environment variable SETTINGS.

    A worker that cannot start logs the reason, and exits with the code that stops all workers,
    because a replacement would fail in the same way.
    """
    settings = json.loads(os.environ[SETTINGS])
    _configure_logging()
    try:
        return _application(settings)
    except UserError as error:
        log.error("%s", error)
        sys.exit(STARTUP_FAILURE)


def _application(settings: dict[str, Any]) -> ASGIApp:
    limits = Limits(**settings["limits"])
    served = Served(_loaded(settings), limits.rows, limits.seconds)
    scoring = tracking.scoring_app(served, Path(settings["folder"]), limits.timeout)
    log.info("%s is ready", settings["title"])
    return Bounded(scoring, limits)


def _loaded(settings: dict[str, Any]) -> GenreClassifier:
    """Load the classifier and predict noise once, so that the first request is fast."""
    classifier = GenreClassifier(Path(settings["folder"]), settings["title"])
    seconds = max(classifier.clip.clip_seconds, classifier.clip.min_seconds)
    noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * 16_000))
    sound = io.BytesIO()
    soundfile.write(sound, noise, 16_000, format="WAV")
    # Files that are readable one by one may still not fit together.
    with user_error_if_damaged(classifier.folder, classifier.title):
        classifier.predict(sound)
    return classifier


def run(model: str | None, host: str, port: int, workers: int, limits: Limits) -> None:
    """Serve a registered classifier until a signal stops it.

    Args:
        model: NAME@ALIAS or NAME; None for the champion of this workspace.
        host: The address to listen on.
        port: 0 for any free port.
        workers: Processes, each with the classifier in its memory.
        limits: Of each worker.

    Raises:
        UserError: If it is not registered, does not accept audio or cannot be loaded.
        SystemExit: If a worker could not start, although this process loaded the classifier.
    """
    title, folder = tracking.fetch(model)
    settings = {
        "title": title,
        "folder": str(folder.resolve()),
        "limits": asdict(limits),
    }
    os.environ[SETTINGS] = json.dumps(settings)
    _configure_logging()
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "limit_concurrency": CONNECTIONS,
        "timeout_graceful_shutdown": STOP_SECONDS,
        # A worker does not respond while it imports torch: a short request timeout is not enough.
        "timeout_worker_healthcheck": max(START_SECONDS, 2 * limits.timeout),
    }
    if workers == 1:
        uvicorn.run(_application(settings), **options)
        return
    _loaded(settings)  # reports an error once; the classifier is then freed
    config = uvicorn.Config(
        "genre_pred.apps.http.server:app", factory=True, workers=workers, **options
    )
    supervisor = _Supervisor(config, [config.bind_socket()])
    supervisor.run()
    # uvicorn.run would exit with 0.
    if any(worker.exitcode == STARTUP_FAILURE for worker in supervisor.processes):
        sys.exit(STARTUP_FAILURE)


def _configure_logging() -> None:
    logging.basicConfig(format="%(asctime)s [%(process)d] %(message)s", level=logging.INFO)
    logging.getLogger("mlflow").setLevel(logging.ERROR)  # it warns about malformed requests

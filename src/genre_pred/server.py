"""The champion over HTTP: worker processes of MLflow's scoring server, each within limits."""

import io
import json
import logging
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import soundfile
import torch
import uvicorn
from joblib import cpu_count
from starlette.types import ASGIApp

from genre_pred import track
from genre_pred.bounded import Bounded, Limits, log
from genre_pred.classifier import GenreClassifier
from genre_pred.served import Served

SETTINGS = "GENRE_PRED_SERVER"  # the variable by which workers learn what to serve
STOP_SECONDS = 30
CONNECTIONS = 1000


def app() -> ASGIApp:
    """What each worker serves, as the variable of SETTINGS says."""
    settings = json.loads(os.environ[SETTINGS])
    _log_plainly()
    torch.set_num_threads(settings["threads"])
    limits, folder = Limits(**settings["limits"]), Path(settings["folder"])
    served = Served(GenreClassifier(folder), limits.rows, limits.seconds)
    _warm(served.classifier)
    log.info("%s answers", settings["title"])
    return Bounded(track.scoring_app(served, folder, limits.timeout), limits)


def _warm(classifier: GenreClassifier) -> None:
    """Let a classifier hear noise, so that the first request waits for nothing to load."""
    seconds = max(classifier.clip.clip_seconds, classifier.clip.min_seconds)
    noise = np.random.default_rng(0).normal(0, 0.1, round(seconds * 16_000))
    sound = io.BytesIO()
    soundfile.write(sound, noise, 16_000, format="WAV")
    classifier.predict(sound)


def run(model: str | None, host: str, port: int, workers: int, limits: Limits) -> None:
    """Serve a registered classifier until a signal comes.

    Args:
        model: NAME@ALIAS or NAME; None for the champion of this workspace.
        host: The address to listen at.
        port: 0 for any that is free.
        workers: Processes, each with the classifier in its memory.
        limits: Of each worker.

    Raises:
        Fault: If nothing is registered so, or it cannot hear.
    """
    title, folder = track.fetch(model)
    classifier = GenreClassifier(folder, title)
    classifier.check_hears()
    settings = {
        "title": title,
        "folder": str(folder.resolve()),
        "limits": asdict(limits),
        "threads": max(1, cpu_count() // workers),
    }
    os.environ[SETTINGS] = json.dumps(settings)
    _log_plainly()
    uvicorn.run(
        "genre_pred.server:app",
        factory=True,
        host=host,
        port=port,
        ws="none",
        workers=workers,
        log_config=None,
        access_log=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
        timeout_worker_healthcheck=2 * limits.timeout,  # importing torch takes its time
    )


def _log_plainly() -> None:
    logging.basicConfig(format="%(asctime)s [%(process)d] %(message)s", level=logging.INFO)
    logging.getLogger("mlflow").setLevel(logging.ERROR)  # it warns of other people's requests

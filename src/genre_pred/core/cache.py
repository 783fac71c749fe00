"""The per-user cache, for files that must survive when DVC deletes the outputs of a stage."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import platformdirs

from genre_pred.core.files import digest
from genre_pred.core.pipeline import Stage

PACKAGE = Path(__file__).parents[1]


def user_cache() -> Path:
    """The cache folder: $GENRE_PRED_CACHE, or genre-pred in the user's cache folder."""
    return Path(os.environ.get("GENRE_PRED_CACHE") or platformdirs.user_cache_dir("genre-pred"))


def code_digests(places: Iterable[Path] = (PACKAGE,)) -> list[str]:
    """The names and md5 digests of Python files, as they are on disk now.

    Args:
        places: Python files, or folders that hold them.

    Returns:
        Texts such as "parallel/pool.py DIGEST", in the order of places and names.
    """
    found = []
    for place in places:
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        found += [f"{file.relative_to(place.parent).as_posix()} {digest(file)}" for file in files]
    return found


def work_folder(stage: Stage, settings: Mapping[str, Any]) -> Path:
    """The folder for a stage's unfinished work: the same work is given the same folder.

    Args:
        stage: The stage, with its inputs and code.
        settings: The settings of this work.

    Returns:
        An existing folder, named by a digest of the settings, the inputs and the code that the
        stage depends on.
    """
    inputs = [digest(path) for path in stage.inputs]
    work = [settings, inputs, code_digests(stage.code)]
    key = hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()[:16]
    folder = user_cache() / stage.name / key
    folder.mkdir(parents=True, exist_ok=True)
    return folder

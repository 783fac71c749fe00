"""The per-user cache: what must survive DVC's deleting of outputs before a stage runs again."""

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
    """The folder of the cache: $GENRE_PRED_CACHE, or genre-pred in the user's cache folder."""
    return Path(os.environ.get("GENRE_PRED_CACHE") or platformdirs.user_cache_dir("genre-pred"))


def code_digests(places: Iterable[Path] = (PACKAGE,)) -> list[str]:
    """The digests of modules, as they are on disk now.

    Args:
        places: Python files, or folders of them.
    """
    files = [file for place in places for file in ([place], place.rglob("*.py"))[place.is_dir()]]
    return [digest(file) for file in sorted(files)]


def work_folder(stage: Stage, settings: Mapping[str, Any]) -> Path:
    """A folder for the unfinished work of a stage, found again only by the same work.

    Args:
        stage: The stage, with its inputs and code.
        settings: What it is asked to do.

    Returns:
        A folder, which exists, named by the digest of the settings, the inputs and the code that
        the stage depends on.
    """
    inputs = [digest(path) for path in stage.inputs]
    work = [settings, inputs, code_digests(stage.code)]
    key = hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()[:16]
    folder = user_cache() / stage.name / key
    folder.mkdir(parents=True, exist_ok=True)
    return folder

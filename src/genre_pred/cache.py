"""The per-user cache: what must survive DVC's deleting of outputs before a stage runs again."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import platformdirs

from genre_pred.files import digest

PACKAGE = Path(__file__).parent


def user_cache() -> Path:
    """Its folder: $GENRE_PRED_CACHE, or genre-pred in the user's cache."""
    return Path(os.environ.get("GENRE_PRED_CACHE") or platformdirs.user_cache_dir("genre-pred"))


def code() -> list[str]:
    """The digests of this package's modules, as they lie on disk now."""
    return [digest(file) for file in sorted(PACKAGE.rglob("*.py"))]


def work_folder(stage: str, settings: Mapping[str, Any], reads: Sequence[Path]) -> Path:
    """A folder for a stage's unfinished work, found again only by the very same work.

    Args:
        stage: The stage's name.
        settings: What it is asked for.
        reads: Its inputs.

    Returns:
        A folder named by the digest of settings, inputs and this package's code; made.
    """
    told = [settings, [digest(path) for path in reads], code()]
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    folder = user_cache() / stage / key
    folder.mkdir(parents=True, exist_ok=True)
    return folder

"""librosa's compiled functions, loaded by one process at a time.

numba keeps such a function as two files, written one after the other. Processes that compile at
once, as the workers on a new machine do, pair one's file with the other's, and whoever loads the
pair crashes from then on (github.com/numba/numba/issues/10128).
"""

import importlib
import os
from pathlib import Path

import librosa  # by itself it loads nothing
import platformdirs
from filelock import FileLock

# Where librosa's functions are compiled as they are imported.
ALWAYS = ("librosa.core.audio", "librosa.core.pitch", "librosa.util.utils")


def load_librosa(*modules: str) -> None:
    """Import the parts of librosa that are compiled at import; quick when they are there.

    Args:
        modules: Further ones, such as librosa.beat.
    """
    with FileLock(_where_numba_keeps_them() / "librosa.lock"):
        for module in (*ALWAYS, *modules):
            importlib.import_module(module)


def _where_numba_keeps_them() -> Path:
    """Whoever shares the compiled files waits for one lock; a read-only package needs no home."""
    told = os.environ.get("NUMBA_CACHE_DIR")
    package = Path(librosa.__file__).parent / "__pycache__"
    if told or os.access(package, os.W_OK):
        return Path(told or package)
    return Path(platformdirs.user_runtime_dir("genre-pred"))

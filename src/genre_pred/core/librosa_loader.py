"""Loads librosa's compiled functions, in one process at a time.

numba stores a compiled function as two files, written one after the other. If several processes
compile at once, such as workers on a new machine, files of two processes may be paired, and every
process that loads the pair crashes (github.com/numba/numba/issues/10128).
"""

import importlib
import os
from pathlib import Path

import librosa  # lazy: loads none of its modules
import platformdirs
from filelock import FileLock

# The modules of librosa that compile functions on import.
ALWAYS = ("librosa.core.audio", "librosa.core.pitch", "librosa.util.utils")


def load_librosa(*modules: str) -> None:
    """Import the modules of librosa that compile functions on import; fast once cached.

    Args:
        modules: Further modules, such as librosa.beat.
    """
    with FileLock(_numba_cache() / "librosa.lock"):
        for module in (*ALWAYS, *modules):
            importlib.import_module(module)


def _numba_cache() -> Path:
    """The folder of the compiled files: processes that share the files share the lock.

    If librosa's folder is read-only, a user's processes share a lock in the runtime folder.
    """
    cache = os.environ.get("NUMBA_CACHE_DIR")
    package = Path(librosa.__file__).parent / "__pycache__"
    if cache or os.access(package, os.W_OK):
        return Path(cache or package)
    return Path(platformdirs.user_runtime_dir("genre-pred"))

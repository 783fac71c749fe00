"""librosa's compiled functions, loaded by one process at a time.

numba keeps such a function as two files, written one after the other. Processes that compile at
once, as the workers on a new machine do, pair one's file with the other's, and whoever loads the
pair crashes from then on (github.com/numba/numba/issues/10128).
"""

import importlib
import os
from pathlib import Path

import platformdirs
from filelock import FileLock

# Where librosa's functions are compiled as they are imported.
ALWAYS = ("librosa.core.audio", "librosa.core.pitch", "librosa.util.utils")


def load_librosa(*modules: str) -> None:
    """Import the parts of librosa that are compiled at import; quick when they are there.

    Args:
        modules: Further ones, such as librosa.beat.
    """
    # Where numba keeps them if told so; otherwise they lie in the installed package.
    folder = Path(os.environ.get("NUMBA_CACHE_DIR") or platformdirs.user_cache_dir("genre-pred"))
    with FileLock(folder / "librosa.lock"):
        for module in (*ALWAYS, *modules):
            importlib.import_module(module)

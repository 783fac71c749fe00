"""Memory that a process keeps for its next arrays."""

import ctypes
import platform
from functools import cache

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # mallopt(3)
_NEVER = {_TRIM_THRESHOLD: -1, _MMAP_MAX: 0}


@cache
def keep_memory() -> None:
    """From now on this process keeps what it frees.

    By itself glibc, the C library of most Linux systems, gives large arrays back to the system, and
    the next ones come page by page: a third of a training step of VGGish, a tenth of embedding by
    it. Where the C library is another one, nothing is changed.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        for option, value in _NEVER.items():
            library.mallopt(option, value)

"""Memory that a process keeps for its next arrays."""

import ctypes
import platform

LARGEST = 2**31 - 1  # bytes: the C library takes no larger figure

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # mallopt(3)


def keep_memory(most: int) -> None:
    """From now on, what this process frees is kept, to be used again.

    By itself glibc, the C library of most Linux systems, gives large arrays back to the system, and
    the next ones come page by page: a third of a training step of VGGish, a tenth of embedding by
    it. The price is that the process stays as large as it once was. Arrays that other threads make
    are given back still, and where the C library is another one nothing is changed.

    Args:
        most: Bytes of an array, and of what is kept altogether, up to LARGEST.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        # Older ones take no threshold above 32 MB, and with the other option set would stay at
        # 128 kB for good; there no array at all is given back.
        if not library.mallopt(_MMAP_THRESHOLD, most):
            library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, most)

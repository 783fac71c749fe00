"""Keeps freed memory in the process, for its next arrays."""

import ctypes
import platform

LARGEST = 2**31 - 1  # bytes: the largest value that mallopt accepts

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4  # mallopt(3)


def keep_memory(most: int) -> None:
    """Make this process keep the memory that it frees, to be used again.

    By default glibc, the C library of most Linux systems, returns large arrays to the system, and
    new ones are mapped page by page. That costs a third of a training step of VGGish and a tenth of
    its embedding time. The price is that the process never shrinks. Arrays that other threads
    allocate are still returned. With another C library nothing changes.

    Args:
        most: Largest array, and largest total, to keep: in bytes, up to LARGEST.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        # Older versions accept no threshold above 32 MB, and M_TRIM_THRESHOLD would then fix it at
        # 128 kB. There no array is mapped at all, so none is returned.
        if not library.mallopt(_MMAP_THRESHOLD, most):
            library.mallopt(_MMAP_MAX, 0)
        library.mallopt(_TRIM_THRESHOLD, most)

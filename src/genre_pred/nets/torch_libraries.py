"""The way to torchaudio: its Linux wheels are CUDA builds and do not load beside a CPU torch.

This module alone imports it. Where the compiled library loads, it is used; where it does not, a
stand-in says that it is missing, and all that is written in Python works: every transform and
model (biquad filters slowly; forced alignment not at all).
"""

import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType


def torchaudio_transforms() -> ModuleType:
    """Import torchaudio.transforms, whatever torch it stands beside.

    Returns:
        The module.

    Raises:
        ImportError: If torchaudio is not installed.
    """
    _make_torchaudio_importable()
    return importlib.import_module("torchaudio.transforms")


@functools.cache
def _make_torchaudio_importable() -> None:
    try:
        importlib.import_module("torchaudio")
    except OSError:  # from dlopen: libc10_cuda.so is missing
        # What failed half-way must be imported again from the start.
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        sys.modules["torchaudio._extension"] = _extension_without_library()
        importlib.import_module("torchaudio")


def _extension_without_library() -> ModuleType:
    """What torchaudio._extension is in a build without compiled parts."""
    extension = ModuleType("torchaudio._extension")

    def fail_if_no_align(function: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(function)
        def missing(*_: object, **__: object) -> object:
            raise RuntimeError("forced alignment needs torchaudio's compiled library")

        return missing

    vars(extension).update(
        _IS_TORCHAUDIO_EXT_AVAILABLE=False,
        _IS_ALIGN_AVAILABLE=False,
        fail_if_no_align=fail_if_no_align,
    )
    return extension

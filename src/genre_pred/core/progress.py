"""Progress bars: lively in a terminal, a line every half minute in a log."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

LOG_SECONDS = 30.0


def bar(items: Iterable | None = None, *, doing: str, unit: str, **more: Any) -> tqdm:
    """Show how far something is.

    Args:
        items: What is gone through; None to call update.
        doing: What the bar says, as "decoding".
        unit: What is counted, as "clip".
        more: As tqdm takes it: total, leave, disable, ...

    Returns:
        The items, or a bar to be updated.
    """
    seconds = 0.1 if sys.stderr.isatty() else LOG_SECONDS
    return tqdm(items, desc=doing, unit=unit, mininterval=seconds, maxinterval=seconds, **more)

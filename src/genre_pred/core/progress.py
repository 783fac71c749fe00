"""Progress bars: updated often in a terminal, every half minute in a log."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm

LOG_SECONDS = 30.0


def bar(items: Iterable[Any] | None = None, *, doing: str, unit: str, **more: Any) -> "tqdm[Any]":
    """Show progress.

    Args:
        items: The items to iterate over; None for a bar that is moved by `update`.
        doing: The label of the bar, such as "decoding".
        unit: What is counted, such as "clip".
        more: Further arguments of tqdm: total, leave, disable, ...

    Returns:
        The bar, which yields the items.
    """
    seconds = 0.1 if sys.stderr.isatty() else LOG_SECONDS
    return tqdm(items, desc=doing, unit=unit, mininterval=seconds, maxinterval=seconds, **more)

"""Errors that a person can put right: their text says what was wrong and what to do."""

import sys
from collections.abc import Callable, Iterable


class Fault(Exception):
    """Something in the settings, the collection or the machine that a person can put right."""


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; a fault ends it with its sentence instead of a stack trace."""
    try:
        main()
    except Fault as fault:
        sys.exit(f"error: {fault}")


def check_known(names: Iterable[str], known: Iterable[str], key: str) -> None:
    """Make sure that every name in a setting is one that the code knows.

    Args:
        names: What the setting asks for.
        known: What there is.
        key: The setting, as "classical.classifiers".

    Raises:
        Fault: Naming the first unknown one and all known ones.
    """
    known = sorted(known)
    for name in names:
        if name not in known:
            raise Fault(f"{key} names {name!r}; known are {', '.join(known)}")

"""Errors that a person can put right: their text says what was wrong and what to do."""

import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches

STOPPED = 130  # the exit code of what Ctrl-C has ended


class UserError(Exception):
    """Something in the settings, the collection or the machine that a person can put right."""


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; a fault ends it with a sentence instead of a stack trace, and so does Ctrl-C."""
    try:
        main()
    except UserError as fault:
        sys.exit(f"error: {fault}")
    except KeyboardInterrupt:
        sys.stderr.write("stopped: the same command does this stage again\n")
        sys.exit(STOPPED)


def describe_error(error: Exception) -> str:
    """What an exception that nobody foresaw says, on one line: as "ValueError: no samples"."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Tell an unknown name and the known ones, first those that look like it.

    Args:
        name: What was asked for.
        known: What there is.

    Returns:
        As "'mfc'; known are mfcc, chroma".
    """
    known = sorted(known)
    near = get_close_matches(name, known)
    others = [it for it in known if it not in near]
    return f"{name!r}; known are {', '.join([*near, *others]) or 'none'}"

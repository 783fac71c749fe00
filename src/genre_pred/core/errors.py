"""Errors that a user can fix: the message says what is wrong and what to do."""

import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches

STOPPED = 130  # exit code after Ctrl-C


class UserError(Exception):
    """Something in the settings, the collection or the machine that a user can fix."""


def run_stage(main: Callable[[], None]) -> None:
    """Run a stage; report a UserError or Ctrl-C in one sentence instead of a stack trace."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: run the same command to restart this stage\n")
        sys.exit(STOPPED)


def describe_error(error: Exception) -> str:
    """An unexpected exception on one line, such as "ValueError: no samples"."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def unknown_name(name: str, known: Iterable[str]) -> str:
    """Describe an unknown name and list the known ones, similar names first.

    Args:
        name: The unknown name.
        known: The known names.

    Returns:
        Text such as "'mfc'; known are mfcc, chroma".
    """
    known = sorted(known)
    similar = get_close_matches(name, known)
    others = [other for other in known if other not in similar]
    return f"{name!r}; known are {', '.join([*similar, *others]) or 'none'}"

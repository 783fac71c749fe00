"""What is worth keeping of a collection: every file is decoded, every rejection has its reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.reading import Measured, measure
from genre_pred.config.sections import Clean, Clip
from genre_pred.core.errors import UserError
from genre_pred.core.tables import as_clips, duplicate_reasons


class TooManyRejected(UserError):
    """So many files are bad that something else must be wrong."""


def clean_tracks(
    tracks: pd.DataFrame, clip: Clip, settings: Clean, each: Callable
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode every track; keep what is long enough, not silent and not there already.

    Args:
        tracks: The table of tracks.
        clip: Gives the shortest length, in seconds.
        settings: Gives the quietest level, in dB of full scale, and the share that may be bad.
        each: A map over paths.

    Returns:
        The kept clips, and clip_id, path, reason of the rejected ones.

    Raises:
        TooManyRejected: If more than `clean.max_rejected` of the files are bad.
    """
    measured = list(each(measure_or_reason, tracks["path"].tolist()))
    reasons: list[Any] = [
        found if isinstance(found, str) else _fault(found, clip, settings) for found in measured
    ]
    sound = [
        None if reason else found.content for found, reason in zip(measured, reasons, strict=True)
    ]
    told = duplicate_reasons(tracks, pd.Series(sound, dtype="string"), once=True)
    reasons = [reason or twin for reason, twin in zip(reasons, told, strict=True)]
    good = [reason is None for reason in reasons]
    rejected = tracks.assign(reason=reasons).loc[[not ok for ok in good]]
    if len(rejected) > settings.max_rejected * len(tracks):
        causes = rejected["reason"].value_counts().head(3)
        raise TooManyRejected(
            f"{len(rejected)} of {len(tracks)} files are bad, more than clean.max_rejected = "
            f"{settings.max_rejected:g} allows. The first: {rejected['path'].iloc[0]}: "
            f"{rejected['reason'].iloc[0]}. Most often: "
            + "; ".join(f"{reason} ({count})" for reason, count in causes.items())
            + ". Files that were there and have gone come back with dvc repro --force download"
        )
    kept = [found for found, ok in zip(measured, good, strict=True) if ok]
    clips = tracks[good].assign(
        sample_rate=[found.sample_rate for found in kept],
        n_samples=[found.n_samples for found in kept],
        rms_db=[round(found.rms_db, 2) for found in kept],
        content=[found.content for found in kept],
    )
    columns = ["clip_id", "path", "reason"]
    return as_clips(clips), rejected[columns].reset_index(drop=True)


def measure_or_reason(path: str) -> Measured | str:
    """Decode a file: what it measures, or why it cannot be decoded."""
    try:
        return measure(Path(path))
    except AudioError as error:
        return error.reason


def _fault(found: Measured, clip: Clip, settings: Clean) -> str | None:
    if found.seconds < clip.min_seconds:
        return f"too short: {found.seconds:.1f} s of at least {clip.min_seconds:g} s"
    if found.rms_db < settings.min_rms_db:
        return f"silent: {found.rms_db:.0f} dB of at least {settings.min_rms_db:g} dB"
    return None

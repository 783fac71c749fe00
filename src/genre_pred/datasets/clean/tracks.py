"""Cleans a collection: decodes every file and gives the reason for every rejection."""

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
    """More files are bad than clean.max_rejected allows."""


def clean_tracks(
    tracks: pd.DataFrame, clip: Clip, settings: Clean, each: Callable[..., Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Decode every track; keep those that are long enough, not silent and not duplicates.

    Args:
        tracks: The table of tracks.
        clip: Gives the minimum length, in seconds.
        settings: Gives the minimum level, in dB of full scale, and the share that may be bad.
        each: A map over paths.

    Returns:
        The kept clips, and clip_id, path, reason of the rejected ones.

    Raises:
        TooManyRejected: If more than `clean.max_rejected` of the files are bad.
    """
    measured = list(each(measure_or_reason, tracks["path"].tolist()))
    reasons: list[Any] = [
        result if isinstance(result, str) else _rejection(result, clip, settings)
        for result in measured
    ]
    content = [
        None if reason else result.content for result, reason in zip(measured, reasons, strict=True)
    ]
    duplicates = duplicate_reasons(tracks, pd.Series(content, dtype="string"), once=True)
    reasons = [reason or duplicate for reason, duplicate in zip(reasons, duplicates, strict=True)]
    good = [reason is None for reason in reasons]
    rejected = tracks.assign(reason=reasons).loc[[not ok for ok in good]]
    if len(rejected) > settings.max_rejected * len(tracks):
        causes = rejected["reason"].value_counts().head(3)
        raise TooManyRejected(
            f"{len(rejected)} of {len(tracks)} files are bad, more than clean.max_rejected = "
            f"{settings.max_rejected:g} allows. The first: {rejected['path'].iloc[0]}: "
            f"{rejected['reason'].iloc[0]}. Most often: "
            + "; ".join(f"{reason} ({count})" for reason, count in causes.items())
            + ". If files went missing after the download, run dvc repro --force download"
        )
    kept = [result for result, ok in zip(measured, good, strict=True) if ok]
    clips = tracks[good].assign(
        sample_rate=[result.sample_rate for result in kept],
        n_samples=[result.n_samples for result in kept],
        rms_db=[round(result.rms_db, 2) for result in kept],
        content=[result.content for result in kept],
    )
    columns = ["clip_id", "path", "reason"]
    return as_clips(clips), rejected[columns].reset_index(drop=True)


def measure_or_reason(path: str) -> Measured | str:
    """Decode a file: its measurements, or the reason why it cannot be decoded."""
    try:
        return measure(Path(path))
    except AudioError as error:
        return error.reason


def _rejection(measured: Measured, clip: Clip, settings: Clean) -> str | None:
    if measured.seconds < clip.min_seconds:
        return f"too short: {measured.seconds:.1f} s of at least {clip.min_seconds:g} s"
    if measured.rms_db < settings.min_rms_db:
        return f"silent: {measured.rms_db:.0f} dB of at least {settings.min_rms_db:g} dB"
    return None

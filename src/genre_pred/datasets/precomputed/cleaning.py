"""Which clips of a precomputed collection are kept: those without a duplicate that would leak."""

import hashlib

import numpy as np
import pandas as pd

from genre_pred.core.tables import as_clips, duplicate_reasons
from genre_pred.datasets.precomputed.contents import Contents


def clean_precomputed(contents: Contents) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep of clips with the same numbers what flatters no score.

    On two sides of the publisher's split, those on the side that judges stay; on one side all
    stay, because its table is the protocol (any other split takes the first of them only).
    Without such a split only the first stays.

    Args:
        contents: What others computed.

    Returns:
        The kept clips (sample_rate and n_samples 0, rms_db NaN: there is no sound), and clip_id,
        path, reason of the rejected ones.

    Raises:
        SourceError: If the contents do not fit the tracks.
    """
    tracks = contents.tracks
    numbers = pd.Series(contents.digests(), index=tracks.index)
    reasons = duplicate_reasons(tracks, numbers, once=False)
    # Who a clip is does not depend on which features lie beside it; twins are one.
    first = tracks["clip_id"].groupby(numbers.to_numpy()).transform("first")
    content = first.map(lambda name: hashlib.md5(f"precomputed {name}".encode()).hexdigest())
    told = tracks.assign(sample_rate=0, n_samples=0, rms_db=np.nan, content=content)
    told["reason"] = pd.Series(reasons, index=told.index, dtype="string")
    good = told["reason"].isna()
    kept, rejected = told[good], told.loc[~good, ["clip_id", "path", "reason"]]
    return as_clips(kept), rejected.reset_index(drop=True)

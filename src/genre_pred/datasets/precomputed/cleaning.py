"""Cleans a precomputed collection: rejects duplicates that would leak between splits."""

import hashlib

import numpy as np
import pandas as pd

from genre_pred.core.tables import as_clips, duplicate_reasons
from genre_pred.datasets.precomputed.contents import Contents


def clean_precomputed(contents: Contents) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reject clips with the same numbers as another clip, if both together would inflate a score.

    Of duplicates on two sides of the publisher's split, those on the side used for scoring are
    kept. Duplicates on one side are all kept, because the publisher's table is the protocol (any
    other split uses only the first of them). Without a publisher's split only the first is kept.

    Args:
        contents: The precomputed collection.

    Returns:
        The kept clips (sample_rate and n_samples 0, rms_db NaN, because there is no audio), and
        clip_id, path, reason of the rejected clips.

    Raises:
        SourceError: If the contents do not fit the tracks.
    """
    tracks = contents.tracks
    numbers = pd.Series(contents.digests(), index=tracks.index)
    reasons = duplicate_reasons(tracks, numbers, once=False)
    # A clip's content is named by its id, so that it does not depend on which features are
    # published with it. Duplicates share the id of the first.
    first = tracks["clip_id"].groupby(numbers.to_numpy()).transform("first")
    content = first.map(lambda name: hashlib.md5(f"precomputed {name}".encode()).hexdigest())
    clips = tracks.assign(sample_rate=0, n_samples=0, rms_db=np.nan, content=content)
    clips["reason"] = pd.Series(reasons, index=clips.index, dtype="string")
    good = clips["reason"].isna()
    kept, rejected = clips[good], clips.loc[~good, ["clip_id", "path", "reason"]]
    return as_clips(kept), rejected.reset_index(drop=True)

"""From the scores of windows to the scores of clips."""

import numpy as np
import pandas as pd
from scipy.special import log_softmax


def windows_to_clips(scores: np.ndarray, clip_ids: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Average the log-probabilities of each clip's windows.

    Args:
        scores: (n_rows, n_genres), logits or log-probabilities.
        clip_ids: (n_rows,), the clip of each row.

    Returns:
        (n_clips, n_genres) log-probabilities, and the clips in order of appearance.
    """
    log_probabilities = log_softmax(scores.astype(np.float64), axis=1)
    mean = pd.DataFrame(log_probabilities).groupby(clip_ids, sort=False).mean()
    return mean.to_numpy(), list(mean.index)

"""Uncertainty of scores: bootstrap intervals over artists, and tests of a difference.

Clips of one artist are correlated, so that 96 clips by 24 artists carry less information than 96
independent clips. The sampling unit is therefore the artist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm, t


@dataclass(frozen=True)
class Difference:
    """Accuracy of a minus accuracy of b in [-1, 1], with its two-sided and one-sided interval."""

    mean: float
    low: float
    high: float
    lower_one_sided: float


def bootstrap_groups(truth: pd.DataFrame) -> tuple[np.ndarray, bool]:
    """Label the bootstrap unit of each clip: its artist or, if unknown, the clip itself.

    Args:
        truth: clip_id and, where there is one, artist (missing or blank where unknown).

    Returns:
        (n,) object labels, and whether every clip's artist is known.
    """
    clip_labels = "clip " + truth["clip_id"].astype(str)
    if "artist" not in truth.columns:
        return clip_labels.to_numpy(dtype=object), False
    known = truth["artist"].notna() & (truth["artist"].astype(str).str.strip() != "")
    labels = clip_labels.where(~known, "artist " + truth["artist"].astype(str))
    return labels.to_numpy(dtype=object), bool(known.all())


def accuracy_interval(
    hits: np.ndarray,
    groups: np.ndarray,
    *,
    confidence: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Return the two-sided bootstrap interval of an accuracy, resampling whole groups.

    The percentile interval is taken at levels widened for few groups (see `_quantiles`). If every
    clip is hit, or none, resampling has no spread; the exact bound of Clopper and Pearson (1934)
    with one trial per group is returned instead. A single group gives (0, 1).

    Args:
        hits: (n,) bool.
        groups: (n,) labels, one per artist.
        confidence: in (0, 1), say 0.95.
        n_resamples: number of bootstrap samples.
        rng: the random generator.

    Returns:
        Lower and upper end in [0, 1].

    Raises:
        ValueError: the arrays are empty or differ in length.
    """
    sums, counts = _group_sums(hits, groups)
    tail = (1 - confidence) / 2
    if len(sums) == 1:
        return 0.0, 1.0
    if sums.sum() in (0, counts.sum()):
        bound = float(tail ** (1 / len(sums)))
        return (bound, 1.0) if sums.sum() else (0.0, 1 - bound)
    means = _resampled_means(sums, counts, n_resamples, rng)
    low, high = _quantiles(means, (tail, 1 - tail), len(sums))
    return low, high


def paired_difference(
    hits_a: np.ndarray,
    hits_b: np.ndarray,
    groups: np.ndarray,
    *,
    confidence: float,
    n_resamples: int,
    rng: np.random.Generator,
) -> Difference:
    """Return the accuracy of a minus that of b on the same clips, with bootstrap intervals.

    As in `accuracy_interval`. If a alone is right on every clip (or b alone), the exact bound with
    one trial per group replaces resampling. A single group gives (-1, 1). If the hits are equal
    on every clip, all ends are 0.

    Args:
        hits_a: (n,) bool.
        hits_b: (n,) bool, the same clips in the same order.
        groups: (n,) labels, one per artist.
        confidence: in (0, 1); of the two-sided interval, and of the one-sided one by itself.
        n_resamples: number of bootstrap samples.
        rng: the random generator.

    Returns:
        The difference and its intervals.

    Raises:
        ValueError: the arrays are empty or differ in length.
    """
    sums, counts = _group_sums(_differences(hits_a, hits_b), groups)
    mean = float(sums.sum() / counts.sum())
    if len(sums) == 1:
        return Difference(mean, -1.0, 1.0, -1.0)
    tail = 1 - confidence
    if abs(mean) == 1:
        two_sided, one_sided = (2 * level ** (1 / len(sums)) - 1 for level in (tail / 2, tail))
        if mean == 1:
            return Difference(mean, two_sided, 1.0, one_sided)
        return Difference(mean, -1.0, -two_sided, -1.0)
    means = _resampled_means(sums, counts, n_resamples, rng)
    low, high, lower = _quantiles(means, (tail / 2, 1 - tail / 2, tail), len(sums))
    return Difference(mean, low, high, lower)


def mcnemar(hits_a: np.ndarray, hits_b: np.ndarray) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947) of equal accuracy.

    The test assumes independent clips, which clips of one artist are not.

    Args:
        hits_a: (n,) bool.
        hits_b: (n,) bool, the same clips in the same order.

    Returns:
        p in (0, 1]; 1 if the two never disagree.
    """
    difference = _differences(hits_a, hits_b)
    discordant = int(np.abs(difference).sum())
    if discordant == 0:
        return 1.0
    return float(binomtest(int((difference > 0).sum()), discordant, 0.5).pvalue)


def smallest_detectable(
    hits_a: np.ndarray,
    hits_b: np.ndarray,
    groups: np.ndarray,
    *,
    confidence: float,
    power: float = 0.8,
) -> float:
    """Return the smallest true accuracy difference that the one-sided rule would have detected.

    (t_confidence + t_power) standard errors of the paired difference, clustered by group
    (Cochran 1977, "Sampling Techniques", section 6.3, ratio estimator). Two corrections apply if
    the models hardly disagree. A true difference d makes at least a share d of the clips
    discordant, so its variance is at least d (1 - d) / n. If the observed variance is 0, as with
    identical models, the variances of both accuracies are added, as for independent models; that
    is conservative.

    Args:
        hits_a: (n,) bool.
        hits_b: (n,) bool, the same clips in the same order.
        groups: (n,) labels, one per artist.
        confidence: of the one-sided interval.
        power: probability of detecting the difference.

    Returns:
        A difference in (0, 1]; 1 if there is only one group.

    Raises:
        ValueError: the arrays are empty or differ in length.
    """
    sums, counts = _group_sums(_differences(hits_a, hits_b), groups)
    n_clips, n_groups = counts.sum(), len(sums)
    if n_groups == 1:
        return 1.0
    variance = _clustered_variance(sums, counts)
    if variance < 1e-15:
        variance = sum(_accuracy_variance(hits, groups) for hits in (hits_a, hits_b))
    steps = t.ppf(confidence, n_groups - 1) + t.ppf(power, n_groups - 1)
    fewest_discordant = steps**2 / (n_clips + steps**2)  # solves d = steps * sqrt(d (1 - d) / n)
    return float(min(1.0, max(steps * np.sqrt(variance), fewest_discordant)))


def _differences(hits_a: np.ndarray, hits_b: np.ndarray) -> np.ndarray:
    a, b = np.asarray(hits_a, dtype=bool), np.asarray(hits_b, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"hits have shapes {a.shape} and {b.shape}: not the same clips")
    return a.astype(np.int64) - b.astype(np.int64)


def _group_sums(values: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum of the values and the number of clips of each group: (n_groups,) each."""
    if len(values) == 0 or len(values) != len(groups):
        raise ValueError(f"{len(values)} clips with {len(groups)} group labels")
    codes, labels = pd.factorize(np.asarray(groups))
    return np.bincount(codes, weights=values, minlength=len(labels)), np.bincount(codes)


def _resampled_means(
    sums: np.ndarray, counts: np.ndarray, n_resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the mean value per clip of each bootstrap sample of groups: (n_resamples,).

    Groups with equal sum and count are interchangeable. Drawing how often each *kind* of group
    occurs gives the same distribution, at a cost that hardly grows with the number of clips.
    """
    kinds, times = np.unique(np.column_stack([sums, counts]), axis=0, return_counts=True)
    draws = rng.multinomial(len(sums), times / len(sums), size=n_resamples)  # (n_resamples, kinds)
    values: np.ndarray = (draws @ kinds[:, 0]) / (draws @ kinds[:, 1])
    return values


def _quantiles(means: np.ndarray, levels: tuple[float, ...], n_groups: int) -> list[float]:
    """Return bootstrap quantiles at levels expanded for few groups.

    Plain percentile intervals are too narrow by a factor sqrt((n - 1) / n) and by using normal
    instead of t quantiles; expanded levels correct both (Hesterberg 2015, "What Teachers Should
    Know About the Bootstrap", section 5.3). With 100 groups they hardly differ from plain ones.
    """
    wider = norm.cdf(np.sqrt(n_groups / (n_groups - 1)) * t.ppf(levels, n_groups - 1))
    return [float(q) for q in np.quantile(means, wider, method="inverted_cdf")]


def _clustered_variance(sums: np.ndarray, counts: np.ndarray) -> float:
    residuals = sums - counts * (sums.sum() / counts.sum())  # (n_groups,)
    return len(sums) / (len(sums) - 1) * float(residuals @ residuals) / float(counts.sum()) ** 2


def _accuracy_variance(hits: np.ndarray, groups: np.ndarray) -> float:
    sums, counts = _group_sums(np.asarray(hits, dtype=bool), groups)
    share = (sums.sum() + 1) / (counts.sum() + 2)  # Laplace: never 0 or 1
    return max(_clustered_variance(sums, counts), float(share * (1 - share) / counts.sum()))

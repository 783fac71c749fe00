"""How sure a score is: intervals by resampling whole artists, and tests of a difference.

Clips of one artist resemble each other, so a collection with 96 clips of 24 artists tells less
than 96 independent clips would: everything here takes the artist as the unit of chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm, t


@dataclass(frozen=True)
class Difference:
    """Accuracy of a minus accuracy of b, in [-1, 1], with its two-sided and one-sided interval."""

    mean: float
    low: float
    high: float
    lower_one_sided: float


def bootstrap_groups(truth: pd.DataFrame) -> tuple[np.ndarray, bool]:
    """Name the unit that each clip is resampled with: its artist or, if unknown, itself.

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

    The percentile interval is read at levels widened for few groups (see `_quantiles`). Where
    every clip is hit, or none, resampling says nothing: then the exact bound of Clopper and
    Pearson (1934) holds for as many trials as there are groups. One single group tells nothing
    about others: (0, 1).

    Args:
        hits: (n,) bool.
        groups: (n,) labels, one per artist.
        confidence: in (0, 1), say 0.95.
        n_resamples: number of bootstrap samples.
        rng: the source of chance.

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

    As in `accuracy_interval`; where a alone is right on every clip (or b), the exact bound for
    as many trials as there are groups takes the place of resampling. One single group tells
    nothing: the interval is (-1, 1). Equal hits everywhere are a tie: all ends are 0.

    Args:
        hits_a: (n,) bool.
        hits_b: (n,) bool, the same clips in the same order.
        groups: (n,) labels, one per artist.
        confidence: in (0, 1); of the two-sided interval, and of the one-sided one by itself.
        n_resamples: number of bootstrap samples.
        rng: the source of chance.

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
    """Return the exact two-sided p of McNemar's test (1947) that both are equally accurate.

    It takes the clips as independent, which clips of one artist are not.

    Args:
        hits_a: (n,) bool.
        hits_b: (n,) bool, the same clips in the same order.

    Returns:
        p in (0, 1]; 1 where the two never disagree.
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
    """Return the smallest true accuracy difference that the one-sided rule would have seen.

    (t_confidence + t_power) standard errors of the paired difference, clustered by group
    (Cochran 1977, "Sampling Techniques", section 6.3, ratio estimator). Two limits keep it honest
    where the two models hardly disagree. A true difference d makes at least a share d of the
    clips discordant, so its variance is at least d (1 - d) / n. And where the observed variance
    is 0, as with identical models, the two are taken as an independent pair of their accuracies,
    which disagrees more than related models do: the variances of both accuracies are added.

    Args:
        hits_a: (n,) bool.
        hits_b: (n,) bool, the same clips in the same order.
        groups: (n,) labels, one per artist.
        confidence: of the one-sided interval.
        power: share of repetitions in which the difference is to be seen.

    Returns:
        A difference in (0, 1]; 1 where there is one group only.

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
        raise ValueError(f"{a.shape} hits against {b.shape}: not the same clips")
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

    Groups with the same sum and the same count are interchangeable, so it is enough to draw how
    often each *kind* occurs: the same distribution, at a cost that hardly grows with the clips.
    """
    kinds, times = np.unique(np.column_stack([sums, counts]), axis=0, return_counts=True)
    draws = rng.multinomial(len(sums), times / len(sums), size=n_resamples)  # (n_resamples, kinds)
    return (draws @ kinds[:, 0]) / (draws @ kinds[:, 1])


def _quantiles(means: np.ndarray, levels: tuple[float, ...], n_groups: int) -> list[float]:
    """Read bootstrap quantiles at levels expanded for few groups.

    Plain percentiles are too narrow by sqrt((n - 1) / n) and by normal instead of t quantiles;
    the expanded levels mend both (Hesterberg 2015, "What Teachers Should Know About the
    Bootstrap", section 5.3). With 100 groups they hardly differ from the plain ones.
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

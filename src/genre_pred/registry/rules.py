"""The promotion rules: a challenger replaces the champion only if it is significantly better."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from genre_pred.evaluation.scoring.alignment import align
from genre_pred.evaluation.scoring.leaderboard import artists_in_words
from genre_pred.evaluation.scoring.significance import (
    bootstrap_groups,
    mcnemar,
    paired_difference,
    smallest_detectable,
)

EQUAL_LOG_LOSS = 1e-9  # nats


class NotComparable(Exception):
    """Champion and challenger cannot be compared; `reason` is a sentence for the user."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Candidate:
    """A champion or a challenger.

    Attributes:
        model: its name, such as "finetune/vggish".
        version: its version in the registry, None if it is not registered.
        genres: the genres that it predicts.
        trained_on: content hashes of its training and validation clips.
        validation_log_loss: nats.
        megabytes: size of all files that it needs to predict.
    """

    model: str
    version: str | None
    genres: tuple[str, ...]
    trained_on: frozenset[str]
    validation_log_loss: float
    megabytes: float


@dataclass(frozen=True)
class Decision:
    """The outcome of a challenge; differences are challenger minus champion, in [-1, 1].

    Attributes:
        promote: whether the challenger becomes champion.
        reason: one or two sentences for the user.
        difference: of the accuracies.
        low, high: two-sided interval of the difference.
        lower_one_sided: lower end of its one-sided interval, which decides.
        p_mcnemar: exact two-sided p-value of McNemar's test.
        smallest_detectable: the true difference that would have been detected with 80 % power.
        clips: number of clips compared.
        protocol: the bootstrap unit, and reasons why the result may be optimistic.
    """

    promote: bool
    reason: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    lower_one_sided: float | None = None
    p_mcnemar: float | None = None
    smallest_detectable: float | None = None
    clips: int = 0
    protocol: str = ""


def first_champion(a: Candidate, b: Candidate) -> Candidate:
    """Choose the first champion by validation log-loss; a tie goes to the smaller model.

    Args:
        a: a candidate.
        b: another; it wins only if it is better, or equal and smaller.

    Returns:
        One of the two.
    """
    if abs(a.validation_log_loss - b.validation_log_loss) <= EQUAL_LOG_LOSS:
        return b if b.megabytes < a.megabytes else a
    return b if b.validation_log_loss < a.validation_log_loss else a


def comparable_clips(champion: Candidate, challenger: Candidate, clips: pd.DataFrame) -> list[str]:
    """List the clips that neither model was trained on, by the hash of their content.

    Args:
        champion: the champion.
        challenger: the challenger.
        clips: clip_id, content (hash) of the clips to compare on, such as the test clips.

    Returns:
        The clip_ids in order, possibly none.

    Raises:
        ValueError: a clip has no content hash.
    """
    if clips["content"].isna().any():
        clip_id = clips.loc[clips["content"].isna(), "clip_id"].iloc[0]
        raise ValueError(f"clip {clip_id} has no content hash, which shows who was trained on it")
    seen = clips["content"].isin(list(champion.trained_on | challenger.trained_on))
    return [str(clip_id) for clip_id in clips.loc[~seen, "clip_id"]]


def challenge(
    champion: Candidate,
    challenger: Candidate,
    champion_predictions: pd.DataFrame,
    challenger_predictions: pd.DataFrame,
    truth: pd.DataFrame,
    *,
    confidence: float,
    n_resamples: int,
    seed: int,
    grouped: bool,
) -> Decision:
    """Compare challenger and champion on clips that neither was trained on.

    The challenger wins if the lower end of the one-sided bootstrap interval of the accuracy
    difference (over artists, where known) is above 0. A tie keeps the champion.

    Args:
        champion: the champion.
        challenger: the challenger.
        champion_predictions: clip_id, split, one column per genre, of the comparable clips.
        challenger_predictions: the same clips.
        truth: clip_id, genre, artist.
        confidence: of the one-sided interval that decides.
        n_resamples: bootstrap samples.
        seed: of the bootstrap.
        grouped: no artist is on two sides of the split.

    Returns:
        The decision and all its figures.

    Raises:
        NotComparable: the genres differ, or both were trained on every clip between them.
        ValueError: the two tables hold different clips, or as `align`.
    """
    title = "the champion" if champion.version is None else f"champion version {champion.version}"
    _check_comparable(champion, challenger, champion_predictions, challenger_predictions, title)
    genres = challenger.genres
    old = align(champion_predictions, truth, genres)
    new = align(challenger_predictions, truth, genres)
    groups, artists_known = bootstrap_groups(new.truth)
    difference = paired_difference(
        new.hits,
        old.hits,
        groups,
        confidence=confidence,
        n_resamples=n_resamples,
        rng=np.random.default_rng(seed),
    )
    p = mcnemar(new.hits, old.hits)
    detectable = smallest_detectable(new.hits, old.hits, groups, confidence=confidence)
    promote = difference.lower_one_sided > 0

    on_validation = (challenger_predictions["split"] == "validation").any()
    basis = _count(len(groups), "validation" if on_validation else "test")
    reason = f"{challenger.model} {_compared(difference.mean)} {title} ({champion.model}) "
    reason += f"on {basis} ({confidence * 100:g} % one-sided lower end "
    reason += f"{_points(difference.lower_one_sided)}, McNemar p {_p(p)})"
    if promote:
        reason += ": promoted."
    else:
        reason += ": the champion stays. With these clips a true difference of about "
        reason += f"{detectable * 100:.0f} points would have been detected."
    return Decision(
        promote=promote,
        reason=reason,
        difference=difference.mean,
        low=difference.low,
        high=difference.high,
        lower_one_sided=difference.lower_one_sided,
        p_mcnemar=p,
        smallest_detectable=detectable,
        clips=len(groups),
        protocol=_protocol(new.truth, groups, artists_known, grouped, bool(on_validation)),
    )


def _check_comparable(
    champion: Candidate, challenger: Candidate, old: pd.DataFrame, new: pd.DataFrame, title: str
) -> None:
    if set(champion.genres) != set(challenger.genres):
        removed = sorted(set(champion.genres) - set(challenger.genres))
        added = sorted(set(challenger.genres) - set(champion.genres))
        differences = [f"only the champion knows {', '.join(removed)}"] * bool(removed)
        differences += [f"only the challenger knows {', '.join(added)}"] * bool(added)
        raise NotComparable(
            f"{challenger.model} and {title} ({champion.model}) predict different genres "
            f"({'; '.join(differences)}), so they cannot be compared and the champion stays."
        )
    if old.empty and new.empty:
        raise NotComparable(
            f"There is no clip that neither {challenger.model} nor {title} ({champion.model}) was "
            "trained on, so they cannot be compared and the champion stays."
        )
    if unshared := sorted(set(old["clip_id"].astype(str)) ^ set(new["clip_id"].astype(str))):
        raise ValueError(
            f"champion and challenger were not scored on the same clips: "
            f"{len(unshared)} are in only one table, such as {unshared[0]}"
        )


def _protocol(
    truth: pd.DataFrame, groups: np.ndarray, artists_known: bool, grouped: bool, on_validation: bool
) -> str:
    units = f"bootstrap over {len(set(groups))} "
    units += "artists" if artists_known else "clips or known artists"
    if not any(str(group).startswith("artist ") for group in groups):
        units = f"bootstrap over {_count(len(groups))}"
    notes = [units, f"artists {artists_in_words(truth, grouped)}"]
    if on_validation:
        notes.append("chosen and scored on the same clips, optimistic")
    return "; ".join(notes)


def _compared(difference: float) -> str:
    if difference == 0:
        return "is exactly as accurate as"
    word = "better" if difference > 0 else "worse"
    points = f"{abs(difference) * 100:.1f}"
    return f"is {points} point{'' if points == '1.0' else 's'} {word} than"


def _points(difference: float) -> str:
    rounded = f"{difference * 100:+.1f}"
    return "0.0" if float(rounded) == 0 else rounded


def _p(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.2g}"


def _count(n_clips: int, split: str = "") -> str:
    return " ".join([str(n_clips), *([split] * bool(split)), "clip" if n_clips == 1 else "clips"])

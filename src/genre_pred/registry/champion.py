"""The champion: challenges, forced promotions and rollback.

`rules` decides on tables; this module collects the tables and updates the registry.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pandas as pd

from genre_pred import tracking
from genre_pred.config.params import Params
from genre_pred.config.sections import Evaluate, Promote
from genre_pred.core.errors import UserError
from genre_pred.core.tables import have_sound
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.registry.candidates import FACTS, RegisteredCandidate
from genre_pred.registry.rules import (
    Decision,
    NotComparable,
    challenge,
    comparable_clips,
    first_champion,
)


def challenge_champion(name: str, clips: pd.DataFrame | None, params: Params) -> Decision:
    """Compare the challenger with the champion, and promote it if it is better.

    Args:
        name: The registered model.
        clips: The clips of this workspace, for predictions that the champion lacks; or None.
        params: The settings; `evaluate` and `promote` are used.

    Raises:
        UserError: If there is no challenger.
        NotComparable: If the two cannot be compared.
    """
    challenger = tracking.version_at(name, tracking.CHALLENGER)
    if challenger is None:
        raise UserError(f"{name} has no challenger: run dvc exp run to register one")
    candidate = RegisteredCandidate.of(tracking.fetch_version(challenger), str(challenger.version))
    with tracking.lock("registry"):
        decision = _challenge(name, candidate, clips, params.evaluate, params.promote)
        if decision.promote:
            _promote_challenger(name, candidate.version, decision.reason, "challenge")
    return decision


def force(name: str, version: str | None, reason: str) -> str:
    """Make a version champion without a comparison, and record the reason in the history.

    Args:
        name: The registered model.
        version: The new champion; None for the challenger.
        reason: The reason, a sentence.

    Returns:
        The version.

    Raises:
        UserError: If there is no such version.
    """
    if version is None:
        challenger = tracking.version_at(name, tracking.CHALLENGER)
        if challenger is None:
            raise UserError(f"{name} has no challenger: name a version with --version")
        version = str(challenger.version)
    if version not in {str(known.version) for known in tracking.versions(name)}:
        raise UserError(f"{name} has no version {version}")
    with tracking.lock("registry"):
        _promote_challenger(name, version, reason, "forced")
    return version


def rollback(name: str) -> str:
    """Make the previous champion the champion again.

    Returns:
        Its version.

    Raises:
        UserError: If there is no previous champion.
    """
    with tracking.lock("registry"):
        champions = _past_champions(name)
        if len(champions) < 2:
            raise UserError(f"{name} has no previous champion to roll back to")
        *_, previous, current = champions
        tracking.set_champion(name, previous, f"rolled back from version {current}", "rollback")
    return previous


def _past_champions(name: str) -> list[str]:
    """The champions that rollback can return to, oldest first; the last is the current one."""
    champions: list[str] = []
    for event in tracking.history(name):
        if event["how"] == "rollback":
            champions.pop()
        elif champions[-1:] != [event["version"]]:
            champions.append(event["version"])
    return champions


def _rolled_back(name: str) -> set[str]:
    """Versions that were rolled back; only a user may promote them again."""
    past = tracking.history(name)
    removed = {before["version"] for before, after in pairwise(past) if after["how"] == "rollback"}
    return removed - set(_past_champions(name))


def decide_champion(
    name: str,
    candidates: Sequence[RegisteredCandidate],
    clips: pd.DataFrame,
    params: Params,
    may_promote: bool,
) -> Decision:
    """Set the first champion, or compare the best candidate of a run with the champion.

    Args:
        name: The registered model.
        candidates: The registered candidates, one per approach.
        clips: The run's clips, for predictions that the champion lacks.
        params: The settings; `evaluate` and `promote` are used.
        may_promote: Whether a better candidate becomes champion; otherwise it becomes challenger.
    """
    best, *others = _ranked(candidates)
    protocol = best.classifier.spec.protocol
    champion = tracking.version_at(name, tracking.CHAMPION)
    if champion is None:
        reason = _first_reason(best, others)
        tracking.set_champion(name, best.version, reason, "first")
        if others:
            tracking.set_alias(name, tracking.CHALLENGER, others[0].version)
        return Decision(True, reason, protocol=protocol)
    if str(champion.version) == best.version:
        reason = f"{best.candidate.model} (version {best.version}) is already the champion."
        return Decision(False, reason, protocol=protocol)
    if best.version in _rolled_back(name):
        reason = f"{best.candidate.model} (version {best.version}) was rolled back: "
        reason += "only `genre-pred champion promote` compares it again."
        tracking.set_alias(name, tracking.CHALLENGER, best.version)
        return Decision(False, reason, protocol=protocol)
    if _replaces_challenger(name, best):
        tracking.set_alias(name, tracking.CHALLENGER, best.version)
    try:
        decision = _challenge(name, best, clips, params.evaluate, params.promote)
    except NotComparable as error:
        return Decision(False, error.reason, protocol=protocol)
    if decision.promote and not may_promote:
        reason = decision.reason.removesuffix(": promoted.")
        reason += ": `genre-pred champion promote` would promote it, an experiment does not."
        return replace(decision, promote=False, reason=reason)
    if decision.promote:
        _promote_challenger(name, best.version, decision.reason, "challenge")
    return decision


def _replaces_challenger(name: str, best: RegisteredCandidate) -> bool:
    """Whether a candidate replaces the current challenger.

    It does, unless both were scored on the same clips and the current challenger has the lower
    validation log-loss.
    """
    current = tracking.version_at(name, tracking.CHALLENGER)
    if current is None:
        return True
    challenger = GenreClassifier(tracking.fetch_version(current))
    same = set(challenger.held_out["content"]) == set(best.classifier.held_out["content"])
    return not same or best.candidate.validation_log_loss <= challenger.spec.validation_log_loss


def _promote_challenger(name: str, version: str, reason: str, how: str) -> None:
    tracking.set_champion(name, version, reason, how)
    current = tracking.version_at(name, tracking.CHALLENGER)
    if current and str(current.version) == version:
        tracking.drop_alias(name, tracking.CHALLENGER)


def _ranked(candidates: Sequence[RegisteredCandidate]) -> list[RegisteredCandidate]:
    """Sort candidates: first the one that `first_champion` prefers, then by log-loss."""
    best = candidates[0]
    for other in candidates[1:]:
        if first_champion(best.candidate, other.candidate) is other.candidate:
            best = other
    others = [other for other in candidates if other is not best]
    return [best, *sorted(others, key=lambda other: other.candidate.validation_log_loss)]


def _first_reason(best: RegisteredCandidate, others: Sequence[RegisteredCandidate]) -> str:
    ranked = [registered.candidate for registered in (best, *others)]
    losses = [f"{each.model} {each.validation_log_loss:.3f}" for each in ranked]
    return (
        f"{best.candidate.model} is the first champion: it has the lowest validation log-loss "
        f"({', '.join(losses)})."
    )


def _challenge(
    name: str,
    challenger: RegisteredCandidate,
    clips: pd.DataFrame | None,
    settings: Evaluate,
    rules: Promote,
) -> Decision:
    version = tracking.version_at(name, tracking.CHAMPION)
    if version is None:
        raise UserError(f"{name} has no champion to challenge")
    champion = RegisteredCandidate.of(tracking.fetch_version(version), str(version.version))
    held_out = challenger.classifier.held_out
    unseen = comparable_clips(
        champion.candidate, challenger.candidate, held_out[["clip_id", "content"]]
    )
    held_out = held_out[held_out["clip_id"].isin(unseen)]
    if set(champion.candidate.genres) == set(challenger.candidate.genres):
        old = _champion_predictions(champion.classifier, held_out, clips)
    else:
        old = held_out  # unused: `challenge` raises NotComparable first
    facts = held_out[list(FACTS)]
    return challenge(
        champion.candidate,
        challenger.candidate,
        _predictions(old),
        _predictions(held_out),
        facts,
        confidence=rules.confidence,
        n_resamples=settings.n_resamples,
        seed=settings.seed,
        grouped=challenger.classifier.spec.grouped and champion.classifier.spec.grouped,
    )


def _champion_predictions(
    champion: GenreClassifier, held_out: pd.DataFrame, clips: pd.DataFrame | None
) -> pd.DataFrame:
    """The champion's predictions of clips: stored ones, and new ones for the other clips."""
    genres = champion.spec.genres
    # Clips with equal content have equal predictions.
    stored = champion.held_out.drop_duplicates("content").set_index("content")[genres]
    predictions = held_out.drop(columns=[g for g in genres if g in held_out]).set_index("content")
    predictions = predictions.join(stored, how="left").reset_index()
    missing = predictions[predictions[genres[0]].isna()]
    if missing.empty:
        return predictions
    if not champion.spec.accepts_audio:
        raise NotComparable(
            f"The champion does not accept audio, and has no predictions of {len(missing)} of the "
            "clips to compare on: the champion stays. To replace it, use "
            "genre-pred champion promote --force."
        )
    if clips is None or not have_sound(clips):
        clips = pd.DataFrame(columns=["content", "path"])
    clips = clips.drop_duplicates("content")
    available = missing[["content"]].merge(clips, on="content", how="inner", validate="m:1")
    if len(available) < len(missing):
        raise NotComparable(
            f"The champion has no predictions of {len(missing)} of the clips to compare on, and "
            f"the audio of {len(missing) - len(available)} of them is missing: run dvc repro, "
            "which predicts them."
        )
    predictions.loc[missing.index, genres] = champion.predict_clips(available)
    return predictions


def _predictions(held_out: pd.DataFrame) -> pd.DataFrame:
    return held_out.drop(columns=[name for name in FACTS if name != "clip_id"])

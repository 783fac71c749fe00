"""The registry's champion: who challenges, who is served, and how a title goes back.

`judge` decides on tables; this module brings the tables, and does to the registry what was decided.
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
    """Let the challenger of a registered model try for the champion's place.

    Args:
        name: The registered model.
        clips: The clips at hand, whose sound the champion may have to hear; None without any.
        params: The rules.

    Raises:
        UserError: If there is no challenger.
        NotComparable: If the two cannot be compared.
    """
    challenger = tracking.version_at(name, tracking.CHALLENGER)
    if challenger is None:
        raise UserError(f"{name} has no challenger: an experiment registers one")
    candidate = RegisteredCandidate.of(tracking.fetch_version(challenger), str(challenger.version))
    with tracking.lock("registry"):
        decision = _challenge(name, candidate, clips, params.evaluate, params.promote)
        if decision.promote:
            _promote_challenger(name, candidate.version, decision.reason, "challenge")
    return decision


def force(name: str, version: str | None, reason: str) -> str:
    """Make a version champion without a contest, for a reason that the history keeps.

    Args:
        name: The registered model.
        version: The new champion; None for the challenger.
        reason: Why.

    Returns:
        The version.

    Raises:
        UserError: If there is no such version.
    """
    if version is None:
        challenger = tracking.version_at(name, tracking.CHALLENGER)
        if challenger is None:
            raise UserError(f"{name} has no challenger: name a version")
        version = str(challenger.version)
    if version not in {str(known.version) for known in tracking.versions(name)}:
        raise UserError(f"{name} has no version {version}")
    with tracking.lock("registry"):
        _promote_challenger(name, version, reason, "forced")
    return version


def rollback(name: str) -> str:
    """Give the title back to the champion before.

    Returns:
        Its version.

    Raises:
        UserError: If there was none.
    """
    with tracking.lock("registry"):
        reigns = _reigns(name)
        if len(reigns) < 2:
            raise UserError(f"{name} has had no champion before this one")
        *_, before, now = reigns
        tracking.set_champion(name, before, f"rolled back from version {now}", "rollback")
    return before


def _reigns(name: str) -> list[str]:
    """The champions that a rollback can go back through, the present one last."""
    reigns: list[str] = []
    for event in tracking.history(name):
        if event["how"] == "rollback":
            reigns.pop()
        elif reigns[-1:] != [event["version"]]:
            reigns.append(event["version"])
    return reigns


def _rolled_back(name: str) -> set[str]:
    """Versions whose title was taken back: they return by a person's hand only."""
    past = tracking.history(name)
    deposed = {before["version"] for before, after in pairwise(past) if after["how"] == "rollback"}
    return deposed - set(_reigns(name))


def decide_champion(
    name: str,
    candidates: Sequence[RegisteredCandidate],
    clips: pd.DataFrame,
    params: Params,
    may_promote: bool,
) -> Decision:
    """Let the best of a run's candidates stand: the first is crowned, later ones must win.

    Args:
        name: The registered model.
        candidates: Registered, one of each approach.
        clips: The run's clips, whose sound the champion may have to hear.
        params: The rules.
        contest: Whether the place is at stake; otherwise a better one waits as challenger.
    """
    best, *others = _ranked(candidates)
    said = best.classifier.spec.protocol
    champion = tracking.version_at(name, tracking.CHAMPION)
    if champion is None:
        reason = _first(best, others)
        tracking.set_champion(name, best.version, reason, "first")
        if others:
            tracking.set_alias(name, tracking.CHALLENGER, others[0].version)
        return Decision(True, reason, protocol=said)
    if str(champion.version) == best.version:
        reason = f"{best.candidate.model} (version {best.version}) is champion already."
        return Decision(False, reason, protocol=said)
    if best.version in _rolled_back(name):
        reason = f"{best.candidate.model} (version {best.version}) was rolled back: "
        reason += "only `genre-pred champion promote` lets it challenge again."
        tracking.set_alias(name, tracking.CHALLENGER, best.version)
        return Decision(False, reason, protocol=said)
    if _takes_the_waiting_place(name, best):
        tracking.set_alias(name, tracking.CHALLENGER, best.version)
    try:
        decision = _challenge(name, best, clips, params.evaluate, params.promote)
    except NotComparable as stop:
        return Decision(False, stop.reason, protocol=said)
    if decision.promote and not may_promote:
        reason = decision.reason.removesuffix(": promoted.")
        reason += ": `genre-pred champion promote` would promote it, an experiment does not."
        return replace(decision, promote=False, reason=reason)
    if decision.promote:
        _promote_challenger(name, best.version, decision.reason, "challenge")
    return decision


def _takes_the_waiting_place(name: str, best: RegisteredCandidate) -> bool:
    """Whether the newcomer takes the waiting challenger's place.

    It does unless both were judged on the same clips and the one that waits is better on
    validation: a worse experiment does not send a better one away.
    """
    waiting = tracking.version_at(name, tracking.CHALLENGER)
    if waiting is None:
        return True
    other = GenreClassifier(tracking.fetch_version(waiting))
    same = set(other.held_out["content"]) == set(best.classifier.held_out["content"])
    return not same or best.candidate.validation_log_loss <= other.spec.validation_log_loss


def _promote_challenger(name: str, version: str, reason: str, how: str) -> None:
    tracking.set_champion(name, version, reason, how)
    waiting = tracking.version_at(name, tracking.CHALLENGER)
    if waiting and str(waiting.version) == version:
        tracking.drop_alias(name, tracking.CHALLENGER)


def _ranked(candidates: Sequence[RegisteredCandidate]) -> list[RegisteredCandidate]:
    """Best first: the one that `first_champion` prefers to all others, then by log-loss."""
    best = candidates[0]
    for other in candidates[1:]:
        if first_champion(best.candidate, other.candidate) is other.candidate:
            best = other
    others = [it for it in candidates if it is not best]
    return [best, *sorted(others, key=lambda it: it.candidate.validation_log_loss)]


def _first(best: RegisteredCandidate, others: Sequence[RegisteredCandidate]) -> str:
    losses = [
        f"{it.candidate.model} {it.candidate.validation_log_loss:.3f}" for it in (best, *others)
    ]
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
    judged = challenger.classifier.held_out
    unseen = comparable_clips(
        champion.candidate, challenger.candidate, judged[["clip_id", "content"]]
    )
    judged = judged[judged["clip_id"].isin(unseen)]
    if set(champion.candidate.genres) == set(challenger.candidate.genres):
        old = _answers(champion.classifier, judged, clips)
    else:
        old = judged  # `challenge` says why they cannot be compared before it looks at this
    facts = judged[list(FACTS)]
    return challenge(
        champion.candidate,
        challenger.candidate,
        _predictions(old),
        _predictions(judged),
        facts,
        confidence=rules.confidence,
        n_resamples=settings.n_resamples,
        seed=settings.seed,
        grouped=challenger.classifier.spec.grouped and champion.classifier.spec.grouped,
    )


def _answers(
    champion: GenreClassifier, judged: pd.DataFrame, clips: pd.DataFrame | None
) -> pd.DataFrame:
    """The champion's predictions of clips: remembered ones, and new ones of what it must hear."""
    genres = champion.spec.genres
    # Clips with the same content have the same answer.
    remembered = champion.held_out.drop_duplicates("content").set_index("content")[genres]
    answers = judged.drop(columns=[g for g in genres if g in judged]).set_index("content")
    answers = answers.join(remembered, how="left").reset_index()
    unheard = answers[answers[genres[0]].isna()]
    if unheard.empty:
        return answers
    if not champion.spec.accepts_audio:
        raise NotComparable(
            f"The champion cannot hear sound, and has no scores of {len(unheard)} of the clips to "
            "compare on: the champion stays, unless it is forced out."
        )
    if clips is None or not have_sound(clips):
        clips = pd.DataFrame(columns=["content", "path"])
    clips = clips.drop_duplicates("content")
    at_hand = unheard[["content"]].merge(clips, on="content", how="inner", validate="m:1")
    if len(at_hand) < len(unheard):
        raise NotComparable(
            f"The champion has not heard {len(unheard)} of the clips to compare on, and the sound "
            f"of {len(unheard) - len(at_hand)} of them is not at hand: run dvc repro, which lets "
            "it hear them."
        )
    answers.loc[unheard.index, genres] = champion.predict_clips(at_hand)
    return answers


def _predictions(held_out: pd.DataFrame) -> pd.DataFrame:
    return held_out.drop(columns=[name for name in FACTS if name != "clip_id"])

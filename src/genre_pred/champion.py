"""The registry's champion: who is registered, who challenges, who is served.

The promote stage and `genre-pred champion` both come through here. `judge` decides on tables;
this module brings the tables, and does to the registry what was decided.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from genre_pred import track
from genre_pred.classifier import GenreClassifier
from genre_pred.clips import have_sound
from genre_pred.entrants import FACTS, Entrant, enter, registered_name
from genre_pred.evaluate import is_reproduction, judging_set
from genre_pred.faults import Fault
from genre_pred.judge.promotion import (
    Decision,
    NotComparable,
    challenge,
    comparable_clips,
    first_champion,
)
from genre_pred.models import ENSEMBLE, Model, ensemble_of, read_models
from genre_pred.params import Evaluate, Params, Promote


def promote_workspace(
    params: Params, data: Path, models: Path, reports: Path, *, run_id: str, contest: bool
) -> dict[str, Any]:
    """Register the best of each approach, and let the better one challenge the champion.

    Safe to repeat: a classifier that is registered already keeps its version.

    Args:
        params: The settings that the models were trained with.
        data: The folder data/.
        models: The folder models/.
        reports: The folder reports/, for metrics.json.
        run_id: The open MLflow run.
        contest: Whether the champion's place is at stake; otherwise the better one is registered
            as challenger only, unless there is no champion yet.

    Returns:
        What reports/promotion.json says.
    """
    clips = pd.read_parquet(data / "clips.parquet")
    split = pd.read_parquet(data / "split.parquet")
    metrics = json.loads((reports / "metrics.json").read_text())
    trained = {model.name: model for model in read_models(models, data)}
    finalists = _finalists(metrics, trained, params)
    name = registered_name(params)
    able = [m for m in trained.values() if m.predictions is not None and m.approach != "floor"]
    if able and not finalists:
        reason = _why_nobody_stands(able, params)
        return {
            "registered_model": name,
            "champion": _title(name),
            "candidates": [],
            "test_seen": len(track.seen_test_set(judging_set(clips, split))),
            "overtaken_by": "",
            **asdict(Decision(False, reason)),
        }
    if not finalists:
        raise Fault(
            "nothing stands for champion: no model could be trained. "
            + "; ".join(f"{model.name}: {model.note}" for model in trained.values() if model.note)
        )
    with track.lock("registry"), tempfile.TemporaryDirectory() as folder:
        entrants = [
            enter(name, model, clips, split, params, run_id, Path(folder) / model.approach)
            for model in finalists
        ]
        decision = _settle(name, entrants, clips, params, contest)
    return {
        "registered_model": name,
        "champion": _title(name),
        "candidates": [
            {"version": entrant.version, "model": model.name, "identity": model.identity}
            for entrant, model in zip(entrants, finalists, strict=True)
        ],
        "test_seen": len(track.seen_test_set(judging_set(clips, split))),
        "overtaken_by": _overtaken_by(metrics, params.promote),
        **asdict(decision),
    }


def _why_nobody_stands(able: Sequence[Model], params: Params) -> str:
    if all(is_reproduction(model.name, params.evaluate) for model in able):
        return "Only reproductions were trained: nothing stands for champion."
    approaches = ", ".join(sorted({model.approach for model in able}))
    return (
        f"What was trained ({approaches}) is not among promote.approaches "
        f"({', '.join(params.promote.approaches)}): nothing stands for champion."
    )


def _title(name: str) -> dict[str, str] | None:
    """Who holds the title, as promotion.json says it."""
    champion = track.version_at(name, track.CHAMPION)
    return {"version": str(champion.version), **champion.tags} if champion else None


def _finalists(metrics: dict[str, Any], trained: dict[str, Model], params: Params) -> list[Model]:
    """The best of each admitted approach; an ensemble only where it is better than its members."""
    finalists = []
    for approach in params.promote.approaches:
        if approach not in metrics:
            continue
        if approach != ENSEMBLE:
            finalists.append(trained[metrics[approach]["model"]])
            continue
        parts = [part for part in params.evaluate.ensemble if part in metrics]
        members = [trained[metrics[part]["model"]] for part in parts]
        losses = [metrics[part]["validation_log_loss"] for part in parts]
        # It carries all their weights: what promises nothing is not worth the disk.
        if metrics[ENSEMBLE]["validation_log_loss"] < min(losses):
            finalists.append(ensemble_of(members))
    return finalists


def challenge_champion(name: str, clips: pd.DataFrame | None, params: Params) -> Decision:
    """Let the challenger of a registered model try for the champion's place.

    Args:
        name: The registered model.
        clips: The clips at hand, whose sound the champion may have to hear; None without any.
        params: The rules.

    Raises:
        Fault: If there is no challenger.
        NotComparable: If the two cannot be compared.
    """
    challenger = track.version_at(name, track.CHALLENGER)
    if challenger is None:
        raise Fault(f"{name} has no challenger: an experiment registers one")
    entrant = Entrant.of(track.fetch_version(challenger), str(challenger.version))
    with track.lock("registry"):
        decision = _contest(name, entrant, clips, params.evaluate, params.promote)
        if decision.promote:
            _crown_challenger(name, entrant.version, decision.reason, "challenge")
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
        Fault: If there is no such version.
    """
    if version is None:
        challenger = track.version_at(name, track.CHALLENGER)
        if challenger is None:
            raise Fault(f"{name} has no challenger: name a version")
        version = str(challenger.version)
    if version not in {str(known.version) for known in track.versions(name)}:
        raise Fault(f"{name} has no version {version}")
    with track.lock("registry"):
        _crown_challenger(name, version, reason, "forced")
    return version


def rollback(name: str) -> str:
    """Give the title back to the champion before.

    Returns:
        Its version.

    Raises:
        Fault: If there was none.
    """
    with track.lock("registry"):
        reigns = _reigns(name)
        if len(reigns) < 2:
            raise Fault(f"{name} has had no champion before this one")
        *_, before, now = reigns
        track.crown(name, before, f"rolled back from version {now}", "rollback")
    return before


def _reigns(name: str) -> list[str]:
    """The champions that a rollback can go back through, the present one last."""
    reigns: list[str] = []
    for event in track.history(name):
        if event["how"] == "rollback":
            reigns.pop()
        elif reigns[-1:] != [event["version"]]:
            reigns.append(event["version"])
    return reigns


def _rolled_back(name: str) -> set[str]:
    """Versions whose title was taken back: they return by a person's hand only."""
    past = track.history(name)
    deposed = {before["version"] for before, after in pairwise(past) if after["how"] == "rollback"}
    return deposed - set(_reigns(name))


def _settle(
    name: str, entrants: Sequence[Entrant], clips: pd.DataFrame, params: Params, contest: bool
) -> Decision:
    best, *others = _ranked(entrants)
    said = best.classifier.spec.protocol
    champion = track.version_at(name, track.CHAMPION)
    if champion is None:
        reason = _first(best, others)
        track.crown(name, best.version, reason, "first")
        if others:
            track.set_alias(name, track.CHALLENGER, others[0].version)
        return Decision(True, reason, protocol=said)
    if str(champion.version) == best.version:
        reason = f"{best.side.model} (version {best.version}) is champion already."
        return Decision(False, reason, protocol=said)
    if best.version in _rolled_back(name):
        reason = f"{best.side.model} (version {best.version}) was rolled back: "
        reason += "only `genre-pred champion promote` lets it challenge again."
        track.set_alias(name, track.CHALLENGER, best.version)
        return Decision(False, reason, protocol=said)
    if _waits_in_vain(name, best):
        track.set_alias(name, track.CHALLENGER, best.version)
    try:
        decision = _contest(name, best, clips, params.evaluate, params.promote)
    except NotComparable as stop:
        return Decision(False, stop.reason, protocol=said)
    if decision.promote and not contest:
        reason = decision.reason.removesuffix(": promoted.")
        reason += ": `genre-pred champion promote` would promote it, an experiment does not."
        return replace(decision, promote=False, reason=reason)
    if decision.promote:
        _crown_challenger(name, best.version, decision.reason, "challenge")
    return decision


def _waits_in_vain(name: str, best: Entrant) -> bool:
    """Whether the newcomer takes the waiting challenger's place.

    It does unless both were judged on the same clips and the one that waits is better on
    validation: a worse experiment does not send a better one away.
    """
    waiting = track.version_at(name, track.CHALLENGER)
    if waiting is None:
        return True
    other = GenreClassifier(track.fetch_version(waiting))
    same = set(other.held_out["content"]) == set(best.classifier.held_out["content"])
    return not same or best.side.validation_log_loss <= other.spec.validation_log_loss


def _crown_challenger(name: str, version: str, reason: str, how: str) -> None:
    track.crown(name, version, reason, how)
    waiting = track.version_at(name, track.CHALLENGER)
    if waiting and str(waiting.version) == version:
        track.drop_alias(name, track.CHALLENGER)


def _ranked(entrants: Sequence[Entrant]) -> list[Entrant]:
    """Best first: the one that `first_champion` prefers to all others, then by log-loss."""
    best = entrants[0]
    for other in entrants[1:]:
        if first_champion(best.side, other.side) is other.side:
            best = other
    others = [it for it in entrants if it is not best]
    return [best, *sorted(others, key=lambda it: it.side.validation_log_loss)]


def _first(best: Entrant, others: Sequence[Entrant]) -> str:
    losses = [f"{it.side.model} {it.side.validation_log_loss:.3f}" for it in (best, *others)]
    return (
        f"{best.side.model} is the first champion: it has the lowest validation log-loss "
        f"({', '.join(losses)})."
    )


def _contest(
    name: str, challenger: Entrant, clips: pd.DataFrame | None, settings: Evaluate, rules: Promote
) -> Decision:
    version = track.version_at(name, track.CHAMPION)
    if version is None:
        raise Fault(f"{name} has no champion to challenge")
    champion = Entrant.of(track.fetch_version(version), str(version.version))
    judged = challenger.classifier.held_out
    unseen = comparable_clips(champion.side, challenger.side, judged[["clip_id", "content"]])
    judged = judged[judged["clip_id"].isin(unseen)]
    if set(champion.side.genres) == set(challenger.side.genres):
        old = _answers(champion.classifier, judged, clips)
    else:
        old = judged  # `challenge` says why they cannot be compared before it looks at this
    facts = judged[list(FACTS)]
    return challenge(
        champion.side,
        challenger.side,
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
    if not champion.spec.hears:
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


def _overtaken_by(metrics: dict[str, Any], rules: Promote) -> str:
    """What does better on validation than all who may be promoted, or an empty text."""
    figures = {
        approach: row["validation_accuracy"]
        for approach, row in metrics.items()
        if "validation_accuracy" in row
    }
    best = max(figures, key=lambda approach: (figures[approach], approach in rules.approaches))
    if best in rules.approaches:
        return ""
    return (
        f"{metrics[best]['model']} does better on validation ({figures[best]:.1%}) than every "
        f"candidate, but promote.approaches does not admit {best}."
    )

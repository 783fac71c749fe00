"""The promotion rules: first champion, challenges, comparability."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from genre_pred.registry.rules import (
    Candidate,
    Decision,
    NotComparable,
    challenge,
    comparable_clips,
    first_champion,
)

GENRES = ("blues", "jazz")
CHAMPION = Candidate("vggish/svc", "3", GENRES, frozenset({"h1", "h2"}), 1.2, 300.0)
CHALLENGER = Candidate("finetune/mn04", None, GENRES, frozenset({"h2", "h3"}), 1.1, 4.0)


def truth_of(n_clips, clips_each=4, known=True):
    return pd.DataFrame(
        {
            "clip_id": [f"c{i:03d}" for i in range(n_clips)],
            "genre": ["blues", "jazz"] * (n_clips // 2),
            "artist": [f"a{i // clips_each}" if known else pd.NA for i in range(n_clips)],
        }
    )


def predictions_of(truth, hits, split="test"):
    says_blues = (truth["genre"] == "blues").to_numpy() == np.asarray(hits)
    table = pd.DataFrame({"clip_id": truth["clip_id"], "split": split, "fold": -1})
    table["blues"] = np.where(says_blues, 0.9, 0.1)
    return table.assign(jazz=1 - table["blues"])


def decide(truth, old_hits, new_hits, split="test", champion=CHAMPION, **options):
    settings = {"confidence": 0.95, "n_resamples": 2000, "seed": 7, "grouped": True} | options
    return challenge(
        champion,
        CHALLENGER,
        predictions_of(truth, old_hits, split),
        predictions_of(truth, new_hits, split),
        truth,
        **settings,
    )


@pytest.fixture
def hits():
    return np.random.default_rng(0).random(96) < 0.6


def test_the_first_champion_has_the_better_validation_log_loss():
    assert first_champion(CHAMPION, CHALLENGER) is CHALLENGER
    assert first_champion(CHALLENGER, CHAMPION) is CHALLENGER


def test_a_tie_for_the_first_champion_goes_to_the_cheaper():
    level = replace(CHALLENGER, validation_log_loss=1.2 + 5e-10)
    assert first_champion(CHAMPION, level) is level
    assert first_champion(level, CHAMPION) is level
    as_large = replace(level, megabytes=300.0)
    assert first_champion(CHAMPION, as_large) is CHAMPION


def test_comparable_clips_are_those_neither_was_trained_on():
    clips = pd.DataFrame({"clip_id": list("abcde"), "content": ["h1", "h2", "h3", "h4", "h5"]})
    assert comparable_clips(CHAMPION, CHALLENGER, clips) == ["d", "e"]
    assert comparable_clips(CHAMPION, CHALLENGER, clips.iloc[:3]) == []
    with pytest.raises(ValueError, match="clip b has no content hash"):
        comparable_clips(CHAMPION, CHALLENGER, clips.replace("h2", None))


def test_a_clear_winner_is_promoted(hits):
    truth = truth_of(96)
    better = hits | (np.arange(96) % 4 == 0)
    decision = decide(truth, hits, better)
    gain = better.mean() - hits.mean()
    assert decision.promote
    assert decision.difference == pytest.approx(gain)
    assert 0 < decision.low <= decision.lower_one_sided <= gain <= decision.high
    n_won = int((better & ~hits).sum())
    assert decision.p_mcnemar == pytest.approx(2 * 0.5**n_won)
    assert decision.clips == 96
    assert decision.protocol == "bootstrap over 24 artists; artists grouped"
    assert decision.reason == (
        f"finetune/mn04 is {gain * 100:.1f} points better than champion version 3 (vggish/svc) "
        f"on 96 test clips (95 % one-sided lower end +{decision.lower_one_sided * 100:.1f}, "
        f"McNemar p {decision.p_mcnemar:.2g}): promoted."
    )


def test_a_tie_keeps_the_champion(hits):
    decision = decide(truth_of(96), hits, hits)
    assert not decision.promote
    assert (decision.difference, decision.lower_one_sided, decision.p_mcnemar) == (0, 0, 1)
    assert 0 < decision.smallest_detectable <= 0.5
    points = f"{decision.smallest_detectable * 100:.0f}"
    assert decision.reason.startswith(
        "finetune/mn04 is exactly as accurate as champion version 3 (vggish/svc) on 96 test clips"
    )
    assert decision.reason.endswith(
        "the champion stays. With these clips a true difference of about "
        f"{points} points would have been detected."
    )


def test_a_small_lead_is_not_enough(hits):
    better = hits.copy()
    better[np.flatnonzero(~hits)[:1]] = True  # one clip of 96
    decision = decide(truth_of(96), hits, better)
    assert decision.difference == pytest.approx(1 / 96)
    assert not decision.promote
    assert "is 1.0 point better than" in decision.reason


def test_a_lead_won_with_one_artist_is_not_enough():
    old = np.arange(96) % 2 == 0
    new = old | (np.arange(96) < 16)  # eight more clips, all of the first artist's sixteen
    assert not decide(truth_of(96, clips_each=16), old, new).promote
    assert decide(truth_of(96, clips_each=1), old, new).promote


def test_a_worse_challenger_loses(hits):
    worse = hits & (np.arange(96) % 4 != 0)
    decision = decide(truth_of(96), hits, worse)
    assert not decision.promote and decision.high < 0
    assert "points worse than" in decision.reason


def test_unknown_artists_are_reported(hits):
    decision = decide(truth_of(96, known=False), hits, ~hits, grouped=False)
    assert decision.protocol == "bootstrap over 96 clips; artists unknown, optimistic"
    decision = decide(truth_of(96, known=False), hits, ~hits, grouped=True)
    assert decision.protocol == "bootstrap over 96 clips; artists apart by the publisher's lists"


def test_scoring_on_validation_clips_is_reported(hits):
    decision = decide(truth_of(96), hits, hits, split="validation")
    assert "on 96 validation clips" in decision.reason
    assert decision.protocol.endswith("chosen and scored on the same clips, optimistic")


def test_the_same_tables_in_another_order_decide_the_same(hits):
    truth = truth_of(96)
    old, new = predictions_of(truth, hits), predictions_of(truth, np.roll(hits, 1))
    settings = {"confidence": 0.95, "n_resamples": 2000, "seed": 7, "grouped": True}
    first = challenge(CHAMPION, CHALLENGER, old, new, truth, **settings)
    again = challenge(
        replace(CHAMPION, genres=("jazz", "blues")),
        CHALLENGER,
        old.sample(frac=1, random_state=1)[["jazz", "blues", "split", "clip_id"]],
        new.sample(frac=1, random_state=2),
        truth.sample(frac=1, random_state=3),
        **settings,
    )
    assert first == again


def test_other_genres_cannot_be_compared(hits):
    other = replace(CHAMPION, genres=("blues", "polka"))
    with pytest.raises(NotComparable) as caught:
        decide(truth_of(96), hits, hits, champion=other)
    assert str(caught.value) == (
        "finetune/mn04 and champion version 3 (vggish/svc) predict different genres (only the "
        "champion knows polka; only the challenger knows jazz), so they cannot be compared and "
        "the champion stays."
    )


def test_without_unseen_clips_there_is_no_comparison():
    with pytest.raises(NotComparable, match="no clip that neither .* was trained on"):
        decide(truth_of(0), [], [])


def test_tables_of_different_clips_are_refused(hits):
    truth = truth_of(96)
    table = predictions_of(truth, hits)
    with pytest.raises(ValueError, match="1 are in only one table, such as c000"):
        challenge(
            CHAMPION,
            CHALLENGER,
            table,
            table.iloc[1:],
            truth,
            confidence=0.95,
            n_resamples=100,
            seed=0,
            grouped=True,
        )


def test_a_decision_without_a_comparison_has_no_figures():
    decision = Decision(promote=True, reason="The first of its name.")
    assert decision.difference is None and decision.clips == 0

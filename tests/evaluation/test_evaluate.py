"""The evaluation: choice on validation, scores on test, uses of the test set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from genre_pred.config.sections import Evaluate
from genre_pred.evaluation.scoring.evaluate import (
    clips_digest,
    evaluate_models,
    genre_table,
    on_scoring_split,
    scoring_split,
    with_prices,
)
from genre_pred.evaluation.scoring.metrics import score
from genre_pred.evaluation.scoring.significance import mcnemar
from genre_pred.evaluation.scoring.trained_models import Model

GENRES = ["blues", "jazz"]
N = 40  # clips of each side
TRUTH = pd.DataFrame(
    {
        "clip_id": [f"{side}{i:02d}" for side in "vt" for i in range(N)],
        "genre": GENRES * N,
        "artist": [f"artist {side}{i // 4}" for side in "vt" for i in range(N)],
    }
)
SETTINGS = Evaluate(reproductions=(), ensemble=(), confidence=0.9, n_resamples=300, seed=5)


def predictions(validation_hits, test_hits):
    """Right on the first so many clips of each side; without test where None."""
    hits = np.concatenate([np.arange(N) < n for n in (validation_hits, test_hits or 0)])
    says_blues = (TRUTH["genre"] == "blues").to_numpy() == hits
    table = pd.DataFrame(
        {"clip_id": TRUTH["clip_id"], "split": ["validation"] * N + ["test"] * N, "fold": -1}
    ).assign(blues=np.where(says_blues, 0.8, 0.2))
    table["jazz"] = 1 - table["blues"]
    return table if test_hits is not None else table[:N]


def model(name, approach, validation_hits=None, test_hits=20, note=""):
    trained = validation_hits is not None
    return Model(
        name=name,
        approach=approach,
        features=None,
        network=None,
        temperature=1.0,
        weights="",
        files={},
        predictions=predictions(validation_hits, test_hits) if trained else None,
        identity=f"identity of {name}" if trained else "",
        note=note,
        command=f"train {name}",
    )


MODELS = [
    model("late/svc", "embedding", 24, 36),  # better on test, worse on validation
    model("early/svc", "embedding", 30, 22),
    model("finetune/net", "finetune", 33, 30),
    model("mfcc/svc", "descriptors", 26, 38),
    model("majority", "baseline", 20, 20),
    model("pca/svc", "embedding", note="n/a: too many components"),
]


def judge(models=MODELS, settings=SETTINGS, **options):
    terms = {
        "candidates": ("embedding", "finetune"),
        "protocol": "grouped, artists apart",
        "grouped": True,
    }
    return evaluate_models(models, TRUTH, GENRES, settings, **(terms | options))


@pytest.fixture(scope="module")
def verdict():
    return judge()


def test_the_best_of_each_approach_is_chosen_on_validation(verdict):
    assert {approach: m.name for approach, m in verdict.best.items()} == {
        "embedding": "early/svc",
        "finetune": "finetune/net",
        "descriptors": "mfcc/svc",
        "baseline": "majority",
    }


def test_only_the_best_of_each_approach_look_at_the_test_clips(verdict):
    board = verdict.board.set_index("model")
    assert board["test_accuracy"].dropna().to_dict() == {
        "early/svc": 22 / N,
        "finetune/net": 30 / N,
        "mfcc/svc": 38 / N,
        "majority": 20 / N,
    }
    assert board["validation_accuracy"].dropna().to_dict() == {
        "late/svc": 24 / N,
        "early/svc": 30 / N,
        "finetune/net": 33 / N,
        "mfcc/svc": 26 / N,
        "majority": 20 / N,
    }


def test_the_board_is_in_the_order_of_validation(verdict):
    assert verdict.board["model"].tolist() == [
        "finetune/net",
        "early/svc",
        "mfcc/svc",
        "late/svc",
        "majority",
        "pca/svc",
    ]
    assert (verdict.board["protocol"] == "grouped, artists apart").all()
    assert (verdict.board["artists"] == "grouped").all()


def test_what_could_not_be_trained_is_a_row_with_its_reason(verdict):
    row = verdict.board.set_index("model").loc["pca/svc"]
    assert row["note"] == "n/a: too many components"
    assert pd.isna(row["validation_accuracy"])
    assert pd.isna(row["test_accuracy"])


def test_no_test_score_changes_the_choice():
    swapped = [
        model("early/svc", "embedding", 30, 0),
        *(m for m in MODELS if m.name != "early/svc"),
    ]
    assert judge(swapped).best["embedding"].name == "early/svc"


def test_a_test_set_is_known_by_its_sound_whatever_its_order_or_names():
    clips = pd.DataFrame({"clip_id": list("abc"), "content": ["x", "y", "z"]})
    split = pd.DataFrame({"clip_id": list("abc"), "split": ["test", "train", "test"]})
    known = clips_digest(clips, split)
    assert clips_digest(clips[::-1], split[::-1]) == known
    renamed = {"a": "one", "b": "two", "c": "three"}
    assert clips_digest(clips.replace(renamed), split.replace(renamed)) == known
    assert clips_digest(clips, split.assign(split=["test", "test", "train"])) != known
    assert clips_digest(clips, split.assign(split="validation")) == ""


def test_the_metrics_are_those_of_the_best(verdict):
    assert list(verdict.metrics) == [
        "baseline",
        "descriptors",
        "embedding",
        "finetune",
        "finetune_minus_embedding",
    ]
    found = verdict.metrics["embedding"]
    assert found["model"] == "early/svc"
    table = verdict.best["embedding"].predictions
    for split in ("validation", "test"):
        scores = score(table[table["split"] == split], TRUTH, GENRES)
        for name in ("accuracy", "macro_f1", "log_loss"):
            assert found[f"{split}_{name}"] == pytest.approx(scores[name], abs=1e-6)
        assert found[f"{split}_low"] < found[f"{split}_accuracy"] < found[f"{split}_high"]
    board = verdict.board.set_index("model")
    assert found["test_low"] == pytest.approx(board.loc["early/svc", "test_low"], abs=1e-6)


def test_the_difference_is_the_second_candidate_minus_the_first_on_test(verdict):
    found = verdict.metrics["finetune_minus_embedding"]
    assert found["on"] == "test"
    assert found["accuracy"] == pytest.approx(8 / N)
    assert 0 <= found["low"] < 8 / N < found["high"]
    right = [np.arange(N) < n for n in (30, 22)]
    assert found["mcnemar_p"] == pytest.approx(mcnemar(*right), abs=1e-6)
    turned = judge(candidates=("finetune", "embedding")).metrics["embedding_minus_finetune"]
    assert turned["accuracy"] == pytest.approx(-8 / N)


def test_the_difference_is_named_after_those_that_were_compared():
    without = [m for m in MODELS if m.approach != "finetune"]
    metrics = judge(without, candidates=("embedding", "finetune", "descriptors")).metrics
    assert metrics["descriptors_minus_embedding"]["accuracy"] == pytest.approx(16 / N)
    assert "finetune_minus_embedding" not in metrics


def test_the_ensemble_is_the_mean_of_the_best_and_a_row_of_its_own():
    wanted = SETTINGS.model_copy(update={"ensemble": ("finetune", "embedding", "descriptors")})
    verdict = judge(settings=wanted, candidates=("embedding", "ensemble"))
    ensemble = verdict.best["ensemble"]
    assert [member.name for member in ensemble.members] == ["finetune/net", "early/svc", "mfcc/svc"]
    assert verdict.metrics["ensemble"]["members"] == "finetune/net + early/svc + mfcc/svc"
    # right where two of the three are: they have 33, 30 and 26 right on validation, 30, 22 and 38
    # on test, always the first ones
    row = verdict.board.set_index("model").loc["ensemble"]
    assert (row["validation_accuracy"], row["test_accuracy"]) == (30 / N, 30 / N)
    assert row["note"].startswith("mean of finetune/net + early/svc + mfcc/svc")
    table = ensemble.predictions.set_index("clip_id")
    assert table.loc["v31", "jazz"] == pytest.approx((0.8 + 0.2 + 0.2) / 3)
    assert verdict.metrics["ensemble_minus_embedding"]["accuracy"] == pytest.approx(8 / N)


def test_a_reproduction_is_scored_on_test_and_is_no_candidate():
    fixed = SETTINGS.model_copy(update={"reproductions": ("early/*",)})
    verdict = judge(settings=fixed)
    assert verdict.best["embedding"].name == "late/svc"
    board = verdict.board.set_index("model")
    assert board.loc["early/svc", "test_accuracy"] == 22 / N
    assert board.loc["early/svc", "note"].startswith("reproduction")
    assert board.loc["late/svc", "note"] == ""


def test_an_ensemble_of_one_is_none():
    wanted = SETTINGS.model_copy(update={"ensemble": ("embedding", "finetune")})
    verdict = judge([model("early/svc", "embedding", 30)], settings=wanted)
    assert "ensemble" not in verdict.best


def test_without_a_test_split_the_difference_is_on_validation():
    models = [model("early/svc", "embedding", 30, None), model("net", "finetune", 33, None)]
    verdict = judge(models)
    found = verdict.metrics["finetune_minus_embedding"]
    assert (found["on"], found["accuracy"]) == ("validation", pytest.approx(3 / N))
    assert verdict.board["test_accuracy"].isna().all()
    assert not any(name.startswith("test_") for name in verdict.metrics["embedding"])


def test_one_approach_has_no_paired_difference():
    verdict = judge([model("early/svc", "embedding", 30)])
    assert list(verdict.metrics) == ["embedding"]


def test_the_same_models_give_the_same_verdict(verdict):
    again = judge(MODELS[::-1])
    assert again.metrics == verdict.metrics
    pd.testing.assert_frame_equal(again.board, verdict.board)


def test_artists_on_two_sides_are_reported():
    assert set(judge(grouped=False).board["artists"]) == {"not grouped, optimistic"}


def test_validation_scores_without_a_test_split():
    both, one = predictions(10, 20), predictions(10, None)
    assert (scoring_split(both), scoring_split(one)) == ("test", "validation")
    assert on_scoring_split(both)["clip_id"].tolist() == TRUTH["clip_id"].tolist()[N:]
    assert on_scoring_split(one)["clip_id"].tolist() == TRUTH["clip_id"].tolist()[:N]


def test_each_genre_is_scored_on_validation_for_the_best(verdict):
    table = genre_table(verdict.best, TRUTH, GENRES).set_index(["approach", "genre"])
    assert len(table) == 4 * 2
    # 30 of 40 right, the rest taken for the other genre: 15 of 20 each.
    blues = table.loc[("embedding", "blues")]
    assert (blues["precision"], blues["recall"], blues["f1"]) == (0.75, 0.75, 0.75)
    assert (blues["clips"], blues["model"]) == (20, "early/svc")


def test_a_split_other_than_test_has_a_digest_of_its_own():
    clips = pd.DataFrame({"clip_id": list("ab"), "content": ["x", "y"]})
    split = pd.DataFrame({"clip_id": list("ab"), "split": ["test", "validation"]})
    assert clips_digest(clips, split, "validation") not in ("", clips_digest(clips, split))


def test_reproductions_count_as_uses_of_the_test_set():
    settings = SETTINGS.model_copy(update={"reproductions": ("late/*", "pca/*")})
    told = judge(settings=settings)
    assert [m.name for m in told.tested] == [*(m.name for m in told.best.values()), "late/svc"]
    assert set(told.board["test_seen"]) == {len(told.best) + 1}
    scored = told.board.loc[told.board["test_accuracy"].notna(), "model"]
    assert set(scored) == {m.name for m in told.tested}


def test_the_cost_sums_all_steps_from_file_to_prediction():
    settings = SETTINGS.model_copy(update={"ensemble": ("embedding", "finetune")})
    weights = {"network.safetensors": Path("models/finetune/net/network.safetensors")}
    backbone = {"network.safetensors": Path("data/embeddings/mn04.safetensors")}
    models = [
        replace(model("mn04/svc", "embedding", 30), features="mn04", files=backbone),
        replace(model("finetune/net", "finetune", 33), network="net"),
        replace(
            model("net_finetuned/svc", "finetune", 30), features="net_finetuned", files=weights
        ),
        replace(model("mfcc/svc", "descriptors", 26), features="mfcc"),
        replace(model("log_mel/svc", "baseline", 26), features="log_mel"),
        model("majority", "baseline", 20),
    ]
    made = {
        "data/mel": {"clip_seconds": 1.0},
        "data/embeddings": {"clip_seconds.mn04": 4.0, "clip_seconds.mn10": 99.0},
        "models/classical": {
            "seconds.mn04/svc": 2.0,
            "seconds.net_finetuned/svc": 3.0,
            "clip_seconds.mn04/svc": 0.5,
            "clip_seconds.net_finetuned/svc": 0.25,
            "clip_seconds.mfcc/svc": 0.25,  # but nothing is known of the descriptors
            "clip_seconds.log_mel/svc": 0.5,
        },
        "models/finetune": {"seconds.finetune/net": 50.0, "clip_seconds.finetune/net": 2.0},
    }
    verdict = judge(models, settings)
    board = with_prices(verdict, made).set_index("model")
    assert board["clip_seconds"].dropna().to_dict() == {
        "ensemble": 1 + 4.5 + 2,  # its members hear the same patches
        "mn04/svc": 1 + 4.5,
        "finetune/net": 1 + 2,
        "net_finetuned/svc": 1 + 2.25,
        "log_mel/svc": 1 + 0.5,
    }
    assert board["train_seconds"].dropna().to_dict() == {
        "ensemble": 52.0,
        "mn04/svc": 2.0,
        "finetune/net": 50.0,
        "net_finetuned/svc": 53.0,
    }
    unknown = with_prices(verdict, {})
    assert unknown[["train_seconds", "clip_seconds"]].isna().all(axis=None)


def test_precomputed_features_have_no_decoding_cost():
    theirs = replace(model("vggish/svc", "embedding", 30), features="vggish")
    made = {
        "data/mel": {"clip_seconds": 1.0},
        "models/classical": {"seconds.vggish/svc": 2.0, "clip_seconds.vggish/svc": 0.5},
    }
    (row,) = with_prices(judge([theirs]), made).to_dict("records")
    assert row["train_seconds"] == 2.0
    assert np.isnan(row["clip_seconds"])

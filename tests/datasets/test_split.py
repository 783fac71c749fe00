"""Splits: no clip and no artist on two sides, whatever the seed and the shape of the collection."""

import numpy as np
import pandas as pd
import pytest

from genre_pred.config.sections import Split
from genre_pred.core.splits import (
    SplitError,
    artist_groups,
    artists_apart,
    fold_numbers,
    inner_round,
    protocol,
    rounds,
    taking_part,
)
from genre_pred.datasets.split.methods import split_clips

SEEDS = range(8)


def settings(method, validation=0.15, test=0.15, n_folds=3, seed=254):
    return Split(
        method=method, validation_share=validation, test_share=test, n_folds=n_folds, seed=seed
    )


def uneven_clips(seed, shared=False):
    """Genres and artists of very different sizes; artists of several genres, if they are shared."""
    rng = np.random.default_rng(seed)
    rows = [
        (
            f"{genre}-{artist}-{n}",
            f"genre {genre}",
            f"artist {artist}" if shared and rng.random() < 0.5 else f"artist {genre}-{artist}",
            pd.NA,
        )
        for genre in range(rng.integers(2, 5))
        for artist in range(rng.integers(3, 12))
        for n in range(1 + int(2 * rng.pareto(1.5)))
    ]
    clips = pd.DataFrame(rows, columns=["clip_id", "genre", "artist", "split"])
    clips["content"] = clips["clip_id"]
    return clips.sample(frac=1, random_state=seed).reset_index(drop=True)


def sides(clips, split):
    return clips.drop(columns="split").merge(split, on="clip_id", validate="1:1")


# grouped


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_grouped_keeps_every_artist_on_one_side(seed, shared):
    clips = uneven_clips(seed, shared)
    split = split_clips(clips, settings("grouped", seed=seed))
    assert split["clip_id"].tolist() == clips["clip_id"].tolist()
    assert (split["fold"] == -1).all()
    whole = sides(clips, split)
    assert (whole.groupby("artist")["split"].nunique() == 1).all()
    assert artists_apart(clips, split)
    present = pd.crosstab(whole["genre"], whole["split"]) > 0
    assert present[["train", "validation"]].all(axis=None)
    assert present["test"].any() if shared else present["test"].all()


def test_grouped_cuts_the_shares_of_each_genre_s_artists(make_clips):
    clips = make_clips(artists=20, each=3)
    whole = sides(clips, split_clips(clips, settings("grouped", 0.2, 0.1)))
    artists = whole.groupby(["genre", "split"])["artist"].nunique().unstack()
    assert artists["train"].tolist() == [14, 14]
    assert artists["validation"].tolist() == [4, 4]
    assert artists["test"].tolist() == [2, 2]


@pytest.mark.parametrize("method", ["grouped", "stratified"])
@pytest.mark.parametrize("n", [3, 4, 5])
def test_three_units_of_a_genre_suffice_for_three_sides(make_clips, method, n):
    clips = make_clips(artists=n, each=1)
    whole = sides(clips, split_clips(clips, settings(method, 0.01, 0.01)))
    assert (pd.crosstab(whole["genre"], whole["split"]) >= 1).all(axis=None)


def test_artists_of_several_genres_count_for_the_scarcest(make_clips):
    # Each of the three players of polka has made blues before.
    clips = make_clips(artists=12, each=1)
    polka = pd.DataFrame(
        {"clip_id": [f"p{i}" for i in range(3)], "genre": "polka", "split": pd.NA}
    ).assign(artist=["blues-0", "blues-1", "blues-2"], content=list("xyz"))
    clips = pd.concat([clips, polka], ignore_index=True)
    for seed in SEEDS:
        whole = sides(clips, split_clips(clips, settings("grouped", seed=seed)))
        of_polka = whole.loc[whole["genre"] == "polka", "split"]
        assert sorted(of_polka) == ["test", "train", "validation"]
        assert (whole.groupby("artist")["split"].nunique() == 1).all()


def test_grouped_needs_the_artist_of_every_clip(make_clips):
    clips = make_clips()
    clips.loc[3, "artist"] = pd.NA
    with pytest.raises(SplitError, match="needs the artist of every clip"):
        split_clips(clips, settings("grouped"))


def test_grouped_needs_three_artists_of_each_genre(make_clips):
    with pytest.raises(SplitError, match="genre blues has 2 artists, too few"):
        split_clips(make_clips(artists=2, each=9), settings("grouped"))


# who takes part


def test_the_publisher_may_leave_clips_out_and_other_splits_take_them(make_clips):
    clips = make_clips(artists=6, each=2)
    clips["split"] = ["train", "validation", "left out"] * 8
    assert len(split_clips(clips, settings("official"))) == 16
    assert len(split_clips(clips, settings("stratified"))) == 24


@pytest.mark.parametrize("method", ["grouped", "stratified", "folds"])
def test_of_identical_clips_only_the_first_takes_part(make_clips, method):
    clips = make_clips(artists=8, each=2)
    clips.loc[[5, 20], "content"] = clips["content"][3]
    taken = split_clips(clips, settings(method))["clip_id"]
    assert set(clips["clip_id"]) - set(taken) == set(clips["clip_id"][[5, 20]])
    assert taking_part(clips, clips.loc[[3]])["clip_id"].tolist() == [clips["clip_id"][3]]


# stratified


@pytest.mark.parametrize("seed", SEEDS)
def test_stratified_gives_every_clip_one_side_and_every_genre_all(seed, make_clips):
    clips = make_clips(artists=10, each=4, known=False, genres=("a", "b", "c"))
    whole = sides(clips, split_clips(clips, settings("stratified", 0.2, 0.1, seed=seed)))
    assert whole["clip_id"].is_unique
    counts = pd.crosstab(whole["genre"], whole["split"])
    assert counts["train"].tolist() == [28] * 3
    assert counts["validation"].tolist() == [8] * 3
    assert counts["test"].tolist() == [4] * 3


@pytest.mark.parametrize("n", [1, 2])
def test_stratified_needs_three_clips_of_each_genre(make_clips, n):
    clips = make_clips(artists=9, each=1).drop(index=range(n, 9)).reset_index(drop=True)
    with pytest.raises(SplitError, match=f"genre blues has {n} clips, too few"):
        split_clips(clips, settings("stratified"))


def test_a_seed_determines_the_split(make_clips):
    clips = make_clips(artists=12)
    for method in ("grouped", "stratified", "folds"):
        one, again = (split_clips(clips, settings(method, seed=3)) for _ in range(2))
        pd.testing.assert_frame_equal(one, again)
        assert not split_clips(clips, settings(method, seed=4)).equals(one)


def test_neither_the_rows_labels_nor_other_columns_matter(make_clips):
    clips = make_clips(artists=8)
    moved = clips.set_index(pd.Index(range(100, 100 + len(clips)))).assign(rms_db=0.0)
    for method in ("grouped", "stratified", "folds"):
        one, other = (split_clips(c, settings(method)) for c in (clips, moved))
        assert one.to_numpy().tolist() == other.to_numpy().tolist()


# publisher


def published(make_clips):
    clips = make_clips(artists=3, each=2)
    each_side = np.repeat(["train", "validation", "test"], 2)
    return clips.assign(split=np.concatenate([each_side, each_side]))


def test_the_publisher_s_split_is_taken_as_it_is(make_clips):
    clips = published(make_clips)
    split = split_clips(clips, settings("official"))
    assert split["split"].tolist() == clips["split"].tolist()
    assert (split["fold"] == -1).all()
    backwards = split_clips(clips[::-1], settings("official", seed=1))[::-1]
    pd.testing.assert_frame_equal(backwards, split)


def test_a_clip_without_its_publisher_s_split_is_named(make_clips):
    clips = published(make_clips)
    clips.loc[2, "split"] = None
    with pytest.raises(SplitError, match=r"1 of 12 clips have no split .*blues-1-0"):
        split_clips(clips, settings("official"))


@pytest.mark.parametrize("side", ["train", "validation"])
def test_a_genre_that_a_side_lacks_is_named(make_clips, side):
    clips = published(make_clips)
    gone = (clips["genre"] == "jazz") & (clips["split"] == side)
    with pytest.raises(SplitError, match=f"genre jazz has no {side} clips"):
        split_clips(clips[~gone], settings("official"))


def test_a_publisher_may_have_no_test_clips(make_clips):
    clips = published(make_clips)
    clips = clips[clips["split"] != "test"]
    only = rounds(split_clips(clips, settings("official")), clips, settings("official"))[0]
    assert sorted(only.holdout) == sorted(only.validation)


# folds and rounds


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_each_clip_is_predicted_once_by_a_model_that_has_not_seen_its_artist(seed, known):
    clips = uneven_clips(seed)
    if not known:
        clips["artist"] = pd.NA
    asked = settings("folds", seed=seed)
    split = split_clips(clips, asked)
    assert (split["split"] == "validation").all()
    found = rounds(split, clips, asked)
    assert [one.fold for one in found] == [0, 1, 2]
    assert sorted(c for one in found for c in one.holdout) == sorted(clips["clip_id"])
    every = set(clips["clip_id"])
    artist = clips.set_index("clip_id")["artist"]
    genre = clips.set_index("clip_id")["genre"]
    for one in found:
        parts = [set(one.train), set(one.validation), set(one.holdout)]
        assert set.union(*parts) == every
        assert sum(map(len, parts)) == len(every)
        assert set(genre[one.train]) == set(genre)
        assert set(split.set_index("clip_id").loc[one.holdout, "fold"]) == {one.fold}
        if known:
            artists = [set(artist[list(part)]) for part in parts]
            assert sum(map(len, artists)) == artist.nunique()


def test_shared_artists_leave_no_training_without_a_genre():
    for seed in range(60):
        clips, asked = uneven_clips(seed, shared=True), settings("folds", 0.5, 0.1, 2, seed)
        artist = clips.set_index("clip_id")["artist"]
        for one in rounds(split_clips(clips, asked), clips, asked):
            learnt = clips["clip_id"].isin(one.train)
            assert clips.loc[learnt, "genre"].nunique() == clips["genre"].nunique()
            assert not set(artist[one.train]) & set(artist[[*one.validation, *one.holdout]])


def test_folds_are_stratified(make_clips):
    clips = make_clips(artists=15, each=1)
    split = split_clips(clips, settings("folds", n_folds=5))
    assert (pd.crosstab(clips["genre"], split["fold"]) == 3).all(axis=None)


def test_the_inner_share_is_about_the_one_asked_for(make_clips):
    clips, asked = make_clips(artists=20, each=2), settings("folds", 0.25, n_folds=4)
    for one in rounds(split_clips(clips, asked), clips, asked):
        inner = len(one.validation) / (len(one.train) + len(one.validation))
        assert inner == pytest.approx(0.25, abs=0.05)


def test_more_folds_than_artists_are_refused_before_any_training(make_clips):
    with pytest.raises(SplitError, match="genre blues has 4 artists, too few for 5 folds"):
        split_clips(make_clips(artists=4, each=9), settings("folds", n_folds=5))
    with pytest.raises(SplitError, match="genre blues has 4 clips, too few for 5 folds"):
        split_clips(make_clips(artists=4, each=1, known=False), settings("folds", n_folds=5))


def test_a_round_too_small_for_an_inner_share_trains_on_all_of_it(make_clips):
    clips = make_clips(artists=1, each=5)
    one = inner_round(clips, settings("folds"), 0, ["x"])
    assert one.train == clips["clip_id"].tolist()
    assert (one.validation, one.holdout) == ([], ["x"])


def test_without_folds_there_is_one_round(make_clips):
    clips = make_clips(artists=10)
    split = split_clips(clips, settings("grouped"))
    (one,) = rounds(split, clips, settings("grouped"))
    of_side = split.groupby("split")["clip_id"].apply(set)
    assert one.fold == -1
    assert set(one.train) == of_side["train"]
    assert set(one.validation) == of_side["validation"]
    assert set(one.holdout) == of_side["validation"] | of_side["test"]


def test_fold_numbers_have_the_order_of_the_clips(make_clips):
    clips = make_clips(artists=6, each=2)
    numbers = fold_numbers(clips, 3, 0)
    by_artist = pd.Series(numbers).groupby(clips["artist"].to_numpy(dtype=object)).nunique()
    assert (by_artist == 1).all()
    assert set(numbers) == {0, 1, 2}


# whatever the method


@pytest.mark.parametrize("method", ["official", "grouped", "stratified", "folds"])
def test_a_single_genre_is_an_error(make_clips, method):
    with pytest.raises(SplitError, match=r"one genre only \(blues\)"):
        split_clips(make_clips(genres=("blues",)), settings(method))


@pytest.mark.parametrize("method", ["official", "grouped", "stratified", "folds"])
def test_no_clips_at_all_are_an_error(make_clips, method):
    with pytest.raises(SplitError, match="no clips"):
        split_clips(make_clips().iloc[:0], settings(method))


def test_artists_are_known_only_if_all_are(make_clips):
    clips = make_clips()
    assert artist_groups(clips).tolist() == clips["artist"].tolist()
    clips.loc[0, "artist"] = pd.NA
    assert artist_groups(clips) is None


# words


@pytest.mark.parametrize(
    ("method", "known", "words"),
    [
        ("grouped", True, "grouped, artists apart"),
        ("stratified", True, "stratified, artists shared, optimistic"),
        ("stratified", False, "stratified, artists unknown, optimistic"),
        ("folds", True, "3 folds, artists apart"),
        ("folds", False, "3 folds, artists unknown, optimistic"),
    ],
)
def test_the_protocol_states_what_is_known_of_artists(make_clips, method, known, words):
    clips = make_clips(artists=9, each=4, known=known)
    said = protocol(clips, split_clips(clips, settings(method)), settings(method))
    no_test = "; no test clips: chosen and scored on the same clips, optimistic"
    assert said == words + (no_test if method == "folds" else "")


def test_a_publisher_s_split_may_hold_artists_apart_or_not(make_clips):
    clips, asked = published(make_clips), settings("official")
    assert protocol(clips, split_clips(clips, asked), asked) == "official, artists apart"
    clips.loc[0, "split"] = "test"
    words = "official, artists shared, optimistic"
    assert protocol(clips, split_clips(clips, asked), asked) == words


def test_a_publisher_s_lists_may_hold_artists_apart_without_naming_them(make_clips):
    clips = published(make_clips).assign(artist=pd.NA, apart_by="fault-filtered")
    clips.loc[0, "split"] = "left out"
    asked = settings("official")
    split = split_clips(clips, asked)
    words = "official, fault-filtered (artists apart by its lists)"
    assert artists_apart(clips, split) and protocol(clips, split, asked) == words
    for method in ("stratified", "folds"):  # the lists say nothing of these
        other = split_clips(clips, settings(method))
        assert not artists_apart(clips, other)
        assert "artists unknown, optimistic" in protocol(clips, other, settings(method))

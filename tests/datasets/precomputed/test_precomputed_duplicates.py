"""Precomputed collections: duplicates are never on two sides."""

import numpy as np
import pandas as pd
import pytest
from precomputed_folder import IDS, SPECTROGRAMS, SPLIT, VALUES, opened

from genre_pred.core.tables import CLIP_COLUMNS
from genre_pred.datasets.precomputed.cleaning import clean_precomputed


def twins_at(root, values, split=SPLIT):
    """Clean the folder with the features given as one number per clip."""
    (root / "spectrograms.npy").unlink(missing_ok=True)
    np.save(root / "features" / "vggish.npy", np.array(values, np.float32)[:, None])
    table = pd.read_csv(root / "clips.csv", dtype="string", keep_default_na=False)
    table = table.assign(split=split) if split else table.drop(columns="split")
    table.to_csv(root / "clips.csv", index=False)
    clips, rejected = clean_precomputed(opened(root))
    assert list(clips) == list(CLIP_COLUMNS)
    assert sorted([*clips["clip_id"], *rejected["clip_id"]]) == sorted(IDS)
    return dict(zip(rejected["clip_id"], rejected["reason"], strict=True))


def test_clips_that_differ_all_stay(root):
    clips, rejected = clean_precomputed(opened(root))
    assert clips["clip_id"].tolist() == IDS
    assert rejected.empty
    assert list(rejected) == ["clip_id", "path", "reason"]
    assert clips["content"].nunique() == 5
    assert clips["sample_rate"].tolist() == clips["n_samples"].tolist() == [0] * 5
    assert clips["rms_db"].isna().all()


def test_content_depends_on_every_number(root):
    before = opened(root).digests()
    changed = SPECTROGRAMS.copy()
    changed[1, 0, 0] ^= 1
    np.save(root / "spectrograms.npy", changed)
    values = VALUES.copy()
    values[3, 5] += 1
    np.save(root / "features" / "vggish.npy", values)
    differs = [one != other for one, other in zip(before, opened(root).digests(), strict=True)]
    assert differs == [False, True, False, True, False]


@pytest.mark.parametrize(
    ("values", "reasons"),
    [
        ([1, 1, 2, 3, 4], {}),  # on one side: the publisher's table is the protocol
        ([1, 2, 1, 3, 4], {"a": "identical to c, which is in validation"}),
        ([1, 2, 3, 1, 4], {"a": "identical to NA, which is in test"}),
        ([1, 2, 3, 4, 3], {"c": "identical to 7, which is in test"}),
        (
            [1, 1, 1, 1, 1],
            dict.fromkeys(("a", "b", "c"), "identical to NA, which is in test"),
        ),
    ],
)
def test_a_duplicate_on_the_train_side_is_rejected(root, values, reasons):
    assert twins_at(root, values) == reasons


def test_content_does_not_depend_on_which_features_exist(root):
    before, _ = clean_precomputed(opened(root))
    np.save(root / "features" / "more.npy", VALUES)
    after, _ = clean_precomputed(opened(root))
    assert before["content"].tolist() == after["content"].tolist()
    assert before["content"].is_unique


def test_without_the_publisher_s_split_only_the_first_duplicate_is_kept(root):
    found = twins_at(root, [1, 1, 2, 1, 2], split=None)
    assert found == {"b": "identical to a", "NA": "identical to a", "7": "identical to c"}

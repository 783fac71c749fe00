"""A small folder of what others computed: clips, features and spectrograms."""

import numpy as np
import pandas as pd

from genre_pred.datasets.precomputed.contents import open_contents

IDS = ["a", "b", "c", "NA", "7"]
SPLIT = ["train", "train", "validation", "test", "test"]
VALUES = np.random.default_rng(0).standard_normal((5, 12)).astype(np.float32)
SPECTROGRAMS = np.random.default_rng(1).integers(0, 256, (5, 6, 9), dtype=np.uint8)


def write_folder(folder):
    """A folder of clips with an array of features and one of spectrograms."""
    table = {"clip_id": IDS, "genre": ["jazz", "blues"] * 2 + ["jazz"], "split": SPLIT}
    pd.DataFrame(table).to_csv(folder / "clips.csv", index=False)
    (folder / "features").mkdir()
    np.save(folder / "features" / "vggish.npy", VALUES)
    np.save(folder / "spectrograms.npy", SPECTROGRAMS)
    return folder


def opened(root):
    return open_contents(root, "small")


def read_all(root):
    contents = opened(root)
    contents.digests()
    return contents

"""The leaderboards of all runs, merged into one table per collection and protocol.

A table holds only scores on the same clips under the same protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from genre_pred.evaluation.comparison.markdown import protocol_in_words
from genre_pred.evaluation.scoring.leaderboard import COLUMNS, best_first

GROUP = ["collection", "protocol", "artists", "validation_set", "test_set"]
EVERY_COLUMN = ["collection", *COLUMNS, "clip_seconds", "published", "by", "run"]
FIGURES = ("accuracy", "macro_f1", "log_loss")
VALIDATION = [f"validation_{name}" for name in FIGURES]
TEST = [f"test_{name}" for name in FIGURES]
DIGITS = 9  # figures that agree to so many decimals count as equal


@dataclass(frozen=True)
class Standing:
    """The models that were scored on the same clips under the same protocol.

    Attributes:
        collection: The collection's name (`data.name`).
        protocol: A description of the split.
        artists: A description of how artists are spread over the splits.
        clips, test_clips: Number of validation and test clips; 0 test clips without a test split.
        test_seen: How many models have been scored on the test clips so far.
        board: As `leaderboard.leaderboard` returns it, with clip_seconds, run, published (the
            published accuracy in percent; NaN if none) and by (its source and protocol).
    """

    collection: str
    protocol: str
    artists: str
    clips: int
    test_clips: int
    test_seen: int
    board: pd.DataFrame

    @property
    def words(self) -> str:
        """The protocol of the table in words."""
        return protocol_in_words(
            self.protocol, self.artists, self.clips, self.test_clips, self.test_seen
        )

    @property
    def commands(self) -> list[str]:
        """The commands that reproduce the rows, in their order, each once."""
        return [*dict.fromkeys(self.board["command"])]


def standings(rows: pd.DataFrame, published: Mapping[str, pd.DataFrame]) -> list[Standing]:
    """Merge the leaderboards of many runs by collection, protocol and scoring clips.

    A model that several runs scored with equal figures has one row, that of its newest run. If
    only one of these runs scored it on test, the row is that run's. Different figures of a model
    are separate rows.

    Args:
        rows: The rows of the leaderboards, and: collection, validation_set, test_set (digests of
            the scoring clips), run, started.
        published: By collection, the output of `published.published_on`.

    Returns:
        Sorted by collection, then by number of scoring clips, most first. Within each, models are
        sorted by validation accuracy.
    """
    rows = rows.sort_values("started", ascending=False, kind="stable")
    keys = rows[GROUP].astype("string").fillna("")
    merged = []
    for _, members in keys.groupby(GROUP, sort=False):
        group, names = rows.loc[members.index], members.iloc[0]
        standing = Standing(
            collection=names["collection"],
            protocol=names["protocol"],
            artists=names["artists"],
            clips=int(group["clips"].max()),
            test_clips=int(group["test_clips"].max()),
            test_seen=int(group["test_seen"].max()),
            board=_with_published(
                best_first(_without_repeats(group)), published[names["collection"]]
            ),
        )
        merged.append(standing)
    return sorted(merged, key=lambda s: (s.collection, -s.test_clips, -s.clips, s.protocol))


def published_elsewhere(merged: Sequence[Standing], published: pd.DataFrame) -> pd.DataFrame:
    """The published figures of a collection that no table shows beside a model.

    Args:
        merged: All standings of the collection.
        published: The output of `published.published_on`.
    """
    shown = {pair for s in merged for pair in zip(s.board["model"], s.board["by"], strict=True)}
    pairs = zip(published["model"], _by(published), strict=True)
    return published[[pair not in shown for pair in pairs]].reset_index(drop=True)


def narrowed(table: pd.DataFrame, approach: str | None, top: int | None) -> pd.DataFrame:
    """The first `top` rows of one approach; None for all."""
    table = table[table["approach"] == approach] if approach else table
    return table.head(top or len(table))


def _with_published(board: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """A board with the best published figure of each of its models."""
    best = published.assign(by=_by(published)).drop_duplicates("model").set_index("model")
    return board.assign(
        published=board["model"].map(best["accuracy"]), by=board["model"].map(best["by"])
    )


def _by(published: pd.DataFrame) -> pd.Series:
    return published["by"] + "; " + published["protocol"]


def _without_repeats(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep one row per model and set of figures, the newest; rows are sorted newest first."""
    figures = rows[VALIDATION + TEST].astype(float).round(DIGITS)
    figures = figures.assign(model=rows["model"])
    figures = figures[~figures.duplicated()]
    tested = figures["test_accuracy"].notna()
    known = ["model", *VALIDATION]
    repeats_tested = pd.concat([figures[tested], figures[~tested]]).duplicated(known)
    return rows.loc[figures.index[tested | ~repeats_tested.reindex(figures.index)]]

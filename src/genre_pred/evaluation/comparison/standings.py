"""All runs' leaderboards as one for each collection and protocol, never ranked across them.

Only scores on the same clips, got under the same protocol, stand in one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from genre_pred.evaluation.comparison.markdown import in_words
from genre_pred.evaluation.scoring.leaderboard import COLUMNS, best_first

GROUP = ["collection", "protocol", "artists", "validation_set", "test_set"]
EVERY_COLUMN = ["collection", *COLUMNS, "clip_seconds", "published", "by", "run"]
FIGURES = ("accuracy", "macro_f1", "log_loss")
VALIDATION = [f"validation_{name}" for name in FIGURES]
TEST = [f"test_{name}" for name in FIGURES]
DIGITS = 9  # figures that agree so far are the same


@dataclass(frozen=True)
class Standing:
    """The models that were judged on the same clips under the same protocol.

    Attributes:
        collection: As `data.name` gives it.
        protocol: How its clips were split, in words.
        artists: How far the scores can be trusted where artists repeat, in words.
        clips, test_clips: How many judged; 0 test clips where there were none.
        test_seen: How many models have been scored on the test clips so far.
        board: As `leaderboard.leaderboard` returns it, with clip_seconds, run, published (the
            figure that others report, in percent; NaN without) and by (who, and how).
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
        """What must stand above the table."""
        return in_words(self.protocol, self.artists, self.clips, self.test_clips, self.test_seen)

    @property
    def commands(self) -> list[str]:
        """What to type to see each row again, in their order, none twice."""
        return [*dict.fromkeys(self.board["command"])]


def standings(rows: pd.DataFrame, published: Mapping[str, pd.DataFrame]) -> list[Standing]:
    """Lay the leaderboards of many runs together, by collection, protocol and judging clips.

    A model that was run again with the same figures stands once, as its newest run has it,
    whatever else was set; so does what was scored on test in one run and, with the same
    validation, not in another. Where figures differ, each run keeps its row.

    Args:
        rows: Those of the leaderboards, and: collection, validation_set, test_set (digests of the
            clips that judged), run, started.
        published: Of each collection, as `published.published_on` gives it.

    Returns:
        By collection, those with most judging clips first; each with the best validation first.
    """
    rows = rows.sort_values("started", ascending=False, kind="stable")
    keys = rows[GROUP].astype("string").fillna("")
    found = []
    for _, own in keys.groupby(GROUP, sort=False):
        group, names = rows.loc[own.index], own.iloc[0]
        standing = Standing(
            collection=names["collection"],
            protocol=names["protocol"],
            artists=names["artists"],
            clips=int(group["clips"].max()),
            test_clips=int(group["test_clips"].max()),
            test_seen=int(group["test_seen"].max()),
            board=_beside(best_first(_once(group)), published[names["collection"]]),
        )
        found.append(standing)
    return sorted(found, key=lambda s: (s.collection, -s.test_clips, -s.clips, s.protocol))


def published_elsewhere(found: Sequence[Standing], published: pd.DataFrame) -> pd.DataFrame:
    """The published figures of a collection that stand beside none of its models.

    Args:
        found: All standings of the collection.
        published: As `published.published_on` gives it.
    """
    beside = {pair for s in found for pair in zip(s.board["model"], s.board["by"], strict=True)}
    theirs = zip(published["model"], _by(published), strict=True)
    return published[[pair not in beside for pair in theirs]].reset_index(drop=True)


def narrowed(table: pd.DataFrame, approach: str | None, top: int | None) -> pd.DataFrame:
    """The rows of one approach alone, and so many of them; None for all."""
    table = table[table["approach"] == approach] if approach else table
    return table.head(top or len(table))


def _beside(board: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """A board with the best figure that others have published for each of its models."""
    theirs = published.assign(by=_by(published)).drop_duplicates("model").set_index("model")
    return board.assign(
        published=board["model"].map(theirs["accuracy"]), by=board["model"].map(theirs["by"])
    )


def _by(published: pd.DataFrame) -> pd.Series:
    return published["by"] + "; " + published["protocol"]


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """Each model with each of its figures once, of rows that begin with the newest."""
    figures = rows[VALIDATION + TEST].astype(float).round(DIGITS)
    figures = figures.assign(model=rows["model"])
    figures = figures[~figures.duplicated()]
    tested = figures["test_accuracy"].notna()
    known = ["model", *VALIDATION]
    told_by_test = pd.concat([figures[tested], figures[~tested]]).duplicated(known)
    return rows.loc[figures.index[tested | ~told_by_test.reindex(figures.index)]]

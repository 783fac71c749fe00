"""What others have published on a collection, to stand beside what was measured here."""

from pathlib import Path

import pandas as pd

TABLE = Path(__file__).with_name("published.csv")


def published_on(collection: str) -> pd.DataFrame:
    """The published figures of a collection.

    They are quoted, not measured: each with its own protocol, which need not be ours.

    Args:
        collection: As `data.name` gives it, say "fma-small".

    Returns:
        model (by our name where we have the same), approach, accuracy in percent, protocol, by,
        note; best first, possibly no row.
    """
    table = pd.read_csv(TABLE, keep_default_na=False)
    found = table[table["collection"] == collection].drop(columns="collection")
    return found.sort_values("accuracy", ascending=False, kind="stable").reset_index(drop=True)

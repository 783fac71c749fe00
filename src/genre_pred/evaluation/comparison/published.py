"""Published accuracies on a collection, for comparison with measured ones."""

from pathlib import Path

import pandas as pd

TABLE = Path(__file__).with_name("published.csv")


def published_on(collection: str) -> pd.DataFrame:
    """The published figures of a collection.

    They are quoted, not measured. Each has its own protocol, which may differ from ours.

    Args:
        collection: The collection's name (`data.name`), such as "fma-small".

    Returns:
        model (our name for it, if we have the same model), approach, accuracy in percent,
        protocol, by, note; best first, possibly no row.
    """
    table = pd.read_csv(TABLE, keep_default_na=False)
    rows = table[table["collection"] == collection].drop(columns="collection")
    return rows.sort_values("accuracy", ascending=False, kind="stable").reset_index(drop=True)

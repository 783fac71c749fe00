"""Reads and checks published features: tables and arrays with one row per clip."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from genre_pred.datasets.sources.listing import SourceError

SUFFIXES = (".npy", ".parquet", ".csv")
_INDEX = ("clip_id", "window")
FMA_FEATURES = 518  # 74 rows of 7 statistics
GTZAN_FEATURES = 57
# Columns that are no features. An index reveals the genre if rows are sorted by genre.
_NO_FEATURES = frozenset(
    "genre label target class split set fold artist artist_id album album_id track track_id path "
    "index".split()
)


def read_feature_table(path: Path, clip_ids: Sequence[str]) -> pd.DataFrame:
    """Read NAME.npy, NAME.parquet or NAME.csv.

    Args:
        path: An array (n_clips, ...), which is flattened; or a table with a column clip_id; or a
            table without it, in the order of the clips.
        clip_ids: (n_clips,) the clips of the collection.

    Returns:
        clip_id, window (0), then float32 columns; in the order of clip_ids.

    Raises:
        SourceError: If a clip is missing, unknown or listed twice, or a value is not finite.
    """
    if path.suffix == ".npy":
        values = read_array(path)
        if values.ndim < 2:
            raise SourceError(f"{path} has the shape {values.shape}: it must be clips x features")
        check_count(path, len(values), clip_ids)
        flat = values.reshape(len(values), -1)
        names = [f"{path.stem}_{i:0{len(str(flat.shape[1]))}d}" for i in range(flat.shape[1])]
        return as_features(pd.DataFrame(flat, columns=names), clip_ids, path)
    table = _read_table(path).drop(columns="window", errors="ignore")
    if "clip_id" not in table:
        check_count(path, len(table), clip_ids)
        return as_features(table, clip_ids, path)
    ids = table["clip_id"].astype("string")
    if ids.isna().any():
        raise SourceError(f"{path} has a row without clip_id")
    surplus = ids[~ids.isin(clip_ids)]
    if not surplus.empty:
        raise SourceError(
            f"{path} has {len(surplus)} clips that clips.csv does not list "
            f"(such as {surplus.iloc[0]})"
        )
    return as_features(by_clip(table.drop(columns="clip_id"), ids, clip_ids, path), clip_ids, path)


def read_fma_features(path: Path, clip_ids: Sequence[str]) -> pd.DataFrame:
    """Read FMA's features.csv, whose columns are named by feature, statistic and number.

    Args:
        path: The file.
        clip_ids: The tracks wanted, by their ids.

    Returns:
        clip_id, window (0), then 518 float32 columns (such as mfcc_mean_01).

    Raises:
        SourceError: If the layout is different, a track is missing, or a value is not finite.
    """
    try:
        table = pd.read_csv(path, index_col=0, header=[0, 1, 2])
    except ValueError as error:
        raise SourceError(f"{path} is not FMA's features.csv of 2017: {error}") from error
    if table.shape[1] != FMA_FEATURES or table.columns.nlevels != 3:
        raise SourceError(
            f"{path} has {table.shape[1]} features instead of {FMA_FEATURES}: is it FMA's "
            "features.csv of 2017?"
        )
    table.columns = pd.Index(["_".join(map(str, names)) for names in table.columns])
    ids = pd.Series(table.index.astype(str), dtype="string")
    return as_features(by_clip(table, ids, clip_ids, path), clip_ids, path)


def read_gtzan_features(path: Path, clip_ids: Sequence[str]) -> pd.DataFrame:
    """Read GTZAN's features_30_sec.csv: filename, length, 57 features, label.

    Args:
        path: The file.
        clip_ids: The clips wanted, such as blues.00000.

    Returns:
        clip_id, window (0), then 57 float32 columns.

    Raises:
        SourceError: If the layout is different, a clip is missing, or a value is not finite.
    """
    whole = _read_table(path)
    table = whole.drop(columns=["filename", "length", "label"], errors="ignore")
    if table.shape[1] != GTZAN_FEATURES:
        raise SourceError(
            f"{path} has {table.shape[1]} features instead of {GTZAN_FEATURES}: is it GTZAN's "
            "features_30_sec.csv?"
        )
    ids = whole["filename"].astype("string").str.removesuffix(".wav")
    return as_features(by_clip(table, ids, clip_ids, path), clip_ids, path)


def by_clip(
    table: pd.DataFrame, ids: pd.Series, clip_ids: Sequence[str], path: Path
) -> pd.DataFrame:
    """The rows of the given clips, in their order.

    Raises:
        SourceError: If a clip is missing or listed twice.
    """
    twice = ids[ids.duplicated()]
    if not twice.empty:
        raise SourceError(f"{path} has {twice.iloc[0]} twice")
    keyed = table.set_axis(pd.Index(ids.to_numpy(dtype=object)))
    missing = [clip_id for clip_id in clip_ids if clip_id not in keyed.index]
    if missing:
        raise SourceError(
            f"{path} lacks {len(missing)} of {len(clip_ids)} clips (such as {missing[0]})"
        )
    return keyed.loc[list(clip_ids)]


def as_features(table: pd.DataFrame, clip_ids: Sequence[str], path: Path) -> pd.DataFrame:
    """Turn a table of numbers in the order of the clips into a table of descriptors.

    Raises:
        SourceError: If there is no column, or a value is not a finite float32; names clip and
            column.
    """
    names = [str(name) for name in table.columns]
    if not names:
        raise SourceError(f"{path} holds no features")
    if len(set(names)) < len(names) or set(_INDEX) & set(names):
        raise SourceError(
            f"{path} has two columns of the same name, or one called {' or '.join(_INDEX)}"
        )
    leaks = [name for name in names if name.lower() in _NO_FEATURES or name.startswith("Unnamed")]
    if leaks:
        raise SourceError(
            f"{path}: the column {leaks[0]} is not a feature (it may reveal the genre): remove it"
        )
    texts = [name for name in names if not pd.api.types.is_numeric_dtype(table[name])]
    if texts:
        raise SourceError(f"{path}: the column {texts[0]} does not hold numbers")
    with np.errstate(over="ignore"):  # reported below
        values = table.to_numpy(np.float32, na_value=np.nan)
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        row, column = wrong[0]
        others = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise SourceError(
            f"{path}: {names[column]} of {clip_ids[row]} is {values[row, column]}, not a "
            f"finite number{others}"
        )
    index = pd.DataFrame({"clip_id": list(clip_ids), "window": 0})
    return index.join(pd.DataFrame(values, columns=names))


def read_array(path: Path) -> np.ndarray:
    """Open an array of numbers, memory-mapped.

    Raises:
        SourceError: If the file is not an array of numbers.
    """
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise SourceError(f"{path} is not an array of numbers: {error}") from error
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "uif":
        raise SourceError(f"{path} is not an array of numbers")
    return values


def check_count(path: Path, n_rows: int, clip_ids: Sequence[str]) -> None:
    """Check that a file without clip ids has one row per clip.

    Raises:
        SourceError: If it has another number of rows.
    """
    if n_rows != len(clip_ids):
        raise SourceError(f"{path} has {n_rows} rows, but clips.csv has {len(clip_ids)}")


def _read_table(path: Path) -> pd.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        table = pd.read_csv(path)
        if "clip_id" in table:  # a clip may be called NA, or 007
            texts = pd.read_csv(
                path, usecols=["clip_id"], dtype="string", keep_default_na=False, na_values=[""]
            )
            table["clip_id"] = texts["clip_id"]
        return table
    except ValueError as error:  # includes the reading errors of pyarrow and pandas
        raise SourceError(f"{path} is not a table: {error}") from error

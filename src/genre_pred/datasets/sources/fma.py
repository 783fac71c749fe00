"""FMA, the Free Music Archive's data set, in its publisher's layout.

`fma_metadata/tracks.csv` and `fma_small/000/000002.mp3`; see Defferrard et al., "FMA: A Dataset
for Music Analysis", ISMIR 2017. The metadata are CC BY 4.0; each track has its own licence.
"""

from pathlib import Path

import pandas as pd

from genre_pred.core.tables import TEST, TRACK_COLUMNS, TRAIN, VALIDATION
from genre_pred.datasets.sources.listing import SourceError, why_it_may_be_missing

METADATA = "fma_metadata"
SUBSETS = ("small", "medium", "large")
SPLITS = {"training": TRAIN, "validation": VALIDATION, "test": TEST}
COLUMNS = {
    "genre": ("track", "genre_top"),
    "artist": ("artist", "id"),
    "split": ("set", "split"),
    "subset": ("set", "subset"),
}


def read_tracks(root: Path, subset: str, audio: Path | None = None) -> pd.DataFrame:
    """Read the tracks of a subset that have a top genre.

    Args:
        root: The folder that holds fma_metadata and fma_SUBSET.
        subset: small, medium or large; each includes the one before.
        audio: The folder of the audio, if it is not fma_SUBSET in root.

    Returns:
        clip_id (the track's number), path, genre, artist, split.

    Raises:
        SourceError: If the metadata are missing or have another layout.
    """
    tracks = read_metadata(root / METADATA / "tracks.csv", subset)
    audio = audio or root / f"fma_{subset}"
    paths = [(audio / f"{n:06d}"[:3] / f"{n:06d}.mp3").as_posix() for n in map(int, tracks.clip_id)]
    return tracks.assign(path=paths)[list(TRACK_COLUMNS)]


def read_metadata(path: Path, subset: str) -> pd.DataFrame:
    """Read the metadata of the tracks of a subset that have a top genre.

    Args:
        path: The file tracks.csv.
        subset: small, medium or large; each includes the one before.

    Returns:
        clip_id (the track's number), genre, artist, split; sorted by number.

    Raises:
        SourceError: If the file is missing or has another layout.
    """
    if not path.is_file():
        root = path.parent.parent
        raise SourceError(f"{path} is missing: is {root} an FMA tree?{why_it_may_be_missing(root)}")
    try:
        metadata = pd.read_csv(path, index_col=0, header=[0, 1], low_memory=False)
    except ValueError as error:
        raise SourceError(f"{path} is not FMA's tracks.csv of 2017: {error}") from error
    absent = [column for column in COLUMNS.values() if column not in metadata]
    if absent:
        raise SourceError(f"{path} lacks the column {absent[0]}: is it FMA's tracks.csv of 2017?")
    tracks = pd.DataFrame({name: metadata[column] for name, column in COLUMNS.items()})
    wanted = SUBSETS[: SUBSETS.index(subset) + 1]
    tracks = tracks[tracks["subset"].isin(wanted) & tracks["genre"].notna()].sort_index()
    if tracks.empty:
        raise SourceError(f"{path} lists no track of fma_{subset}")
    if tracks.index.has_duplicates:
        raise SourceError(f"{path} has track {tracks.index[tracks.index.duplicated()][0]} twice")
    strange = tracks.loc[~tracks["split"].isin(SPLITS), "split"]
    if not strange.empty:
        raise SourceError(
            f"{path} gives track {strange.index[0]} the split {strange.iloc[0]!r}; known are "
            f"{', '.join(SPLITS)}"
        )
    return tracks.assign(
        clip_id=tracks.index.astype(str),
        artist=tracks["artist"].astype("Int64").astype("string"),
        split=tracks["split"].map(SPLITS),
    )[["clip_id", "genre", "artist", "split"]].reset_index(drop=True)

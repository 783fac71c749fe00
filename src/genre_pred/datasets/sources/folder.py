"""A folder of the user's own music: one sub-folder per genre, and optionally artists.csv."""

from pathlib import Path

import pandas as pd

from genre_pred.core.tables import NO_GENRES, TRACK_COLUMNS
from genre_pred.datasets.sources.listing import SourceError, files_under, why_it_may_be_missing

SOUND = frozenset(
    ".wav .mp3 .flac .ogg .oga .opus .m4a .m4b .aac .mp4 .wma .aif .aiff .au .webm .mka".split()
)


def read_tracks(root: Path) -> pd.DataFrame:
    """Read the tracks of a folder.

    Args:
        root: Holds GENRE/any/depth/song.mp3 and optionally artists.csv (path, artist), where
            path is relative to root.

    Returns:
        clip_id (the path relative to root), path, genre, artist (NA without artists.csv),
        split (NA).

    Raises:
        SourceError: If there is no audio file, a file outside of any genre, or artists.csv does
            not fit the files.
    """
    try:
        sounds = [file for file in files_under(root) if file.suffix.lower() in SOUND]
    except SourceError as error:
        raise SourceError(f"{error}{why_it_may_be_missing(root)}") from None
    if not sounds:
        raise SourceError(
            f"{root} holds no audio files: put your music into {root}/GENRE/song.mp3, "
            f"one sub-folder per genre{why_it_may_be_missing(root)}"
        )
    names = [file.relative_to(root) for file in sounds]
    homeless = [name for name in names if len(name.parts) == 1]
    if homeless:
        raise SourceError(
            f"{len(homeless)} audio files are in no genre's sub-folder of {root} "
            f"(such as {homeless[0]}): move them into one"
        )
    tracks = pd.DataFrame(
        {
            "clip_id": [name.as_posix() for name in names],
            "path": [file.as_posix() for file in sounds],
            "genre": [name.parts[0] for name in names],
            "artist": pd.array([pd.NA] * len(names), dtype="string"),
            "split": pd.array([pd.NA] * len(names), dtype="string"),
        }
    )
    reserved = tracks.loc[tracks["genre"].isin(NO_GENRES), "genre"]
    if not reserved.empty:
        raise SourceError(f"a genre cannot be called {reserved.iloc[0]}: rename the folder")
    if (root / "artists.csv").is_file():
        tracks["artist"] = artists_of(root / "artists.csv", tracks["clip_id"])
    return tracks[list(TRACK_COLUMNS)]


def artists_of(path: Path, clip_ids: pd.Series) -> pd.Series:
    """Read the artist of each clip from artists.csv.

    Args:
        path: The table: path (as the clip_id), artist.
        clip_ids: Paths relative to the table's folder.

    Raises:
        SourceError: If the file is not such a table, or lacks a clip.
    """
    try:
        # Artists may be called NA or None; only an empty cell is unknown.
        table = pd.read_csv(path, dtype="string", keep_default_na=False, na_values=[""])
    except ValueError as error:
        raise SourceError(f"{path} is not a table in UTF-8 with commas: {error}") from error
    if not {"path", "artist"} <= set(table):
        raise SourceError(f"{path} must have the columns path and artist")
    if table["path"].duplicated().any():
        raise SourceError(f"{path} lists {table['path'][table['path'].duplicated()].iloc[0]} twice")
    artists = clip_ids.map(table.set_index("path")["artist"])
    if artists.isna().any():
        raise SourceError(
            f"{path} has no artist for {artists.isna().sum()} of {len(clip_ids)} files "
            f"(such as {clip_ids[artists.isna()].iloc[0]})"
        )
    return artists.astype("string")

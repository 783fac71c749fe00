"""GTZAN: ten genres of a hundred excerpts of 30 s, from the user's own copy.

Tzanetakis and Cook, "Musical genre classification of audio signals", 2002. The official download no
longer works, and no licence allows redistribution. Known faults (repeated recordings, many excerpts
of one artist in a genre): Sturm, "The GTZAN dataset: its contents, its faults", 2013.
"""

import re
import zipfile
from pathlib import Path

import pandas as pd

from genre_pred.config.sections import Data
from genre_pred.core.cache import user_cache
from genre_pred.core.fetch import checksum, fetch
from genre_pred.core.tables import APART_BY, LEFT_OUT, TRACK_COLUMNS
from genre_pred.datasets.sources.archives import ArchiveError, require_space, unpack_tar
from genre_pred.datasets.sources.fault_filtered import FAULT_FILTERED, NAME
from genre_pred.datasets.sources.listing import SourceError, files_under, why_it_may_be_missing

GENRES = tuple("blues classical country disco hiphop jazz metal pop reggae rock".split())
# The md5 of the original genres.tar.gz (the same as in torchaudio.datasets.gtzan).
MD5 = "5b3d6dddb579ab49814ab86dba69e7c7"
ABOUT_BYTES = 1_230_000_000  # size of that archive; a tenth more unpacked
ARCHIVE_NAMES = ("genres.tar.gz", "genres.tar")
# The layouts of the original archive, of its content, and of the copy on Kaggle.
LAYOUTS = (".", "genres", "genres_original", "Data/genres_original")
_CLIP = re.compile(rf"({'|'.join(GENRES)})\.\d{{5}}")


def download(data: Data) -> Path:
    """Find, unpack or download GTZAN.

    Args:
        data: Its path is a folder with GTZAN in one of its layouts, a folder with genres.tar.gz,
            or this archive; its url, if given, is an archive to download instead.

    Returns:
        The folder that holds the ten genres.

    Raises:
        SourceError: If there is no copy, or genres are missing.
        UserError: If the archive cannot be downloaded, has the wrong md5, or the disk has too
            little space.
    """
    if data.url:
        tree = _tree_of(data.md5 or MD5)
        if not tree.is_dir():
            require_space(tree, round(2.1 * ABOUT_BYTES))
            target = tree.with_name("genres.tar.gz")
            unpack_tar(fetch(data.url, target, md5=data.md5 or MD5), tree)
    elif archive := _local_archive(Path(data.path)):
        unpack_tar(archive, _tree_of(_md5_of(archive, data.md5)))
    return unpacked(data)


def unpacked(data: Data) -> Path:
    """The folder of GTZAN's genres, unpacked.

    Raises:
        SourceError: If there is none, or genres are missing.
    """
    root = Path(data.path)
    if data.url:
        root = _tree_of(data.md5 or MD5)
    elif archive := _local_archive(root):
        root = _tree_of(_md5_of(archive, data.md5))
    elif _genres_root(root) is None:
        raise SourceError(
            f"{root} holds no GTZAN, and its official download no longer works: set data.path to "
            "your own copy, a folder with the ten genres or genres.tar.gz (Kaggle has "
            "gtzan-dataset-music-genre-classification, Hugging Face has marsyas/gtzan; both may "
            "need an account), or set data.url to the URL of genres.tar.gz"
            f"{why_it_may_be_missing(root)}"
        )
    genres = _genres_root(root)
    if genres is None:
        raise SourceError(f"{root} holds no GTZAN: download it with dvc repro -f download")
    missing = [genre for genre in GENRES if not (genres / genre).is_dir()]
    if missing:
        raise SourceError(
            f"{genres} has {len(GENRES) - len(missing)} of GTZAN's 10 genres; it has no folder "
            f"{', '.join(missing)}"
        )
    return genres


def read_tracks(root: Path) -> pd.DataFrame:
    """Read the tracks of GTZAN.

    Args:
        root: Holds GENRE/GENRE.000NN.wav (or .au).

    Returns:
        clip_id (blues.00000), path, genre, artist (NA), split and apart_by (see with_split).

    Raises:
        SourceError: If a file is not named like GTZAN's, or a clip exists twice.
    """
    sounds = [
        file
        for genre in GENRES
        for file in files_under(root / genre)
        if file.suffix.lower() in (".wav", ".au")
    ]
    tracks = pd.DataFrame(
        {
            "clip_id": [file.stem for file in sounds],
            "path": [file.as_posix() for file in sounds],
            "genre": [file.relative_to(root).parts[0] for file in sounds],
            "artist": pd.array([pd.NA] * len(sounds), dtype="string"),
        }
    )
    check_names(tracks, root)
    return with_split(tracks)


def check_names(tracks: pd.DataFrame, where: Path) -> None:
    """Check that all clips are named like GTZAN's, and none exists twice.

    Args:
        tracks: clip_id, genre.
        where: The file or folder to name in messages.

    Raises:
        SourceError: Names the first clip that is wrong.
    """
    for clip_id, genre in zip(tracks["clip_id"], tracks["genre"], strict=True):
        named = _CLIP.fullmatch(clip_id)
        if named is None:
            raise SourceError(f"{where} has {clip_id}: GTZAN's clips have names like {genre}.00000")
        if named[1] != genre:
            raise SourceError(f"{where} has {clip_id} as {genre}")
    twice = tracks.loc[tracks["clip_id"].duplicated(), "clip_id"]
    if not twice.empty:
        raise SourceError(f"{where} has {twice.iloc[0]} twice")


def with_split(tracks: pd.DataFrame) -> pd.DataFrame:
    """Give GTZAN's clips the fault-filtered split of Kereliuk, Sturm and Larsen.

    It has no repeated recordings and keeps artists apart. Clips in none of its lists are marked as
    left out.

    Args:
        tracks: The columns of tracks except split.

    Returns:
        The table of tracks, with apart_by.
    """
    split = tracks["clip_id"].map(FAULT_FILTERED).fillna(LEFT_OUT).astype("string")
    return tracks.assign(split=split, **{APART_BY: NAME})[[*TRACK_COLUMNS, APART_BY]]


def _genres_root(root: Path) -> Path | None:
    """The folder that holds most of the genres, or None."""
    n_genres = {
        layout: sum((root / layout / genre).is_dir() for genre in GENRES) for layout in LAYOUTS
    }
    best = max(LAYOUTS, key=n_genres.__getitem__)
    return root / best if n_genres[best] else None


def _local_archive(local: Path) -> Path | None:
    if local.is_file():
        if zipfile.is_zipfile(local):
            raise SourceError(f"{local} is a zip file: unpack it and set data.path to the folder")
        return local
    if _genres_root(local):
        return None
    return next((local / name for name in ARCHIVE_NAMES if (local / name).is_file()), None)


def _md5_of(archive: Path, expected: str | None) -> str:
    md5 = checksum(archive, "md5")
    if expected not in (None, md5):
        raise ArchiveError(f"{archive} has the md5 {md5} instead of data.md5 = {expected}")
    return md5


def _tree_of(md5: str) -> Path:
    return user_cache() / "gtzan" / md5 / "unpacked"

"""Opens a precomputed collection: published features or spectrograms, without the audio.

See open_contents for the layouts.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pandas as pd

from genre_pred.core.progress import bar
from genre_pred.datasets.precomputed.clip_list import (
    SIDES,
    check_genres,
    read_clip_list,
    read_texts,
    with_paths,
)
from genre_pred.datasets.precomputed.features import (
    SUFFIXES,
    read_feature_table,
    read_fma_features,
    read_gtzan_features,
)
from genre_pred.datasets.precomputed.spectrograms import Spectrograms, open_array, open_pictures
from genre_pred.datasets.sources import fma, gtzan
from genre_pred.datasets.sources.listing import (
    SourceError,
    files_under,
    refuse,
    visible_files,
    why_it_may_be_missing,
)

GTZAN_TABLE = "features_30_sec.csv"
PICTURE = ".png"
_LAYOUTS = (
    "clips.csv with features/ or spectrograms.npy, images/GENRE/NAME.png, "
    "train/GENRE/NAME.png, FMA's tracks.csv and features.csv, or GTZAN's features_30_sec.csv"
)


@dataclass(frozen=True)
class Contents:
    """An opened precomputed collection.

    Attributes:
        tracks: The table of tracks; path is the clip's picture or empty.
        files: The files of the collection, by their names in the listing.
        tables: By set of features: a function that reads the features of the given clips.
        spectrograms: By name: the spectrograms of all tracks, read on demand.
    """

    tracks: pd.DataFrame
    files: Mapping[str, Path]
    tables: Mapping[str, Callable[[Sequence[str]], pd.DataFrame]] = field(default_factory=dict)
    spectrograms: Mapping[str, Spectrograms] = field(default_factory=dict)

    def features(self, clip_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
        """All sets of features; the first call reads them.

        Args:
            clip_ids: The clips wanted.

        Returns:
            For each set, a table: clip_id, window (0), float32 columns; in the order of clip_ids.

        Raises:
            SourceError: If a file does not fit the tracks, or a value is not finite.
        """
        return {
            name: table.set_index("clip_id", drop=False).loc[list(clip_ids)].reset_index(drop=True)
            for name, table in self._features.items()
        }

    @cached_property
    def _features(self) -> dict[str, pd.DataFrame]:
        """The features of all tracks, read once for digests and storage."""
        clip_ids = self.tracks["clip_id"].tolist()
        return {name: read(clip_ids) for name, read in self.tables.items()}

    def spectrograms_of(self, clip_ids: Sequence[str]) -> dict[str, Spectrograms]:
        """The spectrograms of the given clips, by name, in the order of clip_ids; not read yet."""
        return {name: every.of(clip_ids) for name, every in self.spectrograms.items()}

    def digests(self) -> list[str]:
        """A digest for each track, over all its features and spectrograms.

        Raises:
            SourceError: As features, and if a spectrogram cannot be read.
        """
        clip_ids = self.tracks["clip_id"].tolist()
        digests = [hashlib.md5() for _ in clip_ids]
        for table in self._features.values():
            values = table.drop(columns=["clip_id", "window"]).to_numpy(np.float32)
            for digest, row in zip(digests, values, strict=True):
                digest.update(row.tobytes())
        for name, spectrograms in self.spectrograms.items():
            progress = bar(spectrograms, doing=f"reading {name}", unit="clip", delay=2)
            for digest, spectrogram in zip(digests, progress, strict=True):
                digest.update(spectrogram.tobytes())
        return [digest.hexdigest() for digest in digests]


def open_contents(root: Path, subset: str) -> Contents:
    """Detect the layout of a folder or file, and open it.

    Args:
        root: One of four layouts. A folder with clips.csv (clip_id, genre, optionally artist and
            split) and features/NAME.npy|parquet|csv, spectrograms.npy or
            images/GENRE/CLIP_ID.png. A folder with pictures only, as images/GENRE/NAME.png or
            {train,validation,test}/GENRE/NAME.png. FMA's metadata with features.csv. A folder with
            GTZAN's features_30_sec.csv, or that file itself.
        subset: The subset of FMA: small, medium or large.

    Returns:
        The contents; files are opened and counted, but not read yet.

    Raises:
        SourceError: If the layout is none of these, or a file is wrong: names the file and the
            mistake.
    """
    if root.is_file():
        return _open_file(root, subset)
    if not root.is_dir():
        raise SourceError(f"{root} does not exist: set data.path{why_it_may_be_missing(root)}")
    if (root / "clips.csv").is_file():
        return _open_folder(root)
    if (root / fma.METADATA / "features.csv").is_file():
        return _open_fma(root / fma.METADATA / "features.csv", subset)
    if (root / "features.csv").is_file():
        return _open_fma(root / "features.csv", subset)
    if (root / GTZAN_TABLE).is_file():
        return _open_gtzan(root / GTZAN_TABLE)
    return _open_pictures(root)


def _open_file(path: Path, subset: str) -> Contents:
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline()
    if first.startswith("feature,"):
        raise SourceError(
            f"{path} needs tracks.csv beside it: set data.path to their folder, {path.parent}"
        )
    if path.suffix == ".csv":
        return _open_gtzan(path)
    raise SourceError(f"{path} is neither FMA's features.csv nor GTZAN's {GTZAN_TABLE}")


def _open_fma(path: Path, subset: str) -> Contents:
    metadata = path.with_name("tracks.csv")
    tracks = fma.read_metadata(metadata, subset)
    return Contents(
        with_paths(tracks),
        {file.name: file for file in (metadata, path)},
        {"fma": partial(read_fma_features, path)},
    )


def _open_gtzan(path: Path) -> Contents:
    table = read_texts(path)
    for column in ("filename", "label"):
        if column not in table:
            raise SourceError(f"{path} lacks the column {column}: is it GTZAN's {GTZAN_TABLE}?")
    cuts = table.loc[table["filename"].str.count(r"\.") > 2, "filename"]
    if not cuts.empty:
        raise SourceError(
            f"{path} has several cuts per track ({cuts.iloc[0]}), which could be on two sides of "
            f"the split: use {GTZAN_TABLE}"
        )
    unknown = table.loc[~table["label"].isin(gtzan.GENRES), ["filename", "label"]]
    if not unknown.empty:
        name, label = unknown.iloc[0]
        raise SourceError(
            f"{path} labels {name} as {label!r}; GTZAN's genres are {', '.join(gtzan.GENRES)}"
        )
    missing = [genre for genre in gtzan.GENRES if genre not in set(table["label"])]
    if missing:
        raise SourceError(f"{path} has no track of GTZAN's genre {', '.join(missing)}")
    tracks = pd.DataFrame(
        {"clip_id": table["filename"].str.removesuffix(".wav"), "genre": table["label"]}
    )
    gtzan.check_names(tracks, path)
    tracks = gtzan.with_split(with_paths(tracks))
    return Contents(tracks, {path.name: path}, {"gtzan": partial(read_gtzan_features, path)})


def _open_folder(root: Path) -> Contents:
    tracks = read_clip_list(root / "clips.csv")
    clip_ids = tracks["clip_id"].tolist()
    files = {"clips.csv": root / "clips.csv"}
    tables: dict[str, Callable[[Sequence[str]], pd.DataFrame]] = {}
    spectrograms: dict[str, Spectrograms] = {}
    features = root / "features"
    for path in files_under(features) if features.is_dir() else []:
        if path.suffix not in SUFFIXES:
            raise SourceError(f"{path} is none of features/NAME{'|'.join(SUFFIXES)}")
        if path.stem in tables:
            raise SourceError(f"{features} has {path.stem} twice: as {path.name} and another")
        tables[path.stem] = partial(read_feature_table, path)
        files[path.relative_to(root).as_posix()] = path
    if (root / "spectrograms.npy").is_file():
        spectrograms["spectrograms"] = open_array(root / "spectrograms.npy", clip_ids)
        files["spectrograms.npy"] = root / "spectrograms.npy"
    elif (root / "images").is_dir():
        paths = _pictures_of(tracks, root / "images")
        tracks = tracks.assign(path=[path.as_posix() for path in paths])
        spectrograms |= open_pictures(paths, clip_ids, root / "spectrograms.json")
        files |= {path.relative_to(root).as_posix(): path for path in paths}
    if not tables and not spectrograms:
        raise SourceError(
            f"{root} has clips.csv, but no features or spectrograms: expected {_LAYOUTS}"
        )
    return Contents(tracks, files | _settings(root), tables, spectrograms)


def _open_pictures(root: Path) -> Contents:
    """Open images/GENRE/NAME.png, or a folder of genres per split; a clip's id is its path."""
    tops = {"images": None} if (root / "images").is_dir() else SIDES
    rows = [
        (path.relative_to(root).with_suffix("").as_posix(), path, path.parent.name, side)
        for top, side in tops.items()
        for path in _pictures_in(root / top)
    ]
    if not rows:
        raise SourceError(f"{root} holds nothing precomputed: expected {_LAYOUTS}")
    clip_ids = [clip_id for clip_id, *_ in rows]
    paths = [path for _, path, *_ in rows]
    tracks = pd.DataFrame(
        {
            "clip_id": clip_ids,
            "path": [path.as_posix() for path in paths],
            "genre": [genre for *_, genre, _ in rows],
            "artist": pd.array([pd.NA] * len(rows), dtype="string"),
            "split": pd.array([side for *_, side in rows], dtype="string"),
        }
    )
    check_genres(tracks, root)
    spectrograms = open_pictures(paths, clip_ids, root / "spectrograms.json")
    files = {path.relative_to(root).as_posix(): path for path in paths} | _settings(root)
    return Contents(tracks, files, spectrograms=spectrograms)


def _pictures_in(folder: Path) -> list[Path]:
    """GENRE/NAME.png in a folder, sorted; none if the folder does not exist."""
    files = visible_files(folder, refuse) if folder.is_dir() else []
    return [file for file in files if file.suffix == PICTURE and file.parent.parent == folder]


def _pictures_of(tracks: pd.DataFrame, images: Path) -> list[Path]:
    paths = [
        images / genre / f"{clip_id}{PICTURE}"
        for clip_id, genre in zip(tracks["clip_id"], tracks["genre"], strict=True)
    ]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise SourceError(
            f"{len(missing)} of {len(paths)} clips have no picture (such as {missing[0]})"
        )
    surplus = set(_pictures_in(images)) - set(paths)
    if surplus:
        raise SourceError(
            f"clips.csv does not list {len(surplus)} pictures (such as {min(surplus)})"
        )
    return paths


def _settings(root: Path) -> dict[str, Path]:
    path = root / "spectrograms.json"
    return {path.name: path} if path.is_file() else {}

"""The sources by name: each one lays out a collection in data/raw and reads its tracks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from genre_pred.config.params import Params
from genre_pred.datasets.precomputed import contents as precomputed
from genre_pred.datasets.sources import demo, fma, fma_archives, folder, gtzan, listing


@dataclass(frozen=True)
class Source:
    """A kind of collection.

    Attributes:
        download: Writes the collection, or a listing of a local one, to a folder. Takes the
            folder, the params and a map over items; returns the number of files.
        tracks: Reads the table of tracks (see core/tables.py) from that folder and the params.
        contents: Opens a precomputed collection; None for collections with audio.
    """

    download: Callable[..., int]
    tracks: Callable[[Path, Params], pd.DataFrame]
    contents: Callable[[Params], precomputed.Contents] | None = None


def _compose(raw: Path, params: Params, each: Callable[..., Any]) -> int:
    return demo.compose(raw, each=each, **params.demo.model_dump())


def _list_local(raw: Path, params: Params, each: Callable[..., Any]) -> int:
    SOURCES[params.data.source].tracks(raw, params)  # fails now, not in the stage clean
    return listing.write_listing(Path(params.data.path), raw, each)


def _download_fma(name: str, raw: Path, params: Params, each: Callable[..., Any]) -> int:
    folders = fma_archives.download(name, Path(params.data.path), params.data.url)
    files: dict[str, Path] = {}
    for archive, unpacked in folders.items():
        files |= listing.named_under(unpacked, f"{archive}/")
    _fma_tracks(name, raw, params)  # fails now, not in the stage clean
    return listing.list_files(files, raw, each)


def _fma_tracks(name: str, raw: Path, params: Params) -> pd.DataFrame:
    folders = fma_archives.unpacked(name, Path(params.data.path))
    metadata = folders[fma.METADATA].parent
    return fma.read_tracks(metadata, fma_archives.SUBSET_OF[name], folders[name])


def _download_gtzan(raw: Path, params: Params, each: Callable[..., Any]) -> int:
    root = gtzan.download(params.data)
    _gtzan_tracks(raw, params)
    return listing.write_listing(root, raw, each)


def _gtzan_tracks(raw: Path, params: Params) -> pd.DataFrame:
    return gtzan.read_tracks(gtzan.unpacked(params.data))


def _contents(params: Params) -> precomputed.Contents:
    return precomputed.open_contents(Path(params.data.path), params.data.subset)


def _list_contents(raw: Path, params: Params, each: Callable[..., Any]) -> int:
    return listing.list_files(_contents(params).files, raw, each)


SOURCES = {
    "demo": Source(_compose, lambda raw, params: fma.read_tracks(raw, "small")),
    **{
        name: Source(partial(_download_fma, name), partial(_fma_tracks, name))
        for name in fma_archives.SUBSET_OF
    },
    "fma": Source(
        _list_local, lambda raw, params: fma.read_tracks(Path(params.data.path), params.data.subset)
    ),
    "gtzan": Source(_download_gtzan, _gtzan_tracks),
    "folder": Source(_list_local, lambda raw, params: folder.read_tracks(Path(params.data.path))),
    "precomputed": Source(
        _list_contents, lambda raw, params: _contents(params).tracks, contents=_contents
    ),
}

"""Where sound comes from: each source lays a collection out in data/raw and reads its tracks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from genre_pred.config.params import Params
from genre_pred.datasets.precomputed import contents as precomputed
from genre_pred.datasets.sources import demo, fma, fma_archives, folder, gtzan, listing


@dataclass(frozen=True)
class Source:
    """A kind of collection.

    Attributes:
        download: Lays the collection, or a listing of one that lies elsewhere, out in a folder:
            takes the folder, the params and a map over items; returns the number of files.
        tracks: Reads the table of tracks (see clips) from that folder.
        contents: Opens what others computed instead of sound; None where there is sound.
    """

    download: Callable[..., int]
    tracks: Callable[[Path, Params], pd.DataFrame]
    contents: Callable[[Params], precomputed.Contents] | None = None


def _compose(raw: Path, params: Params, each: Callable) -> int:
    return demo.compose(raw, each=each, **params.demo.model_dump())


def _list_local(raw: Path, params: Params, each: Callable) -> int:
    SOURCES[params.data.source].tracks(raw, params)  # what cannot be read later stops here
    return listing.write_listing(Path(params.data.path), raw, each)


def _bring_fma(name: str, raw: Path, params: Params, each: Callable) -> int:
    folders = fma_archives.bring(name, Path(params.data.path), params.data.url)
    files: dict[str, Path] = {}
    for each_name, place in folders.items():
        files |= listing.named_under(place, f"{each_name}/")
    _fma_tracks(name, raw, params)  # what cannot be read later stops here
    return listing.list_files(files, raw, each)


def _fma_tracks(name: str, raw: Path, params: Params) -> pd.DataFrame:
    folders = fma_archives.found(name, Path(params.data.path))
    metadata = folders[fma.METADATA].parent
    return fma.read_tracks(metadata, fma_archives.SUBSET_OF[name], folders[name])


def _bring_gtzan(raw: Path, params: Params, each: Callable) -> int:
    root = gtzan.bring(params.data)
    _gtzan_tracks(raw, params)
    return listing.write_listing(root, raw, each)


def _gtzan_tracks(raw: Path, params: Params) -> pd.DataFrame:
    return gtzan.read_tracks(gtzan.found(params.data))


def _contents(params: Params) -> precomputed.Contents:
    return precomputed.open_contents(Path(params.data.path), params.data.subset)


def _list_contents(raw: Path, params: Params, each: Callable) -> int:
    return listing.list_files(_contents(params).files, raw, each)


SOURCES = {
    "demo": Source(_compose, lambda raw, params: fma.read_tracks(raw, "small")),
    **{
        name: Source(partial(_bring_fma, name), partial(_fma_tracks, name))
        for name in fma_archives.SUBSET_OF
    },
    "fma": Source(
        _list_local, lambda raw, params: fma.read_tracks(Path(params.data.path), params.data.subset)
    ),
    "gtzan": Source(_bring_gtzan, _gtzan_tracks),
    "folder": Source(_list_local, lambda raw, params: folder.read_tracks(Path(params.data.path))),
    "precomputed": Source(
        _list_contents, lambda raw, params: _contents(params).tracks, contents=_contents
    ),
}

"""Where sound comes from: each source lays a collection out in data/raw and reads its tracks."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from genre_pred.params import Params
from genre_pred.sources import demo, fma, folder, listing


@dataclass(frozen=True)
class Source:
    """A kind of collection.

    Attributes:
        download: Lays the collection, or a listing of a local one, out in a folder: takes the
            folder, the params and a map over items; returns the number of files.
        tracks: Reads the table of tracks (see clips) from that folder.
    """

    download: Callable[..., int]
    tracks: Callable[[Path, Params], pd.DataFrame]


def _compose(raw: Path, params: Params, each: Callable) -> int:
    return demo.compose(raw, each=each, **params.demo.model_dump())


def _list_local(raw: Path, params: Params, each: Callable) -> int:
    SOURCES[params.data.source].tracks(raw, params)  # what cannot be read later stops here
    return listing.write_listing(Path(params.data.path), raw, each)


SOURCES = {
    "demo": Source(_compose, lambda raw, params: fma.read_tracks(raw, "small")),
    "fma": Source(
        _list_local, lambda raw, params: fma.read_tracks(Path(params.data.path), params.data.subset)
    ),
    "folder": Source(_list_local, lambda raw, params: folder.read_tracks(Path(params.data.path))),
}

"""FMA's archives: where their publisher keeps them, how large they are and what proves them right.

From the README of github.com/mdeff/fma (Defferrard et al., ISMIR 2017). The metadata are CC BY 4.0;
each track has a licence of its own, told in tracks.csv: the sound is never passed on.
"""

from dataclasses import dataclass
from pathlib import Path

from genre_pred.core.cache import user_cache
from genre_pred.core.fetch import checksum, fetch
from genre_pred.datasets.sources.archives import ArchiveError, require_space, unpack_zip
from genre_pred.datasets.sources.fma import METADATA
from genre_pred.datasets.sources.listing import SourceError, why_it_may_be_missing

URL = "https://os.unil.cloud.switch.ch/fma/"
_MIB, _GIB = 1 << 20, 1 << 30


@dataclass(frozen=True)
class Archive:
    """A zip file: its rounded size, about what it holds unpacked, and its sha1."""

    about_bytes: int
    about_bytes_unpacked: int
    sha1: str


ARCHIVES = {
    METADATA: Archive(342 * _MIB, 1500 * _MIB, "f0df49ffe5f2a6008d7dc83c6915b31835dfe733"),
    # MP3 cannot be compressed: the sound takes as much room unpacked.
    "fma_small": Archive(
        7373 * _MIB, 7373 * _MIB, "ade154f733639d52e35e32f5593efe5be76c6d70"
    ),  # 8,000 clips of 30 s
    "fma_medium": Archive(
        22 * _GIB, 22 * _GIB, "c67b69ea232021025fca9231fc1c7c1a063ab50b"
    ),  # 25,000 clips of 30 s
    "fma_large": Archive(
        93 * _GIB, 93 * _GIB, "497109f4dd721066b5ce5e5f250ec604dc78939e"
    ),  # 106,574 clips of 30 s
    "fma_full": Archive(
        879 * _GIB, 879 * _GIB, "0f0ace23fbe9ba30ecb7e95f763e435ea802b8ab"
    ),  # the same tracks, untrimmed
}
# The subset of tracks.csv whose sound an archive holds.
SUBSET_OF = {
    "fma_small": "small",
    "fma_medium": "medium",
    "fma_large": "large",
    "fma_full": "large",
}


def bring(name: str, local: Path, url: str | None) -> dict[str, Path]:
    """Find, unpack or download a collection's sound and metadata.

    Each is taken from where it lies already: unpacked in the local folder or the user's cache, or
    as a zip file in the local folder. The rest is downloaded. What is unpacked goes into the
    cache, never into the local folder, which is read only.

    Args:
        name: The collection, as fma_small.
        local: The folder that may hold NAME/ or NAME.zip, and fma_metadata likewise.
        url: Where NAME.zip is, or None for the publisher's place.

    Returns:
        The folders of the metadata and the sound, by their names.

    Raises:
        SourceError: If the local folder is not there.
        UserError: If an archive cannot be had, is not the publisher's, or finds no room.
    """
    if not local.is_dir():
        raise SourceError(
            f"{local} is not a folder: set data.path to one, with FMA in it or not"
            f"{why_it_may_be_missing(local)}"
        )
    wanted = [each for each in (METADATA, name) if find(each, local) is None]
    require_space(user_cache(), sum(_bytes_to_come(each, local) for each in wanted))
    for each in wanted:
        archive = _verified(each, local) or fetch(
            f"{(url or URL).rstrip('/')}/{each}.zip",
            _cached(f"{each}.zip"),
            sha1=ARCHIVES[each].sha1,
        )
        unpack_zip(archive, _cached(each))
    return found(name, local)


def found(name: str, local: Path) -> dict[str, Path]:
    """Where a collection's metadata and sound lie unpacked.

    Raises:
        SourceError: If one of them does not.
    """
    places = {each: find(each, local) for each in (METADATA, name)}
    for each, place in places.items():
        if place is None:
            raise SourceError(
                f"{each} lies neither in {local} nor in {_cached('')}: "
                "bring it with dvc repro -f download"
            )
    return {each: place for each, place in places.items() if place is not None}


def find(name: str, local: Path) -> Path | None:
    """Where an archive lies unpacked, or None."""
    return next((place for place in (local / name, _cached(name)) if place.is_dir()), None)


def _cached(name: str) -> Path:
    return user_cache() / "fma" / name


def _bytes_to_come(name: str, local: Path) -> int:
    archive = ARCHIVES[name]
    if (local / f"{name}.zip").is_file():
        return archive.about_bytes_unpacked
    here = [_cached(f"{name}.zip"), _cached(f"{name}.zip.part")]
    n_here = sum(path.stat().st_size for path in here if path.is_file())
    unpacked = _cached(f".{name}.part")
    n_unpacked = sum(path.stat().st_size for path in unpacked.rglob("*") if path.is_file())
    return max(0, archive.about_bytes - n_here) + max(0, archive.about_bytes_unpacked - n_unpacked)


def _verified(name: str, local: Path) -> Path | None:
    """The zip file in the local folder, or None if there is none."""
    path = local / f"{name}.zip"
    if not path.is_file():
        return None
    sha1 = checksum(path, "sha1")
    if sha1 != ARCHIVES[name].sha1:
        raise ArchiveError(
            f"{path} is not whole, or not the publisher's: its sha1 is {sha1} instead of "
            f"{ARCHIVES[name].sha1}; take it away, and it is downloaded"
        )
    return path

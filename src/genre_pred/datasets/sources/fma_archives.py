"""FMA's archives: their URL, sizes and checksums, and how they are downloaded and unpacked.

From the README of github.com/mdeff/fma (Defferrard et al., ISMIR 2017). The metadata are CC BY 4.0;
each track has its own licence, given in tracks.csv: the audio is never redistributed.
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
    """A zip file: its approximate size, packed and unpacked, and its sha1."""

    about_bytes: int
    about_bytes_unpacked: int
    sha1: str


ARCHIVES = {
    METADATA: Archive(342 * _MIB, 1500 * _MIB, "f0df49ffe5f2a6008d7dc83c6915b31835dfe733"),
    # MP3 does not compress further: the audio is as large unpacked.
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
# The subset of tracks.csv whose audio an archive holds.
SUBSET_OF = {
    "fma_small": "small",
    "fma_medium": "medium",
    "fma_large": "large",
    "fma_full": "large",
}


def download(name: str, local: Path, url: str | None) -> dict[str, Path]:
    """Find, unpack or download a collection's audio and metadata.

    A copy that exists is used: a folder in the local folder or in the user's cache, or a zip file
    in the local folder. Otherwise the archive is downloaded. Archives are unpacked into the cache,
    never into the local folder, which is only read.

    Args:
        name: The collection, such as fma_small.
        local: The folder that may hold NAME/ or NAME.zip, and fma_metadata likewise.
        url: The URL of the folder of NAME.zip, or None for the publisher's.

    Returns:
        The folders of the metadata and the audio, by archive name.

    Raises:
        SourceError: If the local folder does not exist.
        UserError: If an archive cannot be downloaded, is not the publisher's, or the disk has too
            little space.
    """
    if not local.is_dir():
        raise SourceError(
            f"{local} is not a folder: set data.path to a folder, with or without FMA in it"
            f"{why_it_may_be_missing(local)}"
        )
    wanted = [archive for archive in (METADATA, name) if find(archive, local) is None]
    require_space(user_cache(), sum(_bytes_needed(archive, local) for archive in wanted))
    for archive in wanted:
        path = _verified(archive, local) or fetch(
            f"{(url or URL).rstrip('/')}/{archive}.zip",
            _cached(f"{archive}.zip"),
            sha1=ARCHIVES[archive].sha1,
        )
        unpack_zip(path, _cached(archive))
    return unpacked(name, local)


def unpacked(name: str, local: Path) -> dict[str, Path]:
    """The unpacked folders of a collection's metadata and audio, by archive name.

    Raises:
        SourceError: If one of them does not exist.
    """
    folders = {}
    for archive in (METADATA, name):
        folder = find(archive, local)
        if folder is None:
            raise SourceError(
                f"{archive} is neither in {local} nor in {_cached('')}: "
                "download it with dvc repro -f download"
            )
        folders[archive] = folder
    return folders


def find(name: str, local: Path) -> Path | None:
    """The unpacked folder of an archive, or None."""
    return next((folder for folder in (local / name, _cached(name)) if folder.is_dir()), None)


def _cached(name: str) -> Path:
    return user_cache() / "fma" / name


def _bytes_needed(name: str, local: Path) -> int:
    archive = ARCHIVES[name]
    if (local / f"{name}.zip").is_file():
        return archive.about_bytes_unpacked
    downloads = [_cached(f"{name}.zip"), _cached(f"{name}.zip.part")]
    downloaded = sum(path.stat().st_size for path in downloads if path.is_file())
    unfinished = _cached(f".{name}.part")
    done = sum(path.stat().st_size for path in unfinished.rglob("*") if path.is_file())
    return max(0, archive.about_bytes - downloaded) + max(0, archive.about_bytes_unpacked - done)


def _verified(name: str, local: Path) -> Path | None:
    """The zip file in the local folder, or None if there is none."""
    path = local / f"{name}.zip"
    if not path.is_file():
        return None
    sha1 = checksum(path, "sha1")
    if sha1 != ARCHIVES[name].sha1:
        raise ArchiveError(
            f"{path} is incomplete, or not the publisher's: its sha1 is {sha1} instead of "
            f"{ARCHIVES[name].sha1}; remove it and run again to download it"
        )
    return path

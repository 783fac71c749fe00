"""Published spectrograms: one array, or a picture per clip; read row by row.

In either case a row is (channels, frames, n_mels): time first, the lowest band first.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from genre_pred.datasets.precomputed.features import check_count, read_array
from genre_pred.datasets.sources.listing import SourceError

WHITE = 255


@dataclass(frozen=True)
class Spectrograms:
    """The spectrograms of clips, none of them in memory.

    Attributes:
        clip_ids: (n,) the clips.
        shape: Shape of each spectrogram: channels, frames, n_mels.
        read: Reads a spectrogram by its row in the source.
        rows: (n,) the rows of these clips in the source.
    """

    clip_ids: tuple[str, ...]
    shape: tuple[int, int, int]
    read: Callable[[int], np.ndarray]
    rows: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> np.ndarray:
        """Read one spectrogram: (channels, frames, n_mels) float32, finite.

        Raises:
            SourceError: If it cannot be read, has another shape or is not finite.
        """
        values = self.read(self.rows[place])
        if not np.isfinite(values).all():
            raise SourceError(f"the spectrogram of {self.clip_ids[place]} is not finite")
        return values

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[place] for place in range(len(self)))

    def of(self, clip_ids: Sequence[str]) -> "Spectrograms":
        """The spectrograms of the given clips, in their order."""
        at = dict(zip(self.clip_ids, self.rows, strict=True))
        return replace(
            self, clip_ids=tuple(clip_ids), rows=tuple(at[clip_id] for clip_id in clip_ids)
        )


def open_array(path: Path, clip_ids: Sequence[str]) -> Spectrograms:
    """Open an array of spectrograms.

    Args:
        path: The file spectrograms.npy, (n_clips, n_mels, frames); 8-bit integers are scaled to
            0..1. The first row is the highest band, as in a picture, unless spectrograms.json
            beside it contains {"lowest_band": "first"}.
        clip_ids: (n_clips,) in the order of the array.

    Returns:
        Rows of (1, frames, n_mels).

    Raises:
        SourceError: If the file is not such an array, or has another number of clips.
    """
    values = read_array(path)
    if values.ndim != 3:
        raise SourceError(f"{path} has the shape {values.shape}: it must be clips x bands x frames")
    check_count(path, len(values), clip_ids)
    scale = 255.0 if values.dtype == np.uint8 else 1.0
    flip = _lowest_is_last(path.with_suffix(".json"))

    def read(row: int) -> np.ndarray:
        picture = values[row].astype(np.float32) / np.float32(scale)
        return _time_first(picture[..., None], flip)

    shape = (1, values.shape[2], values.shape[1])
    return Spectrograms(tuple(clip_ids), shape, read, tuple(range(len(values))))


def open_pictures(
    files: Sequence[Path], clip_ids: Sequence[str], settings: Path
) -> dict[str, Spectrograms]:
    """Open pictures, one per clip.

    Args:
        files: (n_clips,) PNG files of one size.
        clip_ids: (n_clips,).
        settings: The path of spectrograms.json, which need not exist; see open_array.

    Returns:
        `images`: rows of (4, width, height), the whole picture in red, green, blue and opacity, 0
        to 1. `spectrograms`: rows of (1, frames, n_mels), the brightness without white margins.
        Colour maps with non-monotonic brightness (such as coolwarm) lose information there.

    Raises:
        SourceError: If the first file is not a picture.
    """
    flip = _lowest_is_last(settings)
    first = _pixels(files[0], None)
    height, width = first.shape[:2]
    top, bottom, left, right = _without_margin(first)

    def read_image(row: int) -> np.ndarray:
        return _time_first(_pixels(files[row], (width, height)), flip)

    def read_grey(row: int) -> np.ndarray:
        pixels = _pixels(files[row], (width, height))[top:bottom, left:right]
        grey = pixels[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
        return _time_first(grey[..., None], flip)

    ids, rows = tuple(clip_ids), tuple(range(len(files)))
    return {
        "images": Spectrograms(ids, (4, width, height), read_image, rows),
        "spectrograms": Spectrograms(ids, (1, right - left, bottom - top), read_grey, rows),
    }


def _pixels(path: Path, size: tuple[int, int] | None) -> np.ndarray:
    """(height, width, 4) float32, 0 to 1."""
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGBA"), np.float32) / np.float32(WHITE)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        # Pillow raises SyntaxError for a broken PNG
        raise SourceError(f"{path} is not a readable picture: {error}") from error
    if size not in (None, pixels.shape[1::-1]):
        raise SourceError(
            f"{path} has {pixels.shape[1::-1]} pixels, but the first picture has {size}"
        )
    return pixels


def _without_margin(pixels: np.ndarray) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the part that is not white; of the whole if all is white."""
    inked = np.any(pixels[..., :3] < 1, axis=-1)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return 0, pixels.shape[0], 0, pixels.shape[1]
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _time_first(picture: np.ndarray, flip: bool) -> np.ndarray:
    """(bands, frames, channels) -> (channels, frames, bands), the lowest band first."""
    bands_up = picture[::-1] if flip else picture
    return np.ascontiguousarray(bands_up.transpose(2, 1, 0))


def _lowest_is_last(path: Path) -> bool:
    if not path.is_file():
        return True
    try:
        settings = json.loads(path.read_text())
    except ValueError as error:
        raise SourceError(f"{path} is not valid JSON: {error}") from error
    match settings:
        case {"lowest_band": ("first" | "last") as which, **rest} if not rest:
            result: bool = which == "last"
            return result
    raise SourceError(f'{path} must be {{"lowest_band": "first"}} or {{"lowest_band": "last"}}')

"""Prediction of many songs, from files and folders, on all cores."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path

from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.config.sections import Compute
from genre_pred.core.errors import UserError, describe_error
from genre_pred.core.parallel.clip_map import CRASHED_WORKER, clip_map
from genre_pred.core.parallel.pool import run_block
from genre_pred.core.progress import bar
from genre_pred.datasets.sources.folder import SOUND
from genre_pred.datasets.sources.listing import visible_files
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.inference.prediction import Prediction

FEW = 2  # up to so many songs are predicted in this process, because starting workers takes longer
SLOW = 5.0  # seconds after which a progress bar appears

log = logging.getLogger(__name__)

FileAnswer = tuple[Path, Prediction | str]  # a str is the reason why there is no prediction


def songs_in(paths: Iterable[Path]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """List the songs in files and folders.

    Args:
        paths: Files are taken whatever their name; folders are searched recursively for files
            with the suffix of an audio file.

    Returns:
        The files, each once; and the folders without audio files or that cannot be read, each
        with the reason.
    """
    songs: dict[Path, None] = {}  # keeps the order
    without = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 raises for a name that is too long
            songs[path] = None
            continue
        unread: list[OSError] = []
        files = visible_files(path, unread.append)
        audio_files = [file for file in files if file.suffix.lower() in SOUND]
        songs |= dict.fromkeys(audio_files)
        without += [(Path(e.filename), f"cannot be read ({e.strerror})") for e in unread]
        if not audio_files and not unread:
            without.append((path, "holds no audio file"))
    return list(songs), without


def predict_files(
    songs: Sequence[Path], classifier: GenreClassifier, settings: Compute
) -> Iterator[FileAnswer]:
    """Predict songs in order; the results do not depend on the number of processes.

    Args:
        songs: Audio files.
        classifier: The classifier; every process loads it once.
        settings: The number of processes.

    Yields:
        Each song with its prediction, or the reason why there is none.

    Raises:
        UserError: If the classifier cannot predict at all.
    """
    answer = partial(_answer_or_reason, folder=classifier.folder)
    if len(songs) > FEW:
        parallel_map = clip_map(settings, "predicting", "song", lost=lambda _: CRASHED_WORKER)
        yield from zip(songs, parallel_map(answer, songs), strict=True)
        return
    # A progress bar for songs that last hours.
    with bar(doing="predicting", unit="part", delay=SLOW, leave=False) as progress:
        answers = run_block(partial(answer, check=progress.update), songs)
    yield from zip(songs, answers, strict=True)


def _answer_or_reason(
    song: Path, folder: Path, check: Callable[[], object] | None = None
) -> Prediction | str:
    classifier = _classifier(folder)
    try:
        return classifier.predict(song, check=check)
    except AudioError as error:
        return error.reason
    except UserError:
        raise  # the classifier itself is unusable
    except Exception as error:  # libraries raise arbitrary errors on malformed files
        log.debug("prediction of %s failed", song, exc_info=True)
        return f"prediction failed: {describe_error(error)}"


@lru_cache(maxsize=1)
def _classifier(folder: Path) -> GenreClassifier:
    return GenreClassifier(folder)

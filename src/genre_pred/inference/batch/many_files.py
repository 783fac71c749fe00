"""Many songs in one run: found in files and folders, heard on every core."""

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

FEW = 2  # songs that are heard in this process: starting others would take longer
SLOW = 5.0  # seconds without an answer, after which it is shown that something happens

log = logging.getLogger(__name__)

FileAnswer = tuple[Path, Prediction | str]  # with the reason where it could not be heard


def songs_in(paths: Iterable[Path]) -> tuple[list[Path], list[tuple[Path, str]]]:
    """Find the songs that are meant by files and folders.

    Args:
        paths: A file is taken whatever its name; of a folder, everything below it that has the
            name of a sound file.

    Returns:
        The files, each once; and folders that hold none or cannot be read, with that as the
        reason.
    """
    songs: dict[Path, None] = {}  # keeps the order
    without = []
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112, which raises of a name that is too long
            songs[path] = None
            continue
        unread: list[OSError] = []
        files = visible_files(path, unread.append)
        found = [file for file in files if file.suffix.lower() in SOUND]
        songs |= dict.fromkeys(found)
        without += [(Path(it.filename), f"cannot be read ({it.strerror})") for it in unread]
        if not found and not unread:
            without.append((path, "holds no sound file"))
    return list(songs), without


def predict_files(
    songs: Sequence[Path], classifier: GenreClassifier, settings: Compute
) -> Iterator[FileAnswer]:
    """Let a classifier answer every song, in their order, to the same digits however many.

    Args:
        songs: Files.
        classifier: Who answers; every process loads it once.
        settings: How many processes.

    Yields:
        Each song with its answer, or the reason why there is none.

    Raises:
        UserError: If the classifier cannot answer at all.
    """
    answer = partial(_answer_or_reason, folder=classifier.folder)
    if len(songs) > FEW:
        each = clip_map(settings, "hearing", "song", lost=lambda _: CRASHED_WORKER)
        yield from zip(songs, each(answer, songs), strict=True)
        return
    # Of one that lasts hours.
    with bar(doing="hearing", unit="part", delay=SLOW, leave=False) as shown:
        answers = run_block(partial(answer, check=shown.update), songs)
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
        raise  # of the classifier: no song can be answered
    except Exception as error:  # a stranger's file: libraries raise of it what they like
        log.debug("%s could not be heard", song, exc_info=True)
        return f"could not be heard: {describe_error(error)}"


@lru_cache(maxsize=1)
def _classifier(folder: Path) -> GenreClassifier:
    return GenreClassifier(folder)

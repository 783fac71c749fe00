"""Training clips to play, as small MP3s within the page.

No folder of this machine is exposed to the browser, and no temporary file has to be deleted.
"""

import base64
import io
import logging
from functools import lru_cache
from pathlib import Path

import soundfile

from genre_pred.apps.web.limits import MOST_SECONDS
from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.excerpts import Recording, read_excerpts
from genre_pred.audio.decoding.reading import measure
from genre_pred.audio.decoding.resampling import resample
from genre_pred.config.sections import Clip
from genre_pred.inference.prediction import Neighbour

RATE = 32_000  # Hz, a sample rate of MP3
REMEMBERED = 64  # clips of about 300 kB
log = logging.getLogger("genre_pred.app")


def excerpt_to_play(near: Neighbour, clip: Clip) -> str | None:
    """The excerpt of a clip that was used in training (the first one, if there are several).

    Args:
        near: The clip.
        clip: The length of the excerpt.

    Returns:
        An MP3 as a data URL; None if the file is missing, too long for the page, cannot be decoded
        or was replaced.
    """
    try:
        status = Path(near.path).stat()
    except OSError:
        return None
    return _excerpt(near.path, near.content, clip, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=REMEMBERED)
def _excerpt(path: str, content: str, clip: Clip, size: int, modified: int) -> str | None:
    """size and modified are part of the cache key, so that a changed file is decoded again."""
    try:
        measured = measure(Path(path), MOST_SECONDS)
        if measured.content != content:
            return None
        recording = Recording(Path(path), measured.sample_rate, measured.n_samples)
        (excerpt, *_) = read_excerpts(recording, clip, 1)
        sound = io.BytesIO()
        waveform = resample(excerpt[: measured.n_samples], measured.sample_rate, RATE)
        soundfile.write(sound, waveform, RATE, format="MP3", subtype="MPEG_LAYER_III")
    except AudioError:
        return None
    except Exception:  # libraries raise arbitrary errors; the page works without this clip
        log.exception("%s cannot be played", path)
        return None
    return f"data:audio/mpeg;base64,{base64.b64encode(sound.getvalue()).decode()}"

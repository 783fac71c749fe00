"""A training clip to listen to: what was learnt from, as a small MP3 within the page itself.

So no folder of this machine is opened to the browser, and nothing is left to delete.
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

RATE = 32_000  # in Hz; one that MP3 has
REMEMBERED = 64  # clips of about 300 kB
log = logging.getLogger("genre_pred.app")


def excerpt_to_play(near: Neighbour, clip: Clip) -> str | None:
    """The stretch of a clip that training took, its first one where there are several.

    Args:
        near: The clip.
        clip: How long the stretch is.

    Returns:
        An MP3 as an address that holds it; None where the sound is not there any more, is longer
        than a song on the page may be, cannot be decoded, or what lies there now is another one.
    """
    try:
        found = Path(near.path).stat()
    except OSError:
        return None
    return _excerpt(near.path, near.content, clip, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=REMEMBERED)
def _excerpt(path: str, content: str, clip: Clip, size: int, modified: int) -> str | None:
    """Its last arguments are the file's state, so that a changed one is heard again."""
    try:
        found = measure(Path(path), MOST_SECONDS)
        if found.content != content:
            return None
        recording = Recording(Path(path), found.sample_rate, found.n_samples)
        (excerpt, *_) = read_excerpts(recording, clip, 1)
        sound = io.BytesIO()
        waveform = resample(excerpt[: found.n_samples], found.sample_rate, RATE)
        soundfile.write(sound, waveform, RATE, format="MP3", subtype="MPEG_LAYER_III")
    except AudioError:
        return None
    except Exception:  # libraries raise what they like: the answer goes out without this sound
        log.exception("%s cannot be played", path)
        return None
    return f"data:audio/mpeg;base64,{base64.b64encode(sound.getvalue()).decode()}"

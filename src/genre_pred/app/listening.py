"""A training clip to listen to: what was learnt from, as a small MP3 within the page itself.

So no folder of this machine is opened to the browser, and nothing is left to delete.
"""

import base64
import io
from functools import lru_cache
from pathlib import Path

import soundfile

from genre_pred.audio.decode import AudioError, measure
from genre_pred.audio.excerpts import Recording, read_excerpts
from genre_pred.audio.front_ends import resample
from genre_pred.params import Clip

RATE = 32_000  # in Hz; one that MP3 has
REMEMBERED = 64  # clips of about 300 kB


@lru_cache(maxsize=REMEMBERED)
def excerpt_to_play(path: str, clip: Clip) -> str | None:
    """The stretch of a clip that training took, its first one where there are several.

    Args:
        path: Of the clip.
        clip: How long the stretch is.

    Returns:
        An MP3 as an address that holds it; None where the sound is not there any more.
    """
    if not Path(path).is_file():
        return None
    try:
        found = measure(Path(path))
        recording = Recording(Path(path), found.sample_rate, found.n_samples)
        (excerpt, *_) = read_excerpts(recording, clip, 1)
    except AudioError:
        return None
    sound = io.BytesIO()
    waveform = resample(excerpt[: found.n_samples], found.sample_rate, RATE)
    soundfile.write(sound, waveform, RATE, format="MP3", subtype="MPEG_LAYER_III")
    return f"data:audio/mpeg;base64,{base64.b64encode(sound.getvalue()).decode()}"

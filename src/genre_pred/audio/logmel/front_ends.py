"""Waveforms to log-mel patches, one front end per family of networks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from genre_pred.audio.logmel.log_mels import decibel_mel, efficientat_log_mel, vggish_log_mel
from genre_pred.core.parallel.pool import one_thread


@dataclass(frozen=True)
class FrontEnd:
    """The settings of the log-mel patches that a family of networks takes.

    Attributes:
        name: Its name in FRONT_ENDS.
        sample_rate: In Hz.
        n_mels: Mel bands per frame.
        hop_length: Samples between frames.
        first_frame_samples: Samples needed for the first frame: the whole window, or at most one
            if frames are centred.
        log_mel: Maps a waveform (samples,) float32 at `sample_rate` to (frames, n_mels) float32.
        cut: Maps a number of frames to n_patches and patch_frames.
        shortest_patch: Number of frames of the shortest patch.
    """

    name: str
    sample_rate: int
    n_mels: int
    hop_length: int
    first_frame_samples: int
    log_mel: Callable[[np.ndarray], np.ndarray]
    cut: Callable[[int], tuple[int, int]]
    shortest_patch: int = 1

    def n_samples(self, clip_seconds: float) -> int:
        """Length in samples of a clip of this many seconds."""
        return round(clip_seconds * self.sample_rate)

    def patch_shape(self, clip_seconds: float) -> tuple[int, int]:
        """Number of whole patches of a clip of this many seconds, and frames per patch."""
        n_after_first = self.n_samples(clip_seconds) - self.first_frame_samples
        return self.cut(max(0, n_after_first // self.hop_length + 1))


def patches_of(patch_frames: int, n_frames: int) -> tuple[int, int]:
    """Cut frames into as many patches of a fixed length as they fill."""
    return n_frames // patch_frames, patch_frames


def fewest_patches(at_most: int, n_frames: int) -> tuple[int, int]:
    """Cut frames into the fewest patches of equal length, of at most so many frames."""
    n_patches = -(-n_frames // at_most)  # rounded up
    return n_patches, n_frames // max(1, n_patches)


def one_patch(n_frames: int) -> tuple[int, int]:
    """Keep all frames in one patch."""
    return min(1, n_frames), n_frames


def waveform_to_patches(waveform: np.ndarray, front_end: FrontEnd) -> np.ndarray:
    """Cut a waveform's log-mel into patches that do not overlap; frames left over are dropped.

    Args:
        waveform: (samples,) float32 at front_end.sample_rate, in -1..1.
        front_end: The front end.

    Returns:
        (n_patches, patch_frames, n_mels) float32, as many as front_end.patch_shape says.

    Raises:
        ValueError: If the waveform is shorter than one patch.
    """
    needed = front_end.first_frame_samples + front_end.hop_length * (front_end.shortest_patch - 1)
    if len(waveform) < needed:
        raise ValueError(
            f"{len(waveform)} samples are too few: one {front_end.name} patch needs {needed} "
            f"at {front_end.sample_rate} Hz"
        )
    with one_thread():  # the last digits of a matrix product depend on the number of threads
        log_mel = front_end.log_mel(waveform)
    n_patches, patch_frames = front_end.cut(len(log_mel))
    # (frames, n_mels) -> (n_patches, patch_frames, n_mels)
    return log_mel[: n_patches * patch_frames].reshape(n_patches, patch_frames, front_end.n_mels)


FRONT_ENDS: dict[str, FrontEnd] = {
    "vggish": FrontEnd(
        name="vggish",
        sample_rate=16_000,
        n_mels=64,
        hop_length=160,
        first_frame_samples=400,
        log_mel=vggish_log_mel,
        cut=partial(patches_of, 96),  # 0.96 s
        shortest_patch=96,
    ),
    "efficientat": FrontEnd(
        name="efficientat",
        sample_rate=32_000,
        n_mels=128,
        hop_length=320,
        first_frame_samples=1,
        log_mel=efficientat_log_mel,
        cut=partial(fewest_patches, 1000),  # 10 s, as long as AudioSet's clips
    ),
    "mel128": FrontEnd(
        name="mel128",
        sample_rate=22_050,
        n_mels=128,
        hop_length=512,
        first_frame_samples=0,
        log_mel=decibel_mel,
        cut=one_patch,
    ),
}

"""Reference implementations: one process, one file at a time, torch on all cores.

S1 is Genre_Pred: the torchvggish package of PyPI (which needs resampy) on MP3s read by soundfile.
Its weights are not downloaded here, but random.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import librosa
import numpy as np
import torch
from scipy import stats
from torch import nn
from torchvggish import vggish_input
from torchvggish.torchvggish import VGG, make_layers

GENRES = 8


def file_to_patches(path: Path) -> torch.Tensor:
    """Patches by torchvggish: (31, 1, 96, 64)."""
    return vggish_input.wavfile_to_examples(str(path))


def librosa_patches(path: Path) -> np.ndarray:
    """Patches by librosa, as in most tutorials, with VGGish's settings: (31, 96, 64)."""
    samples, _ = librosa.load(path, sr=16_000)
    mel = librosa.feature.melspectrogram(
        y=samples, sr=16_000, n_fft=512, hop_length=160, win_length=400, n_mels=64, fmin=125,
        fmax=7500, power=1.0, htk=True, norm=None, center=False,
    )  # fmt: skip
    log_mel = np.log(mel + 0.01).T
    return log_mel[: len(log_mel) // 96 * 96].reshape(-1, 96, 64)


def network(weights: dict[str, torch.Tensor]) -> nn.Module:
    """torchvggish's VGGish, without the PCA for YouTube-8M."""
    net = VGG(make_layers(), postprocess=False)
    net.load_state_dict(weights)
    return net.eval()


def embed_files(net: nn.Module, paths: Sequence[Path]) -> list[np.ndarray]:
    """Embed files one by one."""
    with torch.no_grad():
        return [net(file_to_patches(path)).numpy() for path in paths]


class S1Net(nn.Module):
    """S1's fine-tuned network: VGGish and two linear layers over 31 embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.vggish = VGG(make_layers(), postprocess=False)
        self.head = nn.Sequential(nn.Linear(31 * 128, 256), nn.ReLU(), nn.Linear(256, GENRES))

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """(n, 31, 1, 96, 64) -> (n, 8)."""
        return self.head(self.vggish(patches.flatten(0, 1)).reshape(len(patches), -1))


def training_step(paths: tuple[Path, ...], patches_given: bool = False) -> float:
    """A step of S1's training, of all layers with Adam.

    Args:
        paths: The files of the batch.
        patches_given: Whether its patches are cached; S1 computes them from the files each time.
    """
    net, optimizer = _network_in_training()
    patches = _kept_patches(paths) if patches_given else _patches(paths)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(patches), torch.arange(len(paths)) % GENRES)
    loss.backward()
    optimizer.step()
    return loss.item()


@cache
def _network_in_training() -> tuple[nn.Module, torch.optim.Optimizer]:
    net = S1Net().train()
    return net, torch.optim.Adam(net.parameters())


def _patches(paths: tuple[Path, ...]) -> torch.Tensor:
    return torch.stack([file_to_patches(path).detach() for path in paths])


_kept_patches = cache(_patches)


def fma_features(path: Path) -> np.ndarray:
    """FMA's 518 features at the file's sample rate.

    After compute_features of features.py in github.com/mdeff/fma; rmse is librosa's rms today.
    """
    samples, rate = librosa.load(path, sr=None)
    pitches = np.abs(librosa.cqt(samples, sr=rate, n_bins=84, bins_per_octave=12, tuning=None))
    smooth = librosa.feature.chroma_cens(C=pitches, n_chroma=12, n_octaves=7)
    stft = np.abs(librosa.stft(samples, n_fft=2048, hop_length=512))
    mel = librosa.feature.melspectrogram(sr=rate, S=stft**2)
    families = [
        smooth,
        librosa.feature.chroma_cqt(C=pitches, n_chroma=12, n_octaves=7),
        librosa.feature.chroma_stft(S=stft**2, n_chroma=12),
        librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=20),
        librosa.feature.rms(S=stft),
        librosa.feature.spectral_bandwidth(S=stft, sr=rate),
        librosa.feature.spectral_centroid(S=stft, sr=rate),
        librosa.feature.spectral_contrast(S=stft, sr=rate, n_bands=6),
        librosa.feature.spectral_rolloff(S=stft, sr=rate),
        librosa.feature.tonnetz(chroma=smooth, sr=rate),
        librosa.feature.zero_crossing_rate(samples, frame_length=2048, hop_length=512),
    ]
    return np.concatenate([_seven_statistics(values) for values in families])


def _seven_statistics(values: np.ndarray) -> np.ndarray:
    rows = [values.mean(axis=1), values.std(axis=1), stats.skew(values, axis=1)]
    rows += [stats.kurtosis(values, axis=1), np.median(values, axis=1)]
    return np.concatenate([*rows, values.min(axis=1), values.max(axis=1)])

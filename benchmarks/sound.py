"""From files to patches, embeddings and descriptors."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky import get_reusable_executor
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import reference
from benchmarks.contest import Row, row, timed
from genre_pred.audio.decode import read_samples
from genre_pred.compute import clip_map
from genre_pred.describe import describe_clips
from genre_pred.embed import BACKBONES, load_backbone, lowest_cosine, store_embeddings
from genre_pred.mel import store_patches
from genre_pred.params import Clip, Mel, Params

CLIP = Clip(min_seconds=3.0, clip_seconds=30.0, windows_per_track=1)
TORCHVGGISH = "torchvggish, a file at a time"


class Songs(NamedTuple):
    """What is measured with.

    Attributes:
        clips: clip_id, path, sample_rate, n_samples.
        folder: Where results go.
        params: The repository's settings.
        repeats: How often everything is timed.
    """

    clips: pd.DataFrame
    folder: Path
    params: Params
    repeats: int

    @property
    def paths(self) -> list[Path]:
        """The files."""
        return [Path(path) for path in self.clips["path"]]

    @property
    def work(self) -> str:
        """In words."""
        return f"{len(self.clips)} MP3s of 30 s"

    def map(self) -> Callable:
        """Ours: every core, single-threaded."""
        return clip_map(self.params.compute, "benchmark")

    def patches(self, front_end: str, each: Callable | None = None) -> Path:
        """Decode them all, and store their patches: the array."""
        settings = Mel(front_ends=(front_end,), dtype="float32")
        store_patches(self.clips, CLIP, settings, self.folder / "mel", each or self.map())
        return self.folder / "mel" / f"{front_end}.npy"


def patches_rows(songs: Songs) -> Iterator[Row]:
    """Files into VGGish's patches, against torchvggish and against librosa."""
    taken = timed(
        {
            "torchvggish": lambda: [reference.file_to_patches(path) for path in songs.paths],
            "librosa": lambda: [reference.librosa_patches(path) for path in songs.paths],
            "decoding": lambda: list(songs.map()(_decode, songs.paths)),
            "ours": lambda: songs.patches("vggish"),
        },
        songs.repeats,
    )
    ours, stored = taken["ours"], songs.patches("vggish")
    megabytes = _megabytes([*songs.paths, stored])
    decoding = float(np.median(np.array(taken["decoding"]) / ours))
    heard = np.load(stored, mmap_mode="r")
    theirs = [reference.file_to_patches(path)[:, 0].detach().numpy() for path in songs.paths[:4]]
    apart = np.mean([np.abs(heard[i] - patches).mean() for i, patches in enumerate(theirs)])
    note = (
        f"{decoding:.0%} of it is decoding; log-mels differ by {apart:.4f} on average (resampler)"
    )
    told = {"megabytes": megabytes, "note": note, "at_least": 17.0, "aim": 20.0}
    yield row("patches", songs.work, TORCHVGGISH, taken["torchvggish"], ours, **told)
    how = "librosa.load(sr=16000) and melspectrogram"
    yield row("librosa_patches", songs.work, how, taken["librosa"], ours, megabytes=megabytes)


def embedding_rows(songs: Songs, peak_gflops: float) -> Iterator[Row]:
    """Files into embeddings of VGGish and of mn04, both against torchvggish."""
    backbones = [_Backbone(songs, name) for name in ("vggish", "mn04")]
    theirs = reference.network(backbones[0].net.state_dict())
    # loky takes a worker that grows by 300 MB for leaking, and starts it anew. Workers that begin
    # with VGGish are large from the start, as in the stage, which has them for itself.
    get_reusable_executor().shutdown(wait=True)
    for it in backbones:
        it.files_to_embeddings(each_file=map)
    ways: dict[str, Callable[[], object]] = {
        "torchvggish": lambda: reference.embed_files(theirs, songs.paths)
    }
    ways |= {it.name: it.files_to_embeddings for it in backbones}
    taken = timed(ways, songs.repeats)
    lines = {"vggish": (5.0, 6.5), "mn04": (15.0, 22.0)}
    for it in backbones:
        at_least, aim = lines[it.name]
        cosine = lowest_cosine(it.net, it.patches, it.embeddings, len(songs.clips))
        yield row(
            f"{it.name}_embedding",
            songs.work,
            TORCHVGGISH,
            taken["torchvggish"],
            taken[it.name],
            at_least=at_least,
            aim=aim,
            gflop=it.gflop(),
            megabytes=_megabytes([*songs.paths, it.patches, it.patches, it.embeddings]),
            peak_gflops=peak_gflops,
            note=f"bfloat16, cosine to float32 at least {cosine:.5f} (random weights)",
        )


class _Backbone:
    """Ours, from files to a file of embeddings, in bfloat16."""

    def __init__(self, songs: Songs, name: str) -> None:
        self.songs, self.name = songs, name
        self.net, _ = load_backbone(name, songs.params.weights)
        self.weights = songs.folder / f"{name}.safetensors"
        save_file(self.net.state_dict(), self.weights)
        self.patches = songs.folder / "mel" / f"{BACKBONES[name].front_end}.npy"
        self.embeddings = songs.folder / f"{name}.npy"

    def files_to_embeddings(self, each_file: Callable | None = None) -> None:
        patches, each = self.songs.patches(self.patches.stem, each_file), self.songs.map()
        store_embeddings(self.name, self.weights, patches, "bfloat16", self.embeddings, each)

    def gflop(self) -> float:
        """1e9 operations of the network on all songs, as torch counts them."""
        stored = np.load(self.patches, mmap_mode="r")
        with torch.inference_mode(), FlopCounterMode(display=False) as counted:
            self.net(torch.from_numpy(np.array(stored[0])))
        return counted.get_total_flops() * len(stored) / 1e9


def descriptors_row(songs: Songs) -> Row:
    """FMA's 518 descriptors, against its own way with as many processes."""
    settings = songs.params.descriptors.model_copy(update={"sets": ("fma",)})
    theirs = delayed(reference.fma_features)
    taken = timed(
        {
            "fma": lambda: Parallel(n_jobs=cpu_count())(theirs(path) for path in songs.paths),
            "ours": lambda: describe_clips(songs.clips, CLIP, settings, songs.map()),
        },
        songs.repeats,
    )
    return row(
        "descriptors_fma",
        songs.work,
        "FMA's features.py, as many processes",
        taken["fma"],
        taken["ours"],
        note=f"ours at {settings.sample_rate} Hz for every file, FMA's at each file's own rate",
    )


def _decode(path: Path) -> int:
    return len(read_samples(path)[0])


def _megabytes(paths: list[Path]) -> float:
    return sum(path.stat().st_size for path in paths) / 1e6

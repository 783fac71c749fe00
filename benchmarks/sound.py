"""From files to patches and embeddings."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import reference
from benchmarks.contest import Row, Way, below, row, timed, times_faster
from benchmarks.songs import Songs
from benchmarks.workers import lasting_map
from genre_pred.audio.decoding.reading import read_samples
from genre_pred.config.sections import Weights
from genre_pred.core.parallel.pool import one_thread
from genre_pred.networks.backbones.precision import DTYPES
from genre_pred.networks.embedding.patches_to_embeddings import (
    BACKBONES,
    load_backbone,
    lowest_cosine,
    store_embeddings,
)

TORCHVGGISH = "torchvggish, a file at a time"
APART = 0.01  # log-mels from torchvggish's, on average, at most: its resampler is another one
COMPARED = 4  # files whose answers are held beside torchvggish's
COSINES = {"vggish": 0.9999, "mn04": 0.999}  # to float32, at least
TO_TORCHVGGISH = 0.999  # the cosine, at least, of the same weights' embeddings
LINES = {"vggish": (5.0, 6.5), "mn04": (15.0, 22.0)}  # at least, aim
TRIED = {
    "vggish": "several clips in a batch would share the reading of the linear layers' weights, and "
    "a prediction of one clip would then have other last digits; in bfloat16 OpenVINO took a tenth "
    "less, and would be one more library",
    "mn04": "two clips in a batch would take 10 to 15 % less, and a prediction of one clip would "
    "then have other last digits",
}


def weights_at_hand(weights: Weights) -> Weights:
    """The repository's, but mn04's published ones where they lie beside GENRE_PRED_TEST_DATA."""
    data = os.environ.get("GENRE_PRED_TEST_DATA", "")
    published = Path(data).parent / "weights" / "mn04_as_mAP_432.pt"
    if weights.mn04 != "random" or not data or not published.is_file():
        return weights
    return weights.model_copy(update={"mn04": str(published)})


def patches_rows(songs: Songs) -> Iterator[Row]:
    """Files into VGGish's patches, against torchvggish and, where there is time, librosa.

    Both leave them in this process's memory; what it takes to store them as well, as the stage
    does, is a row of its own.
    """
    answers: dict[str, list[np.ndarray]] = {}
    with lasting_map(songs.params) as each:
        ways: dict[str, Way] = {
            "torchvggish": lambda: [reference.file_to_patches(path) for path in songs.paths],
            "decoding": lambda: list(each(_decode, songs.paths)),
            "ours": lambda: answers.update(ours=songs.heard("vggish", each)),
            "stored": lambda: songs.patches("vggish", each),
        }
        if songs.repeats > 1:
            ways |= {
                "librosa": lambda: [reference.librosa_patches(path) for path in songs.paths],
                "one core": lambda: _on_one_core(lambda: songs.heard("vggish")),
            }
        taken = timed(ways, songs.repeats, before=_awake(songs, each))
    ours, stored = taken["ours"], songs.folder / "mel" / "vggish.npy"
    megabytes = _megabytes(songs.paths)
    decoding = float(np.median(np.array(taken["decoding"]) / ours))
    theirs = [reference.file_to_patches(path)[:, 0] for path in songs.paths[:COMPARED]]
    heard = np.stack(answers["ours"][: len(theirs)])
    apart = np.abs(heard - torch.stack(theirs).detach().numpy()).mean()
    yield row(
        "patches",
        songs.work,
        TORCHVGGISH,
        taken["torchvggish"],
        ours,
        megabytes=megabytes,
        clips=len(songs.clips),
        lost="" if apart <= APART else f"its log-mels differ by {apart:.4f}, above {APART}",
        at_least=17.0,
        aim=20.0,
        limit="miniaudio decodes in a sixth less time, and would be one more library; decoding "
        f"alone would be {times_faster(taken['torchvggish'], taken['decoding']):.0f} times",
        note=f"{_per_core(taken)}{decoding:.0%} of it is decoding; log-mels differ by "
        f"{apart:.4f} on average (resampler)",
    )
    yield row(
        "patches_stored",
        songs.work,
        f"{TORCHVGGISH}, not stored",
        taken["torchvggish"],
        taken["stored"],
        megabytes=megabytes + _megabytes([stored]),
        clips=len(songs.clips),
    )
    if "librosa" not in taken:
        return
    how = "librosa.load(sr=16000) and melspectrogram"
    yield row("librosa_patches", songs.work, how, taken["librosa"], ours, megabytes=megabytes)


def embedding_rows(
    songs: Songs, precisions: Sequence[str], peak_gflops: Mapping[torch.dtype, float]
) -> Iterator[Row]:
    """Files into embeddings of VGGish and of mn04, each against torchvggish.

    Where there is one turn only, mn04 embeds three songs: its ratio hardly depends on how many.

    Args:
        songs: What is heard.
        precisions: The one that has the lines, then others.
        peak_gflops: 1e9 operations a second, by precision.
    """
    fewer = songs if songs.repeats > 1 else songs._replace(clips=songs.clips.head(3))
    for name, songs_of_it in (("vggish", songs), ("mn04", fewer)):
        yield from network_rows(songs_of_it, name, precisions, peak_gflops)


def network_rows(
    songs: Songs, name: str, precisions: Sequence[str], peak_gflops: Mapping[torch.dtype, float]
) -> Iterator[Row]:
    """Files into a network's embeddings, in the precision that has the lines, then in others."""
    with lasting_map(songs.params) as each:
        ours = {precision: _Backbone(songs, name, precision) for precision in precisions}
        quicker = ours[precisions[0]]
        vggish, _ = load_backbone("vggish", songs.params.weights)
        theirs = reference.network(vggish.state_dict())
        ways: dict[str, Way] = {
            "torchvggish": lambda: reference.embed_files(theirs, songs.paths),
            "patches": lambda: songs.patches(quicker.patches.stem, each),
        }
        for precision, backbone in ours.items():
            ways[precision] = partial(backbone.files_to_embeddings, each)
        if songs.repeats > 1:
            ways["one core"] = lambda: _on_one_core(quicker.files_to_embeddings)
        taken = timed(ways, songs.repeats, before=_awake(songs, each))
    few = reference.embed_files(theirs, songs.paths[:COMPARED]) if name == "vggish" else []
    for precision, backbone in ours.items():
        peak = peak_gflops[DTYPES[precision]]
        cosine = lowest_cosine(
            backbone.net, backbone.patches, backbone.embeddings, len(songs.clips)
        )
        note = f"{precision}, cosine to float32 at least {cosine:.5f}"
        lost = [below("its cosine to float32", cosine, COSINES[name])]
        if few:
            heard = np.load(backbone.embeddings, mmap_mode="r")[: len(few)]
            # torchvggish's last ReLU is its own
            same = _lowest_cosine(np.maximum(heard, 0), np.stack(few))
            note += f", behind a ReLU to torchvggish's {same:.5f}"
            lost.append(below("its cosine to torchvggish's", same, TO_TORCHVGGISH))
        step, lines = f"{name}_embedding_{precision}", {}
        if backbone is quicker:
            step, note = f"{name}_embedding", _per_core(taken) + note
            at_best = [seconds + backbone.gflop / peak for seconds in taken["patches"]]
            limit = times_faster(taken["torchvggish"], at_best)
            told = f"with the network at the cores' peak it would be {limit:.1f}; {TRIED[name]}"
            lines = {**dict(zip(("at_least", "aim"), LINES[name], strict=True)), "limit": told}
        yield row(
            step,
            songs.work,
            TORCHVGGISH if name == "vggish" else f"{TORCHVGGISH}: a larger network",
            taken["torchvggish"],
            taken[precision],
            precision=precision,
            gflop=backbone.gflop,
            megabytes=_megabytes(
                [*songs.paths, backbone.patches, backbone.patches, backbone.embeddings]
            ),
            peak_gflops=peak,
            clips=len(songs.clips),
            lost="; ".join(filter(None, lost)),
            note=f"{note}; weights: {backbone.loaded}",
            **lines,
        )


class _Backbone:
    """Ours, from files to a file of embeddings."""

    def __init__(self, songs: Songs, name: str, precision: str) -> None:
        self.songs, self.name, self.precision = songs, name, precision
        self.net, self.loaded = load_backbone(name, weights_at_hand(songs.params.weights))
        self.weights = songs.folder / f"{name}.safetensors"
        save_file(self.net.state_dict(), self.weights)
        self.patches = songs.folder / "mel" / f"{BACKBONES[name].front_end}.npy"
        self.embeddings = songs.folder / f"{name} {precision}.npy"

    def embed(self, each: Callable = map) -> None:
        """The patches that are stored."""
        where = self.embeddings
        store_embeddings(self.name, self.weights, self.patches, self.precision, where, each)

    def files_to_embeddings(self, each: Callable = map) -> None:
        self.songs.patches(self.patches.stem, each)
        self.embed(each)

    @cached_property
    def gflop(self) -> float:
        """1e9 operations of the network on all songs, as torch counts them."""
        stored = np.load(self.patches, mmap_mode="r")
        with torch.inference_mode(), FlopCounterMode(display=False) as counted:
            self.net(torch.from_numpy(np.array(stored[0])))
        return counted.get_total_flops() * len(stored) / 1e9


def _awake(songs: Songs, each: Callable) -> Way:
    """Work for a moment: in a stage workers never sleep, here they do while another way runs."""
    return lambda: list(each(_decode, songs.paths))


def _lowest_cosine(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Of embeddings that lie along the last axis."""
    pair = torch.from_numpy(ours), torch.from_numpy(theirs)
    return float(torch.cosine_similarity(*pair, dim=-1).min())


def _on_one_core(way: Way) -> None:
    with one_thread():
        way()


def _per_core(taken: Mapping[str, list[float]]) -> str:
    if "one core" not in taken:
        return ""
    ratio = times_faster(taken["torchvggish"], taken["one core"])
    return f"on one core, in this process with one thread: {ratio:.1f} times; "


def _decode(path: Path) -> int:
    return len(read_samples(path)[0])


def _megabytes(paths: list[Path]) -> float:
    return sum(path.stat().st_size for path in paths) / 1e6

"""Benchmarks of patches and embeddings, from files."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import reference
from benchmarks.songs import Songs
from benchmarks.timing import Row, Way, below, row, timed, times_faster
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

TORCHVGGISH = "torchvggish, one file at a time"
APART = 0.01  # largest mean difference of log-mels to torchvggish, which resamples differently
COMPARED = 4  # files whose results are compared with torchvggish's
COSINES = {"vggish": 0.9999, "mn04": 0.999}  # lowest cosine to float32
TO_TORCHVGGISH = 0.999  # lowest cosine of embeddings with equal weights
TARGETS = {"vggish": (5.0, 6.5), "mn04": (15.0, 22.0)}  # at least, aim
TRIED = {
    "vggish": "batches of several clips would read the linear layers' weights less often, but the "
    "last digits of a prediction would depend on the batch; OpenVINO in bfloat16 took a tenth "
    "less, but is one more dependency",
    "mn04": "batches of two clips would take 10 to 15 % less, but the last digits of a prediction "
    "would depend on the batch",
}


def local_weights(weights: Weights) -> Weights:
    """The repository's weights, with mn04's published ones if they are beside the test data."""
    data = os.environ.get("GENRE_PRED_TEST_DATA", "")
    published = Path(data).parent / "weights" / "mn04_as_mAP_432.pt"
    if weights.mn04 != "random" or not data or not published.is_file():
        return weights
    return weights.model_copy(update={"mn04": str(published)})


def patches_rows(songs: Songs) -> Iterator[Row]:
    """Time VGGish's patches from files against torchvggish and, unless quick, librosa.

    All return the patches in memory; storing them too, as the stage does, is a separate row.
    """
    results: dict[str, list[np.ndarray]] = {}
    with lasting_map(songs.params) as each:
        ways: dict[str, Way] = {
            "torchvggish": lambda: [reference.file_to_patches(path) for path in songs.paths],
            "decoding": lambda: list(each(_decode, songs.paths)),
            "ours": lambda: results.update(ours=songs.decode_patches("vggish", each)),
            "stored": lambda: songs.patches("vggish", each),
        }
        if songs.repeats > 1:
            ways |= {
                "librosa": lambda: [reference.librosa_patches(path) for path in songs.paths],
                "one core": lambda: _on_one_core(lambda: songs.decode_patches("vggish")),
            }
        taken = timed(ways, songs.repeats, before=_awake(songs, each))
    ours, stored = taken["ours"], songs.folder / "mel" / "vggish.npy"
    megabytes = _megabytes(songs.paths)
    decoding = float(np.median(np.array(taken["decoding"]) / ours))
    theirs = [reference.file_to_patches(path)[:, 0] for path in songs.paths[:COMPARED]]
    own = np.stack(results["ours"][: len(theirs)])
    difference = np.abs(own - torch.stack(theirs).detach().numpy()).mean()
    yield row(
        "patches",
        songs.work,
        TORCHVGGISH,
        taken["torchvggish"],
        ours,
        megabytes=megabytes,
        clips=len(songs.clips),
        lost=""
        if difference <= APART
        else f"its log-mels differ by {difference:.4f}, above {APART}",
        at_least=17.0,
        aim=20.0,
        limit="miniaudio decodes in a sixth less time, but is one more dependency; decoding "
        f"alone would be {times_faster(taken['torchvggish'], taken['decoding']):.0f} times",
        note=f"{_per_core(taken)}{decoding:.0%} of the time is decoding; log-mels differ by "
        f"{difference:.4f} on average (resampler)",
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
    """Time embeddings of VGGish and of mn04 from files, each against torchvggish.

    With one turn only, mn04 embeds three songs: its ratio hardly depends on their number.

    Args:
        songs: The songs.
        precisions: The precision with targets, then others.
        peak_gflops: 1e9 operations per second, by precision.
    """
    fewer = songs if songs.repeats > 1 else songs._replace(clips=songs.clips.head(3))
    for name, network_songs in (("vggish", songs), ("mn04", fewer)):
        yield from network_rows(network_songs, name, precisions, peak_gflops)


def network_rows(
    songs: Songs, name: str, precisions: Sequence[str], peak_gflops: Mapping[torch.dtype, float]
) -> Iterator[Row]:
    """Time a network's embeddings from files, in the precision with targets, then in others."""
    with lasting_map(songs.params) as each:
        ours = {precision: _Backbone(songs, name, precision) for precision in precisions}
        faster = ours[precisions[0]]
        vggish, _ = load_backbone("vggish", songs.params.weights)
        theirs = reference.network(vggish.state_dict())
        ways: dict[str, Way] = {
            "torchvggish": lambda: reference.embed_files(theirs, songs.paths),
            "patches": lambda: songs.patches(faster.patches.stem, each),
        }
        for precision, backbone in ours.items():
            ways[precision] = partial(backbone.files_to_embeddings, each)
        if songs.repeats > 1:
            ways["one core"] = lambda: _on_one_core(faster.files_to_embeddings)
        taken = timed(ways, songs.repeats, before=_awake(songs, each))
    references = reference.embed_files(theirs, songs.paths[:COMPARED]) if name == "vggish" else []
    for precision, backbone in ours.items():
        peak = peak_gflops[DTYPES[precision]]
        cosine = lowest_cosine(
            backbone.net, backbone.patches, backbone.embeddings, len(songs.clips)
        )
        note = f"{precision}, cosine to float32 at least {cosine:.5f}"
        lost = [below("its cosine to float32", cosine, COSINES[name])]
        if references:
            own = np.load(backbone.embeddings, mmap_mode="r")[: len(references)]
            # torchvggish ends with a ReLU
            same = _lowest_cosine(np.maximum(own, 0), np.stack(references))
            note += f", after a ReLU to torchvggish's {same:.5f}"
            lost.append(below("its cosine to torchvggish's", same, TO_TORCHVGGISH))
        step, targets = f"{name}_embedding_{precision}", {}
        if backbone is faster:
            step, note = f"{name}_embedding", _per_core(taken) + note
            at_best = [seconds + backbone.gflop / peak for seconds in taken["patches"]]
            limit = times_faster(taken["torchvggish"], at_best)
            limit_text = f"with the network at the cores' peak, the ratio would be {limit:.1f}; "
            limit_text += TRIED[name]
            targets = {
                **dict(zip(("at_least", "aim"), TARGETS[name], strict=True)),
                "limit": limit_text,
            }
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
            **targets,
        )


class _Backbone:
    """Our backbone, from files to a file of embeddings."""

    def __init__(self, songs: Songs, name: str, precision: str) -> None:
        self.songs, self.name, self.precision = songs, name, precision
        self.net, self.loaded = load_backbone(name, local_weights(songs.params.weights))
        self.weights = songs.folder / f"{name}.safetensors"
        save_file(self.net.state_dict(), self.weights)
        self.patches = songs.folder / "mel" / f"{BACKBONES[name].front_end}.npy"
        self.embeddings = songs.folder / f"{name} {precision}.npy"

    def embed(self, each: Callable = map) -> None:
        """Embed the stored patches."""
        path = self.embeddings
        store_embeddings(self.name, self.weights, self.patches, self.precision, path, each)

    def files_to_embeddings(self, each: Callable = map) -> None:
        self.songs.patches(self.patches.stem, each)
        self.embed(each)

    @cached_property
    def gflop(self) -> float:
        """1e9 operations of the network on all songs, counted by torch."""
        stored = np.load(self.patches, mmap_mode="r")
        with torch.inference_mode(), FlopCounterMode(display=False) as counted:
            self.net(torch.from_numpy(np.array(stored[0])))
        return counted.get_total_flops() * len(stored) / 1e9


def _awake(songs: Songs, each: Callable) -> Way:
    """Wake the workers by decoding: in a stage they are never idle, here they are between turns."""
    return lambda: list(each(_decode, songs.paths))


def _lowest_cosine(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The lowest cosine of embeddings along the last axis."""
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

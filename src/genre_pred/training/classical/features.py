"""Feature sets: the input of a classifier, one entry each.

Summaries work on any number of rows, so that training and prediction use the same functions.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from genre_pred.core.errors import UserError, unknown_name
from genre_pred.core.patch_store import open_patches
from genre_pred.core.tables import read_table

Approach = Literal["embedding", "finetune", "descriptors", "baseline"]
MFCC_CONTRAST = ("mfcc", "spectral_contrast")
CHROMA_CENTROID = (*MFCC_CONTRAST, "chroma_cens", "spectral_centroid")


@dataclass(frozen=True)
class FeatureSet:
    """The input of a classifier: a source, a summary of it and the preprocessing.

    Attributes:
        kind: The folder of the source: embeddings, finetuned, descriptors or mel.
        origin: The backbone, network, descriptor set or front end in it.
        summarise: Maps (n_rows, ...) of the source to (n_rows, n_features).
        approach: The approach that it belongs to in the comparison; a baseline is the score that
            the others must beat.
        families: The families to read of descriptors whose columns are FAMILY_STATISTIC_NUMBER;
            empty for all columns.
        drop_constant: Whether columns that are constant over the training clips are dropped.
        scale: Whether a StandardScaler follows.
        pca: Whether a PCA follows the scaler.
    """

    kind: Literal["embeddings", "finetuned", "descriptors", "mel"]
    origin: str
    summarise: Callable[[np.ndarray], np.ndarray]
    approach: Approach
    families: tuple[str, ...] = ()
    drop_constant: bool = False
    scale: bool = True
    pca: bool = False


def flatten(values: np.ndarray) -> np.ndarray:
    """Reshape (n_rows, ...) into (n_rows, n_features), float32."""
    return values.reshape(len(values), -1).astype(np.float32, copy=False)


def patch_statistics(embeddings: np.ndarray) -> np.ndarray:
    """(n_rows, n_patches, size) into mean and deviation over patches, (n_rows, 2 size)."""
    return np.concatenate([embeddings.mean(axis=1), embeddings.std(axis=1)], axis=1)


def log_mel_statistics(patches: np.ndarray) -> np.ndarray:
    """(n_rows, n_patches, frames, n_mels) into mean and deviation over frames, (n_rows, 2 n_mels).

    Row by row, because the patches of a collection may not fit into memory.
    """
    rows = (row.reshape(-1, row.shape[-1]).astype(np.float32) for row in patches)
    return np.stack([np.concatenate([row.mean(axis=0), row.std(axis=0)]) for row in rows])


def _of_fma(*families: str) -> FeatureSet:
    return FeatureSet("descriptors", "fma", flatten, "descriptors", families)


def _pooled(backbone: str) -> FeatureSet:
    # Channels that no clip of a collection activates are constant and carry no information.
    return FeatureSet("embeddings", backbone, patch_statistics, "embedding", drop_constant=True)


FEATURE_SETS: dict[str, FeatureSet] = {
    "vggish": FeatureSet("embeddings", "vggish", flatten, "embedding", scale=False),
    "vggish_pca": FeatureSet("embeddings", "vggish", flatten, "embedding", pca=True),
    "vggish_stats": FeatureSet("embeddings", "vggish", patch_statistics, "embedding"),
    "mn04": _pooled("mn04"),
    "mn10": _pooled("mn10"),
    "mn20": _pooled("mn20"),
    "mn40": _pooled("mn40"),
    "mfcc": FeatureSet("descriptors", "mfcc", flatten, "descriptors"),
    "gtzan": FeatureSet("descriptors", "gtzan", flatten, "descriptors"),
    "fma": FeatureSet("descriptors", "fma", flatten, "descriptors"),
    # Each family, and the combinations of FMA's baselines.ipynb and of its paper's table.
    "fma_chroma_cens": _of_fma("chroma_cens"),
    "fma_chroma_cqt": _of_fma("chroma_cqt"),
    "fma_chroma_stft": _of_fma("chroma_stft"),
    "fma_mfcc": _of_fma("mfcc"),
    "fma_rmse": _of_fma("rmse"),
    "fma_spectral_bandwidth": _of_fma("spectral_bandwidth"),
    "fma_spectral_centroid": _of_fma("spectral_centroid"),
    "fma_spectral_contrast": _of_fma("spectral_contrast"),
    "fma_spectral_rolloff": _of_fma("spectral_rolloff"),
    "fma_tonnetz": _of_fma("tonnetz"),
    "fma_zcr": _of_fma("zcr"),
    "fma_mfcc_contrast": _of_fma(*MFCC_CONTRAST),
    "fma_mfcc_contrast_chroma": _of_fma(*MFCC_CONTRAST, "chroma_cens"),
    "fma_mfcc_contrast_centroid": _of_fma(*MFCC_CONTRAST, "spectral_centroid"),  # its best cell
    "fma_mfcc_contrast_chroma_centroid": _of_fma(*CHROMA_CENTROID),
    "fma_mfcc_contrast_chroma_centroid_tonnetz": _of_fma(*CHROMA_CENTROID, "tonnetz"),
    "fma_mfcc_contrast_chroma_centroid_zcr": _of_fma(*CHROMA_CENTROID, "zcr"),
    "spectrograms": FeatureSet("mel", "spectrograms", flatten, "descriptors", pca=True),
    "spectrogram_stats": FeatureSet("mel", "spectrograms", log_mel_statistics, "descriptors"),
    "log_mel_stats": FeatureSet("mel", "vggish", log_mel_statistics, "baseline"),
    # No scaler: all features share one unit, and a scaled copy of every patch costs memory.
    "log_mel_pca": FeatureSet("mel", "vggish", flatten, "baseline", scale=False, pca=True),
}


OWN = frozenset(spec.origin for spec in FEATURE_SETS.values() if spec.kind == "descriptors")


def named_features(name: str) -> FeatureSet | None:
    """The built-in feature set of a name, or None.

    NETWORK_finetuned and NETWORK_finetuned_pca are the features that a fine-tuned network computes.
    """
    match = re.fullmatch(r"(.+)_finetuned(_pca)?", name)
    if match:
        return FeatureSet("finetuned", match[1], flatten, "finetune", pca=bool(match[2]))
    return FEATURE_SETS.get(name)


def feature_set(name: str, data: Path) -> FeatureSet:
    """The feature set of a name: one of FEATURE_SETS, or a table of a precomputed collection.

    A precomputed table takes precedence over an embedding of the same name, but not over the
    descriptors that this package computes. NAME_pca is the table NAME followed by a PCA.

    Args:
        name: The name of the feature set.
        data: The folder that holds descriptors/.

    Raises:
        UserError: If the name is unknown.
    """
    known = named_features(name)
    for origin in (name, name.removesuffix("_pca")):
        if origin not in OWN and (data / "descriptors" / f"{origin}.parquet").is_file():
            embedding = origin in FEATURE_SETS and FEATURE_SETS[origin].kind == "embeddings"
            approach: Approach = "embedding" if embedding else "descriptors"
            return FeatureSet("descriptors", origin, flatten, approach, pca=origin != name)
    if known is None:
        stored = [path.stem for path in (data / "descriptors").glob("*.parquet")]
        with_pca = {f"{origin}_pca" for origin in {*stored} - OWN}
        names = unknown_name(name, {*FEATURE_SETS, *stored, *with_pca})
        raise UserError(
            f"classical.features names {names}, NETWORK_finetuned, NETWORK_finetuned_pca"
        )
    return known


def stored_files(name: str, data: Path) -> list[Path]:
    """The one or two files that a feature set is read from.

    Args:
        name: The name of the feature set.
        data: The folder that holds mel/, descriptors/, embeddings/ and finetuned/.

    Raises:
        UserError: If the name is unknown, or its files were not computed.
    """
    spec = feature_set(name, data)
    folder = data / spec.kind
    files = [folder / f"{spec.origin}{suffix}" for suffix in (".npy", ".parquet")]
    present = [file for file in files if file.is_file()]
    if not present:
        how = "set finetune.embed" if spec.kind == "finetuned" else "add it to the stage before"
        raise UserError(f"features {name} need {spec.origin} in {folder}: {how}")
    return present


def read_features(name: str, data: Path) -> tuple[np.ndarray, pd.DataFrame]:
    """Read a feature set from the files of the earlier stages.

    Args:
        name: The name of the feature set.
        data: The folder that holds mel/, descriptors/, embeddings/ and finetuned/.

    Returns:
        (n_rows, n_features) float32, memory-mapped if the file has this layout; and the index of
        its rows (clip_id, window).

    Raises:
        UserError: As `stored_files`.
        ValueError: If a value is not finite.
    """
    stored_files(name, data)
    spec = feature_set(name, data)
    folder = data / spec.kind
    match spec.kind:
        case "embeddings" | "finetuned":
            values = np.load(folder / f"{spec.origin}.npy", mmap_mode="r")
            index = read_table(folder / f"{spec.origin}.parquet")
        case "descriptors":
            table = read_table(folder / f"{spec.origin}.parquet")
            index = table[["clip_id", "window"]]
            descriptors = table.drop(columns=["clip_id", "window"])
            if spec.families:
                columns = [c for c in descriptors if str(c).rsplit("_", 2)[0] in spec.families]
                if not columns:
                    raise UserError(
                        f"{spec.origin} has no column that belongs to the features {name}"
                    )
                descriptors = descriptors[columns]
            values = descriptors.to_numpy(np.float32)
        case "mel":
            store = open_patches(folder / spec.origin)
            values, index = store.patches, store.index
    features = spec.summarise(values)
    if not np.isfinite(features).all():
        clip_id = index["clip_id"].to_numpy(dtype=object)[~np.isfinite(features).all(axis=1)][0]
        raise ValueError(f"the features {name} of {clip_id} are not finite")
    return features, index

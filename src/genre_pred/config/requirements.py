"""What one section of params.yaml needs another one to say."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from genre_pred.config.names import (
    BACKBONES,
    FEATURES,
    FRONT_ENDS,
    NETWORKS,
    PICTURES,
    SPECTROGRAMS,
)
from genre_pred.core.errors import unknown_name

if TYPE_CHECKING:
    from genre_pred.config.params import Params


def unmet_by_networks(params: "Params") -> Iterator[str]:
    """What backbones and networks need and other sections do not give."""
    computed, finetune = params.data.source == "precomputed", params.finetune
    for name in params.embed.backbones:
        # A collection without sound has nothing that they could hear, and embed passes.
        if not computed and BACKBONES[name] not in params.mel.front_ends:
            yield f"embed.backbones names {name!r}: add {BACKBONES[name]!r} to mel.front_ends"
    for name in finetune.networks:
        on_pictures = NETWORKS[name] == PICTURES
        front_end = finetune.pictures if on_pictures else NETWORKS[name]
        if computed and not on_pictures:
            yield (
                f"finetune.networks names {name!r}, which needs sound, and data.source is "
                "'precomputed': take it out (finetune.networks=[] trains none)"
            )
        elif computed == (front_end in FRONT_ENDS):
            instead = "'spectrograms' or 'images'" if computed else repr(PICTURES)
            yield (
                f"finetune.networks names {name!r}, finetune.pictures is {front_end!r} and "
                f"data.source {params.data.source!r}: set finetune.pictures to {instead}, or take "
                "it out (finetune.networks=[] trains none)"
            )
        elif not computed and front_end not in params.mel.front_ends:
            yield f"finetune.networks names {name!r}: add {front_end!r} to mel.front_ends"
    if finetune.embed and params.split.method == "folds":
        yield (
            "finetune.embed is True and split.method 'folds', where each fold has a network of its "
            "own: set finetune.embed to false"
        )


def unmet_by_features(params: "Params") -> Iterator[str]:
    """What feature sets need and other sections do not give."""
    if params.data.source == "precomputed":
        return  # what it brings has names of its own, which classical_train knows
    given = {
        "mel.front_ends": params.mel.front_ends,
        "descriptors.sets": params.descriptors.sets,
        "embed.backbones": params.embed.backbones,
    }
    for name in params.classical.features:
        said = f"classical.features names {name!r}"
        trained = re.fullmatch(r"(.+)_finetuned(_pca)?", name)
        if trained and trained[1] in NETWORKS:
            if trained[1] not in params.finetune.networks:
                yield f"{said}: add {trained[1]!r} to finetune.networks"
            if params.split.method == "folds":
                yield f"{said}: with folds each fold has a network of its own: take it out"
            elif not params.finetune.embed:
                yield f"{said}: set finetune.embed to true"
            continue
        if name not in FEATURES:
            known = f"{unknown_name(name, FEATURES)}, NETWORK_finetuned, NETWORK_finetuned_pca"
            yield f"classical.features names {known}"
            continue
        key, needed = FEATURES[name]
        if needed == SPECTROGRAMS:
            yield f"{said}, which needs the spectrograms of data.source 'precomputed'"
        elif needed not in given[key]:
            yield f"{said}: add {needed!r} to {key}"

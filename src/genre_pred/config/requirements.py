"""Requirements between sections of params.yaml."""

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
    """Requirements of backbones and networks that other sections do not meet."""
    precomputed, finetune = params.data.source == "precomputed", params.finetune
    for name in params.embed.backbones:
        # A precomputed collection has no audio to embed: the stage embed does nothing.
        if not precomputed and BACKBONES[name] not in params.mel.front_ends:
            yield f"embed.backbones names {name!r}: add {BACKBONES[name]!r} to mel.front_ends"
    for name in finetune.networks:
        on_pictures = NETWORKS[name] == PICTURES
        front_end = finetune.pictures if on_pictures else NETWORKS[name]
        if precomputed and not on_pictures:
            yield (
                f"finetune.networks names {name!r}, which needs audio, and data.source is "
                "'precomputed': remove it (finetune.networks=[] trains none)"
            )
        elif precomputed == (front_end in FRONT_ENDS):
            instead = "'spectrograms' or 'images'" if precomputed else repr(PICTURES)
            yield (
                f"finetune.networks names {name!r}, finetune.pictures is {front_end!r} and "
                f"data.source is {params.data.source!r}: set finetune.pictures to {instead}, or "
                "remove the network (finetune.networks=[] trains none)"
            )
        elif not precomputed and front_end not in params.mel.front_ends:
            yield f"finetune.networks names {name!r}: add {front_end!r} to mel.front_ends"
    if finetune.embed and params.split.method == "folds":
        yield (
            "finetune.embed is True and split.method is 'folds', where each fold trains its own "
            "network: set finetune.embed to false"
        )


def unmet_by_features(params: "Params") -> Iterator[str]:
    """Requirements of feature sets that other sections do not meet."""
    if params.data.source == "precomputed":
        return  # its feature sets have names of their own, which classical_train checks
    given = {
        "mel.front_ends": params.mel.front_ends,
        "descriptors.sets": params.descriptors.sets,
        "embed.backbones": params.embed.backbones,
    }
    for name in params.classical.features:
        named = f"classical.features names {name!r}"
        trained = re.fullmatch(r"(.+)_finetuned(_pca)?", name)
        if trained and trained[1] in NETWORKS:
            if trained[1] not in params.finetune.networks:
                yield f"{named}: add {trained[1]!r} to finetune.networks"
            if params.split.method == "folds":
                yield f"{named}: with split.method 'folds' each fold has its own network: remove it"
            elif not params.finetune.embed:
                yield f"{named}: set finetune.embed to true"
            continue
        if name not in FEATURES:
            known = f"{unknown_name(name, FEATURES)}, NETWORK_finetuned, NETWORK_finetuned_pca"
            yield f"classical.features names {known}"
            continue
        key, needed = FEATURES[name]
        if needed == SPECTROGRAMS:
            yield f"{named}, which needs the spectrograms of data.source 'precomputed'"
        elif needed not in given[key]:
            yield f"{named}: add {needed!r} to {key}"

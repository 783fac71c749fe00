"""Embed every patch by the frozen backbones."""

import json
from pathlib import Path

import click

from genre_pred import tracking
from genre_pred.config.names import BACKBONES, FRONT_ENDS
from genre_pred.config.params import read_params
from genre_pred.core.errors import run_stage
from genre_pred.core.parallel.clip_map import TimedMap, clip_map
from genre_pred.core.patch_store import open_patches, stored_patches
from genre_pred.core.tables import write_contents
from genre_pred.networks.backbones.precision import precision_warning
from genre_pred.networks.embedding.patches_to_embeddings import ROWS, embed_collection

MEL = Path("data/mel")
EMBEDDINGS = Path("data/embeddings")


def main() -> None:
    params = read_params()
    settings = params.embed
    with tracking.stage("embed", params) as run:
        # A precomputed collection has no patches for backbones.
        backbones = settings.backbones if stored_patches(MEL, FRONT_ENDS) else ()
        write_contents(EMBEDDINGS, backbones)
        if backbones and (warning := precision_warning("embed.precision", settings.precision)):
            click.echo(warning, err=True)
        for name in backbones:
            each = TimedMap(clip_map(params.compute, f"embedding by {name}", unit="block"))
            run.metrics(embed_collection(name, settings, params.weights, MEL, EMBEDDINGS, each))
            facts = json.loads((EMBEDDINGS / f"{name}.json").read_text())
            run.tags({f"weights.{name}": facts["weights"]})
            index = open_patches(MEL / BACKBONES[name]).index
            n_rows, n_clips = len(index), index["clip_id"].nunique()
            seconds = each.seconds / min(ROWS, n_rows) * n_rows / n_clips
            run.metrics({f"clip_seconds.{name}": seconds})


if __name__ == "__main__":
    run_stage(main)

"""Run every patch through the frozen pretrained backbones."""

import json
from pathlib import Path

import click
from safetensors.torch import save_file

from genre_pred import track
from genre_pred.audio.front_ends import FRONT_ENDS
from genre_pred.audio.patches import open_patches, stored_patches
from genre_pred.clips import write_contents, write_table
from genre_pred.compute import TimedMap, clip_map
from genre_pred.embed import BACKBONES, ROWS, load_backbone, lowest_cosine, store_embeddings
from genre_pred.faults import run_stage
from genre_pred.files import written_whole
from genre_pred.nets.precision import advice
from genre_pred.nets.weights import note_on
from genre_pred.params import read_params

MEL = Path("data/mel")
EMBEDDINGS = Path("data/embeddings")


def main() -> None:
    params = read_params()
    settings = params.embed
    with track.stage("embed", params, ["embed", "weights"], [MEL], [EMBEDDINGS]) as run:
        # Of a collection without sound nothing was stored that a backbone hears.
        backbones = settings.backbones if stored_patches(MEL, FRONT_ENDS) else ()
        write_contents(EMBEDDINGS, backbones)
        if backbones and (slower := advice("embed.precision", settings.precision)):
            click.echo(slower, err=True)
        for name in backbones:
            net, weights = load_backbone(name, params.weights)
            saved, made = (EMBEDDINGS / f"{name}.{suffix}" for suffix in ("safetensors", "npy"))
            with written_whole(saved) as temporary:
                save_file(net.state_dict(), temporary)
            patches = MEL / f"{BACKBONES[name].front_end}.npy"
            each = TimedMap(clip_map(params.compute, f"embedding by {name}", unit="block"))
            n_patches = store_embeddings(name, saved, patches, settings.precision, made, each)
            store = open_patches(MEL / BACKBONES[name].front_end)
            write_table(store.index, EMBEDDINGS / f"{name}.parquet")
            if settings.precision != "float32":
                lowest = lowest_cosine(net, patches, made)
                run.metrics({f"lowest_cosine_of_sample.{name}": lowest})
            told = {"weights": weights, "note": note_on(params.weights.of(name), name)}
            with written_whole(EMBEDDINGS / f"{name}.json") as temporary:
                temporary.write_text(json.dumps(told) + "\n")
            run.tags({f"weights.{name}": weights})
            run.metrics({f"embeddings.{name}": n_patches})
            rows, n_clips = len(store.index), store.index["clip_id"].nunique()
            seconds = each.seconds / min(ROWS, rows) * rows / n_clips
            run.metrics({f"clip_seconds.{name}": seconds})


if __name__ == "__main__":
    run_stage(main)

"""Run every patch through the frozen pretrained backbones."""

import json
import time
from pathlib import Path

import numpy as np
from safetensors.torch import save_file

from genre_pred import track
from genre_pred.audio.front_ends import FRONT_ENDS
from genre_pred.audio.patches import open_patches, stored_patches
from genre_pred.clips import write_contents, write_table
from genre_pred.embed import BACKBONES, load_backbone, patches_to_embeddings
from genre_pred.faults import run_stage
from genre_pred.files import written_whole
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
        for name in backbones:
            net, weights = load_backbone(name, params.weights)
            store = open_patches(MEL / BACKBONES[name].front_end)
            started = time.perf_counter()
            embeddings = patches_to_embeddings(
                net,
                store.patches,
                precision=settings.precision,
                progress=True,
            )
            clip_seconds = (time.perf_counter() - started) / store.index["clip_id"].nunique()
            with written_whole(EMBEDDINGS / f"{name}.npy") as temporary:
                np.save(temporary, embeddings)
            write_table(store.index, EMBEDDINGS / f"{name}.parquet")
            with written_whole(EMBEDDINGS / f"{name}.safetensors") as temporary:
                save_file(net.state_dict(), temporary)
            told = {"weights": weights, "note": note_on(params.weights.of(name), name)}
            with written_whole(EMBEDDINGS / f"{name}.json") as temporary:
                temporary.write_text(json.dumps(told) + "\n")
            run.tags({f"weights.{name}": weights})
            run.metrics({f"embeddings.{name}": embeddings.shape[0] * embeddings.shape[1]})
            run.metrics({f"clip_seconds.{name}": clip_seconds})


if __name__ == "__main__":
    run_stage(main)

"""Train networks on the sound itself."""

import shutil
import time
from functools import partial
from pathlib import Path

import numpy as np
from filelock import FileLock

from genre_pred import track
from genre_pred.audio.front_ends import FRONT_ENDS
from genre_pred.audio.patches import open_patches
from genre_pred.cache import work_folder
from genre_pred.clips import CLIPS as COLUMNS
from genre_pred.clips import have_sound, read_table, write_contents, write_table
from genre_pred.faults import Fault, check_known, run_stage
from genre_pred.files import written_whole
from genre_pred.finetune import (
    NETWORKS,
    finetune,
    front_end_of,
    seconds_per_clip,
    write_finetuned,
)
from genre_pred.params import read_params
from genre_pred.split import inner_round, rounds, taking_part

DATA = Path("data")
READS = [DATA / name for name in ("clips.parquet", "split.parquet", "mel")]
MODELS, FINETUNED = Path("models/finetune"), Path("data/finetuned")


def main() -> None:
    params = read_params()
    settings = params.finetune
    check_known(settings.networks, NETWORKS, "finetune.networks")
    start = params.weights
    asked = {"finetune": settings.model_dump(), "split": params.split.model_dump()}
    asked["weights"] = start.model_dump()
    sections, writes = ["finetune", "weights", "split"], [MODELS, FINETUNED]
    with track.stage("finetune", params, sections, READS, writes) as run:
        clips, split = read_table(READS[0], COLUMNS), read_table(READS[1])
        trainings = rounds(split, clips, params.split)
        if settings.embed and trainings[0].fold >= 0:
            raise Fault("finetune.embed: with folds each has a network of its own; set it to false")
        if trainings[0].fold >= 0:  # what is kept in the end learns from all clips
            trainings.append(inner_round(taking_part(clips, split), params.split, -1, []))
        write_contents(MODELS, settings.networks)
        represented = []
        for name in settings.networks:
            front_end = front_end_of(name, settings)
            if (front_end in FRONT_ENDS) != have_sound(clips):
                there = ", ".join(path.stem for path in sorted((DATA / "mel").glob("*.npy")))
                raise Fault(
                    f"finetune.networks names {name}, which needs the {front_end} of sound or "
                    f"pictures; this collection has {there or 'none'}: take it out "
                    "(finetune.networks=[] trains none), or set finetune.pictures"
                )
            work = work_folder("finetune", asked | {"network": name}, READS)
            store = open_patches(DATA / "mel" / front_end)
            on_epoch = partial(run.epoch, name)
            with FileLock(work.with_suffix(".lock")):  # the same training may run beside this one
                work.mkdir(parents=True, exist_ok=True)
                started = time.perf_counter()
                trained = finetune(
                    name, store, clips, split, trainings, settings, start, work, on_epoch
                )
                run.metrics({f"seconds.finetune/{name}": time.perf_counter() - started})
                write_finetuned(trained, MODELS / name)
                if trained.represented is not None:
                    with written_whole(FINETUNED / f"{name}.npy") as temporary:
                        np.save(temporary, trained.represented)
                    write_table(store.index, FINETUNED / f"{name}.parquet")
                    represented.append(name)
                shutil.rmtree(work)
            run.network(name, MODELS / name)
            run.metrics({f"best_epoch.{name}": trained.best_epoch})
            run.metrics({f"clip_seconds.finetune/{name}": seconds_per_clip(trained.net, store)})
        write_contents(FINETUNED, represented)


if __name__ == "__main__":
    run_stage(main)

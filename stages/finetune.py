"""Train networks on the sound itself."""

import shutil
from functools import partial
from pathlib import Path

import click
import numpy as np
from filelock import FileLock

from genre_pred import track
from genre_pred.audio.patches import open_patches, stored_patches
from genre_pred.cache import work_folder
from genre_pred.clips import CLIPS as COLUMNS
from genre_pred.clips import read_table, write_contents, write_table
from genre_pred.compute.memory import LARGEST, keep_memory
from genre_pred.compute.pool import one_thread
from genre_pred.faults import Fault, run_stage
from genre_pred.files import written_whole
from genre_pred.finetuning.finetune import finetune, front_end_of, seconds_per_clip, write_finetuned
from genre_pred.finetuning.training import device_for
from genre_pred.nets.precision import advice
from genre_pred.params import read_params
from genre_pred.split import inner_round, rounds, taking_part

DATA = Path("data")
READS = [DATA / name for name in ("clips.parquet", "split.parquet", "mel")]
MODELS, FINETUNED = Path("models/finetune"), Path("data/finetuned")


def main() -> None:
    keep_memory(LARGEST)  # every step has the same arrays as the last
    params = read_params()
    settings = params.finetune
    start = params.weights
    asked = {"finetune": settings.model_dump(), "split": params.split.model_dump()}
    asked["weights"] = start.model_dump()
    sections, writes = ["finetune", "weights", "split"], [MODELS, FINETUNED]
    with track.stage("finetune", params, sections, READS, writes) as run:
        clips, split = read_table(READS[0], COLUMNS), read_table(READS[1])
        trainings = rounds(split, clips, params.split)
        if trainings[0].fold >= 0:  # what is kept in the end learns from all clips
            trainings.append(inner_round(taking_part(clips, split), params.split, -1, []))
        write_contents(MODELS, settings.networks)
        on_cpu = settings.networks and device_for(settings).type == "cpu"
        if on_cpu and (slower := advice("finetune.precision", settings.precision)):
            click.echo(slower, err=True)
        represented = []
        for name in settings.networks:
            front_end = front_end_of(name, settings)
            if not stored_patches(DATA / "mel", [front_end]):
                there = ", ".join(path.stem for path in sorted((DATA / "mel").glob("*.npy")))
                raise Fault(
                    f"finetune.networks names {name}, which needs {front_end}; this collection has "
                    f"{there or 'none'}: set finetune.pictures, or take it out "
                    "(finetune.networks=[] trains none)"
                )
            work = work_folder("finetune", asked | {"network": name}, READS)
            store = open_patches(DATA / "mel" / front_end)
            on_epoch = partial(run.epoch, name)
            with FileLock(work.with_suffix(".lock")):  # the same training may run beside this one
                work.mkdir(parents=True, exist_ok=True)
                trained = finetune(
                    name, store, clips, split, trainings, settings, start, work, on_epoch
                )
                run.metrics({f"seconds.finetune/{name}": trained.seconds})
                write_finetuned(trained, MODELS / name)
                if trained.represented is not None:
                    with written_whole(FINETUNED / f"{name}.npy") as temporary:
                        np.save(temporary, trained.represented)
                    write_table(store.index, FINETUNED / f"{name}.parquet")
                    represented.append(name)
                shutil.rmtree(work)
            run.network(name, MODELS / name)
            run.metrics({f"best_epoch.{name}": trained.best_epoch})
            with one_thread():
                seconds = seconds_per_clip(trained.net, store)
            run.metrics({f"clip_seconds.finetune/{name}": seconds})
        write_contents(FINETUNED, represented)


if __name__ == "__main__":
    run_stage(main)

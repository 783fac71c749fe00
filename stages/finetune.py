"""Train networks on log-mel patches, with or without pretrained weights."""

import shutil
from functools import partial
from pathlib import Path

import click
from filelock import FileLock

from genre_pred import tracking
from genre_pred.config.params import read_params
from genre_pred.core.cache import work_folder
from genre_pred.core.errors import run_stage
from genre_pred.core.parallel.memory import LARGEST, keep_memory
from genre_pred.core.pipeline import read_stage
from genre_pred.core.splits import trainings
from genre_pred.core.tables import CLIP_COLUMNS, read_table, write_contents
from genre_pred.networks.backbones.precision import precision_warning
from genre_pred.training.finetuning.finetune import finetune, open_network_patches
from genre_pred.training.finetuning.loop import device_for
from genre_pred.training.finetuning.result import write_finetuned
from genre_pred.training.finetuning.rows import seconds_per_clip

DATA, MODELS, FINETUNED = Path("data"), Path("models/finetune"), Path("data/finetuned")


def main() -> None:
    keep_memory(LARGEST)  # every training step allocates the same arrays
    params = read_params()
    settings, start = params.finetune, params.weights
    with tracking.stage("finetune", params) as run:
        clips = read_table(DATA / "clips.parquet", CLIP_COLUMNS)
        split = read_table(DATA / "split.parquet")
        rounds = trainings(split, clips, params.split)
        write_contents(MODELS, settings.networks)
        on_cpu = settings.networks and device_for(settings).type == "cpu"
        if on_cpu and (warning := precision_warning("finetune.precision", settings.precision)):
            click.echo(warning, err=True)
        unfinished = work_folder(read_stage("finetune"), run.settings)
        for name in settings.networks:
            store = open_network_patches(name, settings, DATA / "mel")
            work = unfinished / name
            with FileLock(work.with_suffix(".lock")):  # another process may run the same training
                work.mkdir(parents=True, exist_ok=True)
                on_epoch = partial(run.epoch, name)
                trained = finetune(
                    name, store, clips, split, rounds, settings, start, work, on_epoch
                )
                write_finetuned(trained, MODELS / name, store.index, FINETUNED)
                shutil.rmtree(work)
            run.network(name, MODELS / name)
            run.metrics({f"best_epoch.{name}": trained.best_epoch})
            run.metrics({f"seconds.finetune/{name}": trained.seconds})
            run.metrics({f"clip_seconds.finetune/{name}": seconds_per_clip(trained.net, store)})
        write_contents(FINETUNED, settings.networks if settings.embed else ())


if __name__ == "__main__":
    run_stage(main)

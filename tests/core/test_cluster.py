"""The map on a Dask cluster: two workers, one of which dies, give the bytes of one process."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import save_file
from threadpoolctl import threadpool_info

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.logmel.clips_to_patches import store_patches
from genre_pred.audio.logmel.front_ends import FRONT_ENDS
from genre_pred.config.sections import Clean, Clip, Compute, Mel
from genre_pred.core.errors import UserError
from genre_pred.core.files import digest
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.core.parallel.cluster import Workplace, versions
from genre_pred.core.splits import rounds
from genre_pred.core.tables import write_table
from genre_pred.datasets.clean.tracks import clean_tracks, measure_or_reason
from genre_pred.datasets.split.methods import split_clips
from genre_pred.networks.embedding.patches_to_embeddings import load_backbone, store_embeddings
from genre_pred.training.classical.jobs import jobs, train
from genre_pred.training.classical.pipelines import save_pipeline

ROOT = Path(__file__).parents[2]
CLIP = Clip(min_seconds=1.0, clip_seconds=2.0, windows_per_track=1)


class Dask:
    """A scheduler on this machine, and workers that come and go; their home is another folder."""

    def __init__(self, home):
        self.home, self.running = home, []
        file = home / "scheduler.json"
        self._start("scheduler", "--scheduler-file", file, "--host", "127.0.0.1", "--port", "0")
        while not file.is_file() or not file.stat().st_size:
            time.sleep(0.05)
        self.address = json.loads(file.read_text())["address"]

    def worker(self, threads=1, path=(ROOT / "src", Path(__file__).parent)):
        more = ("--nthreads", threads, "--no-nanny", "--memory-limit", 0)
        return self._start("worker", self.address, *more, path=path)

    def _start(self, kind, *words, path=(ROOT / "src",)):
        command = [sys.executable, "-m", "dask", kind, "--no-dashboard", *map(str, words)]
        env = os.environ | {
            "PYTHONPATH": os.pathsep.join(map(str, path)),
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        }
        log = (self.home / f"{kind}.log").open("ab")
        process = subprocess.Popen(command, cwd=self.home, env=env, stdout=log, stderr=log)
        log.close()
        self.running.append(process)
        return process

    def map(self, doing="testing", block=8):
        return clip_map(Compute(workers=None, scheduler=self.address), doing, block=block)

    def stop(self):
        for process in reversed(self.running):
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler with two workers, which outlive a test."""
    dask = Dask(tmp_path_factory.mktemp("cluster"))
    dask.worker()
    dask.worker()
    wait_for_workers(dask, 2)
    yield dask
    dask.stop()


@pytest.fixture
def own_cluster(tmp_path):
    """A scheduler that a test may ruin."""
    dask = Dask(tmp_path)
    yield dask
    dask.stop()


def wait_for_workers(dask, count):
    from distributed import Client

    with Client(dask.address, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=300)


@pytest.fixture(scope="module")
def sounds(tmp_path_factory, write_sound):
    """A folder to work in: 48 sounds under relative paths, three of them bad."""
    folder = tmp_path_factory.mktemp("sounds")
    for i in range(45):
        write_sound(folder / f"{i}.wav", seconds=2.0 + i % 3, rate=16_000, seed=i)
    write_sound(folder / "short.wav", seconds=0.5)
    write_sound(folder / "silent.wav", level=0.0)
    (folder / "text.wav").write_text("no sound")
    return folder


def square(number):
    return number * number


def slowly(function, item):
    time.sleep(0.02)
    return function(item)


def fail_at_three(number):
    if number == 3:
        raise AudioError("song.mp3", "is not a sound file")
    return number


def threads_here(_):
    np.ones((2, 2)) @ np.ones((2, 2))
    return max(pool["num_threads"] for pool in threadpool_info())


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_three(number):
    return die(number) if number == 3 else number


def killing(each, process, function, items):
    """A map whose worker is killed when the first result has come, with a block in its hands."""
    for number, result in enumerate(each(partial(slowly, function), items)):
        if number == 0:
            process.kill()
        yield result


def clean_and_mel(sounds, out, each):
    """The digests of what clean and mel write."""
    paths = sorted(path.name for path in sounds.glob("*.wav"))
    tracks = pd.DataFrame({"clip_id": paths, "path": paths}).astype("string")
    for column in ("genre", "artist", "split"):
        tracks[column] = pd.array(["train"] * len(tracks), dtype="string")
    clips, rejected = clean_tracks(tracks, CLIP, Clean(min_rms_db=-60, max_rejected=0.2), each)
    write_table(clips, out / "clips.parquet")
    write_table(rejected, out / "rejected.csv")
    mel = Mel(front_ends=("vggish", "mel128"), dtype="float32")
    store_patches(clips, CLIP, mel, out / "mel", each)
    assert (len(clips), len(rejected)) == (45, 3)
    return digest(out)


def embed_and_train(out, clips, params, each):
    """The digests of what embed and classical_train write; read and written in `out`."""
    clip_ids = clips["clip_id"].tolist()
    asked = params.split.model_copy(update={"method": "grouped"})
    split = split_clips(clips, asked)
    patches, weights = out / "patches.npy", out / "mn04.safetensors"
    embeddings = out / "data/embeddings/mn04.npy"
    embeddings.parent.mkdir(parents=True)
    shape = (24, *FRONT_ENDS["efficientat"].patch_shape(1.0), FRONT_ENDS["efficientat"].n_mels)
    np.save(patches, np.random.default_rng(3).standard_normal(shape, dtype=np.float32))
    net, _ = load_backbone("mn04", params.weights.model_copy(update={"mn04": "random"}))
    save_file(net.state_dict(), weights)
    assert store_embeddings("mn04", weights, patches, "float32", embeddings, each) == 24
    index = pd.DataFrame({"clip_id": clip_ids, "window": 0})
    write_table(index, embeddings.with_suffix(".parquet"))
    settings = params.classical.model_copy(
        update={"features": ("mn04",), "classifiers": ("svc_rbf", "mlp", "xgboost")}
    )
    fit = partial(
        train,
        settings=settings,
        clips=clips,
        split=split,
        rounds=rounds(split, clips, asked),
        genres=["blues", "jazz"],
    )
    for trained in each(fit, jobs(settings, out / "data", clip_ids)):
        save_pipeline(trained.pipeline, out / f"{trained.classifier}.skops")
        write_table(trained.predictions, out / f"{trained.classifier}.parquet")
    return digest(out)


@pytest.fixture(scope="module")
def alone(sounds, tmp_path_factory):
    """What one process writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(sounds)
        return clean_and_mel(sounds, tmp_path_factory.mktemp("alone"), map)


def test_two_workers_elsewhere_write_the_same_bytes(cluster, sounds, alone, tmp_path, monkeypatch):
    monkeypatch.chdir(sounds)
    assert clean_and_mel(sounds, tmp_path, cluster.map()) == alone
    assert not list(sounds.glob(".cluster-*"))


def test_embeddings_and_classifiers_are_the_same_bytes(
    cluster, params, make_clips, tmp_path, monkeypatch
):
    by_one = clip_map(Compute(workers=1, scheduler=None), "testing", block=1)
    digests = []
    for name, each in (("one", by_one), ("cluster", cluster.map(block=1))):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        digests.append(embed_and_train(Path(), make_clips(artists=12, each=1), params, each))
    assert digests[0] == digests[1]
    assert len(list(tmp_path.glob("*/*.skops"))) == 8


def test_a_cluster_started_for_the_map_gives_the_same(sounds, monkeypatch):
    monkeypatch.chdir(sounds)
    each = clip_map(Compute(workers=2, scheduler="local"), "testing")
    paths = [f"{i}.wav" for i in range(20)]
    assert list(each(measure_or_reason, paths)) == list(map(measure_or_reason, paths))


def test_the_bytes_are_the_same_when_a_worker_is_killed(
    own_cluster, sounds, alone, tmp_path, monkeypatch
):
    monkeypatch.chdir(sounds)
    victim, other = own_cluster.worker(), own_cluster.worker()
    wait_for_workers(own_cluster, 2)
    out = tmp_path / "out"
    assert clean_and_mel(sounds, out, partial(killing, own_cluster.map(), victim)) == alone
    assert (victim.wait(), other.poll()) == (-signal.SIGKILL, None)
    # And when the last one has gone, nobody is waited for for ever.
    monkeypatch.setattr("genre_pred.core.parallel.clip_map.PATIENCE", 0.2)
    monkeypatch.setattr("genre_pred.core.parallel.cluster.CONNECT_SECONDS", 5.0)
    with pytest.raises(UserError, match="has no workers: start some"):
        list(own_cluster.map()(die, [1]))


def test_results_come_in_the_order_of_the_items(cluster):
    assert list(cluster.map()(square, list(range(100)))) == [n * n for n in range(100)]


def test_nothing_to_do_gives_nothing(cluster):
    assert list(cluster.map()(square, [])) == []


def test_an_exception_is_raised_with_its_type_and_message(cluster):
    with pytest.raises(AudioError) as caught:
        list(cluster.map()(fail_at_three, [1, 2, 3, 4]))
    assert (caught.value.path, caught.value.reason) == ("song.mp3", "is not a sound file")


def test_every_worker_has_one_thread(cluster):
    assert list(cluster.map()(threads_here, [1, 2])) == [1, 1]


def test_without_a_scheduler_the_address_is_named(monkeypatch):
    monkeypatch.setattr("genre_pred.core.parallel.cluster.CONNECT_SECONDS", 0.5)
    nobody = Compute(workers=None, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(UserError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9 "):
        list(clip_map(nobody, "testing")(square, [1, 2]))


def test_workers_that_cannot_be_used_are_refused(own_cluster, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("genre_pred.core.parallel.cluster.CONNECT_SECONDS", 3.0)
        with pytest.raises(UserError, match="has no workers: start some with dask worker tcp://"):
            list(own_cluster.map()(square, [1, 2]))
    # An older state of the package, found before the one that is installed.
    (tmp_path / "old/genre_pred").mkdir(parents=True)
    (tmp_path / "old/genre_pred/__init__.py").touch()
    old = own_cluster.worker(path=(tmp_path / "old", ROOT / "tests"))
    with pytest.raises(
        UserError, match=r"cannot load this code \(.*genre_pred\.core.*\): install genre_pred"
    ):
        list(own_cluster.map()(square, [1, 2]))
    old.kill()
    old.wait()
    own_cluster.worker(threads=2)
    with pytest.raises(UserError, match="has 2 threads, .* --nthreads 1"):
        list(own_cluster.map()(square, [1, 2]))


def test_a_worker_of_two_threads_that_joins_later_is_refused(own_cluster):
    own_cluster.worker()
    results = own_cluster.map(block=1)(partial(slowly, square), range(30_000))
    assert next(iter(results)) == 0
    own_cluster.worker(threads=2)
    with pytest.raises(UserError, match="has 2 threads, .* --nthreads 1"):
        list(results)


def test_a_lost_scheduler_is_reported_with_its_address(own_cluster):
    own_cluster.worker()
    results = own_cluster.map(block=1)(partial(slowly, square), range(30_000))
    assert next(iter(results)) == 0
    own_cluster.running[0].kill()
    with pytest.raises(
        UserError, match=f"the Dask scheduler at {own_cluster.address} was lost: start"
    ):
        list(results)


def test_work_that_kills_several_workers_is_given_up(own_cluster):
    own_cluster.worker(), own_cluster.worker()
    wait_for_workers(own_cluster, 2)
    with pytest.raises(UserError, match=r"has killed 2 workers of .* the last was tcp://"):
        list(own_cluster.map()(die, [1]))


def test_an_item_that_kills_workers_is_reported_and_the_others_are_done():
    import dask

    local = Compute(workers=2, scheduler="local")
    lost = clip_map(local, "testing", block=2, lost=lambda number: f"lost {number}")
    with dask.config.set({"distributed.scheduler.allowed-failures": 1}):  # each takes seconds
        assert list(lost(die_at_three, range(6))) == [0, 1, 2, "lost 3", 4, 5]


def test_without_the_extra_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(
        UserError, match=r"needs Dask .*pip install -c constraints.txt -e '\.\[cluster"
    ):
        list(clip_map(Compute(workers=2, scheduler="local"), "testing")(square, [1, 2]))


@pytest.fixture
def workplace(tmp_path):
    (tmp_path / "token").touch()
    return Workplace(tmp_path, "token", versions())


def test_a_worker_like_this_process_is_taken(workplace):
    workplace.check(threads=1)


def test_a_worker_of_several_threads_is_refused(workplace):
    with pytest.raises(UserError, match=r"has 2 threads, .*--nthreads 1"):
        workplace.check(threads=2)


def test_vector_instructions_and_optional_libraries_are_looked_at():
    told = versions()
    assert told["processor"].startswith(f"{platform.machine()} ")
    assert {"numba", "torchvision", "torchaudio"} <= told.keys()
    xgboost = pytest.importorskip("xgboost").__version__  # by either name
    assert xgboost in (told["xgboost"], told["xgboost-cpu"])


@pytest.mark.parametrize("what", ["genre_pred of digest", "Python", "processor", "numpy", "numba"])
def test_a_worker_of_another_version_is_refused(workplace, what):
    other = replace(workplace, versions=workplace.versions | {what: "0.1"})
    with pytest.raises(
        UserError, match=f"has {what} .*, this process 0.1: their results might differ"
    ):
        other.check(threads=1)


def test_a_worker_that_does_not_share_the_folder_is_refused(workplace):
    with pytest.raises(UserError, match="does not see .*: every worker needs the repository"):
        replace(workplace, token="another").check(threads=1)

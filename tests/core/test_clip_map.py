"""One map over clips: the same results from one process and from two."""

import os
import platform
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import psutil
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.config.sections import Compute
from genre_pred.core.errors import UserError
from genre_pred.core.parallel.clip_map import TimedMap, clip_map
from genre_pred.core.parallel.memory import keep_memory
from genre_pred.core.parallel.pool import one_thread
from genre_pred.core.parallel.processes import loky_workers

WORKERS = [1, 2]


def square(number):
    return number * number


def fail_at_three(number):
    if number == 3:
        raise AudioError("song.mp3", "is not a sound file")
    return number


def threads_here(_):
    np.ones((2, 2)) @ np.ones((2, 2))
    return max(pool["num_threads"] for pool in threadpool_info()), os.getpid()


def die(_):
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(deadly, number):
    return die(number) if number in deadly else number


def die_once(folder, number):
    if number == 3 and not (folder / "dead").exists():
        (folder / "dead").touch()
        die(number)
    return number


def leave_a_trace(folder, number):
    (folder / str(number)).touch()
    return number


def wait_a_moment(seconds):
    time.sleep(seconds)
    return seconds


WEIGHTS: list[np.ndarray] = []


def hold_weights(megabytes):
    time.sleep(0.5)
    WEIGHTS.append(np.ones(megabytes * 10**6, np.uint8))
    return os.getpid()


def the_map(workers, block=8, lost=None):
    return clip_map(Compute(workers=workers, scheduler=None), "testing", block=block, lost=lost)


@pytest.mark.parametrize("workers", WORKERS)
def test_results_come_in_the_order_of_the_items(workers):
    assert list(the_map(workers)(square, list(range(40)))) == [n * n for n in range(40)]


@pytest.mark.parametrize("workers", WORKERS)
def test_an_exception_is_raised_with_its_type_and_message(workers):
    with pytest.raises(AudioError) as caught:
        list(the_map(workers)(fail_at_three, [1, 2, 3, 4]))
    assert (caught.value.path, caught.value.reason) == ("song.mp3", "is not a sound file")


@pytest.mark.parametrize("workers", WORKERS)
def test_every_worker_has_one_thread(workers):
    # The last digits of a matrix product depend on the number of threads.
    with threadpool_limits(2):
        assert threads_here(0)[0] == 2
        found = list(the_map(workers)(threads_here, [1, 2]))
        assert threads_here(0)[0] == 2
    assert [threads for threads, _ in found] == [1, 1]
    assert (os.getpid() in {process for _, process in found}) == (workers == 1)


def test_no_more_processes_start_than_there_are_items(monkeypatch):
    asked = []

    def spy(n_workers):
        asked.append(n_workers)
        return loky_workers(n_workers)

    monkeypatch.setattr("genre_pred.core.parallel.clip_map.loky_workers", spy)
    assert list(the_map(8)(square, [1, 2])) == [1, 4]
    assert asked == [2]


def test_arrays_go_out_and_come_back_whole():
    shared = np.arange(300_000.0)
    for number, array in enumerate(the_map(2, block=1)(partial(np.multiply, shared), range(4))):
        np.testing.assert_array_equal(array, shared * number)


def test_nothing_to_do_gives_nothing():
    assert list(the_map(2)(square, [])) == []


def test_without_a_number_all_cores_work(monkeypatch):
    asked = []
    monkeypatch.setattr(
        "genre_pred.core.parallel.clip_map.cpu_count", lambda: asked.append(True) or 1
    )
    assert list(the_map(None)(square, [3])) == [9]
    assert asked == [True]


def test_a_killed_worker_is_an_error_and_the_next_map_works():
    with pytest.raises(UserError, match=r"was killed {SIGKILL.*compute\.workers below 2"):
        list(the_map(2)(die, [1, 2]))
    assert list(the_map(2)(square, [1, 2])) == [1, 4]


@pytest.mark.parametrize(("workers", "block"), [(1, 4), (2, 1), (2, 4)])
def test_items_that_kill_their_worker_are_reported_and_the_others_are_done(workers, block):
    lost = the_map(workers, block=block, lost=lambda number: f"lost {number}")
    found = list(lost(partial(die_at, {3, 8, 9}), range(10)))
    assert found == [0, 1, 2, "lost 3", 4, 5, 6, 7, "lost 8", "lost 9"]


def test_a_worker_that_was_killed_from_outside_loses_nothing(tmp_path):
    lost = the_map(2, block=2, lost=lambda number: f"lost {number}")
    found = list(lost(partial(die_once, tmp_path), range(10)))
    assert found == list(range(10))


def test_a_worker_that_has_loaded_weights_works_on():
    # loky looks once a second whether one has grown by 300 MB since its first task.
    held = list(the_map(2, block=1)(hold_weights, [0, *[100] * 9]))
    assert len(set(held)) == 2


def test_results_that_are_not_consumed_are_not_computed(tmp_path):
    # Two workers, 3 blocks of 2 each: so many wait at most, and the block that is being taken.
    results = the_map(2, block=2)(partial(leave_a_trace, tmp_path), range(100))
    assert next(results) == 0
    limit = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 12 and time.monotonic() < limit:
        time.sleep(0.02)
    time.sleep(0.2)  # in which a thirteenth could be done
    assert len(list(tmp_path.iterdir())) == 12
    results.close()
    assert len(list(tmp_path.iterdir())) == 12


def test_torch_has_one_thread_within_the_block_only():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    assert list(the_map(1)(lambda _: torch.get_num_threads(), [1])) == [1]
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def test_the_first_thread_to_leave_keeps_the_limit_of_the_others():
    np.ones((8, 8)) @ np.ones((8, 8))  # a library with threads is there
    with threadpool_limits(2), ThreadPoolExecutor(1) as another:
        theirs = one_thread()
        another.submit(theirs.__enter__).result()
        with one_thread():
            another.submit(theirs.__exit__, None, None, None).result()
            assert threads_here(0)[0] == 1
            assert os.environ["OMP_NUM_THREADS"] == "1"
        assert threads_here(0)[0] == 2


def test_in_this_process_libraries_that_an_item_loads_have_one_thread_too():
    # In a process of its own: here everything is loaded.
    code = """
import os, sys
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.config.sections import Compute

def threads_of_torch(_):
    import torch
    return torch.get_num_threads(), torch.__config__.parallel_info().count("max_threads() : 1")

if __name__ == "__main__":
    assert "torch" not in sys.modules
    print(list(clip_map(Compute(workers=1, scheduler=None), "testing")(threads_of_torch, [1, 2])))
    print(os.environ["OMP_NUM_THREADS"], "MKL_NUM_THREADS" in os.environ)
"""
    told = os.environ | {"OMP_NUM_THREADS": "2"}
    told.pop("MKL_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["[(1, 2), (1, 2)]", "2 False"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_a_worker_keeps_the_memory_of_large_arrays(tmp_path):
    pages = list(the_map(2, block=1)(pages_of_a_second_array, [60_000_000] * 2))
    assert max(pages) < 1000  # of 15,000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
@pytest.mark.parametrize(
    ("takes", "asked"),
    [(1, [(-3, 1 << 28), (-1, 1 << 28)]), (0, [(-3, 1 << 28), (-4, 0), (-1, 1 << 28)])],
)
def test_an_older_glibc_that_takes_no_such_threshold_maps_no_array_at_all(
    monkeypatch, takes, asked
):
    told = []

    class Library:
        def mallopt(self, *option):
            told.append(option)
            return takes

    monkeypatch.setattr("genre_pred.core.parallel.memory.ctypes.CDLL", lambda _: Library())
    keep_memory(1 << 28)
    assert told == asked


def pages_of_a_second_array(size):
    _ = b"x" * size
    del _  # numpy's own arrays come by huge pages
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    _ = b"x" * size
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_a_timed_map_gives_the_time_per_item_without_the_first_ones(tmp_path):
    timed = TimedMap(the_map(2, block=1))
    assert list(timed(wait_a_moment, [1.0, *[0.02] * 9])) == [1.0, *[0.02] * 9]
    assert 0.02 <= timed.seconds < 0.5


def test_without_items_there_is_no_time():
    timed = TimedMap(map)
    assert list(timed(square, [])) == []
    assert np.isnan(timed.seconds)


def test_an_interrupted_map_prints_no_stack_trace(tmp_path):
    code = """
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.config.sections import Compute
import signal, time

if __name__ == "__main__":
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(2)
    try:
        list(clip_map(Compute(workers=2, scheduler=None), "testing")(time.sleep, [30] * 100))
    except KeyboardInterrupt:
        print("stopped")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "stopped\n"
    assert "Traceback" not in done.stderr


def test_workers_exit_when_their_parent_is_killed(tmp_path):
    code = """
import os, time
from pathlib import Path
from genre_pred.core.parallel.clip_map import clip_map
from genre_pred.config.sections import Compute

def tell(place):
    (Path(place) / str(os.getpid())).touch()
    time.sleep(0.2)

if __name__ == "__main__":
    list(clip_map(Compute(workers=2, scheduler=None), "testing")(tell, [os.getcwd()] * 5000))
"""
    (tmp_path / "told").mkdir()
    running = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path / "told")
    until(lambda: len(list((tmp_path / "told").iterdir())) == 2)
    workers = [int(file.name) for file in (tmp_path / "told").iterdir()]
    running.kill()
    running.wait()
    until(lambda: not any(map(psutil.pid_exists, workers)))


def until(true, seconds=60):
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.1)

"""One map over clips: the same results from one process and from two."""

import os

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from genre_pred.audio.decode import AudioError
from genre_pred.compute import TimedMap, clip_map
from genre_pred.params import Compute

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


def the_map(workers):
    return clip_map(Compute(workers=workers), "testing")


@pytest.mark.parametrize("workers", WORKERS)
def test_results_come_in_the_order_of_the_items(workers):
    assert list(the_map(workers)(square, list(range(40)))) == [n * n for n in range(40)]


@pytest.mark.parametrize("workers", WORKERS)
def test_an_error_rises_with_its_type_and_all_that_it_says(workers):
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


def test_nothing_to_do_gives_nothing():
    assert list(the_map(2)(square, [])) == []


def test_without_a_number_all_cores_work(monkeypatch):
    asked = []
    monkeypatch.setattr("genre_pred.compute.cpu_count", lambda: asked.append(True) or 1)
    assert list(the_map(None)(square, [3])) == [9]
    assert asked == [True]


def test_a_timed_map_leaves_out_what_comes_before_the_first_result(monkeypatch):
    clock = iter([100.0, 106.0])  # the first result, and the end
    monkeypatch.setattr("genre_pred.compute.time.perf_counter", lambda: next(clock))
    timed = TimedMap(map)
    assert list(timed(square, [1, 2, 3, 4])) == [1, 4, 9, 16]
    assert timed.seconds == 2.0


@pytest.mark.parametrize("items", [[], [3]])
def test_too_few_items_tell_no_time(items):
    timed = TimedMap(map)
    assert len(list(timed(square, items))) == len(items)
    assert np.isnan(timed.seconds)

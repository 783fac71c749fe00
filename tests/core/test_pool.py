"""One thread within a block, wherever a front end is called."""

import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from genre_pred.audio.logmel.front_ends import FRONT_ENDS, waveform_to_patches
from genre_pred.core.parallel.pool import one_thread


def blas_threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    """Whatever the environment says, as on a machine with two cores."""
    for name in ("OMP", "OPENBLAS", "MKL"):
        monkeypatch.delenv(f"{name}_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_block_within_a_block_leaves_the_outer_one_at_one_thread():
    with one_thread():
        with one_thread():
            assert (torch.get_num_threads(), blas_threads()) == (1, {1})
        assert (torch.get_num_threads(), blas_threads()) == (1, {1})
    assert torch.get_num_threads() == 2


def test_a_block_that_raises_is_left():
    with pytest.raises(ZeroDivisionError), one_thread():
        _ = 1 / 0
    assert torch.get_num_threads() == 2
    with one_thread():
        assert torch.get_num_threads() == 1


def test_each_thread_has_its_own_block():
    counts = []

    def work():
        with one_thread():
            counts.append(torch.get_num_threads())

    with one_thread():
        other = threading.Thread(target=work)
        other.start()
        other.join()
        assert torch.get_num_threads() == 1
    assert counts == [1]


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_front_end_computes_with_one_thread(name):
    counts = []

    def counted(waveform):
        counts.append((torch.get_num_threads(), blas_threads()))
        return FRONT_ENDS[name].log_mel(waveform)

    front_end = replace(FRONT_ENDS[name], log_mel=counted)
    waveform_to_patches(np.zeros(2 * front_end.sample_rate, np.float32), front_end)
    assert counts == [(1, {1})]

"""The description of the machine, and its peak performance."""

import os
import platform
import subprocess
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

import psutil
import torch

from benchmarks.workers import lasting_map, n_workers
from genre_pred.config.params import Params
from genre_pred.core.parallel.pool import one_thread

SIDE = 2048  # of the matrices whose product is timed


def describe() -> str:
    """Processor, cores, memory, versions and load."""
    gigabytes = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scikit-learn"))
    load = psutil.getloadavg()[0] / (os.cpu_count() or 1)
    return (
        f"{_processor()}, {os.cpu_count()} cores, {gigabytes:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}; load at the start {load:.1f} per core"
    )


def commit() -> str:
    """The commit from `git describe`, with `-dirty` if files have changed since."""
    command = ["git", "describe", "--always", "--dirty"]
    described = subprocess.run(command, capture_output=True, text=True, check=False)
    return described.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open() as file:
            lines = [line for line in file if line.startswith("model name")]
    except FileNotFoundError:  # not Linux
        return platform.processor()
    return lines[0].split(":", 1)[1].strip() if lines else platform.processor()


def peak_gflops(params: Params) -> dict[torch.dtype, float]:
    """The peak performance of all workers, each multiplying large matrices at the same time.

    Returns:
        1e9 operations per second, by precision.
    """
    precisions = (torch.float32, torch.bfloat16)
    with lasting_map(params, most=1) as each:
        jobs = [precision for precision in precisions for _ in range(n_workers(params))]
        list(each(partial(core_gflops, tries=1), jobs))  # starts all workers
        measured = list(each(core_gflops, jobs))
    return {
        precision: sum(
            gflops for job, gflops in zip(jobs, measured, strict=True) if job is precision
        )
        for precision in precisions
    }


def core_gflops(precision: torch.dtype, tries: int = 10) -> float:
    """The performance of one core in a large matrix product, the best of several tries."""
    matrix = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(precision)
    taken = []
    with one_thread():
        for _ in range(tries):
            started = time.perf_counter()
            torch.mm(matrix, matrix)
            taken.append(time.perf_counter() - started)
    return 2 * SIDE**3 / min(taken) / 1e9

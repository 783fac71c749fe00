"""What the machine is, and what it can do at best."""

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
    """Processor, cores, memory, versions, and how busy it is."""
    gigabytes = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "numpy", "scikit-learn"))
    load = psutil.getloadavg()[0] / (os.cpu_count() or 1)
    return (
        f"{_processor()}, {os.cpu_count()} cores, {gigabytes:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, {versions}; load at the start {load:.1f} a core"
    )


def commit() -> str:
    """Which code this is, as git tells it: `-dirty` where it has changed since."""
    asked = ["git", "describe", "--always", "--dirty"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open() as file:
            lines = [line for line in file if line.startswith("model name")]
    except FileNotFoundError:  # no Linux
        return platform.processor()
    return lines[0].split(":", 1)[1].strip() if lines else platform.processor()


def peak_gflops(params: Params) -> dict[torch.dtype, float]:
    """What all workers together make of a large matrix product each, at the same time.

    Returns:
        1e9 operations a second, by precision.
    """
    precisions = (torch.float32, torch.bfloat16)
    with lasting_map(params, most=1) as each:
        asked = [precision for precision in precisions for _ in range(n_workers(params))]
        list(each(partial(core_gflops, tries=1), asked))  # all are there, none is loading
        found = list(each(core_gflops, asked))
    return {
        precision: sum(gflops for of, gflops in zip(asked, found, strict=True) if of is precision)
        for precision in precisions
    }


def core_gflops(precision: torch.dtype, tries: int = 10) -> float:
    """What one core makes of a large matrix product, the best of some tries."""
    matrix = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(precision)
    taken = []
    with one_thread():
        for _ in range(tries):
            started = time.perf_counter()
            torch.mm(matrix, matrix)
            taken.append(time.perf_counter() - started)
    return 2 * SIDE**3 / min(taken) / 1e9

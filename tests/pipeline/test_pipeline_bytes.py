"""The same settings give the same bytes, whatever the number of threads and workers.

OpenBLAS picks its kernels by the processor, and some round otherwise with two threads than with
one: Haswell's do, which every processor with AVX2 can run. So the chain runs with the kernels of
this processor and with Haswell's, each compared with itself.
"""

import json
import platform
import subprocess
import sys

import pytest
from small_repository import STAGES

CHAIN = STAGES[STAGES.index("clean") : STAGES.index("finetune") + 1]
OUTPUTS = ["data/clips.parquet", "data/mel", "data/descriptors", "data/embeddings",
           "models/finetune/mn04/network.safetensors",
           "models/finetune/mn04/predictions.parquet"]  # fmt: skip
SCRIPT = """
import json, runpy, sys
from pathlib import Path
from genre_pred.core.files import digest
for name in json.loads(sys.argv[1]):
    runpy.run_path(f"stages/{name}.py")["main"]()
print(json.dumps({path: digest(Path(path)) for path in json.loads(sys.argv[2])}))
"""


def digests(repository, kernels: str | None, threads: int) -> dict[str, str]:
    """Run the chain with as many workers as threads; the digests of what it wrote."""
    repository.change(compute={"workers": threads})
    names = ("OMP", "OPENBLAS", "MKL")
    env = repository.env | {f"{name}_NUM_THREADS": str(threads) for name in names}
    env.pop("OPENBLAS_CORETYPE", None)
    if kernels:
        env["OPENBLAS_CORETYPE"] = kernels
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(CHAIN), json.dumps(OUTPUTS)],
        cwd=repository.folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("kernels", [None, "Haswell"])
def test_threads_and_workers_change_no_byte(repository, kernels):
    if kernels and platform.machine() != "x86_64":
        pytest.skip("this processor has no such kernels")
    repository.change(mel={"front_ends": ["efficientat", "vggish", "mel128"]})
    one, two = (digests(repository, kernels, threads) for threads in (1, 2))
    assert one == two

#!/usr/bin/env bash
# numpy 2.4.6 (its wheel carries OpenBLAS): with the kernels for Haswell, which every x86-64
# processor with AVX2 can run, one float32 matrix product gives other last bits with two threads
# than with one. A pipeline that hashes log-mels must fix the number of threads, not only the seed.
# Seen: about 13 % of the 63,872 values of (998, 257) x (257, 64) differ, by a few units in the last
# place. Fails if the two products are equal, or differ by more than rounding.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 threadpoolctl==3.8.0
OPENBLAS_CORETYPE=Haswell OPENBLAS_NUM_THREADS=2 "$folder/venv/bin/python" - <<'PY'
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

(blas,) = [library for library in threadpool_info() if library["user_api"] == "blas"]
print(f"numpy {np.__version__}, {blas['internal_api']} {blas['version']}, kernels {blas['architecture']}")
assert blas["architecture"] == "Haswell", "this processor cannot run these kernels"
rng = np.random.default_rng(0)
power = rng.random((998, 257), dtype=np.float32)
bands = rng.random((257, 64), dtype=np.float32)
with threadpool_limits(1, user_api="blas"):
    one = power @ bands
with threadpool_limits(2, user_api="blas"):
    two = power @ bands
different = float((one != two).mean())
largest = float((np.abs(one - two) / np.abs(one)).max())
print(f"{different:.1%} of {one.size} values differ, by at most {largest:.1e} of themselves")
assert different > 0, "the products are equal now"
assert largest < 1e-5, "they differ by more than rounding"
PY

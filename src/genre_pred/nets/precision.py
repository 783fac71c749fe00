"""The precisions that networks can run in, by the names that params.yaml uses."""

import torch

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

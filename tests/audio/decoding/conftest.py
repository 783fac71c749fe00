"""What tests of decoding begin with: one sound in every format."""

from pathlib import Path

import numpy as np
import pytest
from every_format import moving_sound, write_every_format


@pytest.fixture(scope="session")
def stereo() -> np.ndarray:
    return moving_sound()


@pytest.fixture(scope="session")
def files(stereo: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_every_format(stereo, tmp_path_factory.mktemp("sound"))

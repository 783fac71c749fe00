"""What tests of precomputed collections begin with: a small one."""

import pytest
from precomputed_folder import write_folder


@pytest.fixture
def root(tmp_path):
    return write_folder(tmp_path)

"""Fixtures of the tests of classifiers: fast settings, and training clips."""

import pytest
from classical_case import Case, small_settings


@pytest.fixture
def settings(params):
    return small_settings(params)


@pytest.fixture
def make_case(make_clips):
    return lambda **options: Case(make_clips, **options)

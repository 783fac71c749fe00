"""Fixtures of the server's tests: a small classifier."""

import pytest
from served_tones import train_classifier

from genre_pred.inference.classifier import GenreClassifier


@pytest.fixture(scope="session")
def classifier(tmp_path_factory) -> GenreClassifier:
    return train_classifier(tmp_path_factory.mktemp("classifier"))

"""Fixtures of the page's tests: a classifier, songs, and no calls to other hosts."""

from pathlib import Path

import pytest
from calls_abroad import watch_sockets
from page_songs import train_classifier, write_songs

from genre_pred.inference.classifier import GenreClassifier


@pytest.fixture(scope="module", autouse=True)
def nobody_called_abroad():
    with pytest.MonkeyPatch.context() as patch:
        abroad = watch_sockets(patch)
        yield
        assert not abroad


@pytest.fixture(scope="session")
def classifier(tmp_path_factory) -> GenreClassifier:
    return train_classifier(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="session")
def songs(tmp_path_factory) -> dict[str, Path]:
    return write_songs(tmp_path_factory.mktemp("songs"))

"""What several rooms' tests begin with: the settings, a sound, a collection of clips."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from loopback import serving

from genre_pred.config.params import read_params
from genre_pred.core.librosa_loader import load_librosa

load_librosa("librosa.beat")  # some tests ask librosa itself


@pytest.fixture(scope="session")
def params():
    """The repository's own settings."""
    return read_params(Path(__file__).parents[1] / "params.yaml")


@pytest.fixture(scope="session")
def write_sound():
    """Write a tone in noise; each seed has another sound."""

    def write(path, seconds=3.0, rate=8000, seed=0, level=0.1):
        rng = np.random.default_rng(seed)
        t = np.arange(round(seconds * rate)) / rate
        tone = np.sin(2 * np.pi * rng.uniform(200, 800) * t) + 0.1 * rng.standard_normal(len(t))
        path.parent.mkdir(parents=True, exist_ok=True)
        # Whole steps of 16 bits, so that every lossless container holds the same sound.
        soundfile.write(path, np.round(level * tone * 2**15).astype(np.int16), rate)
        return path

    return write


@pytest.fixture
def server(monkeypatch):
    """A server on this machine; a second try comes at once."""
    monkeypatch.setattr("genre_pred.core.fetch._pause_seconds", lambda attempt: 0.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        yield server


@pytest.fixture
def forbid(monkeypatch):
    """Let the system refuse to list a folder, as it does those of other users."""
    list_folder = os.scandir

    def refuse(*folders):
        def scandir(place):
            if place in map(str, folders):
                raise PermissionError(errno.EACCES, "Permission denied", str(place))
            return list_folder(place)

        monkeypatch.setattr(os, "scandir", scandir)

    return refuse


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of 2 MB, where this machine allows to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("this user may mount no small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def make_clips():
    """A table of clips: so many artists in each genre, so many clips of each."""

    def make(artists=6, each=2, genres=("blues", "jazz"), known=True):
        rows = [
            (f"{genre}-{artist}-{n}", genre, f"{genre}-{artist}" if known else pd.NA)
            for genre in genres
            for artist in range(artists)
            for n in range(each)
        ]
        clips = pd.DataFrame(rows, columns=["clip_id", "genre", "artist"]).astype("string")
        unsplit = clips.assign(split=pd.array([pd.NA] * len(clips), dtype="string"))
        return unsplit.assign(content=unsplit["clip_id"])

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: two processes share the files, and the last one is waited for."""
    items.sort(key=lambda item: item.path.parent.name != "pipeline")

"""librosa's compiled parts: two processes must not compile them at the same time."""

from pathlib import Path
from threading import Thread

import librosa
from filelock import FileLock

from genre_pred.core import librosa_loader as compiled
from genre_pred.core.librosa_loader import load_librosa


def test_a_process_waits_while_another_one_compiles(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    waiting = Thread(target=load_librosa)
    with FileLock(tmp_path / "librosa.lock"):
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join(60)
    assert not waiting.is_alive()


def test_a_read_only_package_and_no_home_will_do(tmp_path, monkeypatch):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    beside = Path(librosa.__file__).parent / "__pycache__"
    assert compiled._numba_cache() == beside
    monkeypatch.setattr("os.access", lambda *_: False)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "/proc/none")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    load_librosa()
    assert compiled._numba_cache().is_relative_to(tmp_path)

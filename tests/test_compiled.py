"""librosa's compiled parts: two processes must not compile them at the same time."""

from threading import Thread

from filelock import FileLock

from genre_pred.audio.compiled import load_librosa


def test_waits_for_whoever_compiles(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    waiting = Thread(target=load_librosa)
    with FileLock(tmp_path / "librosa.lock"):
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
    waiting.join(60)
    assert not waiting.is_alive()

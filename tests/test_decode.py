"""Decoding: every format, exact slices, and a sentence for everything that is no sound."""

import contextlib
import errno
import io
import os
import pickle
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from genre_pred.audio import decode
from genre_pred.audio.decode import AudioError, measure, read_samples, read_windows

RATE = 44_100
SECONDS = 6
LOSSLESS = ["wav", "flac", "aiff"]
LOSSY = ["mp3", "ogg", "opus", "m4a", "aac", "webm"]


@pytest.fixture(scope="module")
def stereo() -> np.ndarray:
    """Six seconds, (n, 2): tones that move, noise that comes and goes."""
    t = np.arange(RATE * SECONDS) / RATE
    noise = np.random.default_rng(254).standard_normal(t.size) * (np.sin(9 * t) > 0)
    left = 0.3 * np.sin(2 * np.pi * (300 + 40 * t) * t) + 0.05 * noise
    return np.stack([left, 0.5 * left], axis=1).astype(np.float32)


def encode_by_ffmpeg(path: Path, samples: np.ndarray, codec: str, container: str) -> None:
    rate = 48_000 if codec == "libopus" else RATE
    with av.open(path, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "stereo"
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples.T), format="fltp", layout="stereo"
        )
        frame.sample_rate = rate
        fifo = av.AudioFifo()
        fifo.write(frame)
        while part := fifo.read(1024, partial=True):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))


@pytest.fixture(scope="module")
def files(stereo: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("sound")
    paths = {kind: folder / f"sound.{kind}" for kind in [*LOSSLESS, *LOSSY]}
    for kind in ("wav", "flac", "aiff"):
        soundfile.write(paths[kind], np.round(stereo * 32768).astype(np.int16), RATE)
    for kind in ("mp3", "ogg"):
        soundfile.write(paths[kind], stereo, RATE)
    soundfile.write(paths["opus"], stereo, 48_000, format="OGG", subtype="OPUS")
    encode_by_ffmpeg(paths["m4a"], stereo, "aac", "mp4")
    encode_by_ffmpeg(paths["aac"], stereo, "aac", "adts")
    encode_by_ffmpeg(paths["webm"], stereo, "libopus", "webm")
    return paths


@pytest.mark.parametrize("kind", LOSSLESS + LOSSY)
def test_every_format_gives_the_sound_that_was_written(
    kind: str, files: dict[str, Path], stereo: np.ndarray
) -> None:
    samples, rate = read_samples(files[kind])
    assert samples.dtype == np.float32
    assert rate == (48_000 if kind in ("opus", "webm") else RATE)
    # The AAC encoder begins with 1024 samples of silence, of which these files do not tell
    offset = 1024 if kind in ("aac", "m4a") else 0
    mono = stereo.mean(axis=1)
    n = min(len(samples) - offset, len(mono))
    assert n > len(mono) - 2000
    heard = samples[offset : offset + n]
    if kind in LOSSLESS:
        np.testing.assert_allclose(heard, mono, atol=2**-15)
    else:
        assert np.corrcoef(heard, mono[:n])[0, 1] > 0.95


@pytest.mark.parametrize("kind", LOSSLESS + LOSSY)
def test_slices_are_exactly_slices_of_the_whole(kind: str, files: dict[str, Path]) -> None:
    whole, rate = read_samples(files[kind])
    starts = np.random.default_rng(1).integers(0, len(whole) - 5000, 6).tolist()
    for start in [0, *starts, len(whole) - 10, len(whole), len(whole) + 70_000]:
        part, part_rate = read_samples(files[kind], start, 3000)
        np.testing.assert_array_equal(part, whole[start : start + 3000])
        assert part_rate == rate


@pytest.mark.parametrize("kind", ["wav", "mp3", "m4a"])
def test_many_windows_in_one_pass_are_the_same_slices(kind: str, files: dict[str, Path]) -> None:
    whole, rate = read_samples(files[kind])
    starts = [5, 5, 40_000, 41_000, 131_072, 200_000, len(whole) - 100, len(whole) + 5]
    windows = list(read_windows(files[kind], starts, 60_000))
    assert len(windows) == len(starts)
    for start, (window, window_rate) in zip(starts, windows, strict=True):
        np.testing.assert_array_equal(window, whole[start : start + 60_000])
        assert window_rate == rate


def test_windows_must_ascend(files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        list(read_windows(files["wav"], [10, 5], 100))
    with pytest.raises(ValueError, match="ascend"):
        read_samples(files["wav"], -1, 100)


@pytest.mark.parametrize("kind", LOSSLESS + LOSSY)
def test_a_stream_gives_what_its_file_gives_and_can_be_read_again(
    kind: str, files: dict[str, Path]
) -> None:
    stream = io.BytesIO(files[kind].read_bytes())
    assert measure(stream) == measure(files[kind]) == measure(stream)
    np.testing.assert_array_equal(
        read_samples(stream, 500, 100)[0], read_samples(files[kind], 500, 100)[0]
    )


def test_measurements_of_a_known_sound(tmp_path: Path) -> None:
    path = tmp_path / "sine.wav"
    sine = 0.5 * np.sin(2 * np.pi * 100 * np.arange(16_000) / 16_000)
    soundfile.write(path, np.stack([sine, sine], axis=1), 16_000, subtype="FLOAT")
    found = measure(path)
    assert (found.sample_rate, found.channels, found.n_samples) == (16_000, 2, 16_000)
    assert found.seconds == 1.0
    assert found.peak == pytest.approx(0.5, abs=1e-6)
    assert found.rms_db == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=1e-4)


def test_silence_is_measured_without_infinity(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(8000), 8000)
    found = measure(tmp_path / "silence.wav")
    assert (found.rms_db, found.peak) == (-200.0, 0.0)


def test_content_ignores_containers_and_tags_but_not_sound(
    files: dict[str, Path], stereo: np.ndarray, tmp_path: Path
) -> None:
    assert measure(files["wav"]).content == measure(files["flac"]).content
    other = tmp_path / "other.wav"
    soundfile.write(other, stereo * 0.9, RATE)
    assert measure(other).content != measure(files["wav"]).content
    tag = b"ID3\x03\x00\x00\x00\x00\x00\x15" + b"TIT2\x00\x00\x00\x0b\x00\x00\x00Some title"
    tagged = io.BytesIO(tag + files["mp3"].read_bytes())
    assert measure(tagged).content == measure(files["mp3"]).content


def test_the_length_in_an_mp3_header_is_not_believed(tmp_path: Path) -> None:
    # Loud, then silent, at a variable rate and without the header that tells the length: guessed
    # from the first frames it would be 6 times too short.
    loud = np.random.default_rng(0).standard_normal(RATE * 20).astype(np.float32) * 0.2
    loud[RATE * 3 :] = 0
    path = tmp_path / "variable.mp3"
    soundfile.write(path, loud, RATE, bitrate_mode="VARIABLE", compression_level=0.1)
    raw = path.read_bytes()
    sync = raw[raw.index(b"\xff\xfb") :][:2]
    second = raw.index(sync, raw.index(sync) + 20)
    assert measure(io.BytesIO(raw[second:])).seconds == pytest.approx(20, abs=0.1)
    # and the reverse: a header that promises 20 s before half of the frames
    half = measure(io.BytesIO(raw[: len(raw) * 3 // 4]))
    assert 1 < half.seconds < 20


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "aac", "webm", "ogg"])
def test_a_truncated_file_is_as_long_as_what_can_be_decoded(
    kind: str, files: dict[str, Path]
) -> None:
    raw = files[kind].read_bytes()
    half = io.BytesIO(raw[: len(raw) // 2])
    found = measure(half)
    assert SECONDS * 0.2 < found.seconds < SECONDS * 0.7
    samples, _ = read_samples(half)
    assert len(samples) == found.n_samples
    np.testing.assert_array_equal(samples[:40_000], read_samples(files[kind], 0, 40_000)[0])


def test_a_broken_frame_inside_an_mp3_loses_only_that(files: dict[str, Path]) -> None:
    raw = bytearray(files["mp3"].read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 600] = bytes(600)
    assert measure(io.BytesIO(bytes(raw))).seconds == pytest.approx(SECONDS, abs=0.3)


def test_channels_may_change_within_an_mp3_but_not_the_rate(tmp_path: Path) -> None:
    tone = 0.3 * np.sin(np.arange(RATE) / 20).astype(np.float32)
    both = np.stack([tone, tone], axis=1)
    parts = {}
    for name, samples, rate in (
        ("mono", tone, RATE),
        ("stereo", both, RATE),
        ("slow", tone, 32_000),
    ):
        soundfile.write(tmp_path / f"{name}.mp3", samples, rate)
        parts[name] = (tmp_path / f"{name}.mp3").read_bytes()
    found = measure(io.BytesIO(parts["stereo"] + parts["mono"]))
    assert found.seconds == pytest.approx(2, abs=0.1)
    assert found.peak == pytest.approx(0.3, abs=0.03)
    with pytest.raises(AudioError, match="changes its sample rate within"):
        measure(io.BytesIO(parts["mono"] + parts["slow"]))


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02\x00\x00\x00"
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"Lyrics are no sound.\n" * 200, id="text"),
        pytest.param(PNG + bytes(500), id="png"),
        pytest.param(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(500), id="jpeg"),
        pytest.param(b"%PDF-1.7\n" + b"obj\n" * 300, id="pdf"),
        pytest.param(bytes(5000), id="zeros"),
        pytest.param(b"\x01", id="one byte"),
        pytest.param(PLAYLIST, id="playlist"),
        pytest.param(b"RIFF\x00\x00\x00\x00AVI LIST" + bytes(100), id="broken avi"),
        pytest.param(b"RIFF\x24\x00\x00\x00WAVE", id="wav header cut"),
        pytest.param(b"OggS" + bytes(300), id="broken ogg"),
        pytest.param(b"fLaC" + bytes(300), id="broken flac"),
        pytest.param(b"ID3\x03\x00\x00\x00\x00\x00\x15" + bytes(21), id="only a tag"),
    ],
)
@pytest.mark.parametrize("suffix", [".mp3", ".wav", ".raw"])
def test_what_is_no_sound_is_said_so(raw: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"song{suffix}"
    path.write_bytes(raw)
    with pytest.raises(AudioError, match="not a sound file that can be decoded|no audio") as caught:
        measure(path)
    assert caught.value.path == str(path)
    assert str(caught.value) == f"{path}: {caught.value.reason}"
    assert "pipe" not in caught.value.reason
    with pytest.raises(AudioError):
        read_samples(io.BytesIO(raw), 0, 100)


@pytest.mark.parametrize("seed", range(12))
def test_noise_is_no_sound(seed: int) -> None:
    noise = np.random.default_rng(seed).bytes(60_000)
    with pytest.raises(AudioError):
        measure(io.BytesIO(noise))


@pytest.mark.parametrize("n_bytes", [4, 100, 700])
def test_the_first_bytes_of_an_mp3_are_no_sound(n_bytes: int, files: dict[str, Path]) -> None:
    with pytest.raises(AudioError):
        measure(io.BytesIO(files["mp3"].read_bytes()[:n_bytes]))


def test_empty_missing_and_folders(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    with pytest.raises(AudioError, match="the file is empty"):
        measure(tmp_path / "empty.mp3")
    with pytest.raises(AudioError, match=r"cannot be read \(No such file"):
        measure(tmp_path / "missing.mp3")
    with pytest.raises(AudioError, match=r"is no regular file"):
        measure(tmp_path)


def test_a_wav_without_samples_holds_no_audio(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "none.wav", np.zeros(0), 8000)
    with pytest.raises(AudioError, match="holds no audio"):
        measure(tmp_path / "none.wav")


def test_a_film_without_sound_holds_no_audio(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with av.open(path, "w") as output:
        stream = output.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    with pytest.raises(AudioError, match="holds no audio"):
        measure(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(bad: float, tmp_path: Path) -> None:
    samples = np.zeros(100_000, np.float32)
    samples[90_000] = bad
    path = tmp_path / "bad.wav"
    soundfile.write(path, samples, 8000, subtype="FLOAT")
    with pytest.raises(AudioError, match="not numbers"):
        measure(path)
    with pytest.raises(AudioError, match="not numbers"):
        read_samples(path, 80_000, 15_000)


def test_the_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(AudioError("a/b.mp3", "the file is empty")))
    assert (error.path, error.reason) == ("a/b.mp3", "the file is empty")
    assert str(error) == "a/b.mp3: the file is empty"


def test_an_hour_needs_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "hour.flac"
    tone = np.sin(np.arange(8000 * 60) / 10).astype(np.float32) * 0.5
    with soundfile.SoundFile(path, "w", 8000, 1) as sound:
        for _ in range(60):
            sound.write(tone)
    tracemalloc.start()
    found = measure(path)
    read_samples(path, 8000 * 1800, 8000)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.seconds == 3600
    assert peak_bytes < 20e6  # the whole hour would be 115 MB


def test_integer_and_packed_samples_of_ffmpeg_have_full_scale_one() -> None:
    for name, dtype, low in (("s16", np.int16, -(2**15)), ("s32", np.int32, -(2**31))):
        packed: Any = np.array([[low, 0, low // 2, -(low // 2)]], dtype)
        frame = av.AudioFrame.from_ndarray(packed, format=name, layout="stereo")
        np.testing.assert_array_equal(decode._planes(frame), [[-1, -0.5], [0, 0.5]])
    unsigned = np.array([[0, 128, 64]], np.uint8)
    frame = av.AudioFrame.from_ndarray(unsigned, format="u8p", layout="mono")
    np.testing.assert_array_equal(decode._planes(frame), [[-1, 0, -0.5]])


def test_a_real_fma_track() -> None:
    if "GENRE_PRED_TEST_DATA" not in os.environ:
        pytest.skip("GENRE_PRED_TEST_DATA is not set: no real track")
    path = Path(os.environ["GENRE_PRED_TEST_DATA"]) / "fma_000010.mp3"
    found = measure(path)
    assert (found.sample_rate, found.channels, found.n_samples) == (44_100, 2, 88_200)
    by_sndfile = soundfile.read(path, dtype="float32")[0].mean(axis=1)
    np.testing.assert_allclose(read_samples(path)[0], by_sndfile, atol=1e-6)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["mp3", "wav", "flac", "aiff", "caf"])
def test_damaged_files_are_heard_or_refused_and_nothing_is_printed(kind, tmp_path, stereo, capfd):
    path = tmp_path / f"damaged.{kind}"
    soundfile.write(path, stereo[: 2 * RATE], RATE)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    headers, n_headers = (400, 20) if kind == "mp3" else (100, 3)
    heard = refused = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        damaged = whole.copy()
        damaged[rng.integers(200, len(damaged), 200)] = rng.integers(0, 256, 200)
        damaged[rng.integers(0, headers, n_headers)] = rng.integers(0, 256, n_headers)
        path.write_bytes(damaged.tobytes())
        for source in (path, io.BytesIO(damaged.tobytes())):
            try:
                found = measure(source)
            except AudioError as error:
                assert error.reason
                refused += 1
            else:
                heard += 1
                samples, _ = read_samples(source)
                assert len(samples) == found.n_samples
                assert np.isfinite(samples).all()
    assert heard > 0
    assert refused > 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("n_bytes", [2**50, 2**62, 2**63 - 100, -1000])
def test_a_chunk_longer_than_any_file_kills_nothing(n_bytes, tmp_path, capfd):
    path = tmp_path / "song.caf"
    soundfile.write(path, np.zeros(20_000), 8000)
    before, data, after = path.read_bytes().partition(b"data")
    path.write_bytes(before + b"free" + struct.pack(">q", n_bytes) + data + after)
    for source in (path, io.BytesIO(path.read_bytes())):
        with contextlib.suppress(AudioError):
            assert measure(source).n_samples == 20_000
    assert capfd.readouterr() == ("", "")


def test_a_disk_that_fails_costs_one_file(files, monkeypatch):
    class Failing(io.FileIO):
        def read(self, size: int = -1) -> bytes:
            if self.tell():
                raise OSError(errno.EIO, "Input/output error")
            return super().read(size)

    monkeypatch.setattr(Path, "open", lambda self, mode: Failing(self))
    with pytest.raises(AudioError, match=r"cannot be read \(Input/output error\)"):
        measure(files["mp3"])
    monkeypatch.undo()
    assert measure(files["mp3"]).seconds == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("kind", ["wav", "mov"])
@pytest.mark.parametrize("rate", [1, 999, 768_001, 20_000_000])
def test_a_rate_that_no_recording_has_is_refused(kind, rate, tmp_path):
    path = tmp_path / f"song.{kind}"
    if kind == "wav":
        soundfile.write(path, np.zeros(10_000), rate)
    else:
        with av.open(path, "w") as output:
            stream = output.add_stream("alac", rate=rate)
            frame = av.AudioFrame.from_ndarray(
                np.zeros((1, 4096), np.int16), format="s16p", layout="mono"
            )
            frame.sample_rate = rate
            stream.layout = "mono"
            output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
    with pytest.raises(AudioError, match=f"its sample rate is {rate} Hz: 1 to 768 kHz can be"):
        measure(path)
    with pytest.raises(AudioError, match="its sample rate"):
        read_samples(path, 0, 100)


@pytest.mark.parametrize("rate", [1000, 768_000])
def test_the_slowest_and_the_fastest_rate_are_heard(rate, tmp_path):
    soundfile.write(tmp_path / "song.wav", np.zeros(2 * rate), rate)
    assert measure(tmp_path / "song.wav").seconds == 2

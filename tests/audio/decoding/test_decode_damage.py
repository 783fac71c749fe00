"""Decoding: damaged files, and a sentence for everything that is no sound."""

import contextlib
import errno
import io
import pickle
import struct
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from every_format import RATE, SECONDS

from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.reading import measure, read_samples


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
def test_files_without_audio_are_reported_as_such(raw: bytes, suffix: str, tmp_path: Path) -> None:
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


def test_samples_far_beyond_full_scale_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.full(10_000, -1e20, np.float32), 8000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"not audio: a sample is 1e\+20 times full scale"):
        measure(path)
    with pytest.raises(AudioError, match="full scale"):
        read_samples(path, 5000, 100)


def test_integers_stored_as_floats_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "integers.wav"
    soundfile.write(path, np.full(10_000, -(2.0**31), np.float32), 8000, subtype="FLOAT")
    assert measure(path).peak == 2.0**31


@pytest.mark.filterwarnings("error")
def test_floats_that_begin_a_byte_off_are_no_sound(stereo: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "off.wav"
    soundfile.write(path, stereo, RATE, subtype="FLOAT")
    raw = path.read_bytes()
    begin = raw.index(b"data") + 8
    path.write_bytes(raw[:begin] + raw[begin + 1 :] + b"\0")
    with pytest.raises(AudioError, match="full scale|not numbers"):
        measure(path)


def test_a_name_that_the_system_refuses_costs_one_file(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"cannot be read \(File name too long\)"):
        measure(tmp_path / f"{'a' * 300}.mp3")


def test_the_error_travels_between_processes() -> None:
    error = pickle.loads(pickle.dumps(AudioError("a/b.mp3", "the file is empty")))
    assert (error.path, error.reason) == ("a/b.mp3", "the file is empty")
    assert str(error) == "a/b.mp3: the file is empty"


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", ["mp3", "wav", "flac", "aiff", "caf"])
def test_damaged_files_are_decoded_or_refused_and_nothing_is_printed(kind, tmp_path, stereo, capfd):
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
    with pytest.raises(AudioError, match=f"its sample rate is {rate} Hz; sample rates from 1 to"):
        measure(path)
    with pytest.raises(AudioError, match="its sample rate"):
        read_samples(path, 0, 100)

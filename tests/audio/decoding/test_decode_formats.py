"""Decoding: every format, exact slices, and measurements."""

import io
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from every_format import LOSSLESS, LOSSY, RATE

from genre_pred.audio.decoding import decoders
from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.reading import measure, read_samples, read_windows


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


def test_64_bit_integers_are_decoded_like_32_bit_integers(tmp_path: Path) -> None:
    short, long = tmp_path / "32.wav", tmp_path / "64.wav"
    tone = (2**31 * 0.5 * np.sin(np.arange(20_000) / 9)).astype(np.int32)
    soundfile.write(short, tone.reshape(-1, 2), RATE, subtype="PCM_32")
    data = (tone.astype(np.int64) << 32).tobytes()
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, RATE, RATE * 16, 16, 64)
    body = b"WAVE" + fmt + struct.pack("<4sI", b"data", len(data)) + data
    long.write_bytes(struct.pack("<4sI", b"RIFF", len(body)) + body)
    assert measure(long) == measure(short)


def test_windows_must_ascend(files: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        list(read_windows(files["wav"], [10, 5], 100))
    with pytest.raises(ValueError, match="ascend"):
        read_samples(files["wav"], -1, 100)


@pytest.mark.parametrize("kind", LOSSLESS + LOSSY)
def test_a_stream_decodes_like_its_file_and_can_be_read_again(
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
        np.testing.assert_array_equal(decoders._planes([frame]), [[-1, -0.5], [0, 0.5]])
    unsigned = np.array([[0, 128, 64]], np.uint8)
    frame = av.AudioFrame.from_ndarray(unsigned, format="u8p", layout="mono")
    np.testing.assert_array_equal(decoders._planes([frame]), [[-1, 0, -0.5]])


def test_a_real_fma_track() -> None:
    if "GENRE_PRED_TEST_DATA" not in os.environ:
        pytest.skip("GENRE_PRED_TEST_DATA is not set: no real track")
    path = Path(os.environ["GENRE_PRED_TEST_DATA"]) / "fma_000010.mp3"
    found = measure(path)
    assert (found.sample_rate, found.channels, found.n_samples) == (44_100, 2, 88_200)
    by_sndfile = soundfile.read(path, dtype="float32")[0].mean(axis=1)
    np.testing.assert_allclose(read_samples(path)[0], by_sndfile, atol=1e-6)


@pytest.mark.parametrize("rate", [1000, 768_000])
def test_the_lowest_and_the_highest_sample_rate_are_supported(rate, tmp_path):
    soundfile.write(tmp_path / "song.wav", np.zeros(2 * rate), rate)
    assert measure(tmp_path / "song.wav").seconds == 2

"""The HTML of a prediction and of the models."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from page_songs import tone

pytest.importorskip("gradio", reason="the page needs gradio: the extra `app`")

from genre_pred.apps.web import limits, page, standing
from genre_pred.apps.web.answer import genre_summary, neighbour_list, timeline
from genre_pred.apps.web.batch import song_row, songs_of
from genre_pred.apps.web.listening import excerpt_to_play
from genre_pred.apps.web.spectrogram import draw_spectrogram
from genre_pred.audio.decoding import reading as decode
from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.excerpts import Recording
from genre_pred.audio.decoding.reading import measure
from genre_pred.config.params import read_params
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.inference.prediction import Neighbour, Prediction, WindowPrediction

ROOT = Path(__file__).parents[3]


def test_a_song_that_is_too_long_is_refused(classifier, songs, monkeypatch):
    with pytest.raises(AudioError, match="too long: more than 6 s"):
        measure(songs["mp3"], 6)
    monkeypatch.setattr(page, "MOST_SECONDS", 6)
    told, *others = page.predict_song(classifier, str(songs["mp3"]))
    assert "É «low».mp3: too long: more than 6 s." in told
    assert others == ["", ""]


def test_a_classifier_without_audio_input_is_reported_everywhere(classifier, songs):
    deaf = GenreClassifier(classifier.folder)
    deaf.spec = replace(classifier.spec, accepts_audio=False)
    assert "cannot predict audio files" in song_row(deaf, next(songs_of([songs["wav"]])))["error"]
    assert "cannot predict audio files" in page.predict_song(deaf, str(songs["wav"]))[0]


def made_up(**more) -> Prediction:
    shares = {"Rock": 0.7, "Folk & <i>": 0.3}
    stretches = (
        WindowPrediction(1.0, 11.0, shares),
        WindowPrediction(11.0, 21.0, {"Rock": 1.0, "Folk & <i>": 0.0}),
    )
    return Prediction(
        "Rock", shares, 2, "digest", timeline=stretches, sample_rate=8000, n_samples=176_000, **more
    )


def test_unknown_songs_and_sets_are_explained():
    told = genre_summary(made_up(genre_set=("Rock", "Folk & <i>"), coverage=0.9))
    assert "In 90% of songs like these, the genre is among: <strong>Rock</strong>" in told
    assert "<i>" not in told
    told = genre_summary(made_up(unknown=True, why_no_set="too few to calibrate"))
    assert '<h2 class="gp-genre">Unknown</h2>' in told and "Rock is the nearest (70%)" in told
    assert "No prediction set: too few to calibrate." in told


def test_a_training_file_is_marked(classifier, songs):
    asked = GenreClassifier(classifier.folder)
    found = asked.predict(songs["wav"])
    assert not found.learnt_from and "used in training" not in genre_summary(found)
    asked.trained_on = frozenset([found.content])
    again = asked.predict(songs["wav"])
    assert again.learnt_from and "used in training" in genre_summary(again)


def test_the_timeline_has_the_time_axis_of_the_recording():
    told = timeline(made_up(), "data:,", {})
    assert 'x="0.04545" y="0.3000" height="0.7000" width="0.45455"' in told
    assert "2 windows; blank parts were not used" in told
    assert '<span style="left:90.91%">0:20</span>' in told


def test_a_neighbour_without_audio_is_listed():
    told = neighbour_list([(Neighbour("7", "Rock", "gone.mp3", 1.0), None)])
    assert "clip 7" in told and "its audio file is missing or was replaced" in told
    assert neighbour_list([]) == ""


def test_a_neighbour_plays_only_its_unchanged_file(tmp_path):
    path, clip = tmp_path / "clip.wav", read_params(ROOT / "params.yaml").clip
    soundfile.write(path, tone("Low", 1), 16_000)
    near = Neighbour("1", "Low", str(path), 1.0, measure(path).content)
    assert str(excerpt_to_play(near, clip)).startswith("data:audio/mpeg;base64,")
    assert excerpt_to_play(replace(near, content=""), clip) is None
    soundfile.write(path, tone("High", 2), 16_000)
    assert excerpt_to_play(near, clip) is None
    soundfile.write(path, tone("Low", 1), 16_000)
    assert excerpt_to_play(near, clip)
    path.write_bytes(b"this is no sound")
    assert excerpt_to_play(near, clip) is None
    path.unlink()
    assert excerpt_to_play(near, clip) is None


def test_a_neighbour_that_cannot_be_encoded_is_logged(tmp_path, monkeypatch, caplog):
    path, clip = tmp_path / "clip.wav", read_params(ROOT / "params.yaml").clip
    soundfile.write(path, tone("Low", 3), 16_000)
    near = Neighbour("1", "Low", str(path), 1.0, measure(path).content)

    def fail(*_, **__):
        raise RuntimeError("no encoder")

    monkeypatch.setattr("genre_pred.apps.web.listening.soundfile.write", fail)
    assert excerpt_to_play(near, clip) is None
    assert "clip.wav cannot be played" in caplog.text


def test_a_song_is_decoded_no_more_often_than_it_takes(classifier, songs, monkeypatch):
    decoded = []
    blocks = decode.decoded
    monkeypatch.setattr(decode, "decoded", lambda *of: decoded.append(of[0]) or blocks(*of))
    page.predict_song(classifier, str(songs["mp3"]))
    # To measure it, to hear it, to draw it; the others are neighbours.
    assert sum(Path(it).name == songs["mp3"].name for it in decoded) == 3
    decoded.clear()
    song_row(classifier, next(songs_of([songs["mp3"]])))
    assert len(decoded) == 2


@pytest.mark.parametrize("seconds", [0.05, 1.0, 61.3])
def test_the_spectrogram_shows_a_tone_at_its_height_all_along(tmp_path, seconds):
    from base64 import b64decode

    from PIL import Image

    t = np.arange(round(22_050 * seconds)) / 22_050
    soundfile.write(tmp_path / "tone.wav", 0.5 * np.sin(2 * np.pi * 1000 * t), 22_050)
    address = draw_spectrogram(Recording(tmp_path / "tone.wav", 22_050, len(t)))
    picture = np.array(Image.open(io.BytesIO(b64decode(address.partition(",")[2]))))
    rows = picture.sum(axis=2).argmax(axis=0)  # (columns,) of the brightest
    from_below = 1 - rows / picture.shape[0]
    middle = from_below[1:-1] if len(rows) > 2 else from_below
    np.testing.assert_allclose(middle, page.heights()["1 kHz"], atol=0.02)


def test_the_leaderboard_names_notes_once_and_leaves_empty_columns_out():
    board = pd.DataFrame({"model": ["a|b", "<c>"], "accuracy": [50.0, np.nan]})
    board = board.assign(protocol="", by="", note="quoted")
    told = standing._board("Quoted", board, standing.PUBLISHED)
    assert "<td>a|b<sup>1</sup></td><td>50.0</td>" in told and "&lt;c&gt;" in told
    assert told.count("quoted") == 1 and "protocol" not in told


def test_the_page_states_its_limits():
    assert f"{limits.MOST_MEGABYTES} MB and {limits.MOST_SECONDS // 60} minutes" in page.UPLOAD_NOTE
    # Gradio's clock restarts whenever a file is used.
    assert "within 11 minutes after upload or last use" in page.UPLOAD_NOTE

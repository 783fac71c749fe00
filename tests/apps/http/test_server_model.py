"""The served model: a row per recording, and a sentence per error."""

import io
import json
import re
import shutil
import time
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from served_tones import GENRES, SPEC, sound, text, train_classifier

from genre_pred.apps.http.served import DEADLINE, Served, _load_pyfunc
from genre_pred.apps.web.batch import song_row, songs_of
from genre_pred.config.sections import Compute
from genre_pred.core.errors import UserError
from genre_pred.inference.batch.many_files import predict_files
from genre_pred.inference.classifier import GenreClassifier
from genre_pred.inference.classifier_folder import NETWORK
from genre_pred.inference.prediction import column_of
from genre_pred.networks.embedding.patches_to_embeddings import load_backbone
from genre_pred.tracking import Refused


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_all_interfaces_give_the_same_probabilities_with_more_threads(
    params, tmp_path, two_threads, precision
):
    net, _ = load_backbone("mn04", params.weights.model_copy(update={"mn04": "random"}))
    save_file(net.state_dict(), tmp_path / "mn04.safetensors")
    spec = replace(SPEC, features="mn04", precision=precision)
    classifier = train_classifier(tmp_path, spec, {NETWORK: tmp_path / "mn04.safetensors"})
    song = tmp_path / "song.mp3"
    song.write_bytes(sound(550, 7, "MP3"))
    ((_, told),) = predict_files(
        [song], classifier, Compute(workers=1, scheduler=None)
    )  # with one thread
    (row,) = [song_row(classifier, each) for each in songs_of([song])]
    asked = pd.DataFrame({"audio": [text(song.read_bytes())]})
    served = _load_pyfunc(str(classifier.folder)).predict(asked)
    many = predict_files(
        [song] * 3, classifier, Compute(workers=1, scheduler=None)
    )  # in another process
    assert [found.row() for _, found in many] == [told.row()] * 3
    assert 0.001 < told.probabilities["Low"] < 0.999
    for genre in GENRES:
        assert row[column_of(genre)] == told.probabilities[genre]
        assert served[genre].item() == told.probabilities[genre]


def test_a_table_of_base64_is_answered_row_by_row(classifier):
    served = _load_pyfunc(str(classifier.folder))
    answer = served.predict(pd.DataFrame({"audio": [text(sound(210)), text(sound(1450))]}))
    assert list(answer) == ["genre", *GENRES, "genre_set", "unknown"]
    assert answer["genre"].tolist() == ["Low", "High"]
    assert answer["unknown"].tolist() == [None, None]  # it does not carry its training music
    np.testing.assert_allclose(answer[GENRES].sum(axis=1), 1)


@pytest.mark.parametrize("name", ["classifier.json", "pipeline.skops", "known_music.npz"])
def test_the_identity_covers_every_file(classifier, tmp_path, name):
    copied = shutil.copytree(classifier.folder, tmp_path / "copied")
    assert GenreClassifier(copied).identity == classifier.identity
    with (copied / name).open("ab") as file:
        file.write(b"\n")
    assert GenreClassifier(copied).identity != classifier.identity


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("classifier.json", "JSONDecodeError"),
        ("pipeline.skops", "BadZipFile"),
        ("known_music.npz", "UnpicklingError|ValueError"),
        ("network.safetensors", "SafetensorError"),
    ],
)
def test_a_damaged_classifier_is_reported(classifier, tmp_path, name, cause):
    copied = shutil.copytree(classifier.folder, tmp_path / "copied")
    if name == "network.safetensors":
        spec = replace(SPEC, features=None, network="s4_cnn", hidden=16)
        (copied / "classifier.json").write_text(json.dumps(asdict(spec)))
    (copied / name).write_bytes(b"broken")
    told = (
        rf"genre-x in {re.escape(str(copied))} cannot be read \(({cause}): .*\): register it again"
    )
    with pytest.raises(UserError, match=told):
        GenreClassifier(copied, "genre-x").predict(io.BytesIO(sound(210)))


def test_damaged_parts_are_reported(classifier, tmp_path):
    copied = shutil.copytree(classifier.folder, tmp_path / "copied")
    for name in ("trained_on.txt", "held_out.parquet"):
        (copied / name).write_bytes(b"\xff\xfe")
    damaged = GenreClassifier(copied)
    for part in ("trained_on", "held_out"):
        with pytest.raises(UserError, match="the classifier in .* cannot be read"):
            getattr(damaged, part)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "there are no rows: each row's audio is an audio file as base64 text"),
        ([text(sound(200))] * 3, "there are 3 rows: at most 2 at a time"),
        ([text(sound(200)), "/etc/passwd"], "row 1: its audio is not base64 text"),
        (["Ä"], "row 0: its audio is not base64 text"),
        ([None], "row 0: its audio is not text"),
        ([""], "row 0: the file is empty"),
        ([text(b"no sound")], "row 0: is not a sound file that can be decoded"),
        ([text(sound(200, 0.2))], "row 0: too short: 0.2 s of at least 1 s"),
        ([text(sound(200, 5.5))], "row 0: too long: more than 5 s"),
        ([text(sound(200, 60, "FLAC"))], "row 0: too long: more than 5 s"),
        ([text(sound(200, 2.6))] * 2, "the audio of all rows is too long: more than 5 s"),
    ],
)
def test_invalid_requests_are_refused_in_a_sentence(classifier, rows, sentence):
    with pytest.raises(Refused) as refused:
        Served(classifier, max_rows=2, max_seconds=5).predict(pd.DataFrame({"audio": rows}))
    refused.value.message = "as MLflow's server does: " + refused.value.message
    told = json.loads(refused.value.serialize_as_json())
    assert told == {"error_code": "INVALID_PARAMETER_VALUE", "message": sentence}
    assert refused.value.get_http_status_code() == 400


def test_an_unexpected_error_is_500_with_its_cause(classifier, monkeypatch, caplog):
    def fail(*_):
        raise ValueError("Input X\ncontains NaN.")

    monkeypatch.setattr(classifier, "predict", fail)
    with pytest.raises(Refused) as failed:
        Served(classifier).predict(pd.DataFrame({"audio": [text(sound(200))]}))
    assert failed.value.get_http_status_code() == 500
    assert json.loads(failed.value.serialize_as_json()) == {
        "error_code": "INTERNAL_ERROR",
        "message": "row 0: prediction failed: ValueError: Input X contains NaN. "
        "(see the server's log)",
    }
    assert "Traceback" in caplog.text


def test_rows_are_as_long_together_as_they_may_be(classifier):
    rows = pd.DataFrame({"audio": [text(sound(200, 2.3)), text(sound(200, 2.7))]})
    assert len(Served(classifier, max_rows=2, max_seconds=5).predict(rows)) == 2


def test_an_exception_of_check_stops_the_prediction(classifier):
    calls = []

    def check() -> None:
        calls.append(None)
        if len(calls) > last:
            raise TimeoutError

    last = 1000
    classifier.predict(io.BytesIO(sound(200, 9)), check=check)
    assert len(calls) == 3 + 4  # blocks of 65536 samples, windows of 2 s
    for last in (0, 4):
        calls.clear()
        with pytest.raises(TimeoutError):
            classifier.predict(io.BytesIO(sound(200, 9)), check=check)
        assert len(calls) == last + 1


def test_a_late_prediction_returns_504(classifier):
    token = DEADLINE.set(time.monotonic() - 1)
    try:
        with pytest.raises(Refused) as late:
            Served(classifier).predict(pd.DataFrame({"audio": [text(sound(200))]}))
    finally:
        DEADLINE.reset(token)
    assert late.value.get_http_status_code() == 504
    assert json.loads(late.value.serialize_as_json()) == {
        "error_code": "DEADLINE_EXCEEDED",
        "message": "the request timed out",
    }

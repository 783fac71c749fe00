"""The CSV file of predictions: resuming, and one classifier per file."""

import csv
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from genre_pred.core.errors import UserError
from genre_pred.inference.batch.answers_csv import AnswerFile, answers_in
from genre_pred.inference.prediction import Prediction

FOUND = Prediction(
    "jazz", {"Folk, World": 0.25, "jazz": 0.75}, 3, "c0", ("jazz", "Folk, World"), 0.9,
    unknown=True, novelty=2.5, threshold=2.0,
)  # fmt: skip


def classifier(title="genre-x@champion (version 1)", identity="0a0a0a0a", genres=None):
    spec = SimpleNamespace(genres=genres or ["Folk, World", "jazz"], model="mfcc/svc_rbf")
    return SimpleNamespace(spec=spec, title=title, identity=identity)


@pytest.fixture
def songs(tmp_path):
    names = ["one.mp3", 'two\nlines, "quoted".mp3', "\udcff.mp3", "音楽 .mp3"]
    made = [tmp_path / name for name in names]
    for number, song in enumerate(made):
        song.write_bytes(b"x" * (number + 1))
    return made


def written(path, songs, found=FOUND):
    answers = AnswerFile(path, classifier())
    with answers.adding(songs):
        for song in songs:
            answers.add(song, found)


def held(path, songs):
    answers = AnswerFile(path, classifier())
    return [answers.holds(song) for song in songs]


def test_it_knows_what_it_holds_whatever_the_names(tmp_path, songs):
    table = tmp_path / "answers.csv"
    written(table, songs[:2])
    assert held(table, songs) == [True, True, False, False]
    written(table, songs[2:])
    assert held(table, songs) == [True] * 4
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [
        str(song).encode(errors="backslashreplace").decode() for song in songs
    ]
    assert rows[0] | {"modified": ""} == {
        "file": str(songs[0]), "bytes": "1", "modified": "", "error": "",
        "model": "genre-x@champion (version 1) [0a0a0a0a]", "genre": "jazz",
        "probability": "0.75", "genre_set": "jazz | Folk, World", "unknown": "True",
        "novelty": "2.5", "learnt_from": "False", "windows": "3",
        "p(Folk, World)": "0.25", "p(jazz)": "0.75",
    }  # fmt: skip


def test_a_song_that_was_learnt_from_is_marked(tmp_path, songs):
    table = tmp_path / "answers.csv"
    written(table, songs[:1], replace(FOUND, learnt_from=True))
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["learnt_from"] == "True"


def test_changed_and_failed_files_are_predicted_again(tmp_path, songs):
    table = tmp_path / "answers.csv"
    written(table, songs[:1])
    written(table, songs[1:2], "is not a sound file")
    songs[0].write_bytes(b"changed")
    assert held(table, songs[:2]) == [False, False]
    written(table, songs[:2])
    assert held(table, songs[:2]) == [True, True]
    with table.open(newline="") as file:
        assert len(list(csv.reader(file))) == 3


def test_a_file_replaced_during_prediction_is_predicted_again(tmp_path, songs):
    table = tmp_path / "answers.csv"
    answers = AnswerFile(table, classifier())
    with answers.adding(songs[:2]):
        songs[0].write_bytes(b"another song")
        for song in songs[:2]:
            answers.add(song, FOUND)
    assert held(table, songs[:2]) == [False, True]


@pytest.mark.parametrize("lost", range(1, 160, 7))
def test_after_a_kill_in_the_middle_of_a_row_the_whole_ones_count(tmp_path, songs, lost):
    table = tmp_path / "answers.csv"
    written(table, songs[:1])
    first = len(table.read_bytes())
    written(table, songs[1:2])
    content = table.read_bytes()
    table.write_bytes(content[: max(first, len(content) - lost)])
    assert held(table, songs[:2]) == [True, False]
    written(table, songs[1:2])
    assert table.read_bytes() == content


def test_another_models_file_and_another_kind_of_file_are_refused(tmp_path, songs):
    table = tmp_path / "answers.csv"
    written(table, songs[:1])
    with pytest.raises(
        UserError, match=r"holds predictions by genre-x@champion \(version 1\) .* not by"
    ):
        AnswerFile(table, classifier("genre-x@champion (version 2)", "0b0b0b0b"))
    with pytest.raises(UserError, match="holds predictions by"):
        AnswerFile(table, classifier(genres=["blues", "jazz"]))
    AnswerFile(table, classifier("genre-x@challenger (version 1)"))  # the same by another alias
    table.write_text("path,genre\na,b\n")
    with pytest.raises(UserError, match="is not a CSV file of predictions"):
        AnswerFile(table, classifier())


def test_a_file_with_an_older_versions_columns_is_refused_and_kept(tmp_path, songs):
    table = tmp_path / "answers.csv"
    written(table, songs[:1])
    older = table.read_text().replace(",learnt_from,", ",").replace(",False,", ",")
    table.write_text(older)
    with pytest.raises(UserError, match="was written by another version of genre_pred"):
        AnswerFile(table, classifier())
    assert table.read_text() == older


def test_an_empty_file_is_begun_anew(tmp_path, songs):
    (tmp_path / "answers.csv").touch()
    written(tmp_path / "answers.csv", songs)
    assert held(tmp_path / "answers.csv", songs) == [True] * 4


def test_names_that_a_spreadsheet_would_run_are_text_and_known_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    songs = [Path(name) for name in ("=1+1.mp3", "'=1+1.mp3", "@a.mp3", "-b.mp3", "+c.mp3")]
    for song in songs:
        song.touch()
    table = Path("answers.csv")
    written(table, songs, Prediction("-", {"Folk, World": 0.0, "jazz": 0.0, "-": 1.0}, 1, "c0"))
    assert held(table, songs) == [True] * 5
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [f"'{song}" for song in songs]
    assert {row["genre"] for row in rows} == {"'-"}


def test_where_it_cannot_tell_unknown_is_left_blank(tmp_path, songs):
    table = tmp_path / "answers.csv"
    written(table, songs[:1], Prediction("jazz", {"Folk, World": 0.25, "jazz": 0.75}, 3, "c0"))
    with table.open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["unknown"], row["novelty"], row["genre_set"]) == ("", "", "")


def test_a_genre_may_be_called_as_a_column_is():
    shares = {"file": 0.1, "error": 0.2, "genre": 0.7}
    row = Prediction("genre", shares, 1, "c0", unknown=False).row()
    assert (row["genre"], row["p(genre)"], row["p(file)"]) == ("genre", 0.7, 0.1)


def test_a_second_run_on_the_same_file_is_refused(tmp_path, songs):
    table = tmp_path / "new" / "answers.csv"
    with answers_in(table, classifier()) as answers:
        second = answers_in(table, classifier())
        with pytest.raises(UserError, match="another run is writing"), second:
            pytest.fail("two runs")
        with answers.adding(songs[:1]):
            answers.add(songs[0], FOUND)
    with answers_in(table, classifier()) as answers:
        assert answers.holds(songs[0])

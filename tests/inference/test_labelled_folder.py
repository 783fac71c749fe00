"""Evaluation of a classifier on a labelled folder."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from click.testing import CliRunner

from genre_pred.apps.cli import main
from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.config.sections import Compute, Evaluate
from genre_pred.inference.batch import many_files as hearing
from genre_pred.inference.batch.labelled_folder import evaluate_folder, genre_called
from genre_pred.inference.batch.many_files import songs_in
from genre_pred.inference.prediction import Prediction

SETTINGS = Evaluate(reproductions=(), ensemble=(), confidence=0.9, n_resamples=200, seed=1)
ALONE = Compute(workers=1, scheduler=None)


class Listener:
    """Hears blues in files whose name begins with b, else jazz."""

    folder, title = None, "genre-x@champion (version 1)"
    spec = SimpleNamespace(genres=["blues", "jazz"], model="mfcc/svc_rbf", note="")
    trained_on = frozenset(["learnt.wav"])

    def predict(self, path, check=None):
        if path.stat().st_size == 0:
            raise AudioError(str(path), "the file is empty")
        first = 0.8 if path.name.startswith("b") else 0.3
        genre = "blues" if first > 0.5 else "jazz"
        shares = {"blues": first, "jazz": 1 - first}
        return Prediction(
            genre, shares, 1, path.name,
            unknown=path.name == "unlike.wav", learnt_from=path.name in self.trained_on,
        )  # fmt: skip


@pytest.fixture(autouse=True)
def listener(monkeypatch):
    monkeypatch.setattr(hearing, "_classifier", lambda folder: Listener())
    monkeypatch.setattr(hearing, "FEW", 99)  # in this process, which knows it


def heard(root, sounds):
    return evaluate_folder(Listener(), root, sounds, SETTINGS, ALONE)


@pytest.fixture
def folder(tmp_path):
    for name in ("blues/b1.wav", "blues/x.wav", "jazz/deep/j.mp3", "polka/p.ogg", "b loose.flac"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"sound")
    (tmp_path / "jazz/broken.mp3").touch()
    (tmp_path / "jazz/cover.jpg").write_bytes(b"no sound")
    return tmp_path


def test_songs_in_folders_of_known_genres_are_scored_and_the_rest_answered(folder):
    tried = heard(folder, songs_in([folder])[0])
    assert tried.labelled == 3
    accuracy, low, high = tried.accuracy
    assert accuracy == pytest.approx(2 / 3)
    assert 0 <= low < accuracy < high <= 1
    assert tried.confusion.loc["blues"].tolist() == [1, 1]
    assert tried.confusion.loc["jazz"].tolist() == [0, 1]
    songs = tried.songs.set_index("clip_id")
    assert songs.loc["b loose.flac", "predicted"] == "blues"
    assert pd.isna(songs.loc["polka/p.ogg", "genre"])
    assert songs.loc["jazz/broken.mp3", "reason"] == "the file is empty"
    assert len(songs) == 6
    assert tried.no_genres == ["polka"]


def test_where_artists_are_known_the_interval_goes_over_them(folder):
    names = ["blues/b1.wav", "blues/x.wav", "jazz/deep/j.mp3", "jazz/broken.mp3", "polka/p.ogg"]
    lines = [f"{name},one" for name in [*names, "b loose.flac"]]
    (folder / "artists.csv").write_text("path,artist\n" + "\n".join(lines) + "\n")
    tried = heard(folder, songs_in([folder])[0])
    assert tried.by_artist
    assert tried.accuracy[1:] == (0.0, 1.0)  # one artist tells nothing of others


def test_training_files_are_not_scored(folder):
    (folder / "jazz" / "learnt.wav").write_bytes(b"sound")
    tried = heard(folder, songs_in([folder])[0])
    assert tried.labelled == 3
    assert tried.songs.set_index("clip_id").loc["jazz/learnt.wav", "learnt_from"]


def test_without_labels_there_is_no_score(folder):
    tried = heard(folder, [folder / "b loose.flac"])
    assert (tried.labelled, tried.accuracy, tried.confusion) == (0, None, None)


@pytest.fixture
def evaluate(monkeypatch):
    """The command, asking the listener."""
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr("genre_pred.apps.cli.songs.loaded", lambda model: Listener())
    monkeypatch.setattr(hearing, "FEW", 9)  # other processes would not know the listener
    return lambda *told: CliRunner().invoke(main, ["evaluate", *map(str, told)])


def test_a_folder_without_audio_is_reported(tmp_path, evaluate):
    (tmp_path / "notes.txt").write_text("la la la")
    told = evaluate(tmp_path)
    assert (told.exit_code, told.output) == (1, f"Error: {tmp_path} holds no audio file\n")


def test_unreadable_files_are_reported_and_the_rest_scored(folder, evaluate, forbid):
    (folder / "blues" / "gone.wav").symlink_to("nowhere")
    (folder / "jazz" / "broken.mp3").unlink()
    forbid(folder / "polka")
    told = evaluate(folder)
    assert told.exit_code == 1
    assert "of 3 songs" in told.stdout
    assert f"error: {folder / 'polka'}: cannot be read (Permission denied)" in told.stderr
    assert "error: blues/gone.wav: prediction failed: FileNotFoundError" in told.stderr


def test_a_full_disk_does_not_hide_the_results(folder, evaluate, small_disk):
    with (small_disk / "full").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    told = evaluate(folder, "--csv", small_disk / "tried.csv")
    assert told.exit_code == 1
    assert "of 3 songs" in told.stdout
    assert "the disk is full while writing tried.csv into" in told.stderr
    assert "jazz/broken.mp3: the file is empty" in told.stderr


@pytest.mark.parametrize(
    ("folder", "genre"),
    [
        ("Rock", "Rock"),
        ("rock", "Rock"),
        ("hip hop", "Hip-Hop"),
        ("HIP_HOP!", "Hip-Hop"),
        ("cafe\u0301", "Caf\u00e9"),
        ("hop", None),
        ("--", None),
        ("R&B", "R&B"),
        ("r.b", None),  # R&B or R-B
        ("R-B", "R-B"),
    ],
)
def test_a_folder_is_a_genre_whatever_its_case_and_punctuation(folder, genre):
    assert genre_called(folder, ["Rock", "Hip-Hop", "Caf\u00e9", "R&B", "R-B", "-"]) == genre


def test_folders_written_otherwise_are_scored_too(folder):
    (folder / "jazz").rename(folder / "JAZZ!")
    tried = heard(folder, songs_in([folder])[0])
    assert tried.labelled == 3
    assert tried.songs.set_index("clip_id").loc["JAZZ!/deep/j.mp3", "genre"] == "jazz"


def test_names_that_are_no_text_cost_nothing_and_are_shown_escaped(tmp_path, evaluate):
    songs, table = tmp_path / "songs", tmp_path / "new" / "tried.csv"
    (songs / "\udcff").mkdir(parents=True)
    (songs / "\udcff" / "b caf\udce9.mp3").write_bytes(b"sound")
    (songs / "two\nlines.mp3").touch()
    told = evaluate(songs, "--csv", table)
    assert told.exit_code == 1  # for the empty file
    lines = [line.split() for line in told.stdout.splitlines()]
    assert ["blues", "80%", r"\udcff/b", r"caf\udce9.mp3"] in lines
    assert r"not scored: \udcff" in told.stdout
    assert told.stderr.splitlines()[-1] == r"error: two\nlines.mp3: the file is empty"
    written = pd.read_csv(table)
    assert written["clip_id"].tolist() == ["two\nlines.mp3", r"\udcff/b caf\udce9.mp3"]
    assert written["predicted"].tolist()[1] == "blues"


def test_another_file_is_not_written_over_but_an_earlier_trial_is(folder, evaluate, tmp_path):
    other = tmp_path / "genres.csv"
    other.write_text("file,bytes,modified,model,error\n")
    told = evaluate(folder, "--csv", other)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "genres.csv exists and was not written by this command: name" in told.stderr
    assert other.read_text() == "file,bytes,modified,model,error\n"
    own = tmp_path / "tried.csv"
    own.touch()
    evaluate(folder, "--csv", own)
    first = own.read_text()
    assert first.count("\n") == 7
    evaluate(folder, "--csv", own)
    assert own.read_text() == first


def test_songs_without_a_label_carry_their_marks(tmp_path, evaluate):
    for name in ("b.wav", "unlike.wav", "learnt.wav"):
        (tmp_path / name).write_bytes(b"sound")
    told = evaluate(tmp_path).stdout
    assert [line.split("  ")[1].strip() for line in told.splitlines() if ".wav" in line] == [
        "blues", "jazz (used in training)", "jazz (unknown)",
    ]  # fmt: skip
    assert "unknown: unlike the training music" in told
    assert "used in training: this recording was used in training" in told


def test_a_folder_of_training_files_has_nothing_to_score(tmp_path, evaluate):
    (tmp_path / "jazz").mkdir()
    (tmp_path / "jazz" / "learnt.wav").write_bytes(b"sound")
    done = evaluate(tmp_path)
    assert "not scored: 1 of the songs, which were used in training" in done.output
    assert "nothing to score: add labelled songs" in done.output


def test_evaluate_runs_outside_of_a_workspace(folder, evaluate, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "params.yaml").write_text("learning_rate: 0.1\n")  # another project's
    done = evaluate(folder)
    assert "66.7% of 3 songs" in done.output
    assert "95% interval" in done.output


@pytest.mark.parametrize("asked", [["--folds", "1"], ["--repeats", "0"]])
def test_a_leakage_that_cannot_be_measured_is_refused(asked):
    done = CliRunner().invoke(main, ["leakage", *asked])
    assert done.exit_code == 2
    assert "is not in the range" in done.output

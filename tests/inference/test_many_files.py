"""The songs in files and folders, and one bad file among good ones."""

import os

import pytest
from click.testing import CliRunner

from genre_pred.apps.cli import main
from genre_pred.apps.cli.songs import _message_when_stopped
from genre_pred.apps.cli.terminal import shown
from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.reading import measure
from genre_pred.config.sections import Compute
from genre_pred.core.errors import UserError
from genre_pred.inference.batch import many_files as hearing
from genre_pred.inference.batch.many_files import FEW, predict_files, songs_in
from genre_pred.inference.prediction import Prediction


def test_folders_are_searched_and_files_taken_as_they_are(tmp_path):
    for name in ("a/b/c.mp3", "a/cover.jpg", "a/.hidden.mp3", "a/Z.FLAC", "plain.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "gone.wav").symlink_to("nowhere")
    (tmp_path / "a" / "b" / "loop").symlink_to(tmp_path / "a")
    (tmp_path / "empty").mkdir()
    asked = [tmp_path / name for name in ("a", "plain.txt", "empty", "a/Z.FLAC", "nosuch")]
    songs, without = songs_in(asked)
    names = ["a/Z.FLAC", "a/b/c.mp3", "a/gone.wav", "plain.txt", "nosuch"]
    assert [song.relative_to(tmp_path).as_posix() for song in songs] == names
    assert without == [(tmp_path / "empty", "holds no audio file")]


def test_an_unreadable_folder_is_reported_and_the_others_predicted(tmp_path, forbid):
    for name in ("music/closed/a.mp3", "music/open/b.mp3", "mine/c.mp3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    forbid(tmp_path / "music" / "closed", tmp_path / "mine")
    songs, without = songs_in([tmp_path / "music", tmp_path / "mine"])
    assert songs == [tmp_path / "music" / "open" / "b.mp3"]
    reason = "cannot be read (Permission denied)"
    assert without == [(tmp_path / "music" / "closed", reason), (tmp_path / "mine", reason)]


def test_a_name_that_is_too_long_is_a_song_like_others(tmp_path):
    song = tmp_path / f"{'a' * 300}.mp3"
    assert songs_in([song]) == ([song], [])


def test_missing_paths_are_reported_before_loading(no_files):
    told = CliRunner().invoke(main, ["predict", "nosuch.mp3", "nor this"])
    assert told.exit_code == 1
    assert told.output == "Error: no such file or folder: nosuch.mp3, nor this\n"


def test_an_address_is_no_file(no_files):
    told = CliRunner().invoke(main, ["predict", "https://example.org/a.mp3"])
    assert told.exit_code == 2
    assert "https://example.org/a.mp3 is a URL, not a file: download it first" in told.output


def test_an_empty_name_is_not_the_current_folder(no_files):
    told = CliRunner().invoke(main, ["predict", ""])
    assert told.exit_code == 2
    assert "the path is empty: name a file or folder" in told.output


ONE_PROCESS = Compute(workers=1, scheduler=None)


class Listener:
    folder = None

    def predict(self, song, check=None):
        if song.suffix == ".txt":
            raise AudioError(str(song), "is no music")
        if song.suffix != ".mp3":
            raise ValueError("negative\ndimensions")
        return Prediction("jazz", {"jazz": 1.0}, 1, song.name)


def test_a_bad_song_has_its_reason_and_the_rest_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(hearing, "_classifier", lambda folder: Listener())
    monkeypatch.setattr(hearing, "FEW", 3)
    songs = [tmp_path / name for name in ("1.mp3", "2.txt", "3.mp3")]
    found = list(predict_files(songs, Listener(), ONE_PROCESS))
    assert [song for song, _ in found] == songs
    assert found[1][1] == "is no music"
    assert found[2][1].content == "3.mp3"


def test_an_unexpected_error_is_the_reason_of_a_song(tmp_path, monkeypatch, caplog, capfd):
    monkeypatch.setattr(hearing, "_classifier", lambda folder: Listener())
    songs = [tmp_path / name for name in ("1.wav", "2.mp3")]
    first, second = predict_files(songs, Listener(), ONE_PROCESS)
    assert first[1] == "prediction failed: ValueError: negative dimensions"
    assert second[1].content == "2.mp3"
    assert capfd.readouterr() == ("", "")
    with caplog.at_level("DEBUG", "genre_pred"):
        list(predict_files(songs, Listener(), ONE_PROCESS))
    (record,) = caplog.records
    assert record.exc_info[0] is ValueError


def test_a_long_song_shows_a_progress_bar(tmp_path, monkeypatch, capfd):
    class Slow(Listener):
        def predict(self, song, check=None):
            for _ in range(40):
                check()
            return super().predict(song)

    monkeypatch.setattr(hearing, "_classifier", lambda folder: Slow())
    monkeypatch.setattr(hearing, "SLOW", 0)
    monkeypatch.setattr("genre_pred.core.progress.LOG_SECONDS", 0)
    list(predict_files([tmp_path / "1.mp3"], Slow(), ONE_PROCESS))
    assert "predicting: 40part" in capfd.readouterr().err


def test_a_damaged_classifier_stops_the_run(tmp_path, monkeypatch):
    class Damaged(Listener):
        def predict(self, song, check=None):
            raise UserError("it is damaged")

    monkeypatch.setattr(hearing, "_classifier", lambda folder: Damaged())
    with pytest.raises(UserError, match="it is damaged"):
        list(predict_files([tmp_path / "1.mp3"], Damaged(), ONE_PROCESS))


class ProcessCounter(Listener):
    def __init__(self):
        self.processes = set()

    def predict(self, song, check=None):
        self.processes.add(os.getpid())
        return super().predict(song)


@pytest.mark.parametrize("count", range(1, FEW + 1))
def test_few_songs_start_no_process(tmp_path, monkeypatch, count):
    counter = ProcessCounter()
    monkeypatch.setattr(hearing, "_classifier", lambda folder: counter)
    songs = [tmp_path / f"{number}.mp3" for number in range(count)]
    found = list(predict_files(songs, counter, Compute(workers=2, scheduler="local")))
    assert [song for song, _ in found] == songs
    assert counter.processes == {os.getpid()}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("two\nlines\x1b[31m.mp3", r"two\nlines\x1b[31m.mp3"),
        ("\udcff.mp3", r"\udcff.mp3"),
        ("Ørsted [b] 音楽.mp3", "Ørsted [b] 音楽.mp3"),
    ],
)
def test_a_name_stays_on_its_line(name, said):
    assert shown(name) == said


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp3")
    with pytest.raises(AudioError, match="no regular file"):
        measure(tmp_path / "pipe.mp3")


@pytest.mark.parametrize("other", [["--top", "3"], ["--json"]])
def test_options_that_exclude_csv_are_refused(other):
    told = CliRunner().invoke(main, ["predict", "a.mp3", "--csv", "a.csv", *other])
    assert told.exit_code == 2
    assert "--csv writes" in told.output


@pytest.fixture
def no_files(tmp_path, monkeypatch):
    """A folder with what --csv may not name, where nobody answers."""

    def load(model):
        raise AssertionError("a classifier was loaded")

    monkeypatch.setattr("genre_pred.apps.cli.songs.loaded", load)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link.csv").symlink_to("file")
    (tmp_path / "nowhere").symlink_to("nosuch")
    os.mkfifo("pipe.csv")


@pytest.mark.parametrize(
    "command", [["predict", "folder"], ["evaluate", "folder"], ["leaderboard"]]
)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "not the name of a file"),
        ("a" * 300, "cannot be written: File name too long"),
        ("folder", "folder is a folder, link"),
        ("pipe.csv", "pipe.csv is a folder, link, pipe"),
        ("link.csv", "link.csv is a folder, link"),
        ("/dev/stdout", "/dev/stdout is a folder, link"),
        ("file/new/a.csv", "file is not a writable folder"),
        ("nowhere/a.csv", "nowhere is not a writable folder"),
    ],
)
def test_an_invalid_csv_path_is_refused_before_prediction(no_files, command, name, said):
    told = CliRunner().invoke(main, [*command, "--csv", name])
    assert told.exit_code == 2, told.output
    assert "Invalid value for '--csv'" in told.output
    assert said in told.output


def test_a_stopped_run_prints_how_to_resume(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended, _message_when_stopped(tmp_path / "a.csv"):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert "run the same command again to resume" in capsys.readouterr().err

"""The page in a real browser: what is dropped on it, what it says, and that it asks nobody else."""

import io
import os
import shutil
import signal
import socket
import urllib.request
import zipfile
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("gradio", reason="the page needs gradio: the extra `app`")

from starlette.responses import PlainTextResponse

from genre_pred.app import limits, page, standing, uploads
from genre_pred.app.answer import genres_heard, neighbours, time_line
from genre_pred.app.batch import answer, as_shown, as_table, songs_of
from genre_pred.app.listening import excerpt_to_play
from genre_pred.app.spectrogram import draw_spectrogram
from genre_pred.app.tables import SORTING
from genre_pred.audio import decode
from genre_pred.audio.decode import AudioError, measure
from genre_pred.audio.excerpts import Recording
from genre_pred.classical import jobs, train
from genre_pred.classifier import GenreClassifier
from genre_pred.clean import clean_tracks
from genre_pred.cli import main
from genre_pred.clips import genres_of, write_table
from genre_pred.entrants import build_classifier
from genre_pred.mel import store_patches
from genre_pred.models import read_models
from genre_pred.params import Params, read_params
from genre_pred.pipelines import save_pipeline
from genre_pred.prediction import Neighbour, Prediction, Stretch
from genre_pred.split import rounds, split_clips

ROOT = Path(__file__).parents[1]
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
).split()
PITCHES = {"High": 1500, "Low": 200, "<b>Odd</b>": 600}


def tone(genre: str, number: int, seconds: float = 3.3, rate: int = 16_000) -> np.ndarray:
    rng = np.random.default_rng(number)
    t = np.arange(round(rate * seconds)) / rate
    sine = np.sin(2 * np.pi * PITCHES[genre] * rng.uniform(0.8, 1.2) * t)
    return 0.3 * sine + 0.02 * rng.normal(size=len(t))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> GenreClassifier:
    """One of log-mel statistics, trained on tones: ready in seconds, hears in milliseconds."""
    folder = tmp_path_factory.mktemp("trained")
    written = read_params(ROOT / "params.yaml").model_dump()
    written["clip"] |= {"min_seconds": 1.0, "clip_seconds": 2.0}
    written["mel"] |= {"front_ends": ["vggish"]}
    written["classical"] |= {
        "features": ["log_mel_stats"],
        "classifiers": ["logistic_regression"],
    }
    params = Params.model_validate(written)
    rows = []
    for number in range(18):
        genre = list(PITCHES)[number % 3]
        path = folder / f"{number}.wav"
        soundfile.write(path, tone(genre, number), 16_000)
        side = ("train", "train", "train", "validation", "test", "test")[number // 3]
        rows.append((str(number), str(path), genre, f"artist {number}", side))
    tracks = pd.DataFrame(rows, columns=["clip_id", "path", "genre", "artist", "split"])
    clips, _ = clean_tracks(tracks, params.clip, params.clean, map)
    split = split_clips(clips, params.split)
    store_patches(clips, params.clip, params.mel, folder / "data" / "mel", map)
    turns = rounds(split, clips, params.split)
    summaries = []
    for job in jobs(params.classical, folder / "data", clips["clip_id"].tolist()):
        done = train(job, params.classical, clips, split, turns, genres_of(clips))
        path = folder / "models" / "classical" / done.features / done.classifier
        path.parent.mkdir(parents=True, exist_ok=True)
        save_pipeline(done.pipeline, path.with_suffix(".skops"))
        write_table(done.predictions, path.with_suffix(".parquet"))
        summaries.append(done.summary())
    write_table(pd.DataFrame(summaries), folder / "models" / "classical" / "models.csv")
    trained = read_models(folder / "models", folder / "data")
    (model,) = [it for it in trained if it.name == "log_mel_stats/logistic_regression"]
    build_classifier(folder / "classifier", model, clips, split, params, folder / "data")
    return GenreClassifier(folder / "classifier", "genre-tones@champion (version 1)")


@pytest.fixture(scope="module")
def songs(tmp_path_factory) -> dict[str, Path]:
    """What is dropped on the page, by its extension and nature."""
    folder = tmp_path_factory.mktemp("songs")
    mp3, wav, broken = folder / "É «low».mp3", folder / "high.wav", folder / "broken.mp3"
    soundfile.write(mp3, tone("Low", 40, 9.0), 16_000, format="MP3")
    soundfile.write(wav, tone("High", 41), 16_000)
    broken.write_bytes(b"this is no sound" * 100)
    packed = folder / "album.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(wav, "side A/high.wav")
        archive.writestr("../outside.wav", wav.read_bytes())
    return {"mp3": mp3, "wav": wav, "broken": broken, "zip": packed}


# In a browser


@pytest.fixture(scope="module")
def address(classifier, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "NO_PROXY", "no_proxy"):
            patch.setenv(name, os.environ.get(name, ""))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        abroad = watch_sockets(patch)
        with page.serving(classifier) as address:
            yield address
            folder = Path(os.environ["GRADIO_TEMP_DIR"])
            assert folder.is_dir()
        assert not folder.exists()
        assert not abroad


def watch_sockets(patch: pytest.MonkeyPatch) -> list[object]:
    """Note whom this process, the page's server, calls beyond this machine."""
    abroad: list[object] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def here(host: object) -> bool:
        return host in (None, "", "localhost", "127.0.0.1", "::1", b"127.0.0.1", b"localhost")

    def watched_connect(self, where):
        if isinstance(where, tuple) and not here(where[0]):
            abroad.append(where)
        return connect(self, where)

    def watched_look_up(host, *rest, **more):
        if not here(host):
            abroad.append(host)
        return look_up(host, *rest, **more)

    patch.setattr(socket.socket, "connect", watched_connect)
    patch.setattr(socket, "getaddrinfo", watched_look_up)
    return abroad


@pytest.fixture(scope="module")
def chromium():
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("there is no chromium here")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, address):
    """Open the page, as wide as asked; at the end no request has left this machine."""
    asked: list[str] = []
    contexts = []

    def open_page(width: int = 1100, **more):
        context = chromium.new_context(viewport={"width": width, "height": 900}, **more)
        context.set_default_timeout(30_000)
        contexts.append(context)
        seen = context.new_page()
        seen.on("request", lambda request: asked.append(request.url))
        seen.goto(address)
        seen.get_by_role("tab", name="A song").wait_for()
        return seen

    yield open_page
    for context in contexts:
        context.close()
    assert asked
    assert not [url for url in asked if not url.startswith((address, "data:", "blob:"))]


def drop(seen, where: str, *paths: Path) -> None:
    seen.locator(f"{where} input[type=file]").set_input_files([str(path) for path in paths])


def test_a_dropped_mp3_is_answered_with_all_that_belongs_to_it(visit, songs):
    seen = visit()
    drop(seen, "#gp-sound", songs["mp3"])
    seen.locator(".gp-near").wait_for()
    assert "Low" in seen.locator(".gp-genre").inner_text()
    assert seen.locator(".gp-bars li").count() == 3
    assert "too few to promise: 3 artists (3 clips)" in seen.locator("#gp-answer").inner_text()
    assert seen.locator(".gp-strip").first.locator("rect").count() == 4  # windows of 2 s in 9 s
    picture, strip = (seen.locator(it).first.bounding_box() for it in (".gp-mel", ".gp-strip"))
    assert (picture["x"], picture["width"]) == (strip["x"], strip["width"])  # one axis of time
    length = "Promise.all([...document.querySelectorAll('.gp-near audio')].map(e => {e.preload = "
    length += (
        "'auto'; e.load(); return new Promise(r => e.onloadedmetadata = () => r(e.duration))}))"
    )
    assert seen.evaluate(length) == pytest.approx([2, 2, 2], abs=0.1)
    told = seen.locator(".gp-model").inner_text()
    assert "genre-tones@champion (version 1): log_mel_stats/logistic_regression" in told
    assert "test accuracy" in told and "on 6 clips" in told
    assert not seen.locator("b", has_text="Odd").count()  # a genre's name is text, never HTML


def test_the_sound_of_a_video_is_answered(visit, tmp_path):
    film = tmp_path / "film.mkv"
    with av.open(str(film), "w") as made:
        pictures = made.add_stream("mpeg4", rate=10)
        sound = made.add_stream("pcm_s16le", rate=16_000, layout="mono")
        pictures.width = pictures.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        samples = (32767 * tone("High", 43)).astype(np.int16)[None]
        heard = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        heard.sample_rate = 16_000
        for stream, of_stream in ((pictures, frame), (sound, heard)):
            made.mux([*stream.encode(of_stream), *stream.encode()])
    seen = visit()
    seen.locator("input[type=file][accept*=video]").set_input_files(str(film))
    seen.locator(".gp-near").wait_for()
    assert "High" in seen.locator(".gp-genre").inner_text()


def test_a_recording_from_the_microphone_is_answered(visit):
    seen = visit(permissions=["microphone"])
    seen.get_by_label("Record audio").click()
    seen.get_by_role("button", name="Record", exact=True).click()
    seen.wait_for_timeout(2500)
    seen.get_by_role("button", name="Stop", exact=True).first.click()
    seen.locator(".gp-bars").wait_for()
    assert seen.locator(".gp-bars li").count() == 3


def test_a_broken_file_gets_a_sentence_and_the_next_one_its_answer(visit, songs):
    seen = visit()
    drop(seen, "#gp-sound", songs["broken"])
    alert = seen.locator("#gp-answer [role=alert]")
    alert.wait_for()
    assert alert.inner_text() == "broken.mp3: is not a sound file that can be decoded."
    assert "Traceback" not in seen.content()
    seen.locator("#gp-sound").get_by_label("Clear").click()
    drop(seen, "#gp-sound", songs["wav"])
    seen.locator(".gp-near").wait_for()


def test_many_songs_become_a_table_that_sorts_and_a_csv(visit, songs):
    seen = visit()
    seen.get_by_role("tab", name="Many songs").click()
    drop(seen, "#gp-files", songs["mp3"], songs["wav"], songs["zip"])
    seen.locator("#gp-files").get_by_text("album").wait_for()
    seen.get_by_role("button", name="Name their genres").click()
    seen.get_by_text("3 of 4 could be heard").wait_for()
    shown = seen.locator("#gp-batch").inner_text()
    assert "refused: its name points outside the zip" in shown
    with seen.expect_download() as arriving:
        seen.get_by_role("button", name="Download as CSV").click()
    table = pd.read_csv(arriving.value.path())
    assert table["genre"].tolist()[:3] == ["Low", "High", "High"]
    assert table["file"].tolist()[2:] == ["album.zip: side A/high.wav", "album.zip: ../outside.wav"]
    assert table[[f"p({genre})" for genre in PITCHES]].iloc[:3].sum(
        axis=1
    ).tolist() == pytest.approx([1, 1, 1])
    genres = seen.locator("#gp-batch td:nth-child(2)")
    assert genres.all_inner_texts() == ["Low", "High", "High", "-"]
    seen.locator("#gp-batch").get_by_role("button", name="genre").focus()
    seen.keyboard.press("Enter")
    assert genres.all_inner_texts() == ["-", "High", "High", "Low"]
    seen.keyboard.press("Enter")
    assert genres.all_inner_texts() == ["Low", "High", "High", "-"]


def test_a_page_that_is_full_says_so(visit, songs, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_UPLOADED_MEGABYTES", 0)
    seen = visit()
    drop(seen, "#gp-sound", songs["mp3"])
    seen.get_by_text("takes no more: come back later").wait_for()


def test_without_a_store_the_leaderboard_says_what_to_run(visit):
    seen = visit()
    seen.get_by_role("tab", name="Leaderboard").click()
    seen.get_by_text("run dvc repro there").first.wait_for()


def test_nothing_scrolls_sideways_on_a_phone_and_all_is_reached_by_keyboard(visit, songs):
    seen = visit(390, color_scheme="dark")
    drop(seen, "#gp-sound", songs["mp3"])
    seen.locator(".gp-near").wait_for()
    seen.get_by_role("tab", name="A song").focus()
    for name in ("A song", "Many songs", "Leaderboard"):
        assert seen.get_by_role("tab", name=name, selected=True).count() == 1
        assert seen.evaluate("document.documentElement.scrollWidth") == 390
        seen.keyboard.press("Tab")
        seen.keyboard.press("Enter")
        seen.wait_for_timeout(300)
    unnamed = """() => [...document.querySelectorAll('button, input, select, audio')].filter(e =>
        e.checkVisibility() && !(e.ariaLabel || e.title || e.innerText || e.labels?.length))
        .map(e => e.outerHTML)"""
    assert seen.evaluate(unnamed) == []


# Without one


def test_a_song_that_is_too_long_is_given_up(classifier, songs, monkeypatch):
    with pytest.raises(AudioError, match="too long: more than 6 s"):
        measure(songs["mp3"], 6)
    monkeypatch.setattr(page, "MOST_SECONDS", 6)
    told, *others = page.hear(classifier, str(songs["mp3"]))
    assert "É «low».mp3: too long: more than 6 s." in told
    assert others == ["", ""]


def test_the_page_gives_the_classifiers_own_figures(classifier, songs):
    row = answer(classifier, next(songs_of([songs["mp3"]])))
    found = classifier.predict(songs["mp3"])
    assert {genre: row[f"p({genre})"] for genre in PITCHES} == found.probabilities
    assert (row["genre"], row["error"]) == (found.genre, "")


def test_uploads_that_are_deleted_while_a_batch_lasts_are_heard_all_the_same(
    classifier, songs, tmp_path, monkeypatch
):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    files = []
    for number, kind in enumerate(["mp3", "wav", "zip"]):
        folder = tmp_path / str(number)
        folder.mkdir()
        files.append(shutil.copy(songs[kind], folder))

    def sweep(*_, **__) -> None:
        for file in files:
            Path(file).unlink(missing_ok=True)

    told, _ = page._answering(classifier)(files, sweep)
    assert "3 of 4 could be heard" in told
    assert not list((tmp_path / "0").iterdir())  # nor is anything kept afterwards
    told, _ = page._answering(classifier)(files[1:], sweep)
    assert "0 of 2 could be heard" in told
    assert told.count("cannot be read (No such file or directory)") == 2


def test_uploads_are_refused_where_they_would_fill_the_folder(tmp_path, monkeypatch):
    testing = pytest.importorskip("starlette.testclient")
    monkeypatch.setattr(uploads, "MOST_UPLOADED_MEGABYTES", 1)
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "song.mp3").write_bytes(bytes(600_000))
    (tmp_path / "0" / "held.mp3").hardlink_to(tmp_path / "0" / "song.mp3")
    broken = tmp_path / "tmpbroken"
    broken.write_bytes(bytes(300_000))

    async def gradios(scope, receive, send):
        await PlainTextResponse("taken")(scope, receive, send)

    client = testing.TestClient(uploads.Bounded(gradios, tmp_path))
    assert client.post("/gradio_api/upload", content=bytes(90_000)).text == "taken"
    refused = client.post("/gradio_api/upload", content=bytes(200_000))
    assert (refused.status_code, refused.text) == (413, uploads.FULL)
    assert client.post("/gradio_api/queue/join", content=bytes(200_000)).text == "taken"
    assert client.post("/gradio_api/upload", content=iter([b"x"])).status_code == 411
    os.utime(broken, (0, 0))
    assert client.post("/gradio_api/upload", content=bytes(200_000)).text == "taken"
    assert not broken.exists()


def test_a_hostile_zip_is_listed_and_harms_nothing(classifier, songs, tmp_path, monkeypatch):
    packed = tmp_path / "hostile.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("/etc/passwd.wav", b"x")
        archive.writestr("a\\..\\..\\b.wav", b"x")
        archive.writestr("nested.zip", b"x")
        archive.writestr(".", b"x")
        archive.writestr("squeezed.wav", b"x", zipfile.ZIP_BZIP2)
        archive.writestr("bomb.wav", bytes(3_000_000))
        link = zipfile.ZipInfo("link.wav")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("__MACOSX/._high.wav", b"x")
        archive.write(songs["wav"], "good.wav")
    monkeypatch.setattr("genre_pred.app.batch.MOST_MEGABYTES", 2)
    rows = [answer(classifier, song) for song in songs_of([packed])]
    told = {row["file"].partition(": ")[2]: row["error"] for row in rows}
    assert told == {
        "/etc/passwd.wav": "refused: its name points outside the zip",
        "a\\..\\..\\b.wav": "refused: its name points outside the zip",
        ".": "refused: it has no name",
        "squeezed.wav": "is packed in a way that is not read here",
        "nested.zip": "an archive within an archive is not opened",
        "bomb.wav": "is larger than 2 MB",
        "link.wav": "refused: it is a link, not a file",
        "good.wav": "",
    }
    monkeypatch.setattr("genre_pred.app.batch.MOST_UNPACKED_MEGABYTES", 1)
    *_, last = songs_of([packed])
    assert last.reason == "not unpacked: 1 MB of a zip are the most"
    assert [*tmp_path.iterdir()] == [packed]


@pytest.mark.parametrize("cut", [0, 30, 400, -30])
def test_a_damaged_zip_is_a_row_with_a_reason(classifier, songs, tmp_path, cut):
    damaged = tmp_path / "damaged.zip"
    whole = songs["zip"].read_bytes()
    middle = bytearray(whole)
    middle[1000:1100] = bytes(100)  # its checksum is wrong now
    damaged.write_bytes(bytes(middle) if cut == 400 else whole[:cut])
    rows = [answer(classifier, song) for song in songs_of([damaged])]
    assert rows and all(row["error"] for row in rows)


@pytest.mark.parametrize("claimed", [20_000, 1])
def test_a_zip_that_lists_too_many_files_is_not_read(tmp_path, monkeypatch, claimed):
    packed = tmp_path / "many.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"{number:05d}.wav", b"")
    whole = bytearray(packed.read_bytes())
    whole[-14:-10] = claimed.to_bytes(2, "little") * 2  # its end record may say what it likes
    packed.write_bytes(bytes(whole))
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("was listed"))
    (told,) = songs_of([packed])
    assert told.reason == "lists too many files to be read"


def test_songs_beyond_the_limit_are_not_heard(songs, monkeypatch):
    monkeypatch.setattr("genre_pred.app.batch.MOST_SONGS", 1)
    first, second = songs_of([songs["wav"], songs["mp3"]])
    assert first.reason == ""
    assert second.reason == "not heard: 1 songs are the most at once"


def test_a_classifier_that_cannot_hear_says_so_everywhere(classifier, songs):
    deaf = GenreClassifier(classifier.folder)
    deaf.spec = replace(classifier.spec, hears=False)
    assert "cannot hear sound" in answer(deaf, next(songs_of([songs["wav"]])))["error"]
    assert "cannot hear sound" in page.hear(deaf, str(songs["wav"]))[0]


def made_up(**more) -> Prediction:
    shares = {"Rock": 0.7, "Folk & <i>": 0.3}
    stretches = (Stretch(1.0, 11.0, shares), Stretch(11.0, 21.0, {"Rock": 1.0, "Folk & <i>": 0.0}))
    return Prediction("Rock", shares, 2, "digest", timeline=stretches, **more)


def test_what_is_unknown_or_promised_is_said_plainly():
    told = genres_heard(made_up(genre_set=("Rock", "Folk & <i>"), coverage=0.9))
    assert "In 90% of songs like these, the genre is among: <strong>Rock</strong>" in told
    assert "<i>" not in told
    told = genres_heard(made_up(unknown=True, why_no_set="too few to promise"))
    assert '<h2 class="gp-genre">Unknown</h2>' in told and "Rock is the nearest (70%)" in told
    assert "No set of genres is given: too few to promise." in told


def test_the_time_line_has_the_recordings_own_time():
    told = time_line(made_up(), 22.0, "data:,", {})
    assert 'x="0.04545" y="0.3000" height="0.7000" width="0.45455"' in told
    assert "2 windows; what is left blank was not listened to" in told
    assert '<span style="left:90.91%">0:20</span>' in told


def test_a_neighbour_without_its_sound_is_named_all_the_same():
    told = neighbours([(Neighbour("7", "Rock", "gone.mp3", 1.0), None)])
    assert "clip 7" in told and "its sound is not here any more" in told
    assert neighbours([]) == ""


def test_a_neighbour_plays_only_while_its_own_sound_lies_there(tmp_path):
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


def test_a_song_is_decoded_no_more_often_than_it_takes(classifier, songs, monkeypatch):
    decoded = []
    blocks = decode._blocks
    monkeypatch.setattr(decode, "_blocks", lambda *of: decoded.append(of[0]) or blocks(*of))
    page.hear(classifier, str(songs["mp3"]))
    # To measure it, to hear it, to draw it; the others are neighbours.
    assert sum(Path(it).name == songs["mp3"].name for it in decoded) == 3
    decoded.clear()
    answer(classifier, next(songs_of([songs["mp3"]])))
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


def test_a_table_without_sets_has_no_column_of_them(classifier, songs):
    table = as_table([answer(classifier, next(songs_of([songs["wav"]])))], list(PITCHES))
    assert list(as_shown(table)) == ["file", "genre", "%", "remark"]
    assert "likely" in as_shown(table.assign(genre_set="High | Low"))


def test_the_leaderboard_names_notes_once_and_leaves_empty_columns_out():
    board = pd.DataFrame({"model": ["a|b", "<c>"], "accuracy": [50.0, np.nan]})
    board = board.assign(protocol="", by="", note="quoted")
    told = standing._board("Quoted", board, standing.PUBLISHED)
    assert "<td>a|b<sup>1</sup></td><td>50.0</td>" in told and "&lt;c&gt;" in told
    assert told.count("quoted") == 1 and "protocol" not in told


def test_durations_sort_by_their_length(chromium):
    seconds = [0.72, 4000.0, 138.0, 0.8, np.nan]
    board = pd.DataFrame({"model": list("abcde"), "train_seconds": seconds, "note": ""})
    columns = {name: standing.OF_ALL_RUNS[name] for name in ("model", "training", "note")}
    seen = chromium.new_page()
    seen.set_content(SORTING + standing._board("Models", board, columns))
    seen.get_by_role("button", name="training").click()
    models = seen.locator("td:nth-child(1)")
    assert models.all_inner_texts() == list("eadcb")
    assert seen.locator("td:nth-child(2)").all_inner_texts() == [
        "-",
        "0.7 s",
        "0.8 s",
        "2.3 min",
        "1.1 h",
    ]
    seen.get_by_role("button", name="training").click()
    assert models.all_inner_texts() == list("bcdae")
    seen.close()


# The command


@pytest.fixture
def command(classifier, tmp_path, monkeypatch):
    """The command, which ends as soon as somebody has looked at the page."""
    seen: list[str] = []
    for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(GenreClassifier, "load", lambda model: classifier)
    before = signal.getsignal(signal.SIGTERM)
    yield lambda *words: CliRunner().invoke(main, ["app", "--no-browser", *words]), seen
    signal.signal(signal.SIGTERM, before)


def test_the_command_opens_the_page_and_says_where(command, monkeypatch):
    call, seen = command
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def look() -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answered:
            seen.append(answered.read().decode())

    monkeypatch.setattr("genre_pred.cli.page._wait", look)
    told = call("--port", str(port))
    assert told.exit_code == 0, told.output
    assert f"http://127.0.0.1:{port}/ asks genre-tones@champion (version 1)" in told.output
    assert "What genre is it?" in seen[0]


def test_a_taken_port_is_said(command):
    call, _ = command
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = call("--port", str(port))
    assert told.exit_code == 1
    assert f"of its ports {port} is taken; name one with --port" in told.output


def test_without_a_champion_the_command_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    told = CliRunner().invoke(main, ["app", "--no-browser"])
    assert told.exit_code == 1
    assert "run dvc repro" in told.output


def test_the_limits_are_told_to_who_drops_a_song():
    assert f"{limits.MOST_MEGABYTES} MB and {limits.MOST_SECONDS // 60} minutes" in page.TAKES

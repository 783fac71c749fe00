"""The page in a real browser: uploads, predictions, and no requests to other hosts."""

import os
import shutil
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from page_songs import PITCHES, tone

pytest.importorskip("gradio", reason="the page needs gradio: the extra `app`")

from genre_pred.apps.web import page, standing, uploads
from genre_pred.apps.web.tables import SORTING

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
).split()


@pytest.fixture(scope="module")
def address(classifier, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "NO_PROXY", "no_proxy"):
            patch.setenv(name, os.environ.get(name, ""))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.chdir(tmp_path_factory.mktemp("nowhere"))
        with page.serving(classifier) as address:
            yield address
            folder = Path(os.environ["GRADIO_TEMP_DIR"])
            assert folder.is_dir()
        assert not folder.exists()


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


def test_a_dropped_mp3_shows_its_full_prediction(visit, songs):
    seen = visit()
    drop(seen, "#gp-sound", songs["mp3"])
    seen.locator(".gp-near").wait_for()
    assert "Low" in seen.locator(".gp-genre").inner_text()
    assert seen.locator(".gp-bars li").count() == 3
    assert "too few to calibrate: 3 artists (3 clips)" in seen.locator("#gp-answer").inner_text()
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


def test_the_audio_of_a_video_is_predicted(visit, tmp_path):
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


def test_a_microphone_recording_is_predicted(visit):
    seen = visit(permissions=["microphone"])
    seen.get_by_label("Record audio").click()
    seen.get_by_role("button", name="Record", exact=True).click()
    seen.wait_for_timeout(2500)
    seen.get_by_role("button", name="Stop", exact=True).first.click()
    seen.locator(".gp-bars").wait_for()
    assert seen.locator(".gp-bars li").count() == 3


def test_a_broken_file_shows_an_error_and_the_next_one_its_prediction(visit, songs):
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
    seen.get_by_role("button", name="Predict genres").click()
    seen.get_by_text("3 of 4 songs predicted").wait_for()
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
    seen.get_by_text("for all uploads is reached: try again later").wait_for()


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

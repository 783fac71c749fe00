"""The web page: its three tabs, their callbacks, and its server."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd
from starlette.middleware import Middleware

from genre_pred.apps.web import standing
from genre_pred.apps.web.answer import alert, genre_summary, neighbour_list, timeline
from genre_pred.apps.web.batch import (
    display_table,
    download_table,
    song_row,
    songs_of,
    unexpected_error,
)
from genre_pred.apps.web.limits import KEPT_SECONDS, MOST_MEGABYTES, MOST_SECONDS, MOST_WAITING
from genre_pred.apps.web.listening import excerpt_to_play
from genre_pred.apps.web.spectrogram import draw_spectrogram, heights
from genre_pred.apps.web.tables import SORTING, table
from genre_pred.apps.web.uploads import BoundedUploads, held
from genre_pred.audio.decoding.decoders import AudioError
from genre_pred.audio.decoding.excerpts import Recording
from genre_pred.core.errors import UserError
from genre_pred.inference.batch.answers_csv import no_formula
from genre_pred.inference.classifier import GenreClassifier

STYLE = Path(__file__).with_name("style.css")
# Local fonts, because web fonts would need requests to other hosts.
FONTS = ["system-ui", "sans-serif"]
MONOSPACED = ["ui-monospace", "monospace"]
UPLOAD_NOTE = (
    f"Up to {MOST_MEGABYTES} MB and {MOST_SECONDS // 60} minutes. Files stay on this machine and "
    f"are deleted within {KEPT_SECONDS // 60 + 1} minutes after upload or last use."
)


@contextmanager
def serving(
    classifier: GenreClassifier,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = False,
) -> Iterator[str]:
    """Serve the page while the block runs.

    Args:
        classifier: The classifier.
        host: The address to listen on; 127.0.0.1 for this machine only.
        port: None for the first free one from 7860.
        browser: Whether to open a browser.

    Yields:
        The page's address.

    Raises:
        UserError: If the port is in use, or none is free.
    """
    # Set before the page is built: uploads go to this folder and are deleted with it.
    with tempfile.TemporaryDirectory(prefix="genre_pred-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        _bypass_proxies(host)
        page = build_page(classifier)
        try:
            _, address, _ = page.launch(
                server_name=host,
                server_port=port,
                inbrowser=browser,
                prevent_thread_lock=True,
                quiet=True,
                share=False,
                ssr_mode=False,
                enable_monitoring=False,
                footer_links=[],
                max_file_size=MOST_MEGABYTES * 10**6,
                theme=gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=MONOSPACED),
                css_paths=STYLE,
                head=SORTING,
                _frontend=False,  # skips a self-test of 3 s that fails on a busy machine
                app_kwargs={"middleware": [Middleware(BoundedUploads, folder=Path(uploads))]},
            )
        except OSError as error:
            reason = "no port from 7860 on is free" if port is None else f"port {port} is in use"
            raise UserError(
                f"the page cannot start on {host}: {reason}; choose another with --port"
            ) from error
        try:
            yield address
        finally:
            page.close(verbose=False)


def build_page(classifier: GenreClassifier) -> gr.Blocks:
    """Build the page of a classifier, ready to launch."""
    name = classifier.title.partition("@")[0]
    collection = classifier.spec.collection
    with gr.Blocks(title="Genre", analytics_enabled=False, delete_cache=(60, KEPT_SECONDS)) as page:
        gr.HTML(f"<h1>What genre is it?</h1>{standing.model_summary(classifier)}")
        with gr.Tab("A song"):
            _song_tab(classifier)
        with gr.Tab("Many songs"):
            _batch_tab(classifier)
        with gr.Tab("Leaderboard"):
            # Functions, so that the content is current whenever the page is opened.
            gr.HTML(partial(standing.challenge_summary, name))
            gr.HTML(partial(standing.leaderboards, collection))
    page.queue(max_size=MOST_WAITING, default_concurrency_limit=1, api_open=False)
    result: gr.Blocks = page
    return result


def _song_tab(classifier: GenreClassifier) -> None:
    with gr.Row():
        with gr.Column(scale=2):
            sound = gr.Audio(
                label="Drop a song, choose a file, or record",
                sources=["upload", "microphone"],
                type="filepath",
                buttons=[],
                elem_id="gp-sound",
            )
            # The audio component rejects videos before they are uploaded.
            video = gr.UploadButton("Or the audio of a video", file_types=["video"], size="sm")
            gr.HTML(f'<p class="gp-quiet">{UPLOAD_NOTE}</p>')
        with gr.Column(scale=3):
            genres = gr.HTML(
                '<p class="gp-quiet">The prediction is shown here.</p>', elem_id="gp-answer"
            )
    time = gr.HTML(elem_id="gp-time")
    near = gr.HTML(elem_id="gp-near")
    outputs, callback = [genres, time, near], partial(predict_song, classifier)
    sound.change(callback, sound, outputs, api_visibility="private")
    video.upload(callback, video, outputs, api_visibility="private")


def predict_song(classifier: GenreClassifier, sound: str | None) -> tuple[str, str, str]:
    """Predict an uploaded file; return its genres, timeline and nearest clips as HTML."""
    if sound is None:
        return "", "", ""
    name = Path(sound).name
    try:
        with held([sound]) as (path,):
            prediction = classifier.predict(path, MOST_SECONDS)
            recording = Recording(path, prediction.sample_rate, prediction.n_samples)
            picture = draw_spectrogram(recording)
    except AudioError as error:
        return alert(f"{name}: {error.reason}."), "", ""
    except UserError as error:
        return alert(str(error)), "", ""
    except Exception as error:  # noqa: BLE001, libraries raise arbitrary errors
        return alert(f"{name}: {unexpected_error(name, error)}."), "", ""
    near = [(clip, excerpt_to_play(clip, classifier.clip)) for clip in prediction.nearest]
    line = timeline(prediction, picture, heights())
    return genre_summary(prediction), line, neighbour_list(near)


def _batch_tab(classifier: GenreClassifier) -> None:
    files = gr.File(
        label="Songs, or zip files of songs",
        file_count="multiple",
        height=160,
        elem_id="gp-files",
    )
    gr.HTML(f'<p class="gp-quiet">{UPLOAD_NOTE}</p>')
    start = gr.Button("Predict genres", variant="primary")
    table_html = gr.HTML(elem_id="gp-batch")
    download = gr.DownloadButton("Download as CSV", visible=False)
    start.click(
        _batch_callback(classifier), files, [table_html, download], api_visibility="private"
    )


def _batch_callback(classifier: GenreClassifier) -> Callable[..., tuple[str, dict[str, Any]]]:
    def predict_all(
        files: Sequence[str] | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008, required by Gradio
    ) -> tuple[str, dict[str, Any]]:
        if not files:
            return alert("Choose files first."), gr.update(visible=False)
        rows: list[dict[str, object]] = []
        with held(files) as kept:
            for song in songs_of(kept):
                progress(None, desc=f"{len(rows) + 1}: {song.name}")
                rows.append(song_row(classifier, song))
        predictions = download_table(rows, classifier.spec.genres)
        shown = display_table(predictions)
        caption = f"{predictions['genre'].notna().sum()} of {len(predictions)} songs predicted"
        return (
            table(caption, [*shown], shown.to_numpy().tolist(), wrap=True),
            gr.update(value=str(_write_csv(predictions)), visible=True),
        )

    return predict_all


def _write_csv(predictions: pd.DataFrame) -> Path:
    folder = tempfile.mkdtemp(dir=os.environ["GRADIO_TEMP_DIR"])
    path = Path(folder) / "genres.csv"
    predictions.map(no_formula).to_csv(path, index=False)
    return path


def _bypass_proxies(host: str) -> None:
    """Exclude the host from proxies, because Gradio requests its own page once at the start."""
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ.get(name)
        os.environ[name] = f"{hosts},{host}" if hosts else host

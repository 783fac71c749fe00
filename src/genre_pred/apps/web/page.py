"""The page itself: three tabs, what they call, and the server under them."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import gradio as gr
import pandas as pd
from starlette.middleware import Middleware

from genre_pred.apps.web import standing
from genre_pred.apps.web.answer import genres_heard, neighbours, time_line, trouble
from genre_pred.apps.web.batch import answer, as_shown, as_table, songs_of, unforeseen
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
# Fonts of the reader's own machine: others would be asked of the network.
FONTS = ["system-ui", "sans-serif"]
MONOSPACED = ["ui-monospace", "monospace"]
TAKES = (
    f"Up to {MOST_MEGABYTES} MB and {MOST_SECONDS // 60} minutes. It stays on this machine, and is "
    f"deleted within {KEPT_SECONDS // 60 + 1} minutes after it came or was last heard."
)


@contextmanager
def serving(
    classifier: GenreClassifier,
    host: str = "127.0.0.1",
    port: int | None = None,
    browser: bool = False,
) -> Iterator[str]:
    """Serve the page within the block.

    Args:
        classifier: Who is asked.
        host: Whose callers are answered; of 127.0.0.1 those on this machine.
        port: None for the first free one from 7860.
        browser: Whether to open one.

    Yields:
        The page's address.

    Raises:
        UserError: If the port is taken, or none is free.
    """
    # Before anything is laid out: all uploads go here, and with the page's end away.
    with tempfile.TemporaryDirectory(prefix="genre_pred-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        _pass_proxies_by(host)
        page = lay_out(classifier)
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
                _frontend=False,  # else it asks itself for 3 s, and a busy machine is given up
                app_kwargs={"middleware": [Middleware(BoundedUploads, folder=Path(uploads))]},
            )
        except OSError as error:
            taken = "none from 7860 on is free" if port is None else f"{port} is taken"
            raise UserError(
                f"no page on {host}: of its ports {taken}; name one with --port"
            ) from error
        try:
            yield address
        finally:
            page.close(verbose=False)


def lay_out(classifier: GenreClassifier) -> gr.Blocks:
    """The page about one classifier, ready to be launched."""
    name = classifier.title.partition("@")[0]
    collection = classifier.spec.collection
    with gr.Blocks(title="Genre", analytics_enabled=False, delete_cache=(60, KEPT_SECONDS)) as page:
        gr.HTML(f"<h1>What genre is it?</h1>{standing.who_answers(classifier)}")
        with gr.Tab("A song"):
            _song_tab(classifier)
        with gr.Tab("Many songs"):
            _batch_tab(classifier)
        with gr.Tab("Leaderboard"):
            # Asked anew whenever somebody opens the page.
            gr.HTML(partial(standing.contest, name))
            gr.HTML(partial(standing.leaderboards, collection))
    page.queue(max_size=MOST_WAITING, default_concurrency_limit=1, api_open=False)
    return page


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
            # The audio component turns films away before they are sent.
            film = gr.UploadButton("Or the sound of a video", file_types=["video"], size="sm")
            gr.HTML(f'<p class="gp-quiet">{TAKES}</p>')
        with gr.Column(scale=3):
            genres = gr.HTML('<p class="gp-quiet">The answer comes here.</p>', elem_id="gp-answer")
    time = gr.HTML(elem_id="gp-time")
    near = gr.HTML(elem_id="gp-near")
    told, hearing = [genres, time, near], partial(hear, classifier)
    sound.change(hearing, sound, told, api_visibility="private")
    film.upload(hearing, film, told, api_visibility="private")


def hear(classifier: GenreClassifier, sound: str | None) -> tuple[str, str, str]:
    """What the page says of one sound: its genres, its time line, its neighbours, as HTML."""
    if sound is None:
        return "", "", ""
    try:
        with held([sound]) as (path,):
            told = classifier.predict(path, MOST_SECONDS)
            picture = draw_spectrogram(Recording(path, told.sample_rate, told.n_samples))
    except AudioError as error:
        return trouble(f"{Path(sound).name}: {error.reason}."), "", ""
    except UserError as fault:
        return trouble(str(fault)), "", ""
    except Exception as error:  # noqa: BLE001, libraries raise what they like
        name = Path(sound).name
        return trouble(f"{name} {unforeseen(name, error)}."), "", ""
    near = [(clip, excerpt_to_play(clip, classifier.clip)) for clip in told.nearest]
    line = time_line(told, picture, heights())
    return genres_heard(told), line, neighbours(near)


def _batch_tab(classifier: GenreClassifier) -> None:
    files = gr.File(
        label="Songs, or zips of songs",
        file_count="multiple",
        height=160,
        elem_id="gp-files",
    )
    gr.HTML(f'<p class="gp-quiet">{TAKES}</p>')
    start = gr.Button("Name their genres", variant="primary")
    answers = gr.HTML(elem_id="gp-batch")
    download = gr.DownloadButton("Download as CSV", visible=False)
    start.click(_answering(classifier), files, [answers, download], api_visibility="private")


def _answering(classifier: GenreClassifier) -> Callable[..., tuple[str, dict]]:
    def hear_all(
        files: Sequence[str] | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008, which is how Gradio knows it
    ) -> tuple[str, dict]:
        if not files:
            return trouble("Choose files first."), gr.update(visible=False)
        rows: list[dict[str, object]] = []
        with held(files) as kept:
            for song in songs_of(kept):
                progress(None, desc=f"{len(rows) + 1}: {song.name}")
                rows.append(answer(classifier, song))
        told = as_table(rows, classifier.spec.genres)
        shown = as_shown(told)
        words = f"{told['genre'].notna().sum()} of {len(told)} could be heard"
        return (
            table(words, [*shown], shown.to_numpy().tolist(), wrap=True),
            gr.update(value=str(_written(told)), visible=True),
        )

    return hear_all


def _written(told: pd.DataFrame) -> Path:
    folder = tempfile.mkdtemp(dir=os.environ["GRADIO_TEMP_DIR"])
    path = Path(folder) / "genres.csv"
    told.map(no_formula).to_csv(path, index=False)
    return path


def _pass_proxies_by(host: str) -> None:
    """Gradio asks its own page once whether it is there: not through a proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        known = os.environ.get(name)
        os.environ[name] = f"{known},{host}" if known else host
